"""Losses to check: `halfspaces gradcheck my_losses.py:svm_loss`."""

import numpy as np


def svm_loss(W, X, y, reg):
    """The multiclass SVM loss and its gradient. One line of it is wrong."""
    n = len(y)
    scores = X @ W
    right = scores[np.arange(n), y][:, None]
    margins = np.maximum(0, scores - right + 1)
    loss = (margins.sum() - n) / n + reg * np.sum(W * W)
    slopes = (margins > 0).astype(float)
    slopes[np.arange(n), y] = -slopes.sum(axis=1)
    return loss, X.T @ slopes / n + 2 * reg * W


def softmax_loss(W, X, y, reg):
    """The softmax loss and its gradient."""
    n = len(y)
    scores = X @ W
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(n), y]).mean() + reg * np.sum(W * W)
    p[np.arange(n), y] -= 1
    return loss, X.T @ p / n + 2 * reg * W
