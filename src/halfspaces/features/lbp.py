"""Local binary patterns."""

from functools import cache
from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.cells import cells_of, check_cell
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name

POINTS = 8
DIAGONAL = np.float32(np.sqrt(0.5))
SLACK = np.float32(
    1e-3
)  # grey levels: what lies between equal pixels is equal to them, whatever rounding says


class LBP(Feature):
    """Histograms of local binary patterns: which of eight neighbours are at least as bright as a pixel.

    The neighbours lie on the circle of radius 1, counterclockwise from the right; between pixels the image is
    interpolated, beyond its edge the last pixel goes on. Eight bits are one of 256 patterns. Those that change from 0
    to 1 and back at most once on the way around are uniform: 58; all others share a bin. Each cell's histogram sums to
    1.

    Parameters
    ----------
    patterns : str
        "uniform" (58 and the rest: 59 bins), "rotation_invariant" (uniform ones by their number of ones, and the rest:
        10) or "all" (256).
    cell : int or None
        Side of a cell in pixels; None takes the whole image.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    The patterns are those of scikit-image's `local_binary_pattern(image, 8, 1, method)` with the methods "nri_uniform",
    "uniform" and "default", but for its edges, beyond which it sees black, and neighbours that are equal but for
    rounding. Colour images are seen by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for unknown patterns, and images smaller than a cell.

    References
    ----------
    Ojala, Pietikäinen and Mäenpää, Multiresolution gray-scale and rotation invariant texture classification with local
    binary patterns, 2002, https://doi.org/10.1109/TPAMI.2002.1017623

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
        """Comparisons know no brightness; patterns without direction in one histogram no left or right."""
        turned = self.patterns == "rotation_invariant" and self.cell is None
        return frozenset({"brightness", "contrast"} | ({"flip", "turn"} if turned else set()))

    def _check(self, height: int, width: int) -> None:
        check_name("LBP(patterns=...)", self.patterns, ("uniform", "rotation_invariant", "all"))
        check_cell(self, height, width)

    def _describe(self, planes: Array) -> Array:
        cells, bins = cells_of(self.cell, *planes.shape[2:]), bins_of_patterns(self.patterns)
        found = np.zeros((len(planes), cells.rows, cells.columns, int(bins.max()) + 1), np.float32)
        padded = np.pad(planes[:, 0], ((0, 0), (1, 1), (1, 1)), mode="edge")
        run_compiled(_count_patterns, padded, bins, cells.height, cells.width, found)
        return found.reshape(len(planes), -1)


@cache
def bins_of_patterns(patterns: str) -> Array:
    """The bin of each of the 256 patterns; bit k is neighbour k.

    >>> [int(bins_of_patterns(patterns).max()) for patterns in ("uniform", "rotation_invariant", "all")]
    [58, 9, 255]
    """
    pattern = np.arange(1 << POINTS)
    bits = pattern[:, None] >> np.arange(POINTS) & 1
    ones, changes = bits.sum(axis=1), np.abs(bits - np.roll(bits, 1, axis=1)).sum(axis=1)
    uniform = changes <= 2
    if patterns == "all":
        bins = pattern
    elif patterns == "rotation_invariant":
        bins = np.where(uniform, ones, POINTS + 1)
    else:
        bins = np.where(uniform, np.cumsum(uniform) - 1, np.count_nonzero(uniform))
    return bins.astype(np.int32)


def _count_patterns(images: Any, bins: Any, cell_height: int, cell_width: int, found: Any) -> None:
    """found (n, rows, columns, bins) += 1 over the pixels of a cell; images (n, H + 2, W + 2) with edges around."""
    width = found.shape[2] * cell_width
    code = np.empty(width, np.int32)
    share = np.float32(1 / (cell_height * cell_width))
    far, near = DIAGONAL, np.float32(1) - DIAGONAL  # of what lies between four pixels
    corner, side, middle = far * far, far * near, near * near
    for i in range(len(images)):
        for y in range(found.shape[1] * cell_height):
            up, here, down = images[i, y], images[i, y + 1], images[i, y + 2]
            for x in range(width):
                centre = here[x + 1]
                a, b, c = up[x], up[x + 1], up[x + 2]
                d, e = here[x], here[x + 2]
                f, g, h = down[x], down[x + 1], down[x + 2]
                least, at_centre = centre - SLACK, middle * centre
                bits = np.int32(e >= least)
                bits |= np.int32(corner * c + side * (b + e) + at_centre >= least) << 1
                bits |= np.int32(b >= least) << 2
                bits |= np.int32(corner * a + side * (b + d) + at_centre >= least) << 3
                bits |= np.int32(d >= least) << 4
                bits |= np.int32(corner * f + side * (g + d) + at_centre >= least) << 5
                bits |= np.int32(g >= least) << 6
                bits |= np.int32(corner * h + side * (g + e) + at_centre >= least) << 7
                code[x] = bits
            row = found[i, y // cell_height]
            for column in range(found.shape[2]):
                line = row[column]
                for x in range(column * cell_width, column * cell_width + cell_width):
                    line[bins[code[x]]] += share
