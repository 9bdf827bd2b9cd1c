"""A small problem for checks, and its data loss in plain NumPy."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from halfspaces.losses.base import Loss

# The blocks of W (D+1, M, C).
WEIGHTS_AND_BIAS: Mapping[str, Any] = {"weights": np.s_[:-1], "bias": np.s_[-1]}


class Problem(NamedTuple):
    """A small weighted problem: X (N, D), y (N,), weight (N,), W (D+1, M, C)."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    W: np.ndarray


def small_problem(
    n_examples: int = 20,
    n_features: int = 7,
    n_members: int = 2,
    n_classes: int = 4,
    *,
    seed: int = 0,
) -> Problem:
    """A random problem in float64, small enough that every coordinate can be checked.

    >>> small_problem().W.shape
    (8, 2, 4)
    """
    rng = np.random.default_rng(seed)
    return Problem(
        X=rng.standard_normal((n_examples, n_features)),
        y=rng.integers(n_classes, size=n_examples),
        weight=rng.uniform(0.5, 2.0, size=n_examples),
        W=rng.standard_normal((n_features + 1, n_members, n_classes)),
    )


def data_loss(loss: Loss, problem: Problem, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ w_i L_i / Σ w_i of each member, shape (M,), and its gradient, shape of W, in plain NumPy.

    >>> from halfspaces.losses.softmax import Softmax
    >>> problem = small_problem(n_classes=10)
    >>> data_loss(Softmax(), problem, 0 * problem.W)[0].round(4).tolist()  # ln 10
    [2.3026, 2.3026]
    """
    X, y, weight, _ = problem
    loss_values, dscores = loss.value_and_grad(np.tensordot(X, W[:-1], 1) + W[-1], y)
    share = weight / weight.sum()
    dscores = share[:, None, None] * dscores
    gradient = np.concatenate([np.tensordot(X.T, dscores, 1), dscores.sum(axis=0, keepdims=True)])
    return share @ loss_values, gradient
