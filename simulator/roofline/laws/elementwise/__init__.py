"""Small kernels that only move bytes."""
