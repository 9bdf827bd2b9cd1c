"""The validation curve as a file: held-out scores against λ."""

from pathlib import Path

from halfspaces.estimators.validation_curve import Searched, plot_validation
from halfspaces.plots.figure import content_of

__all__ = ["plot_validation", "save_validation"]


def save_validation(classifier: Searched) -> bytes:
    """The content of an SVG file of the plot, drawn without a window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    plot_validation(classifier, figure.subplots())
    return content_of(figure, Path("plot.svg"))
