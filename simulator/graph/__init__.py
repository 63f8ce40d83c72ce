"""What is computed and moved: a model as operators, for any step and any sharding."""
