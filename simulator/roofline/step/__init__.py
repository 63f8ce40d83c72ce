"""One engine step: operators summed under a serving engine, on every rank."""
