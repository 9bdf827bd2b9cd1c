"""What --score names: linear scores with noise on the features, or a network."""

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from halfspaces.cli import values
from halfspaces.networks import NETWORKS, Network

LINEAR = "linear"
# What belongs to a search for λ, which networks do not have.
OF_SEARCH = ("strengths", "folds", "scoring", "calibrate")


@dataclass(frozen=True)
class LinearScores:
    """Scores xW + b; the parameters are those of noise on the features."""

    dropout: float | None = None
    feature_noise: float | None = None
    adaptive_l2: bool = False


_LINEAR: MutableMapping[str, Any] = {LINEAR: LinearScores()}
SCORES: Mapping[str, Any] = ChainMap(_LINEAR, NETWORKS)  # with those that plugins add


def network_of(score: str, parts: Mapping[str, Any]) -> Network:
    """The recipe of this name with the parameters that were given."""
    given = dict(parts)
    if "hidden" in given:
        given["hidden"] = values.hidden_layers(given["hidden"])
    return replace(NETWORKS[score], **given)


def check_images(score: str, image_shape: Any, rows: str) -> None:
    """Raise ValueError for a network that needs images, and plain rows.

    >>> check_images("resnet", None, "wine.csv has plain rows")
    Traceback (most recent call last):
    ValueError: --score resnet needs images, and wine.csv has plain rows; use --score mlp.
    """
    if image_shape is None and NETWORKS[score].needs_images:
        raise ValueError(f"--score {score} needs images, and {rows}; use --score mlp.")
