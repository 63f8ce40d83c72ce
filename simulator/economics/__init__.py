"""Money: prices of devices, of energy, and what a token costs."""
