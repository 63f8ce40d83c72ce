"""A device: its data sheet, the book of its laws, its power."""
