"""Preconditioners from the Gram matrix of the features, of at least 2 D rows."""

from dataclasses import dataclass, field, replace

import numpy as np

from halfspaces.noise.adaptive_score import AdaptiveScore
from halfspaces.objective.objective import Objective
from halfspaces.preconditioners.base import Preconditioner, Preconditioning
from halfspaces.preconditioners.class_hessian import (
    CURVATURE_ELEMENTS,
    ROWS_A_CLASS,
    ClassCurvatures,
    ClassInverse,
    ClassSketch,
)
from halfspaces.preconditioners.curvature import ScalarCurvature
from halfspaces.preconditioners.factors import Cholesky, Eigen
from halfspaces.preconditioners.gram_matrix import (
    MOST_BYTE_ROWS,
    are_bytes,
    centred_gram,
    sample_rows,
)
from halfspaces.preconditioners.row_gram import CentredRows, RowGram, RowGramInverse
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

TYPICAL = 0.8  # curvature of a fitted loss beside that at chance: it falls as scores grow
BYTE_ROWS = 2  # times the rows where bytes are multiplied: still for less than half the time
REFACTORED = 2.0  # times a curvature: a change worth another factorization
FORGOTTEN = 10.0  # times a curvature: a change after which older pairs mislead
EIGEN_PASSES = 4  # in D × D products: passes that an eigendecomposition for one strength may cost


@dataclass(frozen=True)
class Gram(Preconditioner):
    """(a · Gram + 2λI)⁻¹ for every class, the Gram matrix of a sample of the centred rows.

    Parameters
    ----------
    rows : int or None
        Size of the sample. None takes at least 2 D, and more where a pass is dear beside the
        sketch: as many as cost three passes.
    curvature : float or None
        a, the typical second derivative of the loss in one score. None takes 0.8 times the loss's
        own: at chance first, and then at the iterate (`GramInverse.at`).

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    rows: int | None = None
    curvature: float | None = None

    def __post_init__(self) -> None:
        if self.rows is not None:
            check_number("Gram(rows=...)", self.rows, at_least=1, integer=True)
        if self.curvature is not None:
            check_number("Gram(curvature=...)", self.curvature, above=0)

    @np.errstate(over="ignore", invalid="ignore")  # the loop reports what is not finite
    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """Compute the Gram matrix of the sample and factorize it."""
        return self._inverse(objective, n_members, self._sample(objective, n_members))

    def _centred(self, objective: Objective, rows: Array) -> tuple[Array, Array]:
        return centred_gram(objective, rows)

    def _sample(self, objective: Objective, n_members: int) -> Array:
        return sample_rows(objective, self.rows or enough_rows(objective, n_members))

    def _inverse(self, objective: Objective, n_members: int, rows: Array) -> "GramInverse":
        """By the side of the rows where they are at most half as many as the features."""
        scale = ScalarCurvature.of(objective, n_members, self.curvature, TYPICAL)
        if _by_rows(objective, rows):
            centred = CentredRows.of(objective, rows)
            factor = RowGram.of(centred).inverse(scale.ridges)
            return GramInverse(factor, centred.mean, scale, objective.fit_intercept)
        gram, mean = self._centred(objective, rows)
        gram.flat[:: len(gram) + 1] += _noise_variance(objective, np.trace(gram) / len(gram))
        one_ridge = np.ptp(scale.ridges) == 0
        factor = (Cholesky if one_ridge else Eigen).of(gram, scale.ridges)
        return GramInverse(factor, mean, scale, objective.fit_intercept)


@dataclass(frozen=True, eq=False)
class SharedGram(Gram):
    """`Gram` whose matrix is that of another objective over the same rows in the same units.

    Parameters
    ----------
    matrix : array, shape (D, D)
        The Gram matrix of the centred rows; copied for each objective.
    mean : array, shape (D,)
    """

    matrix: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    mean: Array = field(default_factory=lambda: np.empty(0), repr=False)

    @classmethod
    def of(cls, objective: Objective, n_members: int) -> "SharedGram":
        """With the matrix that `Gram` takes for this objective."""
        rows = sample_rows(objective, enough_rows(objective, n_members))
        return cls(None, None, *centred_gram(objective, rows))

    def _centred(self, objective: Objective, rows: Array) -> tuple[Array, Array]:
        return self.matrix.copy(), self.mean


@dataclass(frozen=True)
class ByClass(Gram):
    """`Gram` that turns into a Hessian by classes where that pays.

    `halfspaces.preconditioners.class_hessian` needs an eigendecomposition instead of a Cholesky
    factor, and the curvatures of 500 examples a class. It pays for several strengths in turn, and
    for one where a pass is dear beside D × D products; for smooth losses, and members that share
    their labels.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from halfspaces import minimize
    >>> from halfspaces.optimizers import LBFGS
    >>> from sklearn.datasets import load_digits
    >>> objective = LinearClassifier(strength=0.01).objective(*load_digits(return_X_y=True))
    >>> passes = [
    ...     minimize(objective, LBFGS(preconditioner=each), tol=1e-4).passes
    ...     for each in (Gram(), ByClass())
    ... ]
    >>> passes[1] < 0.8 * passes[0]
    True
    """

    @np.errstate(over="ignore", invalid="ignore")
    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """`Gram`'s, and what it takes to turn into a Hessian by classes."""
        rows = self._sample(objective, n_members)
        inverse = self._inverse(objective, n_members, rows)
        n_classes = objective.n_classes
        fits = n_members * n_classes**3 <= CURVATURE_ELEMENTS
        measured = self.curvature is None and objective.loss.smooth
        one_label = objective.blocks.y.ndim == 1  # so that classes have one mean for all members
        if _by_rows(objective, rows) or not (measured and fits and one_label):
            return inverse
        probed = sample_rows(objective, ROWS_A_CLASS * n_classes)
        probed = probed[np.argsort(objective.blocks.labels(probed), kind="stable")]
        curvatures = ClassCurvatures(
            objective.blocks, rows, probed, objective.linear, objective.loss, n_classes
        )
        return ByClassInverse(inverse, curvatures)


@dataclass(frozen=True, eq=False)
class GramInverse(Preconditioning):
    """(a · Gram + 2λI)⁻¹ by one curvature a of each member, the bias included.

    Parameters
    ----------
    factor : Cholesky, Eigen or RowGramInverse
        Solves with Gram + 2λ/a.
    mean : array, shape (D,)
        Of the features, in standardized units.
    scale : ScalarCurvature
    fit_intercept : bool
    """

    factor: Cholesky | Eigen | RowGramInverse
    mean: Array
    scale: ScalarCurvature
    fit_intercept: bool

    def __call__(self, gradient: Array) -> Array:
        """The steps."""
        # The bias is decoupled from centred features: solve in (w, b + mean·w), then change back.
        step = np.zeros_like(gradient)
        step[:-1] = self.factor.solve(gradient[:-1] - self.mean[:, None, None] * gradient[-1:])
        if self.fit_intercept:
            step[-1] = gradient[-1] - np.einsum("d,dmc->mc", self.mean, step[:-1])
        return step / self.scale.a[:, None]

    def at(self, W: Array, penalty: Array | None = None) -> tuple["GramInverse", Array]:
        """With the curvatures at W that have changed much, factorized again if any has."""
        scale = self.scale.with_penalty(penalty)
        a = scale.at(W)
        ratio = scale.ratio(a)
        forgotten = ratio >= FORGOTTEN
        if np.all(ratio < REFACTORED):
            return (self if penalty is None else self._scaled(scale)), forgotten
        a = np.where(ratio < REFACTORED, scale.a, a)
        return self._scaled(replace(scale, a=a)), forgotten

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """1, unless some rows show that another length gains much more."""
        return self.scale.length(W, direction, slope)

    def _scaled(self, scale: ScalarCurvature) -> "GramInverse":
        return replace(self, factor=self.factor.ridged(scale.ridges), scale=scale)


@dataclass(frozen=True, eq=False)
class ByClassInverse(Preconditioning):
    """`GramInverse` until the curvatures by classes pay, then `ClassInverse`.

    Parameters
    ----------
    inverse : GramInverse
    curvatures : ClassCurvatures
    """

    inverse: GramInverse
    curvatures: ClassCurvatures

    def __call__(self, gradient: Array) -> Array:
        """The steps."""
        return self.inverse(gradient)

    def at(self, W: Array, penalty: Array | None = None) -> tuple[Preconditioning, Array]:
        """By classes where another strength begins, or a pass is dear beside D × D products."""
        pass_products = self.curvatures.blocks.n_examples * W[0].size
        if penalty is None and len(self.inverse.mean) ** 2 > EIGEN_PASSES * pass_products:
            inverse, forgotten = self.inverse.at(W)
            return replace(self, inverse=inverse), forgotten
        factor = self.inverse.factor
        assert not isinstance(factor, RowGramInverse)
        scale = self.inverse.scale.with_penalty(penalty)
        sketch = ClassSketch.of(
            factor.eigen(scale.ridges),
            self.inverse.mean,
            self.curvatures,
            fit_intercept=self.inverse.fit_intercept,
        )
        return ClassInverse.of(sketch, scale, W)

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """1, unless some rows show that another length gains much more."""
        return self.inverse.length(W, direction, slope)


def _noise_variance(objective: Objective, mean_square: float) -> float:
    """What noise adds to the mean square of an input, where the loss has its adaptive L2 term.

    At W = 0 the Hessian of the term is that of the loss, with this in place of the Gram matrix.
    """
    score = objective.score
    if not isinstance(score, AdaptiveScore):
        return 0.0
    return float(score.noise.variance(np.array([np.sqrt(mean_square)]))[0])


def _by_rows(objective: Objective, rows: Array) -> bool:
    """Whether the Gram matrix of the rows is the smaller one by far."""
    return 2 * len(rows) <= objective.n_features


def enough_rows(objective: Objective, n_members: int) -> int:
    """Rows of a sample: at least 2 D and 4096, and as many as cost three passes.

    n rows cost n D² operations, three passes 12 N D M C. More where bytes are multiplied.
    """
    D = objective.n_features
    columns = n_members * objective.n_classes
    rows = max(4096, 2 * D, 12 * objective.n_examples * columns // D)
    return min(BYTE_ROWS * rows, MOST_BYTE_ROWS) if are_bytes(objective) else rows
