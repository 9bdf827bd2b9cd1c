"""GIST: the energies of oriented filters in the parts of an image."""

from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.pooling_regions import Intervals
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

PIXELS = 1 << 15  # that are filtered at a time
WIDEST, FACTOR = 0.3, 1.85  # cycles per pixel of the finest filters, and from scale to scale
CONTRAST = 0.2  # of logarithms: where local contrast is as high, it is halved


class GIST(Feature):
    """GIST: mean energies of Gabor filters of several scales and directions, over grid × grid parts of an image.

    The filter of scale s and direction θ_j = πj / orientations is, at f cycles per pixel in direction θ,

        G(f, θ) = exp(−3.5 (f / f_s − 1)² − 2π (orientations / 8)² (θ − θ_j)²)      f_s = 0.3 / 1.85^s

    for scales s = 0, 1, …: one half of the frequencies, so that the length of its complex response is an energy that
    does not see edges' phases. A feature is the mean of |response| over one part.

    With `prefilter` > 0, the image is first brought to logarithms, ℓ = log(1 + grey), and to equal contrast:
    h = ℓ − g ∗ ℓ, then h / (0.2 + √(g ∗ h²)), where the Gaussian g passes half at `prefilter` cycles per image.
    Images are mirrored at their edges, by a quarter of their shorter side.

    D = scales · orientations · grid².

    Parameters
    ----------
    scales, orientations : int
        Filters.
    grid : int
        Parts along each side; neighbours share pixels where these cannot be divided evenly.
    prefilter : float
        In cycles per image; 0 leaves the image as it is.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    The bank is that of the authors' code, whose images have 256 × 256 pixels, and are first stretched to levels from 0
    to 255. Colour images are seen by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images smaller than the grid.

    References
    ----------
    Oliva and Torralba, Modeling the shape of the scene, 2001, https://doi.org/10.1023/A:1011139631724

    Examples
    --------
    >>> GIST().fit_transform(np.zeros((2, 32, 32, 3), np.uint8)).shape
    (2, 512)
    """

    word = "gist"
    channels = "grey"

    def __init__(
        self,
        scales: int = 4,
        orientations: int = 8,
        grid: int = 4,
        prefilter: float = 4.0,
        n_jobs: int | None = None,
    ) -> None:
        self.scales = scales
        self.orientations = orientations
        self.grid = grid
        self.prefilter = prefilter
        self.n_jobs = n_jobs

    def _check(self, height: int, width: int) -> None:
        for name in ("scales", "orientations", "grid"):
            check_number(f"GIST({name}=...)", getattr(self, name), at_least=1, integer=True)
        check_number("GIST(prefilter=...)", self.prefilter, at_least=0)
        if self.grid > min(height, width):
            given = f"images of {height} x {width} pixels are smaller than a grid of {self.grid} x {self.grid}"
            raise ValueError(f"GIST: {given}; give a smaller grid, or larger images.")

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Regions, of each of the filters."""
        return self.scales * self.orientations * self.grid**2

    @property
    def invariances(self) -> frozenset[str]:
        """Without the prefilter, no filter sees the mean."""
        return frozenset() if self.prefilter else frozenset({"brightness"})

    def filters(self, height: int, width: int) -> Array:
        """The bank's transfer functions (scales · orientations, height, width), as scipy.fft orders frequencies."""
        y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
        length, angle = np.hypot(y, x), np.arctan2(y, x)
        frequencies = WIDEST / FACTOR ** np.arange(self.scales)
        middles = np.pi * np.arange(self.orientations) / self.orientations
        turned = (angle - middles[:, None, None] + np.pi) % (2 * np.pi) - np.pi
        radial = -3.5 * (length / frequencies[:, None, None] - 1) ** 2
        angular = -2 * np.pi * (self.orientations / 8) ** 2 * turned**2
        bank = np.exp(radial[:, None] + angular)
        bank[..., 0, 0] = 0  # what is left of the mean
        return bank.reshape(-1, height, width).astype(np.float32)

    def _describe(self, planes: Array) -> Array:
        fft = _fft()
        height, width = planes.shape[2:]
        edge = -(-min(height, width) // 4)
        size = [fft.next_fast_len(length + 2 * edge) for length in (height, width)]
        after = [total - length - edge for total, length in zip(size, (height, width), strict=True)]
        bank = self.filters(*size)
        rows, columns = (Intervals(length, self.grid) for length in (height, width))
        down, across = (_means(intervals) for intervals in (rows, columns))
        found = np.empty((len(planes), len(bank), self.grid, self.grid), np.float32)
        count = max(1, PIXELS // (size[0] * size[1]))
        for start in range(0, len(planes), count):
            some = slice(start, start + count)
            images = np.pad(
                planes[some, 0], ((0, 0), (edge, after[0]), (edge, after[1])), mode="symmetric"
            )
            spectrum = fft.fft2(self._prefiltered(images, (height, width)))
            for k, transfer in enumerate(bank):
                response = np.abs(
                    fft.ifft2(spectrum * transfer)[:, edge : edge + height, edge : edge + width]
                )
                found[some, k] = down @ response @ across.T
        return found.reshape(len(planes), -1)

    def _prefiltered(self, images: Array, shape: tuple[int, int]) -> Array:
        """Images of equal local contrast."""
        if self.prefilter == 0:
            return images
        fft = _fft()
        size = images.shape[1:]
        y, x = np.fft.fftfreq(size[0])[:, None] * shape[0], np.fft.rfftfreq(size[1]) * shape[1]
        smooth = np.exp(-np.log(2) * (y**2 + x**2) / self.prefilter**2).astype(np.float32)

        def blurred(planes: Array) -> Array:
            return fft.irfft2(fft.rfft2(planes) * smooth, size)

        levels = np.log1p(images)
        high = levels - blurred(levels)
        return high / (np.float32(CONTRAST) + np.sqrt(np.maximum(blurred(high**2), 0)))


def _fft() -> Any:
    """scipy's transforms, which keep float32; loaded when they are needed."""
    from scipy import fft

    return fft


def _means(intervals: Intervals) -> Array:
    """The mean over each interval, as a matrix (count, length)."""
    members = intervals.members[:, intervals.segment_of]
    return members / intervals.lengths[:, None]
