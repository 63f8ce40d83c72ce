"""Charts, one family a file: each takes plain results or arrays and gives a matplotlib figure."""
