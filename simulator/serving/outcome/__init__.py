"""What happened: records, series, statistics, metrics."""
