"""The handwritten digits that come with scikit-learn, and the softmax loss on them."""

from functools import cache
from typing import NamedTuple

import numpy as np

from halfspaces.losses.softmax import Softmax
from halfspaces.support.types import Array

SHAPE = (64, 10)


class Digits(NamedTuple):
    """Pixels between 0 and 1, and labels."""

    X: Array
    y: Array

    def loss(self, W: Array) -> float:
        """The mean softmax loss."""
        return float(np.mean(Softmax().value_and_grad(self.X @ W, self.y)[0]))

    def accuracy(self, W: Array) -> float:
        """The share of predictions that are right."""
        return float(np.mean(np.argmax(self.X @ W, axis=1) == self.y))


@cache
def digits() -> Digits:
    """All 1,797 digits."""
    from sklearn.datasets import load_digits

    data, target = load_digits(return_X_y=True)
    return Digits(np.asarray(data) / 16, np.asarray(target))


def drawn(rng: np.random.Generator, count: int) -> Digits:
    """Some digits, drawn at random."""
    X, y = digits()
    rows = rng.choice(len(y), count, replace=False)
    return Digits(X[rows], y[rows])
