"""Class means and feature variances of all examples, computed in one visit.

Standardization needs mean and variance, the certificate the class means. At W = 0 the gradient in
the scores depends only on the label, so the class means suffice for the gradient in W.
"""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from halfspaces.rows.blocks import Blocks
from halfspaces.rows.standardization import Standardization
from halfspaces.support.types import Array

CONSTANT = 1e-12  # a column is constant if its deviation is at most this part of its mean
LEAST = {"float64": 2e-154, "float32": 1e-36}  # a deviation: squares of less, or 1/less, overflow


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted count, mean (D,) and sum of squared deviations (D,) of the features, in float64."""

    count: float
    mean: Array
    squares: Array

    @property
    def variance(self) -> Array:
        """Of each feature (D,)."""
        return self.squares / self.count

    @property
    def constant(self) -> Array:
        """Whether a variance is a rounding error of a constant column."""
        return self.variance <= (CONSTANT * self.mean) ** 2

    @classmethod
    def of(cls, blocks: Blocks) -> "Moments":
        """The moments of all examples."""
        return Centroids.of(blocks).moments

    def standardization(self, dtype: str = "float64", *, with_mean: bool = True) -> Standardization:
        """Mean (0 without `with_mean`) and standard deviation (1 for constant columns).

        `dtype` is that of the products: a deviation below its `LEAST` counts as 0.
        """
        constant = self.constant | (self.variance < LEAST[dtype] ** 2)
        scale = np.sqrt(np.where(constant, 1.0, self.variance))
        return Standardization(self.mean if with_mean else np.zeros_like(self.mean), scale)


@dataclass(frozen=True, eq=False)
class Centroids:
    """Weight (C,) and mean (C, D) of each class, and the moments of all examples, in float64.

    The center of the blocks is subtracted from the means. Members with labels of their own have one
    class in common, members with weights of their own the mean weight.
    """

    masses: Array
    means: Array
    moments: Moments

    @classmethod
    def of(cls, blocks: Blocks) -> "Centroids":
        """The centroids of these blocks, computed at the first call."""
        if blocks not in _cache:
            _cache[blocks] = cls._compute(blocks)
        return _cache[blocks]

    @classmethod
    def _compute(cls, blocks: Blocks) -> "Centroids":
        from halfspaces.kernels.class_sums import moment_sums

        if blocks.y.ndim == 2:
            blocks = replace(blocks, y=np.zeros(len(blocks.y), np.int64))
        if blocks.weight is not None and blocks.weight.ndim == 2:
            blocks = replace(blocks, weight=blocks.weight.mean(axis=1))
        # Deviations from the mean of some heavy rows: large offsets cost no digits, nor do outliers
        # of hardly any weight. A column that is constant over heavy rows deviates by exactly 0.
        weights = blocks.weights()
        first_rows = np.flatnonzero(weights >= weights.max() / 2)[: blocks.block_rows]
        (origin,) = blocks.map(lambda block: block.X.mean(axis=0, dtype=np.float64), first_rows)
        n_classes = int(blocks.labels().max()) + 1
        visit = moment_sums(n_classes, origin)
        masses, sums, total, squares = blocks.sum(visit, columns=1)
        count = float(masses.sum())
        moments = Moments(count, origin + total / count, np.maximum(squares - total**2 / count, 0))
        return cls(masses, origin + sums / np.where(masses > 0, masses, 1.0)[:, None], moments)

    def padded(self, n_classes: int) -> tuple[Array, Array]:
        """Weights and means of `n_classes` classes; the last classes may have no examples."""
        missing = n_classes - len(self.masses)
        return np.pad(self.masses, (0, missing)), np.pad(self.means, ((0, missing), (0, 0)))


_cache: WeakKeyDictionary[Blocks, Centroids] = WeakKeyDictionary()
