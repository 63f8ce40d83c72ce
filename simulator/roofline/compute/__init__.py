"""Cost laws of the kernels that compute: pure functions from shapes to seconds."""
