"""Compiled loops of the features; `halfspaces.kernels.compile` compiles them."""
