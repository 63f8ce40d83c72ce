"""Products of many experts in one launch."""
