"""The Hessian by classes: a model that knows the curvature among the classes, and what the class means do.

The Hessian of the mean loss is Σ_i w_i x_i x_iᵀ ⊗ A_i/Σ w_i, A_i = ∇²L_i in the scores (C, C). With x_i = μ_k + ε_i for
an example of class k, and the spread ε alike in all classes, it is

    H V = G V A + Σ_k μ_k μ_kᵀ V (A_k − f_k A) + 2λ V,    A_k = Σ_{y_i = k} w_i A_i/Σ_i w_i,    A = Σ_k A_k,

G the Gram matrix and f_k the classes' frequencies. One number a in the place of A, and no second term, make it
`GramInverse`. That is much the same at W = 0. Where the classes are far apart and mostly told right, as those of
embeddings are, it is not: an example's curvature then depends on its class most of all, along the class means.

In the eigenvectors of G the first term is diagonal times A, and the second of rank K: solved by conjugate gradients,
preconditioned by the first term, at C (D C + K D) operations a turn, no product with a D × D matrix among them.

References
----------
Papyan, Traces of class/cross-class structure pervade deep learning spectra, JMLR 2020,
https://jmlr.org/papers/v21/20-933.html (class means in Hessians); Van Loan, The ubiquitous Kronecker product, 2000,
https://doi.org/10.1016/S0377-0427(00)00393-9
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Centroids
from halfspaces.scores import Linear
from halfspaces.support.types import Array, Block

ROWS_A_CLASS = 500  # that tell the curvature
MOST_NUMBERS = 1 << 23  # in the curvatures of all classes and members
TURNS = 60  # of conjugate gradients, at most
ACCURACY = 1e-3  # of their energy norm, about
FLAT = 1e-9  # of the largest curvature: less is rounding


@dataclass(frozen=True, eq=False)
class ClassHessians:
    """Sees the class means of some examples, and their curvatures in the scores at some W.

    Parameters
    ----------
    blocks : Blocks
    sketched, probed : integer arrays
        The examples of the Gram matrix, whose means these are, and those whose curvatures are looked at, by class: so
        that a block has few classes.
    linear : Linear
    loss : Loss
    n_classes : int
    """

    blocks: Blocks
    sketched: Array
    probed: Array
    linear: Linear
    loss: Loss
    n_classes: int

    def means(self, center: Array) -> tuple[Array, Array]:
        """Frequencies (K,) and means (K, D) of the classes, standardized, less a center (D,)."""
        weights = self.blocks.weights().reshape(self.blocks.n_examples, -1).mean(axis=1)
        every = np.ones(len(self.blocks.y))
        every[slice(None) if self.blocks.index is None else self.blocks.index] = weights
        rows = replace(self.blocks, weight=every).subset(self.sketched)
        masses, means = Centroids.of(rows).padded(self.n_classes)
        linear = self.linear.shared
        standardized = (
            means - (linear.standardization.mean - linear.center)
        ) / linear.standardization.scale - center
        return masses / masses.sum(), standardized * (masses > 0)[:, None]

    def at(self, W: Array, more: Array) -> Array:
        """A_k of each class and member, (K, M, C, C), and so much more (M,) in every direction that has any."""
        members, classes = W.shape[1:]
        folded = self.linear.fold(W, self.blocks.dtype)

        def visit(block: Block) -> list[tuple[int, Array, Array]]:
            X, y, weight, _ = block
            scores = self.linear.scores(folded, X).reshape(len(y), members, classes)
            weight = np.ones((len(y), 1)) if weight is None else weight.reshape(len(y), -1)
            weight = np.broadcast_to(weight.astype(scores.dtype), (len(y), members))
            parts = []
            for k in np.unique(y):
                rows = np.flatnonzero(y == k)
                each = (
                    self.loss.hessian(scores[rows, m], int(k), weight[rows, m])
                    for m in range(members)
                )
                parts.append((int(k), np.stack(list(each)), weight[rows].sum(axis=0)))
            return parts

        sums, masses = np.zeros((classes, members, classes, classes)), np.zeros((classes, members))
        for parts in self.blocks.map(visit, self.probed, self.linear.columns(W)):
            for k, part, mass in parts:
                sums[k] += part
                masses[k] += mass
        sums += (masses * more)[:, :, None, None] * (
            np.eye(classes) - self.loss.shift_invariant / classes
        )
        total = masses.sum(axis=0)
        return sums / np.where(total > 0, total, 1.0)[:, None, None]


@dataclass(frozen=True, eq=False)
class ClassModel:
    """H of one member in the eigenvectors of G, the bias as a last feature, uncorrelated with centred ones.

    Parameters
    ----------
    values : array, shape (n,)
        Eigenvalues of G: n = D, and D + 1 with a bias.
    frequencies : array, shape (K,)
    means : array, shape (K, n)
        Class means in the eigenvectors; 1 at the bias.
    curvatures : array, shape (K, C, C)
        A_k.
    ridge : array, shape (n,)
        2λ; 0 at the bias.
    """

    values: Array
    frequencies: Array
    means: Array
    curvatures: Array
    ridge: Array

    @cached_property
    def total(self) -> Array:
        """A (C, C)."""
        return self.curvatures.sum(axis=0)

    @cached_property
    def between(self) -> Array:
        """A_k − f_k A, (K, C, C)."""
        return self.curvatures - self.frequencies[:, None, None] * self.total

    @cached_property
    def first_term(self) -> tuple[Array, Array]:
        """The eigenvectors of A, (C, C), and 1 over the eigenvalues of G ⊗ A + 2λ, (n, C); 0 where flat."""
        turned, vectors = np.linalg.eigh(self.total)
        values = self.values[:, None] * np.maximum(turned, 0) + self.ridge[:, None]
        curved = values > FLAT * np.max(values, axis=1, keepdims=True)
        return vectors, np.where(curved, 1 / np.where(curved, values, 1.0), 0.0)

    def solve(self, right: Array) -> Array:
        """H⁻¹ of a right side (n, C), by conjugate gradients."""
        V, residual = np.zeros_like(right), right.copy()
        direction = z = self._precondition(residual)
        energy = first = _inner(residual, z)
        for _ in range(TURNS):
            bent = self.product(direction)
            curvature = _inner(direction, bent)
            if not (energy > ACCURACY**2 * first and curvature > 0):
                break
            V += (energy / curvature) * direction
            residual -= (energy / curvature) * bent
            z = self._precondition(residual)
            before, energy = energy, _inner(residual, z)
            direction = z + (energy / before) * direction
        return V

    def product(self, V: Array) -> Array:
        """H V."""
        along_means = np.matmul((self.means @ V)[:, None], self.between)[:, 0]  # (K, C)
        return (
            (self.values[:, None] * V) @ self.total
            + self.means.T @ along_means
            + self.ridge[:, None] * V
        )

    def _precondition(self, right: Array) -> Array:
        """(G ⊗ A + 2λ)⁻¹."""
        vectors, inverse = self.first_term
        return (right @ vectors) * inverse @ vectors.T


def _inner(left: Array, right: Array) -> float:
    return float(np.vdot(left, right))
