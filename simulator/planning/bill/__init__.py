"""A month's bill: what a traffic forecast costs, and what it is set against."""
