"""Pictures of training and of models, one a file: Displays as scikit-learn has them.

Each is computed by a `from_...` method, drawn by `plot`, and written to a file by `save`.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "CandidatesDisplay": "candidates",
    "ConfusionMatrixDisplay": "confusion_matrix",
    "CurvatureDisplay": "curvature",
    "LandscapeDisplay": "landscape",
    "LearningCurveDisplay": "learning_curve",
    "LossCurveDisplay": "loss_curve",
    "MarginsDisplay": "margins",
    "MistakesDisplay": "mistakes",
    "OccamDisplay": "occam",
    "RaceDisplay": "race",
    "ReliabilityDisplay": "reliability",
    "ScoresDisplay": "scores_table",
    "SliceDisplay": "slice",
    "SparsityDisplay": "sparsity",
    "StepSizesDisplay": "step_sizes",
    "TemplatesDisplay": "templates",
    "ValidationCurveDisplay": "validation_curve",
    "plot_features": "features",
    "plot_vocabulary": "vocabulary",
}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"halfspaces.plots.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'halfspaces.plots' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
