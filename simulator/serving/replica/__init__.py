"""One replica of an engine: its queue, scheduler, cache and clock."""
