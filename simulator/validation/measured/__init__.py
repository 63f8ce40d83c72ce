"""Measurements by others and by ourselves, read into one form that predictions are held against."""
