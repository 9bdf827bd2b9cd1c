"""The curvature of the data loss in a proximal Newton method: a sketch, and pairs that correct it.

The Hessian of each of the losses is about A ⊗ Gram(X), A the curvature among the classes. Pairs
(s, y) of moves and changes of the gradient, seen on the way, correct it (the compact form of BFGS):
B = σ A ⊗ Gram + U K Uᵀ.

References
----------
Byrd, Nocedal & Schnabel, Representations of quasi-Newton matrices, 1994,
https://doi.org/10.1007/BF01582063
"""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.optimizers.quasi_newton import LEAST_COSINE
from halfspaces.preconditioners.curvature import chance_curvature
from halfspaces.preconditioners.gram import TYPICAL, enough_rows
from halfspaces.preconditioners.gram_matrix import centred_gram, sample_rows
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array

# A move, the change of the gradient along it, and the move times A ⊗ Gram, (n, C) each, for centred
# features.
Pair = tuple[Array, Array, Array]

# Of A, in the direction that adds a constant to all scores, where a shift-invariant loss is flat.
DAMPING = 1e-2


@dataclass(frozen=True, eq=False)
class Sketch:
    """The curvature before any step: the Gram matrix of features and bias, and A = κ(d I − 11ᵀ/C).

    One sketch serves every strength, class and member, and all objectives over the same examples.

    Parameters
    ----------
    gram : array, shape (n, n)
        Of the centred features, n = D; with a bias n = D + 1: the bias is uncorrelated with centred
        features.
    mean : array, shape (D,)
        Subtracted from the features.
    curvature : float
        κ.
    own, shared : float
        d, and 1 where adding a constant to all scores does not change the loss, else 0.
    """

    gram: Array = field(repr=False)
    mean: Array = field(repr=False)
    curvature: float
    own: float
    shared: float

    @classmethod
    def of(cls, objective: Objective, n_members: int = 1, rows: int | None = None) -> "Sketch":
        """From a sample of the rows, of so many if given, scaled to the variances of all rows.

        A feature that is nearly always 0 may hardly be in the sample; its weight would take steps
        without bounds. Scaling does not change correlations; adding to the diagonal instead would
        raise the least eigenvalues, which costs passes.
        """
        sampled = sample_rows(objective, rows or enough_rows(objective, n_members))
        gram, mean = centred_gram(objective, sampled)
        diagonal = np.diag(gram).copy()
        eps = float(np.finfo(gram.dtype).eps)
        floor = 30 * eps * np.sqrt(len(gram)) * max(float(diagonal.max()), 1e-30)
        variances = _variances(objective, diagonal)
        # What the sample hardly contains is correlated with nothing.
        known = diagonal > floor
        scale = np.sqrt(np.where(known, variances / np.where(known, diagonal, 1.0), 0.0))
        scale = scale.astype(gram.dtype)
        gram *= scale
        gram *= scale[:, None]
        bias = int(objective.fit_intercept)
        gram = np.pad(gram, (0, bias))
        diagonal = np.maximum(np.diag(gram)[: len(mean)], variances) + floor
        np.fill_diagonal(gram, np.append(diagonal, np.ones(bias)))
        curvature = TYPICAL * chance_curvature(objective)
        if not objective.loss.shift_invariant:
            return cls(gram, mean, curvature, own=1.0, shared=0.0)
        C = objective.n_classes
        return cls(gram, mean, curvature * C / (C - 1), own=1 + DAMPING, shared=1.0)

    @classmethod
    def of_all(cls, objective: Objective, n_members: int = 1) -> "Sketch":
        """From all rows, flat along what all classes share: A = κ(I − 11ᵀ/C) is exact there."""
        return replace(cls.of(objective, n_members, objective.n_examples), own=1.0)

    @property
    def has_bias(self) -> bool:
        """Whether the last parameter is a bias."""
        return len(self.gram) > len(self.mean)

    def centred(self, gradient: Array) -> Array:
        """A gradient (D+1, C) in the parameters of centred features and their bias (n, C)."""
        features = gradient[:-1] - self.mean[:, None] * gradient[-1]
        return np.concatenate([features, gradient[-1:]]) if self.has_bias else features

    def centred_move(self, move: Array) -> Array:
        """A move (D+1, C) in the same parameters."""
        if not self.has_bias:
            return move[:-1]
        return np.concatenate([move[:-1], move[-1:] + self.mean @ move[:-1]])

    def along_classes(self, products: Array) -> Array:
        """(n, C) times A."""
        mean = products.mean(axis=1, keepdims=True)
        return self.curvature * (self.own * products - self.shared * mean)

    def gram_times(self, moves: Array) -> Array:
        """Gram times moves (n, ...), as float64."""
        flat = moves.reshape(len(moves), -1).astype(self.gram.dtype)
        return (self.gram @ flat).reshape(moves.shape).astype(np.float64)


def _variances(objective: Objective, sampled: Array) -> Array:
    """Variances of the standardized features over all examples.

    Those of the sample without a bias, or where members differ in their weights.
    """
    blocks = objective.blocks
    if not objective.fit_intercept or (blocks.weight is not None and blocks.weight.ndim > 1):
        return sampled
    moments = Moments.of(blocks)
    return moments.squares / moments.count / objective.linear.standardization.scale**2


@dataclass(eq=False)
class Curvature:
    """B of one member: the sketch times σ, and the pairs that correct it."""

    sketch: Sketch
    pairs: deque[Pair]
    scale: float = 1.0

    def learn(self, move: Array, change: Array) -> None:
        """Remember a pair, given in the objective's parameters (D+1, C)."""
        s = self.sketch.centred_move(move)
        y = self.sketch.centred(change)
        if np.sum(s * y) > LEAST_COSINE * np.linalg.norm(s) * np.linalg.norm(y):
            self.pairs.append((s, y, self.sketch.along_classes(self.sketch.gram_times(s))))

    def on(self, sketch: Sketch, most_pairs: int) -> "Curvature":
        """The same with another sketch of the objective, and the last pairs."""
        pairs = list(self.pairs)[-most_pairs:]
        moved = [(s, y, sketch.along_classes(sketch.gram_times(s))) for s, y, _ in pairs]
        return Curvature(sketch, deque(moved))

    def corrections(self) -> tuple[Array, Array]:
        """U (n, C, 2m) and K (2m, 2m)."""
        moves, changes, products = zip(*self.pairs, strict=True)
        s = np.stack(moves, axis=2)
        y = np.stack(changes, axis=2)
        m = len(moves)
        Bs = self.scale * np.stack(products, axis=2)
        sy = s.reshape(-1, m).T @ y.reshape(-1, m)
        sBs = s.reshape(-1, m).T @ Bs.reshape(-1, m)
        lower = np.tril(sy, -1)
        middle = np.block([[(sBs + sBs.T) / 2, lower], [lower.T, -np.diag(np.diag(sy))]])
        return np.concatenate([Bs, y], axis=2), -np.linalg.inv(middle)
