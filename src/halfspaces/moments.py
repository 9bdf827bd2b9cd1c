"""What one visit tells of all examples: means of the classes and deviations of the features.

Standardization needs the mean and the deviations, the certificate the class means; and at W = 0, where the gradient in
the scores depends on the label alone, the class means stand for all examples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse

from halfspaces import kernels
from halfspaces.scores import Standardization

if TYPE_CHECKING:
    from halfspaces.blocks import Blocks

Array = np.ndarray
Sums = tuple[Array, Array, Array]


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted count, mean (D,) and sum of squared deviations (D,) of the features, in float64."""

    count: float
    mean: Array
    squares: Array

    @classmethod
    def of(cls, blocks: "Blocks") -> "Moments":
        """Those of all examples."""
        return blocks.centroids.moments

    def merged(self, other: "Moments") -> "Moments":
        """The moments of both sets together (Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        squares = self.squares + other.squares + shift**2 * (self.count * other.count / count)
        return Moments(count, self.mean + shift * (other.count / count), squares)

    def standardization(self, *, with_mean: bool = True) -> Standardization:
        """Mean and standard deviation; a column of zero variance gets scale 1; without a mean nothing is centred."""
        variance = self.squares / self.count
        # Rounding leaves a tiny positive variance in a constant column; it is no scale.
        constant = variance <= (1e-12 * self.mean) ** 2
        scale = np.sqrt(np.where(constant, 1.0, variance))
        return Standardization(self.mean if with_mean else np.zeros_like(self.mean), scale)


@dataclass(frozen=True, eq=False)
class Centroids:
    """Weight (C,) and mean (C, D) of each class's examples, and the moments of all, in float64.

    Of rows as blocks give them: where those subtract a center, so do these.
    """

    masses: Array
    means: Array
    moments: Moments

    @classmethod
    def of(cls, blocks: "Blocks") -> "Centroids":
        """One visit to the data; deviations are taken from the first block's mean, so that offsets cost no digits."""
        # Of rows that count: a column that is constant among them must not get a scale from rounding.
        first_rows = np.flatnonzero(blocks.weights())[: blocks.block_rows]
        (origin,) = blocks.map(lambda X, y, weight: X.mean(axis=0, dtype=np.float64), first_rows)
        n_classes = int(blocks.labels().max()) + 1
        masses, sums, squares = blocks.sum(_visit(n_classes, origin), columns=1)
        count, total = float(masses.sum()), sums.sum(axis=0)
        moments = Moments(count, origin + total / count, np.maximum(squares - total**2 / count, 0.0))
        return cls(masses, origin + sums / np.where(masses > 0, masses, 1.0)[:, None], moments)

    def padded(self, n_classes: int) -> tuple[Array, Array]:
        """Weights and means of this many classes, of which the last may have no examples."""
        missing = n_classes - len(self.masses)
        return np.pad(self.masses, (0, missing)), np.pad(self.means, ((0, missing), (0, 0)))


def _visit(n_classes: int, origin: Array) -> Callable[[Array, Array, Array | None], Sums]:
    """A block's masses (C,), class sums (C, D) and sums of squares (D,), of deviations from the origin."""

    def visit(X: Array | kernels.FusedRows, y: Array, weight: Array | None) -> Sums:
        weight = np.ones(len(y)) if weight is None else weight.astype(np.float64)
        masses = np.bincount(y, weight, minlength=n_classes)
        if isinstance(X, kernels.FusedRows):
            sums, squares = np.zeros((n_classes, len(origin))), np.zeros(len(origin))
            X.add_moments(y.astype(np.int64), weight, origin, sums, squares)
            return masses, sums, squares
        deviations = X - origin
        members = scipy.sparse.csr_array((weight, (y, np.arange(len(y)))), shape=(n_classes, len(y)))
        sums = members @ deviations
        return masses, sums, weight @ np.square(deviations, out=deviations)

    return visit
