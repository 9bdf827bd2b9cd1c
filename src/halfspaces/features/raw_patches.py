"""Raw patches: the pixels around points, as descriptors."""

import numpy as np

from halfspaces.features.base import LocalFeature
from halfspaces.features.patches import CONTRAST
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


class RawPatches(LocalFeature):
    """Patches of size × size pixels on a grid, normalized for brightness and contrast.

    A patch x of C channels becomes x̂ = (x − mean(x)) / √(var(x) + 10), with the variance in
    squared grey levels: C size² numbers a point, channel by channel. It is meant for bags of words;
    `Patches` also whitens patches.

    Parameters
    ----------
    size : int
        Side of a patch in pixels.
    step : int
        Distance of neighbouring patches, in pixels.
    n_jobs : int or None
        Workers; None for every core.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images smaller than a patch.

    References
    ----------
    Varma and Zisserman, A statistical approach to material classification using image patch
    exemplars, 2009, https://doi.org/10.1109/TPAMI.2008.182

    Examples
    --------
    >>> RawPatches(size=5).local(np.zeros((2, 9, 11, 3), np.uint8)).shape
    (2, 12, 75)
    """

    word = "raw"

    def __init__(self, size: int = 6, step: int = 2, n_jobs: int | None = None) -> None:
        self.size = size
        self.step = step
        self.n_jobs = n_jobs

    def _check(self, height: int, width: int) -> None:
        size = self.size
        check_number("RawPatches(size=...)", size, at_least=1, integer=True)
        check_number("RawPatches(step=...)", self.step, at_least=1, integer=True)
        if size > min(height, width):
            given = (
                f"images of {height} x {width} pixels are smaller than a patch of {size} x {size}"
            )
            raise ValueError(f"RawPatches: {given}; give a smaller size, or larger images.")

    def local_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Positions of a patch, and its numbers."""
        height, width, channels = image_shape
        rows = (height - self.size) // self.step + 1
        columns = (width - self.size) // self.step + 1
        return rows, columns, channels * self.size**2

    def _local(self, planes: Array) -> Array:
        side = (self.size, self.size)
        windows = np.lib.stride_tricks.sliding_window_view(planes, side, axis=(2, 3))
        windows = windows[:, :, :: self.step, :: self.step].transpose(0, 2, 3, 1, 4, 5)
        patches = windows.reshape(*windows.shape[:3], -1)
        patches = patches - patches.mean(axis=3, keepdims=True)
        variances = np.einsum("nrcd,nrcd->nrc", patches, patches) / np.float32(patches.shape[3])
        return patches / np.sqrt(variances + np.float32(CONTRAST))[..., None]
