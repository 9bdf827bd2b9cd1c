"""Filter banks, and the textons that their responses form."""

from functools import cache

import numpy as np

from halfspaces.features.bag import Bag
from halfspaces.features.base import LocalFeature
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, check_numbers

REACH = 3  # standard deviations
BESIDE = 4  # points, side by side, that share a window: gathered once, multiplied with more filters at a time
WINDOWS = 256  # gathered at a time
WIDE = 4  # scales: within it lies most of a filter, and an image has to have it


class FilterBank(LocalFeature):
    """Responses to derivatives of Gaussians, as descriptors: edges and bars of several directions, and blobs.

    For each scale σ, in pixels, the bank holds the first and the second derivative, across, of a Gaussian that is σ
    wide and 2σ long, in each of the directions, and the Laplacian of one of σ. Filters have a mean of 0 and a sum of
    absolute values of 1. Their responses r at a point, in grey levels, follow Weber's law:

        x = r log(1 + ‖r‖ / floor) / ‖r‖

    Images are mirrored at their edges. With `strongest`, of each scale's edges and bars only the response is kept that
    is largest, by absolute value, among the directions: 3 numbers a scale, the same for a turned image (the maximum
    responses of Varma and Zisserman).

    Parameters
    ----------
    scales : tuple of float
        σ, in pixels.
    orientations : int
        Directions over a half turn.
    strongest : bool
        The strongest direction alone.
    step : int
        From point to point, in pixels.
    floor : float
        In grey levels: responses below it are as good as none.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    Colour images are seen by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images smaller than 4 times the largest scale.

    References
    ----------
    Leung and Malik, Representing and recognizing the visual appearance of materials using three-dimensional textons,
    2001, https://doi.org/10.1023/A:1011126920638; Varma and Zisserman, A statistical approach to texture classification
    from single images, 2005, https://doi.org/10.1007/s11263-005-4635-4

    Examples
    --------
    >>> FilterBank().local(np.zeros((2, 32, 32), np.uint8)).shape
    (2, 256, 26)
    """

    word = "filters"
    channels = "grey"

    def __init__(
        self,
        scales: tuple[float, ...] = (1.0, 2.0),
        orientations: int = 6,
        strongest: bool = False,
        step: int = 2,
        floor: float = 2.0,
        n_jobs: int | None = None,
    ) -> None:
        self.scales = scales
        self.orientations = orientations
        self.strongest = strongest
        self.step = step
        self.floor = floor
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """Filters have a mean of 0."""
        return frozenset({"brightness"})

    def _check(self, height: int, width: int) -> None:
        if not isinstance(self.scales, tuple | list) or not self.scales:
            raise TypeError(
                f"FilterBank(scales=...) must be a tuple of pixels, like (1, 2), got {self.scales!r}."
            )
        check_numbers("FilterBank(scales=...)", self.scales, above=0)
        check_number("FilterBank(orientations=...)", self.orientations, at_least=1, integer=True)
        check_number("FilterBank(step=...)", self.step, at_least=1, integer=True)
        check_number("FilterBank(floor=...)", self.floor, above=0)
        if WIDE * max(self.scales) > min(height, width):
            given = f"images of {height} x {width} pixels are smaller than a filter's {WIDE} x {max(self.scales):g}"
            raise ValueError(f"FilterBank: {given}; give smaller scales, or larger images.")

    def filters(self) -> Array:
        """The bank (scales, 2 orientations + 1, side, side): edges, bars, and a blob."""
        return _bank(tuple(self.scales), self.orientations).copy()

    def _local(self, planes: Array) -> Array:
        bank = self.filters()
        side, (height, width) = bank.shape[-1], planes.shape[2:]
        rows, columns = -(-height // self.step), -(-width // self.step)
        groups = -(-columns // BESIDE)
        filters = self._beside(bank.reshape(-1, side, side))
        edge, more = (
            side // 2,
            (groups * BESIDE - 1) * self.step + 1 - width,
        )  # right of the last point: no point of it
        images = np.pad(planes[:, 0], ((0, 0), (edge, edge), (edge, edge)), mode="symmetric")
        images = np.pad(images, ((0, 0), (0, 0), (0, max(0, more))))
        windows = np.lib.stride_tricks.sliding_window_view(
            images, (side, filters.shape[0] // side), axis=(1, 2)
        )
        windows = windows[:, :: self.step, :: self.step * BESIDE][:, :, :groups]
        found = np.empty((len(planes), rows, groups, filters.shape[1]), np.float32)
        count, some_rows = max(1, WINDOWS // (rows * groups)), max(1, WINDOWS // groups)
        for start in range(0, len(planes), count):
            for top in range(0, rows, some_rows):
                some = slice(start, start + count), slice(top, top + some_rows)
                found[some] = windows[some].reshape(*windows[some].shape[:3], -1) @ filters
        found = found.reshape(len(planes), rows, groups * BESIDE, -1)[:, :, :columns]
        return _weber(self._strongest(found, bank.shape) if self.strongest else found, self.floor)

    def _beside(self, bank: Array) -> Array:
        """The filters (n, side, side) of points side by side, which share a window: (side · its width, points · n)."""
        n, side, _ = bank.shape
        shared = np.zeros((side, side + (BESIDE - 1) * self.step, BESIDE, n), np.float32)
        for point in range(BESIDE):
            shared[:, point * self.step : point * self.step + side, point] = np.moveaxis(bank, 0, 2)
        return shared.reshape(-1, BESIDE * n)

    def _strongest(self, found: Array, shape: tuple[int, ...]) -> Array:
        """Responses (…, scales · 3)."""
        by_scale = found.reshape(*found.shape[:3], shape[0], shape[1])
        oriented = by_scale[..., :-1].reshape(*by_scale.shape[:4], 2, self.orientations)
        largest = np.take_along_axis(
            oriented, np.abs(oriented).argmax(axis=-1)[..., None], axis=-1
        )[..., 0]
        largest[..., 0] = np.abs(largest[..., 0])  # an edge turned half way is minus itself
        return np.concatenate([largest, by_scale[..., -1:]], axis=-1).reshape(*found.shape[:3], -1)


class Textons(Bag):
    """Histograms of textons, the clusters of a filter bank's responses, over the parts of an image.

    A bag of words (`BagOfWords` has the formulas) over a `FilterBank`. D = n Σ level².

    Parameters
    ----------
    n : int
        Textons.
    scales : tuple of float
        Of the bank's filters, in pixels.
    orientations : int
    strongest : bool
        See `FilterBank`.
    step : int
        From point to point, in pixels.
    levels : tuple of int
        Regions along a side.
    assignment : str
        "hard", "triangle" or "gaussian".
    width, power : float
        See `BagOfWords`.
    random_state : int
    n_jobs : int or None
        Workers; None for every core.

    Attributes
    ----------
    of_ : FilterBank
    words_ : array, shape (n, d)
        The textons.
    variance_ : array, shape ()
        The mean squared distance from the nearest.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, images with fewer points than regions, and more textons than different
        responses.

    References
    ----------
    Leung and Malik, Representing and recognizing the visual appearance of materials using three-dimensional textons,
    2001, https://doi.org/10.1023/A:1011126920638

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)
    >>> Textons(n=10, scales=(1,), levels=(2,)).fit_transform(images).shape
    (20, 40)
    """

    word = "textons"

    def __init__(
        self,
        n: int = 128,
        scales: tuple[float, ...] = (1.0, 2.0),
        orientations: int = 6,
        strongest: bool = False,
        step: int = 2,
        levels: tuple[int, ...] = (4,),
        assignment: str = "hard",
        width: float = 0.3,
        power: float = 0.5,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n = n
        self.scales = scales
        self.orientations = orientations
        self.strongest = strongest
        self.step = step
        self.levels = levels
        self.assignment = assignment
        self.width = width
        self.power = power
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def _descriptor(self) -> LocalFeature:
        return FilterBank(self.scales, self.orientations, self.strongest, self.step)


@cache
def _bank(scales: tuple[float, ...], orientations: int) -> Array:
    """The filters of `FilterBank`."""
    reach = int(np.ceil(REACH * 2 * max(scales)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    bank = [
        [
            _across(derivative, sigma, np.pi * turn / orientations, y, x)
            for derivative in (1, 2)
            for turn in range(orientations)
        ]
        + [_balanced(((x**2 + y**2) / sigma**2 - 2) * np.exp(-(x**2 + y**2) / (2 * sigma**2)))]
        for sigma in scales
    ]
    return np.array(bank, np.float32)


def _across(derivative: int, sigma: float, angle: float, y: Array, x: Array) -> Array:
    """The derivative of a Gaussian in a direction, twice as long across it."""
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    polynomial = -u if derivative == 1 else u**2 / sigma**2 - 1
    return _balanced(polynomial * np.exp(-(u**2) / (2 * sigma**2) - v**2 / (8 * sigma**2)))


def _balanced(values: Array) -> Array:
    """Of mean 0, absolute values of sum 1."""
    values = values - values.mean()
    return values / np.abs(values).sum()


def _weber(responses: Array, floor: float) -> Array:
    """Each point's responses, their length ℓ brought to log(1 + ℓ / floor)."""
    lengths = np.sqrt(np.einsum("nrcd,nrcd->nrc", responses, responses))[..., None]
    return responses * (
        np.log1p(lengths / np.float32(floor)) / np.maximum(lengths, np.float32(1e-12))
    )
