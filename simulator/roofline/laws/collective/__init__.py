"""Messages between devices: seconds by algorithm, over any fabric."""
