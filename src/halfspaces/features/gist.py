"""GIST: the energies of oriented filters in the parts of an image."""

from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.pooling_regions import Intervals
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

PIXELS = 1 << 15  # filtered at a time
HIGHEST_FREQUENCY = 0.3  # cycles per pixel of the finest filters
FREQUENCY_RATIO = 1.85  # from scale to scale
CONTRAST = 0.2  # of logarithms: a local contrast of this size is halved


class GIST(Feature):
    """GIST: mean energies of Gabor filters of several scales and directions, on a grid of parts.

    The filter of scale s and direction θ_j = πj / orientations is, at f cycles per pixel in
    direction θ,

        G(f, θ) = exp(−3.5 (f / f_s − 1)² − 2π (orientations / 8)² (θ − θ_j)²)
        f_s = 0.3 / 1.85^s

    for scales s = 0, 1, …. It passes one half of the frequencies, so its response is complex, and
    |response| is an energy that does not depend on the phase of an edge. A feature is the mean of
    |response| over one of grid × grid parts.

    With `prefilter` > 0, the image is first transformed to logarithms, ℓ = log(1 + grey), and to
    equal contrast: h = ℓ − g ∗ ℓ, then h / (0.2 + √(g ∗ h²)), where the Gaussian g passes half at
    `prefilter` cycles per image.
    Images are mirrored at their edges, by a quarter of their shorter side.

    D = scales · orientations · grid².

    Parameters
    ----------
    scales, orientations : int
        Scales and directions of the filters.
    grid : int
        Parts along each side; neighbours share pixels if these cannot be divided evenly.
    prefilter : float
        In cycles per image; 0 leaves the image unchanged.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    The filters are those of the authors' code, which uses images of 256 × 256 pixels and first
    stretches them to levels from 0 to 255. Colour images are described by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images smaller than the grid.

    References
    ----------
    Oliva and Torralba, Modeling the shape of the scene, 2001,
    https://doi.org/10.1023/A:1011139631724

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
        grid = self.grid
        if grid > min(height, width):
            given = (
                f"images of {height} x {width} pixels are smaller than a grid of {grid} x {grid}"
            )
            raise ValueError(f"GIST: {given}; give a smaller grid, or larger images.")

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Filters times parts."""
        return self.scales * self.orientations * self.grid**2

    @property
    def invariances(self) -> frozenset[str]:
        """Invariant to brightness without the prefilter: filters have mean 0."""
        return frozenset() if self.prefilter else frozenset({"brightness"})

    def filters(self, height: int, width: int) -> Array:
        """Transfer functions (scales · orientations, height, width), in scipy.fft's order."""
        y = np.fft.fftfreq(height)[:, None]
        x = np.fft.fftfreq(width)
        length = np.hypot(y, x)
        angle = np.arctan2(y, x)
        frequencies = HIGHEST_FREQUENCY / FREQUENCY_RATIO ** np.arange(self.scales)
        directions = np.pi * np.arange(self.orientations) / self.orientations
        apart = (angle - directions[:, None, None] + np.pi) % (2 * np.pi) - np.pi
        radial = -3.5 * (length / frequencies[:, None, None] - 1) ** 2
        angular = -2 * np.pi * (self.orientations / 8) ** 2 * apart**2
        filters = np.exp(radial[:, None] + angular)
        filters[..., 0, 0] = 0  # the rest of the mean
        return filters.reshape(-1, height, width).astype(np.float32)

    def _describe(self, planes: Array) -> Array:
        fft = _fft()
        height, width = planes.shape[2:]
        edge = -(-min(height, width) // 4)
        size = [fft.next_fast_len(length + 2 * edge) for length in (height, width)]
        below = size[0] - height - edge
        right = size[1] - width - edge
        filters = self.filters(*size)
        down = _means(Intervals(height, self.grid))
        across = _means(Intervals(width, self.grid))
        energies = np.empty((len(planes), len(filters), self.grid, self.grid), np.float32)
        count = max(1, PIXELS // (size[0] * size[1]))
        for start in range(0, len(planes), count):
            step = slice(start, start + count)
            padding = ((0, 0), (edge, below), (edge, right))
            images = np.pad(planes[step, 0], padding, mode="symmetric")
            spectrum = fft.fft2(self._prefiltered(images, (height, width)))
            for k, transfer in enumerate(filters):
                response = fft.ifft2(spectrum * transfer)
                inner = np.abs(response[:, edge : edge + height, edge : edge + width])
                energies[step, k] = down @ inner @ across.T
        return energies.reshape(len(planes), -1)

    def _prefiltered(self, images: Array, shape: tuple[int, int]) -> Array:
        """Images of equal local contrast."""
        if self.prefilter == 0:
            return images
        fft = _fft()
        size = images.shape[1:]
        y = np.fft.fftfreq(size[0])[:, None] * shape[0]
        x = np.fft.rfftfreq(size[1]) * shape[1]
        smooth = np.exp(-np.log(2) * (y**2 + x**2) / self.prefilter**2).astype(np.float32)

        def blurred(planes: Array) -> Array:
            return fft.irfft2(fft.rfft2(planes) * smooth, size)

        levels = np.log1p(images)
        high = levels - blurred(levels)
        return high / (np.float32(CONTRAST) + np.sqrt(np.maximum(blurred(high**2), 0)))


def _fft() -> Any:
    """scipy.fft, whose transforms keep float32; imported when it is used."""
    from scipy import fft

    return fft


def _means(intervals: Intervals) -> Array:
    """The mean over each interval, as a matrix (count, length)."""
    members = intervals.members[:, intervals.segment_of]
    return members / intervals.lengths[:, None]
