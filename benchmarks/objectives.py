"""The judge: L(W, b) = mean_i L_i + λ ΣW² in float64 and plain NumPy, from weights;
no code of any competitor.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from benchmarks.data import Data

Array = np.ndarray
Weights = tuple[Array, Array]  # W (D, C) for standardized features, b (C,)
Loss = Callable[
    [Array, Array], tuple[Array, Array]
]  # scores (B, C) and labels: values (B,) and dscores (B, C)

COLUMNS = 1200  # score columns computed at a time
SCORES = 4_000_000  # scores held at a time


def softmax(scores: Array, y: Array) -> tuple[Array, Array]:
    """log Σ exp s_j − s_y."""
    rows = np.arange(len(y))
    shifted = scores - scores.max(axis=1, keepdims=True)
    right = shifted[rows, y].copy()
    p = np.exp(shifted, out=shifted)
    total = p.sum(axis=1)
    p /= total[:, None]
    p[rows, y] -= 1
    return np.log(total) - right, p


def hinge(scores: Array, y: Array) -> tuple[Array, Array]:
    """Weston and Watkins: Σ_{j≠y} max(0, s_j − s_y + 1)."""
    rows = np.arange(len(y))
    violations = scores - scores[rows, y][:, None] + 1
    violations[rows, y] = 0
    np.maximum(violations, 0, out=violations)
    slopes = (violations > 0).astype(scores.dtype)
    slopes[rows, y] = -slopes.sum(axis=1)
    return violations.sum(axis=1), slopes


def crammer_singer(scores: Array, y: Array) -> tuple[Array, Array]:
    """max(0, max_{j≠y} s_j − s_y + 1)."""
    rows = np.arange(len(y))
    violations = scores - scores[rows, y][:, None] + 1
    violations[rows, y] = 0
    worst = np.argmax(violations, axis=1)
    slopes = np.zeros_like(scores)
    slopes[rows, worst] = 1
    slopes[rows, y] -= 1
    return violations[rows, worst], slopes


def ova_squared_hinge(scores: Array, y: Array) -> tuple[Array, Array]:
    """Σ_j max(0, 1 ∓ s_j)², − for the right class."""
    signs = np.full_like(scores, -1)
    signs[np.arange(len(y)), y] = 1
    violations = np.maximum(0, 1 - signs * scores)
    return np.sum(violations**2, axis=1), -2 * signs * violations


def ova_hinge(scores: Array, y: Array) -> tuple[Array, Array]:
    """Σ_j max(0, 1 ∓ s_j), − for the right class."""
    signs = np.full_like(scores, -1)
    signs[np.arange(len(y)), y] = 1
    violations = np.maximum(0, 1 - signs * scores)
    return violations.sum(axis=1), -signs * (violations > 0)


LOSSES: dict[str, Loss] = {
    "softmax": softmax,
    "hinge": hinge,
    "crammer_singer": crammer_singer,
    "ova_squared_hinge": ova_squared_hinge,
}


def values(data: Data, loss: str, strength: float, weights: Sequence[Weights]) -> Array:
    """L for each of some weights; many share one reading of the data."""
    group = max(1, COLUMNS // data.n_classes)
    parts = [
        _values(data, LOSSES[loss], weights[i : i + group]) for i in range(0, len(weights), group)
    ]
    penalties = [np.sum(W.astype(np.float64) ** 2) for W, _ in weights]
    return np.concatenate(parts) + strength * np.array(penalties)


def _values(data: Data, loss: Loss, weights: Sequence[Weights]) -> Array:
    stacked = np.concatenate([W for W, _ in weights], axis=1).astype(np.float64)
    offsets = np.concatenate([b for _, b in weights]).astype(np.float64)
    totals, start = np.zeros(len(weights)), 0
    for X in data.standardized_chunks(max(100, SCORES // stacked.shape[1])):
        scores = X @ stacked
        scores += offsets
        y, start = data.y[start : start + len(X)], start + len(X)
        for member, own in enumerate(np.split(scores, len(weights), axis=1)):
            totals[member] += loss(own, y)[0].sum()
    return totals / len(data.X)


def with_best_bias(data: Data, loss: str, weights: Weights) -> Weights:
    """The same W with the b that suits it best, for solvers that penalize b:
    they are judged kindly.
    """
    W, b = weights
    scores = np.concatenate([X @ W.astype(np.float64) for X in data.standardized_chunks()])

    def mean_loss(b: Array) -> tuple[float, Array]:
        losses, slopes = LOSSES[loss](scores + b, data.y)
        return float(losses.mean()), slopes.mean(axis=0)

    start = b.astype(np.float64)
    found = minimize(
        mean_loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-9}
    )
    return W, found.x if found.fun < mean_loss(start)[0] else start
