"""Recurrences, indexers, elementwise work and norms along a sequence."""
