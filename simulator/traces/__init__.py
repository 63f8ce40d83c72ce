"""Traces and results of other tools: formats in, formats out."""
