"""Random scores on which the laws of losses are checked."""

import numpy as np

from halfspaces.support.types import Array


def draw_scores(n_classes: int, seed: int) -> tuple[Array, Array, Array, np.random.Generator]:
    """Scores (B, M, C), other scores, labels (B,) and the generator.

    The last third of the scores are whole numbers, for ties and kinks.
    """
    rng = np.random.default_rng(seed)
    shape = (12, 2, n_classes)
    spread = np.tile([0.3, 1.0, 3.0], 4)[:, None, None]
    scores = spread * rng.standard_normal(shape)
    other = spread * rng.standard_normal(shape)
    scores[8:] = np.round(scores[8:])
    other[8:] = np.round(other[8:])
    return scores, other, rng.integers(n_classes, size=12), rng


def inner(a: Array, b: Array) -> Array:
    """Inner products over the classes."""
    return np.sum(a * b, axis=-1)
