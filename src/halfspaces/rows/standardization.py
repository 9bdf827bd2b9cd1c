"""Mean and scale of each feature."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array

# |mean|/scale above which float32 products need centred rows. Their relative error is 4e-6 at a
# ratio of 2 and 1.4e-3 at 1e3.
LARGE_OFFSET = 30.0


@dataclass(frozen=True, eq=False)
class Standardization:
    """Mean and scale of each feature, float64: shape (D,), or (D, M) with folds, one per member."""

    mean: Array
    scale: Array

    @classmethod
    def identity(cls, n_features: int) -> "Standardization":
        """Mean 0 and scale 1: no standardization."""
        return cls(np.zeros(n_features), np.ones(n_features))

    @property
    def scales(self) -> bool:
        """Whether features are scaled; else at most their mean is subtracted."""
        return bool(np.any(self.scale != 1))

    @property
    def shared(self) -> "Standardization":
        """One standardization for all members: the mean over the members."""
        if self.mean.ndim == 1:
            return self
        return Standardization(self.mean.mean(axis=1), self.scale.mean(axis=1))

    @property
    def has_large_offsets(self) -> bool:
        """Whether rows must be centred before they are multiplied by the parameters."""
        return bool(np.any(np.abs(self.mean) > LARGE_OFFSET * self.scale))

    def without_offsets(self, blocks: Blocks) -> Blocks:
        """Blocks whose products lose no digits to offsets: dense centred, or sparse in float64."""
        if not self.has_large_offsets:
            return blocks
        if isinstance(blocks.X, csr_array):
            return replace(blocks, X=blocks.X.astype(np.float64, copy=False))
        return replace(blocks, center=self.shared.mean.astype(blocks.dtype))
