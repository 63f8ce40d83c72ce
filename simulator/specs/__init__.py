"""What the user may write: typed, sourced and checked, with errors that help."""
