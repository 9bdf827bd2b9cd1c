"""Classifiers with the interface of scikit-learn."""

from importlib import import_module
from types import ModuleType

_MODULES = ("calibration", "metrics", "presets", "probes", "reliability")


def __getattr__(name: str) -> ModuleType:
    # Lazy: a classifier needs none of them.
    if name in _MODULES:
        return import_module(f"halfspaces.estimators.{name}")
    raise AttributeError(f"module 'halfspaces.estimators' has no attribute {name!r}")
