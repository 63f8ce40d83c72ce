"""Quantising activations before a product."""
