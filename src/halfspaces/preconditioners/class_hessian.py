"""The Hessian by classes: a model with the curvature among the classes and along the class means.

The Hessian of the mean loss is Σ_i w_i x_i x_iᵀ ⊗ A_i/Σ w_i, A_i = ∇²L_i in the scores (C, C). With
x_i = μ_k + ε_i for an example of class k, and the spread ε alike in all classes, it is

    H V = G V A + Σ_k μ_k μ_kᵀ V (A_k − f_k A) + 2λ V,
    A_k = Σ_{y_i = k} w_i A_i/Σ_i w_i,    A = Σ_k A_k,

G the Gram matrix and f_k the classes' frequencies. One number a in the place of A, and no second
term, make it `GramInverse`. That is much the same at W = 0. Where the classes are far apart and
mostly classified correctly, as those of embeddings are, it is not: an example's curvature then
depends on its class most, along the class means.

In the eigenvectors of G the first term is diagonal times A, and the second of rank K: solved by
conjugate gradients, preconditioned by the first term, at C (D C + K D) operations a step, without a
product with a D × D matrix.

References
----------
Papyan, Traces of class/cross-class structure pervade deep learning spectra, JMLR 2020,
https://jmlr.org/papers/v21/20-933.html (class means in Hessians); Van Loan, The ubiquitous
Kronecker product, 2000, https://doi.org/10.1016/S0377-0427(00)00393-9
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.preconditioners.base import Preconditioning
from halfspaces.preconditioners.conjugate_gradients import conjugate_gradients
from halfspaces.preconditioners.curvature import ScalarCurvature
from halfspaces.preconditioners.factors import Eigen
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Centroids
from halfspaces.scores.linear import Linear
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array, Block, Visit
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map

ROWS_A_CLASS = 500  # the sample that measures the curvatures
CURVATURE_ELEMENTS = 1 << 23  # at most, of the curvatures of all classes and members
CG_STEPS = 60  # of conjugate gradients, at most
CG_ACCURACY = 1e-3  # of their energy norm, about
FLAT = 1e-9  # of the largest curvature: less is rounding
# Where the classes' curvatures are known, measuring them again is cheap:
MEASURED_AGAIN = 1.02  # times a curvature: a change worth measuring the classes' again
FORGOTTEN = 1.25  # times a curvature: a change after which older pairs mislead
MOST_FALL = 100.0  # of a curvature at a time


@dataclass(frozen=True, eq=False)
class ClassCurvatures:
    """Measures class means, and the classes' curvatures in the scores at any W.

    Parameters
    ----------
    blocks : Blocks
    sketched : integer array
        The examples of the Gram matrix, whose class means these are.
    probed : integer array
        The examples whose curvatures are measured, sorted by class: so that a block has few
        classes.
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
        rows = self.blocks.subset(self.sketched)
        masses, means = Centroids.of(rows).padded(self.n_classes)
        linear = self.linear.shared
        units = linear.standardization
        standardized = (means - (units.mean - linear.center)) / units.scale - center
        return masses / masses.sum(), standardized * (masses > 0)[:, None]

    def at(self, W: Array, more: Array) -> Array:
        """A_k of each class and member at W, (K, M, C, C).

        `more` (M,) is added to the curvature in every direction that has any.
        """
        _, members, classes = W.shape
        sums = np.zeros((classes, members, classes, classes))
        masses = np.zeros((classes, members))
        for parts in self.blocks.map(self._visit(W), self.probed, self.linear.columns(W)):
            for k, part, mass in parts:
                sums[k] += part
                masses[k] += mass
        directions = np.eye(classes) - self.loss.shift_invariant / classes
        sums += (masses * more)[:, :, None, None] * directions
        total = masses.sum(axis=0)
        return sums / np.where(total > 0, total, 1.0)[:, None, None]

    def _visit(self, W: Array) -> Visit[list[tuple[int, Array, Array]]]:
        """A visit that returns Σ w_i A_i (M, C, C) and Σ w_i (M,) of each class of a block."""
        _, members, classes = W.shape
        folded = self.linear.fold(W, self.blocks.dtype)

        def visit(block: Block) -> list[tuple[int, Array, Array]]:
            n = len(block.y)
            scores = self.linear.scores(folded, block.X).reshape(n, members, classes)
            weight = np.ones((n, 1)) if block.weight is None else block.weight.reshape(n, -1)
            weight = np.broadcast_to(weight.astype(scores.dtype), (n, members))
            parts = []
            for k in np.unique(block.y):
                rows = np.flatnonzero(block.y == k)
                hessians = [
                    self.loss.hessian(scores[rows, m], block.y[rows], weight[rows, m])
                    for m in range(members)
                ]
                parts.append((int(k), np.stack(hessians), weight[rows].sum(axis=0)))
            return parts

        return visit


@dataclass(frozen=True, eq=False)
class ClassHessian:
    """H of one member in the eigenvectors of G.

    The bias is a last feature, uncorrelated with the centred ones.

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
        """Eigenvectors of A (C, C); inverse eigenvalues of G ⊗ A + 2λ (n, C), 0 where flat."""
        curvatures, vectors = np.linalg.eigh(self.total)
        values = self.values[:, None] * np.maximum(curvatures, 0) + self.ridge[:, None]
        curved = values > FLAT * np.max(values, axis=1, keepdims=True)
        return vectors, np.where(curved, 1 / np.where(curved, values, 1.0), 0.0)

    def solve(self, right: Array) -> Array:
        """H⁻¹ of a right side (n, C)."""
        return conjugate_gradients(
            self.product,
            right,
            precondition=self._precondition,
            enough=lambda residual, energy, first: not energy > CG_ACCURACY**2 * first,
            max_steps=CG_STEPS,
        )

    def product(self, V: Array) -> Array:
        """H V."""
        along_means = np.matmul((self.means @ V)[:, None], self.between)[:, 0]  # (K, C)
        within = (self.values[:, None] * V) @ self.total
        return within + self.means.T @ along_means + self.ridge[:, None] * V

    def _precondition(self, right: Array) -> Array:
        """(G ⊗ A + 2λ)⁻¹."""
        vectors, inverse = self.first_term
        return (right @ vectors) * inverse @ vectors.T


@dataclass(frozen=True, eq=False)
class ClassSketch:
    """The part of the Hessians that no W changes: the Gram matrix and the class means.

    Parameters
    ----------
    eigen : Eigen
        Of the Gram matrix.
    mean : array, shape (D,)
        Of the features, in standardized units.
    curvatures : ClassCurvatures
    fit_intercept : bool
    frequencies : array, shape (K,)
        Of the classes.
    means : array, shape (K, D)
        Of the classes, in the eigenvectors.
    """

    eigen: Eigen
    mean: Array
    curvatures: ClassCurvatures
    fit_intercept: bool
    frequencies: Array
    means: Array

    @classmethod
    def of(
        cls, eigen: Eigen, mean: Array, curvatures: ClassCurvatures, *, fit_intercept: bool
    ) -> "ClassSketch":
        """With the class means."""
        frequencies, means = curvatures.means(mean)
        means = eigen.to_eigenvectors(np.ascontiguousarray(means.T)).T
        return cls(eigen, mean, curvatures, fit_intercept, frequencies, means)

    def hessians(self, curvatures: Array, penalty: Array) -> list[ClassHessian]:
        """The Hessian of each member, from A_k (K, M, C, C) and 2λ (M,)."""
        bias = int(self.fit_intercept)
        values = np.append(self.eigen.values.astype(np.float64) + self.eigen.floor, np.ones(bias))
        means = np.pad(self.means, ((0, 0), (0, bias)), constant_values=1.0)
        hessians = []
        for m, two_lambda in enumerate(penalty):
            ridge = np.append(np.full(len(self.mean), two_lambda), np.zeros(bias))
            hessians.append(ClassHessian(values, self.frequencies, means, curvatures[:, m], ridge))
        return hessians


@dataclass(frozen=True, eq=False)
class ClassInverse(Preconditioning):
    """H⁻¹ by the curvatures among the classes at some W.

    Parameters
    ----------
    sketch : ClassSketch
    scale : ScalarCurvature
        Whose change shows that the curvatures are to be measured again.
    curvatures : array, shape (K, M, C, C)
        A_k.
    """

    sketch: ClassSketch
    scale: ScalarCurvature
    curvatures: Array

    @classmethod
    def of(
        cls, sketch: ClassSketch, scale: ScalarCurvature, W: Array
    ) -> tuple["ClassInverse", Array]:
        """With the curvatures at W, and a mask of the members whose curvature has changed much.

        A step too far may lead to where every example is classified correctly by far, and the
        curvature next to nothing: it falls by a factor of 100 at most.
        """
        found = scale.at(W)
        a = np.maximum(found, scale.a / MOST_FALL)
        curvatures = sketch.curvatures.at(W, more=a - found)
        return cls(sketch, replace(scale, a=a), curvatures), scale.ratio(a) >= FORGOTTEN

    @cached_property
    def hessians(self) -> list[ClassHessian]:
        """The Hessian of each member, with the bias where there is one."""
        return self.sketch.hessians(self.curvatures, self.scale.penalty)

    def __call__(self, gradient: Array) -> Array:
        """H⁻¹ of the gradient, or of J gradients side by side, (D+1, M, J·C)."""
        sketch = self.sketch
        given = gradient
        gradient = np.asarray(given)  # from a device
        slope = gradient[-1]
        centred = gradient[:-1] - sketch.mean[:, None, None] * slope
        right = sketch.eigen.to_eigenvectors(centred)
        right = np.concatenate([right, slope[None]])[: len(self.hessians[0].values)]
        V = self._solved(right)
        step = np.zeros_like(gradient)
        step[:-1] = sketch.eigen.to_features(V[: len(sketch.mean)])
        if sketch.fit_intercept:
            step[-1] = V[-1] - np.einsum("d,dmc->mc", sketch.mean, step[:-1])
        return np.asarray(step, like=given)

    def _solved(self, right: Array) -> Array:
        """H⁻¹ of right sides (n, M, J·C) in the eigenvectors, members and gradients on workers."""
        V = np.empty_like(right)
        n_classes = len(self.sketch.means)
        starts = range(0, right.shape[2], n_classes)
        parts = [(m, slice(c, c + n_classes)) for m in range(right.shape[1]) for c in starts]

        def solve(part: tuple[int, slice]) -> None:
            m, columns = part
            V[:, m, columns] = self.hessians[m].solve(right[:, m, columns].astype(np.float64))

        with one_blas_thread():
            workers = available_workers(self.sketch.curvatures.blocks.n_jobs)
            for _ in ordered_map(solve, parts, workers):
                pass
        return V

    def at(self, W: Array, penalty: Array | None = None) -> tuple["ClassInverse", Array]:
        """With the curvatures at W, measured again where they have changed."""
        scale = self.scale.with_penalty(penalty)
        a = np.maximum(scale.at(W), scale.a / MOST_FALL)
        if np.all(scale.ratio(a) < MEASURED_AGAIN):
            same = self if penalty is None else replace(self, scale=scale)
            return same, np.zeros(W.shape[1], bool)
        return ClassInverse.of(self.sketch, scale, W)

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """1, unless some rows show that another length gains much more."""
        return self.scale.length(W, direction, slope)
