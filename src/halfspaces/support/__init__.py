"""Helpers of all other packages: types, checks of arguments, worker threads."""
