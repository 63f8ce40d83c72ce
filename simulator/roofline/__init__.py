"""Operators on a device become seconds and joules: compute, traffic, collectives and power."""
