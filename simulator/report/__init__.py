"""What a simulation found, for people: tables on a terminal, charts, and a page."""
