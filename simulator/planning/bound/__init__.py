"""What a loaded system does, by formula instead of simulation: to prune thousands of candidates."""
