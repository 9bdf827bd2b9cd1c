"""The picture of what a fitted feature has learned: sheets of patches and words."""

from typing import Any

import numpy as np

from halfspaces.features.bag import Bag
from halfspaces.features.base import Feature
from halfspaces.features.patches import Patches
from halfspaces.features.union import Mixture
from halfspaces.plots.figure import new_figure, sheet_of, show_image
from halfspaces.plots.glyphs import stretched
from halfspaces.plots.words import sorted_glyphs
from halfspaces.support.types import Array

MOST_PICTURES = 400


def plot_vocabulary(feature: Feature | None, name: str) -> Any:
    """A Figure with a sheet of the patches or words of each part that has learned some.

    `name` is the model's name in errors.

    Raises
    ------
    ValueError
        If the feature has learned none.
    ImportError
        If matplotlib is missing.
    """
    fitted = feature.parts_ if isinstance(feature, Mixture) else [feature]
    parts = [part for part in fitted if isinstance(part, Patches | Bag)]
    if not parts:
        remedy = "give a model that was trained with the features patches or words"
        raise ValueError(f"{name} has learned no patches and no words; {remedy}.")
    figure = new_figure(len(parts), size=8)
    for position, part in enumerate(parts, start=1):
        pictures = _pictures(part)
        count = min(len(pictures), MOST_PICTURES)
        shown = pictures[np.linspace(0, len(pictures) - 1, count).astype(int)]
        kind = "patches" if isinstance(part, Patches) else "words"
        title = f"{count:,} of the {part.n:,} {kind} of {part}"
        show_image(figure.add_subplot(1, len(parts), position), sheet_of(shown), title)
    return figure


def _pictures(part: Patches | Bag) -> Array:
    if isinstance(part, Patches):
        return stretched(part.pictures())
    return sorted_glyphs(part)
