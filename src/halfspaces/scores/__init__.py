"""Score functions f(x; W)."""
