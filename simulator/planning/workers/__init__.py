"""Processes that work for this one, here and on other machines."""
