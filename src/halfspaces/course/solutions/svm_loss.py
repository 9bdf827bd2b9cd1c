"""The multiclass hinge loss and its gradient, with loops and without."""

import numpy as np

from halfspaces.support.types import Array


def svm_loss_naive(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """The loss and its gradient (D, C), example by example."""
    loss = 0.0
    dW = np.zeros(W.shape)
    for i in range(len(y)):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss / len(y) + reg * np.sum(W * W), dW / len(y) + 2 * reg * W


def svm_loss_vectorized(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
    """The same for all examples at once."""
    rows = np.arange(len(y))
    scores = X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    slopes = (margins > 0).astype(float)
    slopes[rows, y] = -slopes.sum(axis=1)
    loss = margins.sum() / len(y) + reg * np.sum(W * W)
    return loss, X.T @ slopes / len(y) + 2 * reg * W
