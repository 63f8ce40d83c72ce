"""Who asks, and when: requests, arrivals, where they come from."""
