"""The interface of a score function f(x; W), linear or not."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from halfspaces.support.types import Array, Block


class Forward(NamedTuple):
    """The scores of a block of B examples, and what their gradient needs.

    `scores` (B, M·C); `pull` returns sums over the block, from slopes dL/dscores (B, M·C); `added`
    is None or a further loss (B, M) of each example that depends on its row, with its slopes
    (B, M, C).
    """

    scores: Array
    pull: Callable[[Array], tuple[Any, ...]]
    added: tuple[Array, Array] | None = None


class At(NamedTuple):
    """A score function at one W.

    `columns` is the number of columns of V where rows are only multiplied by matrices, so that
    kernels may read them as they are stored; 0 where `forward` takes rows as they are stored.
    `statistics` returns the running statistics (n, 1, 1), the last rows of W, as the blocks have
    moved them.
    """

    forward: Callable[[Block], Forward]
    columns: int | None = None
    statistics: Callable[[], Array] | None = None


class Score(ABC):
    """f(x; W) for parameters W (P, M, K) of M members; the penalty sees W[:-1], never the last row.

    A new score function has `initial`, `at` and `pullback`; it never sees labels.
    `halfspaces.testing.check_score` tests it against every law.
    """

    linear: ClassVar[bool] = False  # scores of rows x are x V + c, V and c linear in W
    certified: ClassVar[bool] = False  # without noise L(W) is convex in W: a gap can be proved
    serial: ClassVar[bool] = False  # blocks are visited, each with its `pull`, one after another
    draws: bool = False  # whether training draws noise

    @abstractmethod
    def initial(self, n_members: int, n_classes: int) -> Array:
        """The W (P, M, K) where a run starts, in the type in which it is updated."""

    @abstractmethod
    def at(self, W: Array, dtype: np.dtype, draw: int | None = None, gradient: bool = True) -> At:
        """The scores at W.

        Parameters
        ----------
        W : array, shape (P, M, K)
        dtype : dtype
            Of the rows and of the products.
        draw : int or None
            The number of the pass whose noise is drawn; None: as at inference, without noise.
        gradient : bool
            Whether `pull` will be called.
        """

    @abstractmethod
    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W from the sums of `pull` over all blocks, times a factor (M·K,)."""
