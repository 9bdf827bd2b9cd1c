"""Histograms of oriented gradients."""

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.cells import cells_of, check_cell
from halfspaces.features.images import squared
from halfspaces.features.regions import region
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


class HOG(Feature):
    """Histograms of oriented gradients: the directions of edges in each part of an image.

    The gradient at a pixel is (I(x+1, y) − I(x−1, y), I(x, y+1) − I(x, y−1)), of the channel where
    it is longest; at the edges of the image the component across the edge is 0.
    Its length is a vote for the bin of its direction in the histogram of its cell. A soft vote is
    shared linearly among the two nearest bins and the four nearest cells.
    The histograms v of block × block cells are normalized together: v/√(‖v‖² + floor²), clipped,
    and normalized again (L2-Hys). Blocks overlap: one begins at every cell.

    Parameters
    ----------
    cell : int
        Side of a cell in pixels.
    block : int or None
        Side of a block in cells. None returns the histograms: mean lengths, in grey levels.
    orientations : int
        Bins.
    signed : bool
        Whether a gradient and its opposite differ: bins over 360° instead of 180°.
    soft : bool
        Whether votes are shared. If not, a direction on the border of two bins votes for the upper.
    clip : float
        The largest normalized value; 1 or more clips nothing.
    floor : float
        In grey levels: the mean length of a gradient below which a block counts as flat.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    With soft=False and a small floor it equals scikit-image's `hog(channel_axis=-1)`. With
    soft=True, votes within one block equal those of OpenCV's `HOGDescriptor` without its Gaussian
    window.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images smaller than a block.

    References
    ----------
    Dalal and Triggs, Histograms of oriented gradients for human detection, 2005,
    https://doi.org/10.1109/CVPR.2005.177

    Examples
    --------
    >>> ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (1, 16, 1))
    >>> HOG(block=None, soft=False, orientations=4).transform(ramp).reshape(2, 2, 4)[0, 0].tolist()
    [17.5, 0.0, 0.0, 0.0]
    >>> HOG().transform(ramp).shape
    (1, 36)
    """

    word = "hog"

    def __init__(
        self,
        cell: int = 8,
        block: int | None = 2,
        orientations: int = 9,
        signed: bool = False,
        soft: bool = True,
        clip: float = 0.2,
        floor: float = 0.1,
        n_jobs: int | None = None,
    ) -> None:
        self.cell = cell
        self.block = block
        self.orientations = orientations
        self.signed = signed
        self.soft = soft
        self.clip = clip
        self.floor = floor
        self.n_jobs = n_jobs

    def _check(self, height: int, width: int) -> None:
        check_number("HOG(cell=...)", self.cell, at_least=1, integer=True)
        check_number("HOG(orientations=...)", self.orientations, at_least=1, integer=True)
        check_number("HOG(clip=...)", self.clip, above=0)
        check_number("HOG(floor=...)", self.floor, above=0)
        check_cell(self, height, width)
        if self.block is None:
            return
        check_number("HOG(block=...)", self.block, at_least=1, integer=True)
        if self.block * self.cell > min(height, width):
            block = f"a block of {self.block} x {self.block} cells of {self.cell} x {self.cell}"
            given = f"images of {height} x {width} pixels are smaller than {block}"
            raise ValueError(f"HOG: {given}; give a smaller block or cell, or larger images.")

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """The bins of the cells of all blocks, or of all cells without blocks."""
        rows, columns, *_ = cells_of(self.cell, *image_shape[:2])
        block = self.block or 1
        return (rows - block + 1) * (columns - block + 1) * block**2 * self.orientations

    def places(self, image_shape: tuple[int, int, int]) -> list[str]:
        """The cell of each column."""
        rows, columns, *_ = cells_of(self.cell, *image_shape[:2])
        block = self.block or 1
        corners = [
            (row + y, column + x)
            for row in range(rows - block + 1)
            for column in range(columns - block + 1)
            for y in range(block)
            for x in range(block)
        ]
        side = self.cell
        regions = [region(self.word, y * side, x * side, side, side) for y, x in corners]
        return [place for place in regions for _ in range(self.orientations)]

    def _describe(self, planes: Array) -> Array:
        from halfspaces.features.loops import gradients

        n = len(planes)
        rows, columns, *_ = cells_of(self.cell, *planes.shape[2:])
        cells = np.zeros((n, rows, columns, self.orientations), np.float32)
        histograms = gradients.soft_cells if self.soft else gradients.hard_cells
        run_compiled(histograms, planes, self.cell, bool(self.signed), cells)
        if self.block is None:
            return cells.reshape(n, -1)
        block = self.block
        shape = (n, rows - block + 1, columns - block + 1, block, block * self.orientations)
        blocks = np.empty(shape, np.float32)
        clip = float(self.clip)
        run_compiled(gradients.normalized_blocks, cells, block, clip, squared(self.floor), blocks)
        return blocks.reshape(n, -1)
