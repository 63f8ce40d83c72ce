"""Machines that hold all weights in SRAM."""
