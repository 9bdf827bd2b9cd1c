"""Local binary patterns."""

from functools import cache

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.cells import cells_of, check_cell
from halfspaces.features.regions import region
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.system.names import check_name

POINTS = 8


class LBP(Feature):
    """Histograms of local binary patterns: which of 8 neighbours are at least as bright as a pixel.

    The neighbours lie on the circle of radius 1, counterclockwise from the right. The image is
    interpolated between pixels and repeats its edge beyond it. The 8 bits are one of 256 patterns.
    A pattern is uniform if it changes from 0 to 1 and back at most once on the way around: 58 are;
    all others share a bin. Each cell's histogram sums to 1.

    Parameters
    ----------
    patterns : str
        "uniform" (58 and the rest: 59 bins), "rotation_invariant" (uniform ones by their number of
        ones, and the rest: 10) or "all" (256).
    cell : int or None
        Side of a cell in pixels; None takes the whole image.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    The patterns are those of scikit-image's `local_binary_pattern(image, 8, 1, method)` with the
    methods "nri_uniform", "uniform" and "default". It differs at the edges, beyond which it
    assumes black, and where neighbours differ by rounding alone.
    Colour images are described by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for unknown patterns, and images smaller than a cell.

    References
    ----------
    Ojala, Pietikäinen and Mäenpää, Multiresolution gray-scale and rotation invariant texture
    classification with local binary patterns, 2002, https://doi.org/10.1109/TPAMI.2002.1017623

    Examples
    --------
    >>> spot = np.zeros((1, 5, 5), np.uint8)
    >>> spot[0, 2, 2] = 255
    >>> (25 * LBP("rotation_invariant", cell=None).transform(spot)).round().astype(int).tolist()
    [[1, 0, 0, 0, 0, 0, 0, 0, 24, 0]]
    """

    word = "lbp"
    channels = "grey"

    def __init__(
        self, patterns: str = "uniform", cell: int | None = 8, n_jobs: int | None = None
    ) -> None:
        self.patterns = patterns
        self.cell = cell
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """Invariant to brightness and contrast; without direction and cells also to moves."""
        without_direction = self.patterns == "rotation_invariant" and self.cell is None
        moves = {"flip", "turn"} if without_direction else set()
        return frozenset({"brightness", "contrast"} | moves)

    def _check(self, height: int, width: int) -> None:
        check_name("LBP(patterns=...)", self.patterns, ("uniform", "rotation_invariant", "all"))
        check_cell(self, height, width)

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Cells times bins."""
        cells = cells_of(self.cell, *image_shape[:2])
        return cells.rows * cells.columns * _bins(self.patterns)

    def places(self, image_shape: tuple[int, int, int]) -> list[str]:
        """The cell of each column."""
        cells = cells_of(self.cell, *image_shape[:2])
        regions = [
            region(self.word, row * cells.height, column * cells.width, cells.height, cells.width)
            for row in range(cells.rows)
            for column in range(cells.columns)
        ]
        return [place for place in regions for _ in range(_bins(self.patterns))]

    def _describe(self, planes: Array) -> Array:
        from halfspaces.features.loops import lbp

        cells = cells_of(self.cell, *planes.shape[2:])
        bins = bins_of_patterns(self.patterns)
        shape = (len(planes), cells.rows, cells.columns, _bins(self.patterns))
        rows = np.zeros(shape, np.float32)
        padded = np.pad(planes[:, 0], ((0, 0), (1, 1), (1, 1)), mode="edge")
        run_compiled(lbp.count_patterns, padded, bins, cells.height, cells.width, rows)
        return rows.reshape(len(planes), -1)


def _bins(patterns: str) -> int:
    """The number of bins of a histogram."""
    return int(bins_of_patterns(patterns).max()) + 1


@cache
def bins_of_patterns(patterns: str) -> Array:
    """The bin of each of the 256 patterns; bit k of a pattern is neighbour k.

    >>> names = ("uniform", "rotation_invariant", "all")
    >>> [int(bins_of_patterns(patterns).max()) for patterns in names]
    [58, 9, 255]
    """
    pattern = np.arange(1 << POINTS)
    bits = pattern[:, None] >> np.arange(POINTS) & 1
    ones = bits.sum(axis=1)
    changes = np.abs(bits - np.roll(bits, 1, axis=1)).sum(axis=1)
    uniform = changes <= 2
    if patterns == "all":
        bins = pattern
    elif patterns == "rotation_invariant":
        bins = np.where(uniform, ones, POINTS + 1)
    else:
        bins = np.where(uniform, np.cumsum(uniform) - 1, np.count_nonzero(uniform))
    return bins.astype(np.int32)
