"""What a device draws."""
