"""Questions asked of many simulations: compare, sweep, plan."""
