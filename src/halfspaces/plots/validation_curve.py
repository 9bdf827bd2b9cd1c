"""Plots with matplotlib, which `pip install halfspaces[plots]` brings; imported when one is drawn."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from halfspaces.tuning.selection import best_of, one_standard_error_of


class Searched(Protocol):
    """A fitted `LinearClassifierCV`, as far as a plot needs it."""

    cv_results_: Mapping[str, np.ndarray]
    strength_: float
    scoring: str | Callable[..., float] | None


def plot_validation(classifier: Searched, ax: Any = None) -> Any:
    """Mean held-out score against λ on a logarithmic axis, its standard errors as bars, the λ of each rule marked.

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
    ImportError
        If matplotlib is missing.
    """
    ax = _new_axes() if ax is None else ax
    results = classifier.cv_results_
    solved = ~results["dropped"]
    strengths, mean, error = (
        results[name][solved] for name in ("param_strength", "mean_test_score", "standard_error")
    )
    ax.errorbar(
        strengths, mean, yerr=np.nan_to_num(error), marker="o", markersize=4, capsize=3, color="C0"
    )
    ax.axvline(classifier.strength_, color="C3", label=f"chosen: λ = {classifier.strength_:.3g}")
    if np.isfinite(error[best_of(mean)]):
        sparing = strengths[one_standard_error_of(mean, error)]
        ax.axvline(
            sparing, color="C2", linestyle="--", label=f"one standard error: λ = {sparing:.3g}"
        )
    ax.set(xscale="log", xlabel="λ", ylabel=_score_name(classifier.scoring))
    ax.legend()
    return ax


def save_validation(classifier: Searched) -> bytes:
    """The plot as an SVG file, drawn without a window."""
    from io import BytesIO

    from matplotlib.figure import Figure

    figure, stream = Figure(figsize=(6, 4), layout="constrained"), BytesIO()
    plot_validation(classifier, figure.subplots())
    figure.savefig(stream, format="svg")
    return stream.getvalue()


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("Plots need matplotlib; pip install 'halfspaces[plots]'.") from error
    return pyplot.subplots(layout="constrained")[1]


def _score_name(scoring: Any) -> str:
    if scoring in ("log_loss", "loss"):
        return f"held-out {scoring.replace('_', '-')}, negative"
    return f"held-out {scoring.replace('_', ' ') if isinstance(scoring, str) else 'score'}"
