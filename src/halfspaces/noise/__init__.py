"""Noise on the inputs of the linear score, and its deterministic equivalent.

Noise acts on standardized features while W is trained, never on predictions. `AdaptiveL2` adds to
the loss what the noise adds to it on average, to second order.

A new noise is one class and one row in `NOISES`.
"""

from halfspaces.noise.adaptive_l2 import AdaptiveL2
from halfspaces.noise.base import Noise
from halfspaces.noise.dropout import Dropout
from halfspaces.noise.gaussian import GaussianNoise
from halfspaces.noise.none import NoNoise

__all__ = [
    "NOISES",
    "AdaptiveL2",
    "Dropout",
    "GaussianNoise",
    "NoNoise",
    "Noise",
]

NOISES: dict[str, type[Noise]] = {
    "none": NoNoise,
    "dropout": Dropout,
    "gaussian": GaussianNoise,
}
