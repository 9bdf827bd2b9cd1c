"""The validation curve: held-out scores against λ."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.exceptions import NotFittedError

from halfspaces.plots.figure import content_of
from halfspaces.tuning.selection import best_of, one_standard_error_of


class Searched(Protocol):
    """The attributes of a fitted `LinearClassifierCV` that the plot uses."""

    cv_results_: Mapping[str, np.ndarray]
    strength_: float
    scoring: str | Callable[..., float] | None


def plot_validation(classifier: Searched, ax: Any = None) -> Any:
    """Mean held-out score against λ on a logarithmic axis, with 95 % intervals as bars.

    The chosen λ and the one of the rule of one standard error are marked.

    Parameters
    ----------
    classifier : LinearClassifierCV
        Fitted.
    ax : matplotlib Axes or None
        None draws on a new figure of pyplot.

    Returns
    -------
    The Axes.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ImportError
        If matplotlib is missing.
    """
    if not hasattr(classifier, "cv_results_"):
        raise NotFittedError("This search for λ is not fitted yet; call fit first.")
    ax = _new_axes() if ax is None else ax
    results = classifier.cv_results_
    solved = ~results["dropped"]
    strengths = results["param_strength"][solved]
    mean = results["mean_test_score"][solved]
    error = results["standard_error"][solved]
    tie_breaker = results["tie_breaker"][solved]
    bars = [mean - results["interval_low"][solved], results["interval_high"][solved] - mean]
    style = {"marker": "o", "markersize": 4, "capsize": 3, "color": "C0"}
    ax.errorbar(strengths, mean, yerr=np.nan_to_num(bars), **style)
    ax.axvline(classifier.strength_, color="C3", label=f"chosen: λ = {classifier.strength_:.3g}")
    if np.isfinite(error[best_of(mean, tie_breaker)]):
        largest = strengths[one_standard_error_of(mean, error, tie_breaker)]
        label = f"one standard error: λ = {largest:.3g}"
        ax.axvline(largest, color="C2", linestyle="--", label=label)
    ax.set(xscale="log", xlabel="λ", ylabel=f"held-out {score_name(classifier.scoring)}")
    ax.legend()
    return ax


def save_validation(classifier: Searched) -> bytes:
    """The content of an SVG file of the plot, drawn without a window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    plot_validation(classifier, figure.subplots())
    return content_of(figure, Path("plot.svg"))


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("Plots need matplotlib; pip install 'halfspaces[plots]'.") from error
    return pyplot.subplots(layout="constrained")[1]


def score_name(scoring: Any) -> str:
    """What a score is called in pictures and tables.

    >>> score_name("log_loss"), score_name("balanced_accuracy")
    ('log-loss, negative', 'balanced accuracy')
    """
    if scoring in ("log_loss", "loss"):
        return f"{scoring.replace('_', '-')}, negative"
    return scoring.replace("_", " ") if isinstance(scoring, str) else "score"
