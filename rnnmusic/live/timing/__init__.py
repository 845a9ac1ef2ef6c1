"""Time: the beat clock, and what steers it."""
