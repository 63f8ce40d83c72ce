"""From a scenario, or a handful of names, to an answer."""
