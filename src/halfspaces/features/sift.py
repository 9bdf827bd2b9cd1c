"""Scale-invariant feature transform, on a dense grid."""

import numpy as np

from halfspaces.features.base import LocalFeature
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

ORIENTATIONS = 8
SIDE = 4  # cells of a descriptor, each way
CAMERA = 0.5  # pixels: the blur that images are taken to have


class DenseSIFT(LocalFeature):
    """SIFT descriptors of upright patches on a grid: 4 × 4 cells of 8 directions, 128 numbers a point.

    Points are `step` pixels apart, the first 2 cells from the upper left corner, the last no nearer to the other.
    Around one, a gradient's length, times exp(−r²/(2 (2 cell)²)) at distance r, is shared out linearly among the two
    nearest of 8 directions and the four nearest of 4 × 4 cells. The 128 numbers v become v/√(‖v‖² + floor²), clipped at
    0.2, and are normalized once more. RootSIFT takes the square roots of v/Σv instead: its distances are Hellinger's.

    Parameters
    ----------
    step : int
        From point to point, in pixels.
    cell : int
        Side of a cell in pixels.
    root : bool
        RootSIFT.
    sigma : float
        Blur that descriptors are made at, in pixels; images are taken to have 0.5 already. OpenCV's is 1.6.
    floor : float
        In grey levels: the length of a gradient below which a patch counts as flat.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    OpenCV's SIFT at key points of size 2/3 cell and angle 0 gives these, as whole numbers up to 255 in units of 1/512.
    Colour images are seen by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images too small for a point.

    References
    ----------
    Lowe, Distinctive image features from scale-invariant keypoints, 2004,
    https://doi.org/10.1023/B:VISI.0000029664.99615.94;
    Arandjelović and Zisserman, Three things everyone should know to improve object retrieval, 2012,
    https://doi.org/10.1109/CVPR.2012.6248018

    Examples
    --------
    >>> DenseSIFT().local(np.zeros((2, 32, 32), np.uint8)).shape
    (2, 49, 128)
    """

    word = "sift"
    channels = "grey"

    def __init__(
        self,
        step: int = 4,
        cell: int = 2,
        root: bool = False,
        sigma: float = 0.5,
        floor: float = 0.1,
        n_jobs: int | None = None,
    ) -> None:
        self.step = step
        self.cell = cell
        self.root = root
        self.sigma = sigma
        self.floor = floor
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """Gradients know no brightness."""
        return frozenset({"brightness"})

    def _check(self, height: int, width: int) -> None:
        check_number("DenseSIFT(step=...)", self.step, at_least=1, integer=True)
        check_number("DenseSIFT(cell=...)", self.cell, at_least=1, integer=True)
        check_number("DenseSIFT(sigma=...)", self.sigma, at_least=CAMERA)
        check_number("DenseSIFT(floor=...)", self.floor, above=0)
        side = SIDE * self.cell
        if side > min(height, width):
            given = f"images of {height} x {width} pixels are smaller than {SIDE} x {SIDE} cells of {self.cell} pixels"
            raise ValueError(f"DenseSIFT: {given}; give a smaller cell, or larger images.")

    def points(self, height: int, width: int) -> tuple[Array, Array]:
        """Rows and columns of the grid, in pixels.

        >>> DenseSIFT().points(32, 32)[0].tolist()
        [4, 8, 12, 16, 20, 24, 28]
        """
        near = SIDE // 2 * self.cell
        rows, columns = (
            np.arange(near, length - near + 1, self.step) for length in (height, width)
        )
        return rows, columns

    def _local(self, planes: Array) -> Array:
        from halfspaces.features.loops import sift

        images = planes[:, 0]
        if self.sigma > CAMERA:
            images = _blurred(images, float(np.sqrt(self.sigma**2 - CAMERA**2)))
        rows, columns = self.points(*images.shape[1:])
        weights = _weights(self.cell)
        there = weights > 0
        begin, end = there.argmax(axis=1), weights.shape[1] - there[:, ::-1].argmax(axis=1)
        level = float(
            self.floor * np.sum(weights.sum(axis=1) ** 2)
        )  # of a patch with this gradient everywhere
        found = np.empty(
            (len(images), len(rows), len(columns), SIDE * SIDE * ORIENTATIONS), np.float32
        )
        run_compiled(
            sift.describe_points,
            images,
            rows,
            columns,
            weights,
            begin,
            end,
            bool(self.root),
            level,
            found,
        )
        return found


def _weights(cell: int) -> Array:
    """What cell k gets of a gradient so many pixels from the point: (4, 2 reach + 1)."""
    reach = (5 * cell - 1) // 2  # less than 2.5 cells
    away = np.arange(-reach, reach + 1) / cell
    centres = np.arange(SIDE) - (SIDE - 1) / 2
    nearness = np.maximum(0, 1 - np.abs(away - centres[:, None]))
    return (np.exp(-(away**2) / (SIDE**2 / 2)) * nearness).astype(np.float32)


def _blurred(images: Array, sigma: float) -> Array:
    """Images (n, H, W) convolved with a Gaussian, mirrored at the middles of the pixels at their edges."""
    from halfspaces.features.loops import sift

    reach = int(4 * sigma + 0.5)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    rows, columns = (
        np.pad(np.arange(length), reach, mode="reflect") for length in images.shape[1:]
    )
    found = np.empty(images.shape, np.float32)
    run_compiled(
        sift.blur, images, (weights / weights.sum()).astype(np.float32), rows, columns, found
    )
    return found
