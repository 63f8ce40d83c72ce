"""States carried from token to token."""
