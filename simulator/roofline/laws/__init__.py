"""Cost laws, a folder each: constants, formula, kernels and an operator's cost side by side."""
