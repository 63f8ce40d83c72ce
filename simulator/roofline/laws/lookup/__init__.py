"""Rows gathered from a table."""
