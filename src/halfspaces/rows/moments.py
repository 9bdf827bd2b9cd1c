"""What one visit tells of all examples: means of the classes and deviations of the features.

Standardization needs the mean and the deviations, the certificate the class means; and at W = 0, where the gradient in
the scores depends on the label alone, the class means stand for all examples.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.sparse import csr_array

from halfspaces.rows.blocks import Blocks
from halfspaces.rows.standardization import Standardization
from halfspaces.support.types import Array, Block, Visit

Sums = tuple[Array, Array, Array, Array]

NOTHING_LEFT = 1e-11  # of a sum of squares: what rounding leaves of a difference


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted count, mean (D,) and sum of squared deviations (D,) of the features, in float64."""

    count: float
    mean: Array
    squares: Array

    @classmethod
    def of(cls, blocks: Blocks) -> "Moments":
        """Those of all examples."""
        return Centroids.of(blocks).moments

    def merged(self, other: "Moments") -> "Moments":
        """The moments of both sets together (Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        squares = self.squares + other.squares + shift**2 * (self.count * other.count / count)
        return Moments(count, self.mean + shift * (other.count / count), squares)

    def without(self, part: "Moments") -> "Moments":
        """The moments of the rest, `merged` turned round; a column whose rest is rounding has no deviations."""
        count = self.count - part.count
        mean = self.mean + (self.mean - part.mean) * (part.count / count)
        shift = (mean - part.mean) ** 2 * (part.count * count / self.count)
        squares = self.squares - part.squares - shift
        return Moments(count, mean, np.where(squares > NOTHING_LEFT * self.squares, squares, 0.0))

    def shifted(self, origin: Array) -> "Moments":
        """Of the features plus a constant (D,)."""
        return Moments(self.count, self.mean + origin, self.squares)

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
    def of(cls, blocks: Blocks) -> "Centroids":
        """Computed in one visit to the data, the first time that these blocks are given."""
        if blocks not in _computed:
            _computed[blocks] = cls._by_one_visit(blocks)
        return _computed[blocks]

    @classmethod
    def _by_one_visit(cls, blocks: Blocks) -> "Centroids":
        # Deviations are taken from the first block's mean, so that large offsets cost no digits.
        # Of rows that count: a column that is constant among them must not get a scale from rounding.
        first_rows = np.flatnonzero(blocks.weights())[: blocks.block_rows]
        (origin,) = blocks.map(lambda block: block.X.mean(axis=0, dtype=np.float64), first_rows)
        n_classes = int(blocks.labels().max()) + 1
        masses, sums, total, squares = blocks.sum(_visit(n_classes, origin), columns=1)
        count = float(masses.sum())
        moments = Moments(
            count, origin + total / count, np.maximum(squares - total**2 / count, 0.0)
        )
        return cls(masses, origin + sums / np.where(masses > 0, masses, 1.0)[:, None], moments)

    def padded(self, n_classes: int) -> tuple[Array, Array]:
        """Weights and means of this many classes, of which the last may have no examples."""
        missing = n_classes - len(self.masses)
        return np.pad(self.masses, (0, missing)), np.pad(self.means, ((0, missing), (0, 0)))


_computed: WeakKeyDictionary[Blocks, Centroids] = (
    WeakKeyDictionary()
)  # certificate and standardization share them


def _visit(n_classes: int, origin: Array) -> Visit[Sums]:
    """A block's masses (C,) and, of deviations from the origin, class sums (C, D), sums and sums of squares (D,)."""

    from halfspaces.kernels.fused_rows import FusedRows

    def visit(block: Block) -> Sums:
        X, y, weight, _ = block
        weight = np.ones(len(y)) if weight is None else weight.astype(np.float64)
        masses = np.bincount(y, weight, minlength=n_classes)
        if isinstance(X, FusedRows):
            sums, squares = np.zeros((n_classes, len(origin))), np.zeros(len(origin))
            X.add_moments(y.astype(np.int64), weight, origin, sums, squares)
            return masses, sums, sums.sum(axis=0), squares
        members: Any = csr_array((weight, (y, np.arange(len(y)))), shape=(n_classes, len(y)))
        if isinstance(X, csr_array):
            return (
                masses,
                (members @ X).toarray() - np.outer(masses, origin),
                *_sparse_deviations(X, weight, origin),
            )
        deviations = X - origin
        sums = members @ deviations
        return masses, sums, sums.sum(axis=0), weight @ np.square(deviations, out=deviations)

    return visit


def _sparse_deviations(X: csr_array, weight: Array, origin: Array) -> tuple[Array, Array]:
    """Weighted sums of x − origin and of its square, (D,) each, in float64."""
    columns, weights = X.indices, np.repeat(weight, np.diff(X.indptr))
    stored, shifted = np.bincount(columns, weights, len(origin)), X.data - origin[columns]
    # What is not stored deviates by −origin. Where every row that counts stores a value, rounding must leave nothing.
    full = np.bincount(columns, weights > 0, len(origin)) == np.count_nonzero(weight)
    rest = np.where(full, 0.0, weight.sum() - stored)
    total = np.bincount(columns, weights * shifted, len(origin)) - rest * origin
    return total, np.bincount(columns, weights * shifted**2, len(origin)) + rest * origin**2
