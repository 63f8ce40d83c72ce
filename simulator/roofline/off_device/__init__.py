"""What lies off the device: the way to the host, what waits for it, what is sent."""
