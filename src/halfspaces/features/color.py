"""Histograms of colours."""

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.cells import cells_of, check_cell
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.names import check_name


class HueHistogram(Feature):
    """A histogram of the hues of an image, or of each of its cells.

    A pixel (R, G, B) with largest value V and chroma C = V − min(R, G, B) has the hue of the
    hexagon, in [0, 6): (G − B)/C where R is the largest, 2 + (B − R)/C where G is, 4 + (R − G)/C
    where B is. It adds its saturation C/V to one of the bins that divide the circle, from red on;
    black and grey pixels add nothing. Sums are divided by the number of pixels of a cell.

    Parameters
    ----------
    bins : int
    cell : int or None
        Side of a cell in pixels; None takes the whole image.
    weighted : bool
        Whether a pixel counts as its saturation. Otherwise it counts as 1, a grey one as red.
    n_jobs : int or None
        Workers; None for every core.

    Raises
    ------
    ValueError
        In use, for grey images, and for images smaller than a cell.

    References
    ----------
    Smith, Color gamut transform pairs, 1978, https://doi.org/10.1145/965139.807361

    Examples
    --------
    >>> red, green = [255, 0, 0], [0, 128, 0]
    >>> HueHistogram(bins=6).transform(np.array([[[red, green]]], np.uint8)).tolist()
    [[0.5, 0.0, 0.5, 0.0, 0.0, 0.0]]
    """

    word = "hue"
    channels = "color"

    def __init__(
        self,
        bins: int = 10,
        cell: int | None = None,
        weighted: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.bins = bins
        self.cell = cell
        self.weighted = weighted
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """Invariant to contrast; one histogram also to moves of pixels."""
        moves = {"flip", "turn"} if self.cell is None else set()
        return frozenset({"contrast"} | moves)

    def _check(self, height: int, width: int) -> None:
        check_number("HueHistogram(bins=...)", self.bins, at_least=1, integer=True)
        check_cell(self, height, width)

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Cells times bins."""
        cells = cells_of(self.cell, *image_shape[:2])
        return cells.rows * cells.columns * self.bins

    def _describe(self, planes: Array) -> Array:
        from halfspaces.features.loops import color

        cells = cells_of(self.cell, *planes.shape[2:])
        rows = np.zeros((len(planes), cells.rows, cells.columns, self.bins), np.float32)
        run_compiled(color.count_hues, planes, cells.height, cells.width, bool(self.weighted), rows)
        return rows.reshape(len(planes), -1)


class ColorHistogram(Feature):
    """The joint histogram of the three channels of an image, or of each of its cells.

    It has bins³ parts, which sum to 1.

    Parameters
    ----------
    space : str
        "rgb", or "hsv" (hue, saturation, value; see `HueHistogram`).
    bins : int
        Bins of each channel: the cube has bins³.
    cell : int or None
        Side of a cell in pixels; None takes the whole image.
    n_jobs : int or None
        Workers; None for every core.

    Raises
    ------
    ValueError
        In use, for an unknown space, grey images, and images smaller than a cell.

    References
    ----------
    Swain and Ballard, Color indexing, 1991, https://doi.org/10.1007/BF00130487

    Examples
    --------
    >>> red, green = [255, 0, 0], [0, 128, 0]
    >>> ColorHistogram(bins=2).transform(np.array([[[red, green]]], np.uint8)).tolist()
    [[0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0]]
    """

    word = "colors"
    channels = "color"

    def __init__(
        self, space: str = "rgb", bins: int = 4, cell: int | None = None, n_jobs: int | None = None
    ) -> None:
        self.space = space
        self.bins = bins
        self.cell = cell
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """One histogram is invariant to moves of pixels."""
        return frozenset({"flip", "turn"} if self.cell is None else set())

    def _check(self, height: int, width: int) -> None:
        check_name("ColorHistogram(space=...)", self.space, ("rgb", "hsv"))
        check_number("ColorHistogram(bins=...)", self.bins, at_least=1, below=65, integer=True)
        check_cell(self, height, width)

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Cells times bins³."""
        cells = cells_of(self.cell, *image_shape[:2])
        return cells.rows * cells.columns * self.bins**3

    def _describe(self, planes: Array) -> Array:
        from halfspaces.features.loops import color

        cells = cells_of(self.cell, *planes.shape[2:])
        hsv = self.space == "hsv"
        rows = np.zeros((len(planes), cells.rows, cells.columns, self.bins**3), np.float32)
        run_compiled(color.count_colors, planes, cells.height, cells.width, self.bins, hsv, rows)
        return rows.reshape(len(planes), -1)
