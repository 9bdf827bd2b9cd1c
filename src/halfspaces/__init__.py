"""Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halfspaces.estimators.certify import certify
    from halfspaces.estimators.classifier import LinearClassifier
    from halfspaces.estimators.cross_validation import LinearClassifierCV
    from halfspaces.files.models import load, save
    from halfspaces.proofs.minimize import minimize

__version__ = "0.1.0"
__all__ = ["LinearClassifier", "LinearClassifierCV", "certify", "load", "minimize", "save"]

_HOMES = {
    "LinearClassifier": "estimators.classifier",
    "LinearClassifierCV": "estimators.cross_validation",
    "certify": "estimators.certify",
    "minimize": "proofs.minimize",
    "load": "files.models",
    "save": "files.models",
}


def __getattr__(name: str) -> Any:
    # Lazy, so that importing the package costs nothing until something of it is used.
    if name in _HOMES:
        value = getattr(import_module(f"halfspaces.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'halfspaces' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
