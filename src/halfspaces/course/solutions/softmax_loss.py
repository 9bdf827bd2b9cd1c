"""The softmax loss and its gradient."""

import numpy as np

from halfspaces.support.types import Array


def probabilities(scores: Array) -> Array:
    """The probabilities of the classes (N, C)."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def softmax_loss(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """The loss and its gradient (D, C)."""
    rows = np.arange(len(y))
    scores = X @ W
    shifted = scores - scores.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, y]
    slopes = probabilities(scores)
    slopes[rows, y] -= 1
    return losses.mean() + reg * np.sum(W * W), X.T @ slopes / len(y) + 2 * reg * W
