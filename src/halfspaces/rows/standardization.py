"""Mean and scale of each feature."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array

LARGE_OFFSET = 30.0  # |mean|/scale beyond which float32 products want centred rows (error 4e-6 at 2, 1.4e-3 at 1e3)


@dataclass(frozen=True, eq=False)
class Standardization:
    """Mean and scale of each feature, float64, shape (D,); or (D, M), each member its own, as folds have."""

    mean: Array
    scale: Array

    @classmethod
    def identity(cls, n_features: int) -> "Standardization":
        """Mean 0 and scale 1: features as they are."""
        return cls(np.zeros(n_features), np.ones(n_features))

    @property
    def shared(self) -> "Standardization":
        """One for all members: their means."""
        if self.mean.ndim == 1:
            return self
        return Standardization(self.mean.mean(axis=1), self.scale.mean(axis=1))

    @property
    def has_large_offsets(self) -> bool:
        """Whether rows must be centred before they meet the parameters."""
        return bool(np.any(np.abs(self.mean) > LARGE_OFFSET * self.scale))

    def without_offsets(self, blocks: Blocks) -> Blocks:
        """Blocks whose products lose no digits to large offsets: centred rows; sparse ones, as float64 instead."""
        if not self.has_large_offsets:
            return blocks
        if isinstance(blocks.X, csr_array):
            return replace(blocks, X=blocks.X.astype(np.float64, copy=False))
        return replace(blocks, center=self.shared.mean.astype(blocks.dtype))
