"""The interface of noise on the inputs of the linear score."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from abc import ABC, abstractmethod
from typing import ClassVar, overload

import numpy as np
from scipy.sparse import csr_array, issparse

from halfspaces.noise.random_bits import random_bits, random_bits_at
from halfspaces.support.types import Array, Features


class Noise(ABC):
    """Independent noise on each input of the linear score while W is trained.

    The inputs are the standardized features z, so an input of 0 is the feature's mean. The noise
    keeps the mean of each input; predictions have none. Noise of sparse rows acts on their stored
    values: what is not stored stays 0.

    A new noise is one frozen dataclass with `noisy` and `variance`, and one row in `NOISES`.
    `halfspaces.testing.check_noise` tests it against every law.
    """

    keeps_zeros: ClassVar[bool] = False  # whether an input of 0 stays 0, so that sparse rows do

    @abstractmethod
    def noisy(self, Z: Array, bits: Array) -> Array:
        """The noisy inputs, in the shape and type of Z.

        Parameters
        ----------
        Z : array of floats
            Inputs; they are not changed.
        bits : array of uint16, in the shape of Z
            Random numbers, each of the 65,536 equally likely.
        """

    @abstractmethod
    def variance(self, Z: Array) -> Array:
        """The variance of each noisy input, in the shape and type of Z."""

    @overload
    def drawn(self, Z: Array, rows: Array, seed: int, draw: int) -> Array: ...
    @overload
    def drawn(self, Z: csr_array, rows: Array, seed: int, draw: int) -> csr_array: ...
    def drawn(self, Z: Features, rows: Array, seed: int, draw: int) -> Features:
        """The noisy rows Z (B, D), whose numbers in the whole X are `rows` (B,).

        The noise of a row depends on the seed, the draw and the row's number alone.

        Raises
        ------
        ValueError
            If Z is sparse, and this noise would fill it.
        """
        if isinstance(Z, np.ndarray):
            return self.noisy(Z, random_bits(seed, draw, rows, Z.shape[1]))
        self.check_rows(Z)
        of_stored = np.repeat(rows, np.diff(Z.indptr))
        bits = random_bits_at(seed, draw, of_stored, Z.indices, width_of(Z))
        return with_stored(Z, self.noisy(Z.data, bits))

    @overload
    def variances(self, Z: Array) -> Array: ...
    @overload
    def variances(self, Z: csr_array) -> csr_array: ...
    def variances(self, Z: Features) -> Features:
        """The variance of each input of the rows Z (B, D), sparse for sparse rows.

        Raises
        ------
        ValueError
            If Z is sparse, and this noise would fill it.
        """
        if isinstance(Z, np.ndarray):
            return self.variance(Z)
        self.check_rows(Z)
        return with_stored(Z, self.variance(Z.data))

    def check_rows(self, X: Features) -> None:
        """Raise a ValueError if X is sparse, and this noise would fill it."""
        if issparse(X) and not self.keeps_zeros:
            raise ValueError(
                f"{self!r} would fill sparse rows; use Dropout, which acts on their stored values, "
                "or give dense rows."
            )


def width_of(X: Features) -> int:
    """D, the number of columns."""
    shape: tuple[int, int] = X.shape  # pyright: ignore[reportAssignmentType]
    return shape[1]


def with_stored(rows: csr_array, values: Array) -> csr_array:
    """Sparse rows with other stored values in the same places."""
    return csr_array((values, rows.indices, rows.indptr), shape=rows.shape)
