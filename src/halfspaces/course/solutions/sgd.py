"""Minibatch gradient descent."""

from collections.abc import Callable

import numpy as np

from halfspaces.support.types import Array


def sgd(
    loss: Callable[[Array, Array, Array], tuple[float, Array]],
    W: Array,
    X: Array,
    y: Array,
    step_size: float,
    batch_size: int,
    steps: int,
    rng: np.random.Generator,
) -> Array:
    """W after `steps` steps."""
    W = W.copy()
    for _ in range(steps):
        rows = rng.choice(len(y), batch_size, replace=False)
        _, gradient = loss(W, X[rows], y[rows])
        W = W - step_size * gradient
    return W
