"""Attention over a cache, and in a prompt."""
