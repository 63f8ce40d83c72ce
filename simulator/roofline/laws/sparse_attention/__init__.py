"""Attention to entries that a scorer picked."""
