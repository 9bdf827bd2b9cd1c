"""Modules that need torch have no doctests where it is not installed."""

from importlib.util import find_spec

NEED_TORCH = [
    "src/halfspaces/networks/by_layer.py",
    "src/halfspaces/networks/checked.py",
    "src/halfspaces/networks/layers.py",
    "src/halfspaces/networks/layout.py",
    "src/halfspaces/networks/modules.py",
    "src/halfspaces/networks/rows.py",
    "src/halfspaces/networks/score.py",
    "src/halfspaces/testing/layers.py",
]

collect_ignore = [] if find_spec("torch") else NEED_TORCH
