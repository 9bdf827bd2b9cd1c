"""What --score names: linear scores with noise on the features, or a network."""

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from halfspaces.cli import values
from halfspaces.files.options import flag
from halfspaces.losses.base import Loss
from halfspaces.networks import NETWORKS, Network
from halfspaces.noise import AdaptiveL2, Dropout, GaussianNoise, Noise
from halfspaces.noise.adaptive_terms import term_of
from halfspaces.optimizers import OPTIMIZERS

LINEAR = "linear"
TAKE_NOISE = [name for name, kind in OPTIMIZERS.items() if kind.takes_noise]
# What belongs to a search for λ, which networks do not have.
OF_SEARCH = ("strengths", "folds", "scoring", "calibrate", "threshold")


@dataclass(frozen=True)
class LinearScores:
    """Scores xW + b; the parameters are those of noise on the features."""

    dropout: float | None = None
    feature_noise: float | None = None
    adaptive_l2: bool = False

    @property
    def given(self) -> dict[str, float]:
        """The noise that was given: the option and its number."""
        values = {"dropout": self.dropout, "feature_noise": self.feature_noise}
        return {name: value for name, value in values.items() if value is not None}

    def check(self, optimizer: str, loss: Loss) -> None:
        """Raise for two kinds of noise, and for noise that loss or optimizer cannot use."""
        given = [f"{flag(name)} {value:g}" for name, value in self.given.items()]
        if len(given) == 2:
            raise ValueError(f"{given[0]} and {given[1]} are both noise on the features; give one.")
        if self.adaptive_l2:
            if not given:
                raise ValueError(
                    "--adaptive-l2 belongs to --dropout or --feature-noise; give one of them, too."
                )
            term_of(loss)
        elif given and optimizer not in ("auto", *TAKE_NOISE):
            raise ValueError(
                f"{given[0]} draws noise anew in each pass, which --optimizer {optimizer} cannot "
                f"use; give --optimizer {' or '.join(TAKE_NOISE)}, or --adaptive-l2."
            )

    def noise(self) -> Noise | AdaptiveL2 | None:
        """The noise with its parameter, or its adaptive L2 term; None without noise."""
        makers = {"dropout": Dropout, "feature_noise": GaussianNoise}
        made = [makers[name](value) for name, value in self.given.items()]
        if not made:
            return None
        return AdaptiveL2(made[0]) if self.adaptive_l2 else made[0]


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
