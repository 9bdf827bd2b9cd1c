"""Helpers of every room: types, checks, workers, memory, progress."""
