"""Scale-invariant feature transform, on a dense grid."""

import numpy as np

from halfspaces.features.base import LocalFeature
from halfspaces.features.images import squared
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

ORIENTATIONS = 8
SIDE = 4  # cells of a descriptor, each way
CAMERA_BLUR = 0.5  # pixels; assumed of the images


class DenseSIFT(LocalFeature):
    """SIFT descriptors of upright patches on a grid: 4 × 4 cells of 8 directions, 128 numbers.

    Points are `step` pixels apart. The first is 2 cells from the upper left corner, the last at
    least 2 cells from the lower right one.
    A gradient at distance r from the point counts with its length times exp(−r²/(2 (2 cell)²)),
    shared linearly among the two nearest of 8 directions and the four nearest of 4 × 4 cells. The
    128 numbers v become v/√(‖v‖² + floor²), clipped at 0.2, and are normalized again. RootSIFT
    takes the square roots of v/Σv instead, whose distances are Hellinger's.

    Parameters
    ----------
    step : int
        Distance of neighbouring points, in pixels.
    cell : int
        Side of a cell in pixels.
    root : bool
        Whether to compute RootSIFT.
    sigma : float
        The blur at which descriptors are computed, in pixels; images are assumed to have a blur of
        0.5 already. OpenCV uses 1.6.
    floor : float
        In grey levels: the length of a gradient below which a patch counts as flat.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    OpenCV's SIFT at key points of size 2/3 cell and angle 0 returns the same descriptors, as
    integers up to 255 in units of 1/512.
    Colour images are described by their luma.

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
        """Invariant to brightness: gradients are differences."""
        return frozenset({"brightness"})

    def _check(self, height: int, width: int) -> None:
        check_number("DenseSIFT(step=...)", self.step, at_least=1, integer=True)
        check_number("DenseSIFT(cell=...)", self.cell, at_least=1, integer=True)
        longest = max(height, width)
        check_number("DenseSIFT(sigma=...)", self.sigma, at_least=CAMERA_BLUR, below=longest)
        check_number("DenseSIFT(floor=...)", self.floor, above=0)
        if SIDE * self.cell > min(height, width):
            needed = f"{SIDE} x {SIDE} cells of {self.cell} pixels"
            given = f"images of {height} x {width} pixels are smaller than {needed}"
            raise ValueError(f"DenseSIFT: {given}; give a smaller cell, or larger images.")

    def points(self, height: int, width: int) -> tuple[Array, Array]:
        """Rows and columns of the grid, in pixels.

        >>> DenseSIFT().points(32, 32)[0].tolist()
        [4, 8, 12, 16, 20, 24, 28]
        """
        return np.array(self._places(height)), np.array(self._places(width))

    def local_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """The grid of `points`, and 128."""
        height, width, _ = image_shape
        return len(self._places(height)), len(self._places(width)), SIDE * SIDE * ORIENTATIONS

    def _places(self, length: int) -> range:
        """The points along one side of images of this length."""
        margin = SIDE // 2 * self.cell
        return range(margin, length - margin + 1, self.step)

    def _local(self, planes: Array) -> Array:
        from halfspaces.features.loops import sift

        images = planes[:, 0]
        if self.sigma > CAMERA_BLUR:
            images = _blurred(images, float(np.sqrt(self.sigma**2 - CAMERA_BLUR**2)))
        rows, columns = self.points(*images.shape[1:])
        weights = _weights(self.cell)
        used = weights > 0
        begin = used.argmax(axis=1)
        end = weights.shape[1] - used[:, ::-1].argmax(axis=1)
        total = np.sum(weights.sum(axis=1) ** 2)
        floor_squared = squared(
            float(self.floor * total)
        )  # of a patch with this gradient everywhere
        size = SIDE * SIDE * ORIENTATIONS
        descriptors = np.empty((len(images), len(rows), len(columns), size), np.float32)
        places = (images, rows, columns, weights, begin, end)
        run_compiled(sift.describe_points, *places, bool(self.root), floor_squared, descriptors)
        return descriptors


def _weights(cell: int) -> Array:
    """The weights (4, 2 reach + 1) of four cells for a gradient at a distance from the point."""
    reach = (5 * cell - 1) // 2  # less than 2.5 cells
    distances = np.arange(-reach, reach + 1) / cell
    centres = np.arange(SIDE) - (SIDE - 1) / 2
    shares = np.maximum(0, 1 - np.abs(distances - centres[:, None]))
    return (np.exp(-(distances**2) / (SIDE**2 / 2)) * shares).astype(np.float32)


def _blurred(images: Array, sigma: float) -> Array:
    """Images (n, H, W) convolved with a Gaussian, mirrored at the centres of the edge pixels."""
    from halfspaces.features.loops import sift

    reach = int(4 * sigma + 0.5)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights = (weights / weights.sum()).astype(np.float32)
    rows = np.pad(np.arange(images.shape[1]), reach, mode="reflect")
    columns = np.pad(np.arange(images.shape[2]), reach, mode="reflect")
    blurred = np.empty(images.shape, np.float32)
    run_compiled(sift.blur, images, weights, rows, columns, blurred)
    return blurred
