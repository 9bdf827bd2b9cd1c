"""Histograms of colours."""

from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.cells import cells_of, check_cell
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name, check_number


class HueHistogram(Feature):
    """How much of each hue an image, or each of its cells, shows.

    A pixel (R, G, B) with largest value V and chroma C = V − min(R, G, B) has the hue of the hexagon, in [0, 6):
    (G − B)/C where R is the largest, 2 + (B − R)/C where G is, 4 + (R − G)/C where B is. It adds its saturation C/V to
    one of the bins that divide the circle, from red on; black and grey pixels add nothing. Sums are divided by the
    number of pixels of a cell.

    Parameters
    ----------
    bins : int
    cell : int or None
        Side of a cell in pixels; None takes the whole image.
    weighted : bool
        By saturation. Otherwise every pixel counts as 1, grey ones as red.
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
        """Where pixels lie does not matter to one histogram, nor how brightly they shine to their hues."""
        return frozenset({"contrast"} | ({"flip", "turn"} if self.cell is None else set()))

    def _check(self, height: int, width: int) -> None:
        check_number("HueHistogram(bins=...)", self.bins, at_least=1, integer=True)
        check_cell(self, height, width)

    def _describe(self, planes: Array) -> Array:
        cells = cells_of(self.cell, *planes.shape[2:])
        found = np.zeros((len(planes), cells.rows, cells.columns, self.bins), np.float32)
        run_compiled(_count_hues, planes, cells.height, cells.width, bool(self.weighted), found)
        return found.reshape(len(planes), -1)


class ColorHistogram(Feature):
    """The joint histogram of an image's three channels, or of each of its cells: bins³ parts, which sum to 1.

    Parameters
    ----------
    space : str
        "rgb", or "hsv" (hue, saturation, value; see `HueHistogram`).
    bins : int
        Of each channel: the cube has bins³.
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
        """Where pixels lie does not matter to one histogram."""
        return frozenset({"flip", "turn"} if self.cell is None else set())

    def _check(self, height: int, width: int) -> None:
        check_name("ColorHistogram(space=...)", self.space, ("rgb", "hsv"))
        check_number("ColorHistogram(bins=...)", self.bins, at_least=1, below=65, integer=True)
        check_cell(self, height, width)

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Cells of bins³."""
        cells = cells_of(self.cell, *image_shape[:2])
        return cells.rows * cells.columns * self.bins**3

    def _describe(self, planes: Array) -> Array:
        cells = cells_of(self.cell, *planes.shape[2:])
        found = np.zeros((len(planes), cells.rows, cells.columns, self.bins**3), np.float32)
        run_compiled(
            _count_colors, planes, cells.height, cells.width, self.bins, self.space == "hsv", found
        )
        return found.reshape(len(planes), -1)


def _count_hues(planes: Any, cell_height: int, cell_width: int, weighted: bool, found: Any) -> None:
    """found (n, rows, columns, bins) += the saturation at each pixel's hue."""
    bins = found.shape[3]
    width = found.shape[2] * cell_width
    place, weight = np.empty(width, np.int32), np.empty(width, np.float32)
    zero, one, most = np.float32(0), np.float32(1), np.int32(bins - 1)
    per_hue, share = np.float32(bins / 6), np.float32(1 / (cell_height * cell_width))
    for i in range(len(planes)):
        for y in range(found.shape[1] * cell_height):
            red, green, blue = planes[i, 0, y], planes[i, 1, y], planes[i, 2, y]
            for x in range(width):
                r, g, b = red[x], green[x], blue[x]
                value = max(r, g, b)
                chroma = value - min(r, g, b)
                by_red, by_green = r == value, g == value
                difference = g - b if by_red else (b - r if by_green else r - g)
                start = zero if by_red else (np.float32(2) if by_green else np.float32(4))
                hue = start + difference / (chroma if chroma > zero else one)
                hue += np.float32(6) if hue < zero else zero
                place[x] = min(np.int32(hue * per_hue), most)
                weight[x] = chroma / (value if value > zero else one) * share if weighted else share
            row = found[i, y // cell_height]
            for x in range(width):
                row[x // cell_width, place[x]] += weight[x]


def _count_colors(
    planes: Any, cell_height: int, cell_width: int, bins: int, hsv: bool, found: Any
) -> None:
    """found (n, rows, columns, bins³) += 1 over the pixels of a cell at each pixel's colour."""
    width = found.shape[2] * cell_width
    place = np.empty(width, np.int32)
    zero, one, most = np.float32(0), np.float32(1), np.int32(bins - 1)
    per_level, per_hue = np.float32(bins / 256), np.float32(bins / 6)
    share = np.float32(1 / (cell_height * cell_width))
    for i in range(len(planes)):
        for y in range(found.shape[1] * cell_height):
            red, green, blue = planes[i, 0, y], planes[i, 1, y], planes[i, 2, y]
            for x in range(width):
                r, g, b = red[x], green[x], blue[x]
                first, second, third = r * per_level, g * per_level, b * per_level
                if hsv:
                    value = max(r, g, b)
                    chroma = value - min(r, g, b)
                    by_red, by_green = r == value, g == value
                    difference = g - b if by_red else (b - r if by_green else r - g)
                    start = zero if by_red else (np.float32(2) if by_green else np.float32(4))
                    hue = start + difference / (chroma if chroma > zero else one)
                    hue += np.float32(6) if hue < zero else zero
                    first = hue * per_hue
                    second = chroma / (value if value > zero else one) * np.float32(bins)
                    third = value * per_level
                a, c, d = (
                    min(np.int32(first), most),
                    min(np.int32(second), most),
                    min(np.int32(third), most),
                )
                place[x] = (a * bins + c) * bins + d
            row = found[i, y // cell_height]
            for x in range(width):
                row[x // cell_width, place[x]] += share
