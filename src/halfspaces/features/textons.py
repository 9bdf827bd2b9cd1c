"""Filter banks, and the textons that their responses form."""

from functools import cache

import numpy as np

from halfspaces.features.bag import Bag
from halfspaces.features.base import LocalFeature
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, check_numbers

REACH = 3  # standard deviations from the centre of a filter to its edge
# Neighbouring points that share a window: it is gathered once and multiplied with more filters.
POINTS_PER_WINDOW = 4
WINDOWS = 256  # gathered at a time
LEAST_SIDE = 4  # scales: most of a filter lies within this side, which an image must have


class FilterBank(LocalFeature):
    """Responses to derivatives of Gaussians, as descriptors: edges and bars in directions, blobs.

    For each scale σ, in pixels, the bank holds the first and the second derivative, across, of a
    Gaussian of width σ and length 2σ, in each of the directions, and the Laplacian of a Gaussian of
    width σ. Filters have a mean of 0 and a sum of absolute values of 1. Their responses r at a
    point, in grey levels, follow Weber's law:

        x = r log(1 + ‖r‖ / floor) / ‖r‖

    Images are mirrored at their edges. With `strongest`, each scale has 3 responses: the edge and
    the bar of the direction with the largest absolute value, and the blob. They are equal for a
    rotated image (the maximum responses of Varma and Zisserman).

    Parameters
    ----------
    scales : tuple of float
        σ, in pixels.
    orientations : int
        Directions over a half turn.
    strongest : bool
        Whether only the strongest direction is used.
    step : int
        Distance of neighbouring points, in pixels.
    floor : float
        In grey levels: responses below it count little.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    Colour images are described by their luma.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, and images smaller than 4 times the largest scale.

    References
    ----------
    Leung and Malik, Representing and recognizing the visual appearance of materials using
    three-dimensional textons, 2001, https://doi.org/10.1023/A:1011126920638;
    Varma and Zisserman, A statistical approach to texture classification from single images, 2005,
    https://doi.org/10.1007/s11263-005-4635-4

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
        """Invariant to brightness: filters have a mean of 0."""
        return frozenset({"brightness"})

    def _check(self, height: int, width: int) -> None:
        if not isinstance(self.scales, tuple | list) or not self.scales:
            needed = "a tuple of pixels, like (1, 2)"
            raise TypeError(f"FilterBank(scales=...) must be {needed}, got {self.scales!r}.")
        check_numbers("FilterBank(scales=...)", self.scales, above=0)
        check_number("FilterBank(orientations=...)", self.orientations, at_least=1, integer=True)
        check_number("FilterBank(step=...)", self.step, at_least=1, integer=True)
        check_number("FilterBank(floor=...)", self.floor, above=0)
        if LEAST_SIDE * max(self.scales) > min(height, width):
            needed = f"a filter's {LEAST_SIDE} x {max(self.scales):g}"
            given = f"images of {height} x {width} pixels are smaller than {needed}"
            raise ValueError(f"FilterBank: {given}; give smaller scales, or larger images.")

    def local_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """A point every `step` pixels; edges, bars and a blob for each scale."""
        height, width, _ = image_shape
        responses = 3 if self.strongest else 2 * self.orientations + 1
        return -(-height // self.step), -(-width // self.step), len(self.scales) * responses

    def filters(self) -> Array:
        """The bank (scales, 2 orientations + 1, side, side): edges, bars, and a blob."""
        return _bank(tuple(self.scales), self.orientations).copy()

    def _local(self, planes: Array) -> Array:
        bank = self.filters()
        side = bank.shape[-1]
        filters = self._repeated(bank.reshape(-1, side, side))
        height, width = planes.shape[2:]
        rows = -(-height // self.step)
        columns = -(-width // self.step)
        groups = -(-columns // POINTS_PER_WINDOW)  # of points with one window
        windows = self._windows(planes, side, filters.shape[0] // side, groups)
        responses = np.empty((len(planes), rows, groups, filters.shape[1]), np.float32)
        image_step = max(1, WINDOWS // (rows * groups))
        row_step = max(1, WINDOWS // groups)
        for start in range(0, len(planes), image_step):
            for top in range(0, rows, row_step):
                step = (slice(start, start + image_step), slice(top, top + row_step))
                gathered = windows[step]
                responses[step] = gathered.reshape(*gathered.shape[:3], -1) @ filters
        points = groups * POINTS_PER_WINDOW
        responses = responses.reshape(len(planes), rows, points, -1)[:, :, :columns]
        if self.strongest:
            responses = self._strongest(responses, bank.shape)
        return _weber(responses, self.floor)

    def _windows(self, planes: Array, side: int, width: int, groups: int) -> Array:
        """Windows (n, rows, groups, side, width) of images that are mirrored at their edges.

        Right of that, pixels of windows without a point are 0.
        """
        edge = side // 2
        last = (groups * POINTS_PER_WINDOW - 1) * self.step
        beyond = max(0, last + 1 - planes.shape[3])
        images = np.pad(planes[:, 0], ((0, 0), (edge, edge), (edge, edge)), mode="symmetric")
        images = np.pad(images, ((0, 0), (0, 0), (0, beyond)))
        windows = np.lib.stride_tricks.sliding_window_view(images, (side, width), axis=(1, 2))
        return windows[:, :: self.step, :: self.step * POINTS_PER_WINDOW][:, :, :groups]

    def _repeated(self, bank: Array) -> Array:
        """Filters (n, side, side) for neighbouring points that share a window.

        They are a matrix (side · window's width, points · n).
        """
        n, side, _ = bank.shape
        width = side + (POINTS_PER_WINDOW - 1) * self.step
        shared = np.zeros((side, width, POINTS_PER_WINDOW, n), np.float32)
        for point in range(POINTS_PER_WINDOW):
            left = point * self.step
            shared[:, left : left + side, point] = np.moveaxis(bank, 0, 2)
        return shared.reshape(-1, POINTS_PER_WINDOW * n)

    def _strongest(self, responses: Array, shape: tuple[int, ...]) -> Array:
        """Responses (…, scales · 3) of the strongest directions; shape is that of the bank."""
        by_scale = responses.reshape(*responses.shape[:3], shape[0], shape[1])
        oriented = by_scale[..., :-1].reshape(*by_scale.shape[:4], 2, self.orientations)
        strongest = np.abs(oriented).argmax(axis=-1)[..., None]
        largest = np.take_along_axis(oriented, strongest, axis=-1)[..., 0]
        largest[..., 0] = np.abs(largest[..., 0])  # an edge turned by 180° changes its sign
        found = np.concatenate([largest, by_scale[..., -1:]], axis=-1)
        return found.reshape(*responses.shape[:3], -1)


class Textons(Bag):
    """Histograms of textons, the clusters of a filter bank's responses, over parts of an image.

    A bag of words (`BagOfWords` has the formulas) over a `FilterBank`. D = n Σ level².

    Parameters
    ----------
    n : int
        Textons.
    scales : tuple of float
        Scales of the filters, in pixels.
    orientations : int
    strongest : bool
        See `FilterBank`.
    step : int
        Distance of neighbouring points, in pixels.
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
        In use, for parameters out of range, images with fewer points than regions, and more textons
        than different responses.

    References
    ----------
    Leung and Malik, Representing and recognizing the visual appearance of materials using
    three-dimensional textons, 2001, https://doi.org/10.1023/A:1011126920638

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
    angles = [np.pi * turn / orientations for turn in range(orientations)]
    bank = []
    for sigma in scales:
        oriented = [_derivative(order, sigma, angle, y, x) for order in (1, 2) for angle in angles]
        squares = x**2 + y**2
        blob = (squares / sigma**2 - 2) * np.exp(-squares / (2 * sigma**2))
        bank.append([*oriented, _balanced(blob)])
    return np.array(bank, np.float32)


def _derivative(order: int, sigma: float, angle: float, y: Array, x: Array) -> Array:
    """A derivative of a Gaussian in a direction; the Gaussian is twice as long across it."""
    u = x * np.cos(angle) + y * np.sin(angle)
    v = y * np.cos(angle) - x * np.sin(angle)
    polynomial = -u if order == 1 else u**2 / sigma**2 - 1
    return _balanced(polynomial * np.exp(-(u**2) / (2 * sigma**2) - v**2 / (8 * sigma**2)))


def _balanced(values: Array) -> Array:
    """Values shifted to mean 0 and scaled to a sum of absolute values of 1."""
    values = values - values.mean()
    return values / np.abs(values).sum()


def _weber(responses: Array, floor: float) -> Array:
    """The responses of each point, scaled from length ℓ to length log(1 + ℓ / floor)."""
    lengths = np.sqrt(np.einsum("nrcd,nrcd->nrc", responses, responses))[..., None]
    logarithms = np.log1p(lengths / np.float32(max(floor, 1e-30)))
    return responses * (logarithms / np.maximum(lengths, np.float32(1e-12)))
