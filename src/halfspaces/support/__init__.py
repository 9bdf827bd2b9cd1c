"""Helpers of all other packages: types, checks, workers, memory, progress."""
