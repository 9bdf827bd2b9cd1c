"""Pictures with matplotlib (`pip install halfspaces[plots]`), one a file."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halfspaces.plots.features import plot_features
    from halfspaces.plots.validation_curve import plot_validation
    from halfspaces.plots.vocabulary import plot_vocabulary

__all__ = ["plot_features", "plot_validation", "plot_vocabulary"]
_HOMES = {
    "plot_features": "features",
    "plot_validation": "validation_curve",
    "plot_vocabulary": "vocabulary",
}


def __getattr__(name: str) -> Any:
    # Lazy, so that a validation curve does not import the image features.
    if name in _HOMES:
        return getattr(import_module(f"halfspaces.plots.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'halfspaces.plots' has no attribute {name!r}")
