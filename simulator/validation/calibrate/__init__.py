"""Fitting a device's calibration section to measurements."""
