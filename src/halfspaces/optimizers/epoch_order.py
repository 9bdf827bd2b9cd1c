"""The order in which epochs visit the rows: stretches that a disk reads at once, mixed in windows.

Rows drawn one by one from anywhere in a file larger than memory cost a disk access each. So an
epoch takes stretches of consecutive rows in a random order. A few hundred of them form a window,
within which all rows are shuffled. Data that fit into one window are shuffled as a whole. The order
depends only on seed, epoch and sizes, so rows in memory and rows on disk give the same run; no list
of all rows is ever made.
"""

from dataclasses import dataclass

import numpy as np

from halfspaces.support.types import Array

WINDOW_ROWS = 1 << 20  # at most: row numbers take memory, too
STRETCHES = 256  # in a window: rows stored together, of one class perhaps, are a small part of it


@dataclass(frozen=True)
class Shuffling:
    """Rows 0..N-1 in a new order each epoch.

    Parameters
    ----------
    n_rows : int
        N.
    window : int
        Number of rows in a window; a multiple of the batch size, so that a batch lies in one.
    stretch : int
        Number of consecutive rows that stay together, except at the ends of windows and data.
    seed : int

    Examples
    --------
    >>> order = Shuffling(n_rows=10, window=4, stretch=2, seed=0)
    >>> windows = [order.rows(epoch=0, window=window) for window in range(order.windows)]
    >>> np.sort(np.concatenate(windows)).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    n_rows: int
    window: int
    stretch: int
    seed: int

    @classmethod
    def of(
        cls, n_rows: int, row_bytes: float, batch_size: int, window_bytes: int, seed: int
    ) -> "Shuffling":
        """Windows of about `window_bytes`."""
        rows = int(min(window_bytes / row_bytes, WINDOW_ROWS))
        return cls(n_rows, max(rows // batch_size, 1) * batch_size, max(rows // STRETCHES, 1), seed)

    @property
    def windows(self) -> int:
        """The number of windows in an epoch."""
        return -(-self.n_rows // self.window)

    def rows(self, epoch: int, window: int) -> Array:
        """The rows of one window, in the order in which they are visited.

        The first stretch begins at a random row, so that no rows are always together, or the last
        of every epoch.
        """
        rng = np.random.default_rng([self.seed, epoch])
        start = rng.integers(self.n_rows)
        whole = self.n_rows // self.stretch
        stretches = np.append(rng.permutation(whole), whole)  # the last one is shorter
        places = np.arange(window * self.window, min((window + 1) * self.window, self.n_rows))
        rows = stretches[places // self.stretch] * self.stretch + places % self.stretch
        rng = np.random.default_rng([self.seed, epoch, 1 + window])
        return rng.permutation((start + rows) % self.n_rows)

    def next_rows(self, epoch: int, window: int) -> Array | None:
        """The rows of the following window, rising; None if one window holds all rows."""
        if self.windows == 1:
            return None
        later, window = divmod(window + 1, self.windows)
        return np.sort(self.rows(epoch + later, window))
