"""One thing of each kind that roofsim lets other packages add."""
