"""The order in which epochs visit the rows: by stretches that a disk reads in one go, mixed within windows.

Rows drawn one by one from anywhere in a file larger than memory cost a visit to the disk each. So an epoch takes
stretches of consecutive rows in a random order, a few hundred at a time, and shuffles the rows of all of these: the
window. Data that fit into one window are shuffled whole. The order depends on seed, epoch and sizes alone, so rows in
memory and rows on disk give the same run; no list of all rows is ever made.
"""

from dataclasses import dataclass

import numpy as np

from halfspaces.support.types import Array

WINDOW_BYTES = 64 << 20
WINDOW_ROWS = 1 << 20  # at most: their numbers take memory, too
STRETCHES = (
    256  # in a window: rows that lie together, of one class perhaps, are so small a part of a batch
)


@dataclass(frozen=True)
class Shuffling:
    """Rows 0..N-1 in a new order each epoch.

    Parameters
    ----------
    n_rows : int
        N.
    window : int
        Rows that are mixed; a multiple of the batch size, so that a batch lies in one window.
    stretch : int
        Consecutive rows that are visited in one window, but for the ends of windows and of the data.
    seed : int

    Examples
    --------
    >>> order = Shuffling(n_rows=10, window=4, stretch=2, seed=0)
    >>> sorted(row for window in range(order.windows) for row in order.rows(epoch=0, window=window).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    n_rows: int
    window: int
    stretch: int
    seed: int

    @classmethod
    def of(cls, n_rows: int, row_bytes: float, batch_size: int, seed: int) -> "Shuffling":
        """Windows of about `WINDOW_BYTES`."""
        rows = int(min(WINDOW_BYTES / row_bytes, WINDOW_ROWS))
        return cls(n_rows, max(rows // batch_size, 1) * batch_size, max(rows // STRETCHES, 1), seed)

    @property
    def windows(self) -> int:
        """In an epoch."""
        return -(-self.n_rows // self.window)

    def rows(self, epoch: int, window: int) -> Array:
        """The rows of one window, in the order in which they are visited.

        The first stretch begins anywhere, so that no rows are the last of every epoch, or always together.
        """
        rng = np.random.default_rng([self.seed, epoch])
        start, whole = rng.integers(self.n_rows), self.n_rows // self.stretch
        stretches = np.append(rng.permutation(whole), whole)  # the last one is shorter
        places = np.arange(window * self.window, min((window + 1) * self.window, self.n_rows))
        rows = stretches[places // self.stretch] * self.stretch + places % self.stretch
        return np.random.default_rng([self.seed, epoch, 1 + window]).permutation(
            (start + rows) % self.n_rows
        )

    def next_rows(self, epoch: int, window: int) -> Array | None:
        """The rows of the window after this one, rising; None where one window holds all rows."""
        if self.windows == 1:
            return None
        later, window = divmod(window + 1, self.windows)
        return np.sort(self.rows(epoch + later, window))
