"""A quadratic model under a soft-thresholding penalty, minimized by splitting (ADMM).

A step V solves

    min_V ⟨g, V⟩ + ½⟨V, A ⊗ Gram V⟩ + R(W + V),    R(Z) = t Σ|Z| + r ΣZ²,

where V and Z = W + V take turns: V by a linear system, whose matrix is inverted once, Z by
soft-thresholding, and the multipliers U of Z = W + V after them. A turn costs one product with a
D × D matrix, however many weights are not 0.

Z has exact zeros. V, which has none, has a gradient g + A ⊗ Gram V that the penalty allows, −∂R(Z),
after any number of turns: dual points are made of it (`halfspaces.proofs.feasible`).

References
----------
Boyd, Parikh, Chu, Peleato & Eckstein, Distributed optimization and statistical learning via the
alternating direction method of multipliers, 2011, https://doi.org/10.1561/2200000016
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.linalg

from halfspaces.optimizers.sketch import Sketch
from halfspaces.preconditioners.factors import Cholesky
from halfspaces.preconditioners.gram_matrix import copy_lower_to_upper, panels
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map

TURNS = 60
RELAXATION = 1.9  # of the turns but the last
PENALTY = 1.5  # ρ, of the threshold over the mean size of the weights that are not 0
MUCH = 1.7  # times ρ: a change that is worth another inverse
PANEL_ROWS = 512  # of the inverse, multiplied at a time
WORKERS = 2  # such products are bound by memory

_inverse_of_factor: Any = scipy.linalg.get_lapack_funcs("potri", dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Splitting:
    """The linear systems of the turns for one member and one ρ.

    Parameters
    ----------
    sketch : Sketch
    inverse : array, shape (n, n)
        (κ d Gram + ρ I)⁻¹.
    rho : float
        ρ.
    threshold : array, shape (n, 1)
        t, 0 for the bias.
    ridge : array, shape (n, 1)
        2r, 0 for the bias.
    """

    sketch: Sketch
    inverse: Array
    rho: float
    threshold: Array
    ridge: Array

    @classmethod
    def of(cls, sketch: Sketch, rho: float, threshold: float, ridge: float) -> "Splitting":
        """The inverse for this ρ."""
        curvature = sketch.curvature * sketch.own
        factor = Cholesky.of(sketch.gram.copy(), np.array([rho / curvature])).factor
        with one_blas_thread():
            inverse, _ = _inverse_of_factor(factor, overwrite_c=True)
        inverse = inverse.T  # C order; what is known is below the diagonal
        copy_lower_to_upper(inverse)
        inverse *= inverse.dtype.type(1 / curvature)
        return cls(sketch, inverse, rho, *_penalties(sketch, threshold, ridge))

    def under(self, threshold: float, ridge: float) -> "Splitting":
        """The same ρ under another penalty."""
        threshold_column, ridge_column = _penalties(self.sketch, threshold, ridge)
        return replace(self, threshold=threshold_column, ridge=ridge_column)

    def minimize(
        self, W: Array, gradient: Array, corrections: tuple[Array, Array] | None = None
    ) -> tuple[Array, Array]:
        """Z, of exact zeros, and V, whose gradient the penalty allows, both (D+1, C).

        Parameters
        ----------
        W, gradient : arrays, shape (D+1, C)
        corrections : arrays, shapes (n, C, k) and (k, k), or None
            U and K of the curvature A ⊗ Gram + U K Uᵀ.
        """
        start = np.zeros((len(self.inverse), W.shape[1]))
        start[: len(W) - 1] = W[:-1]
        Z, V = self._turns(start, self.sketch.centred(gradient), corrections)
        target, step = W.copy(), np.zeros_like(W)
        features = len(W) - 1
        target[:-1], step[:-1] = Z[:features], V[:features]
        if self.sketch.has_bias:
            step[-1] = V[-1] - self.sketch.mean @ V[:-1]
            target[-1] += Z[-1] - self.sketch.mean @ (Z[:-1] - start[:-1])
        return target, step

    def _turns(
        self, W: Array, gradient: Array, corrections: tuple[Array, Array] | None
    ) -> tuple[Array, Array]:
        dtype = self.inverse.dtype
        W, g = W.astype(dtype), gradient.astype(dtype)
        solve = self._solve if corrections is None else self._corrected(*corrections)
        U = np.clip(-g, -self.threshold, self.threshold) / self.rho
        Z = W
        V = np.zeros_like(W)
        for turn in range(TURNS):
            V = solve(self.rho * (Z - U - W) - g)
            reached = W + V
            if turn < TURNS - 1:
                reached = RELAXATION * reached + (1 - RELAXATION) * Z
            Z = self._prox(reached + U)
            U = U + reached - Z
        return Z, V

    def _solve(self, right: Array) -> Array:
        """(A ⊗ Gram + ρ I)⁻¹ times (n, C, ...); A is flat along what all classes share."""
        shared = self.sketch.shared * right.mean(axis=1, keepdims=True)
        own = np.ascontiguousarray(right - shared).reshape(len(right), -1)
        step = np.empty_like(own)

        def fill(panel: slice) -> None:
            step[panel] = self.inverse[panel] @ own

        with one_blas_thread():
            for _ in ordered_map(fill, panels(len(own), PANEL_ROWS), WORKERS):
                pass
        return step.reshape(right.shape) + shared / self.rho

    def _corrected(self, U: Array, K: Array) -> Callable[[Array], Array]:
        """`_solve` with U K Uᵀ added to the matrix (Woodbury's formula)."""
        solved = self._solve(U.astype(self.inverse.dtype))
        k = len(K)
        flat, solved = U.reshape(-1, k).astype(self.inverse.dtype), solved.reshape(-1, k)
        middle = np.linalg.inv(np.linalg.inv(K) + flat.T @ solved).astype(self.inverse.dtype)
        back = solved @ middle

        def solve(right: Array) -> Array:
            plain = self._solve(right)
            return plain - (back @ (flat.T @ plain.ravel())).reshape(plain.shape)

        return solve

    def _prox(self, values: Array) -> Array:
        """The Z that minimizes R(Z) + ρ/2 ‖Z − values‖²."""
        shrunk = np.abs(values) - self.threshold / self.rho
        return np.sign(values) * np.maximum(shrunk, 0) / (1 + self.ridge / self.rho)


def _penalties(sketch: Sketch, threshold: float, ridge: float) -> tuple[Array, Array]:
    """The numbers of each feature (n, 1); 0 for the bias."""
    features = np.arange(len(sketch.gram))[:, None] < len(sketch.mean)
    of_gram = sketch.gram.dtype.type
    return features * of_gram(threshold), features * of_gram(ridge)


@dataclass(frozen=True, eq=False)
class SplitModels:
    """The models of all members, by which dual points are moved (`halfspaces.proofs.feasible`).

    Parameters
    ----------
    sketch : Sketch
        Of all rows.
    threshold, ridge : array, shape (M,)
        t and 2r.
    systems : dict
        `Splitting` by member, as far as they are known.
    """

    sketch: Sketch
    threshold: Array
    ridge: Array
    systems: dict[int, Splitting] = field(default_factory=dict, repr=False)

    def system(self, m: int, W: Array) -> Splitting:
        """The systems of a member, for the size of its weights (D+1, M, C).

        Those of another penalty serve where ρ would be much the same.
        """
        penalty = float(self.threshold[m]), float(self.ridge[m])
        used = np.abs(W[:-1, m][W[:-1, m] != 0])
        size = used.mean() if len(used) else penalty[0] / self.sketch.curvature
        rho = float(PENALTY * penalty[0] / size)
        known = self.systems.get(m)
        if known is None or not 1 / MUCH <= rho / known.rho <= MUCH:
            known = Splitting.of(self.sketch, rho, *penalty)
        else:
            known = known.under(*penalty)
        self.systems[m] = known
        return known

    def under(self, threshold: Array, ridge: Array) -> "SplitModels":
        """The models under another penalty."""
        return replace(self, threshold=threshold, ridge=ridge)

    def step(self, W: Array, gradient: Array) -> Array:
        """V (D+1, M, C) whose gradient, `gradient` + A ⊗ Gram V, the penalty allows."""
        steps = [self.system(m, W).minimize(W[:, m], gradient[:, m])[1] for m in range(W.shape[1])]
        return np.stack(steps, axis=1)

    def along_classes(self, scores: Array) -> Array:
        """Scores (B, M, C) times A."""
        mean = scores.mean(axis=-1, keepdims=True)
        sketch = self.sketch
        return sketch.curvature * (sketch.own * scores - sketch.shared * mean)
