"""Tables of single kernels against the laws with the constants that devices ship."""
