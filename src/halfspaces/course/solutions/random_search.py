"""Random search."""

from collections.abc import Callable

import numpy as np

from halfspaces.support.types import Array


def random_search(
    loss: Callable[[Array], float], shape: tuple[int, int], tries: int, rng: np.random.Generator
) -> Array:
    """The best of `tries` random W."""
    best = np.zeros(shape)
    least = np.inf
    for _ in range(tries):
        W = 0.01 * rng.standard_normal(shape)
        value = loss(W)
        if value < least:
            least = value
            best = W
    return best
