"""Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halfspaces.cross_validation import LinearClassifierCV
    from halfspaces.estimators import LinearClassifier
    from halfspaces.minimize import minimize
    from halfspaces.saved import load, save

__version__ = "0.1.0"
__all__ = ["LinearClassifier", "LinearClassifierCV", "load", "minimize", "save"]

_HOMES = {
    "LinearClassifier": "estimators",
    "LinearClassifierCV": "cross_validation",
    "minimize": "minimize",
    "load": "saved",
    "save": "saved",
}


class _Package(ModuleType):
    """The package. Importing the module `minimize`, which any fit does, would put it where the function belongs."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    # Lazy, so that importing the package costs nothing until something of it is used.
    if name in _HOMES:
        value = getattr(import_module(f"halfspaces.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'halfspaces' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
