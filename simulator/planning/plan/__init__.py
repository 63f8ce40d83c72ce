"""The cheapest systems that keep the promise: candidates, a bound on each, the best simulated."""
