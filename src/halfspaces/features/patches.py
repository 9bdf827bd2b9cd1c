"""Learned patches: the strongest features of a linear classifier before deep networks."""

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.images import resized
from halfspaces.features.pooling_regions import FractionalIntervals, Intervals
from halfspaces.features.spherical_kmeans import spherical_kmeans
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, check_numbers
from halfspaces.system.names import check_name

DICTIONARIES = ("kmeans", "random", "gaussian")
ACTIVATIONS = ("threshold", "count", "triangle")  # in the order of the numbers in loops/patches.py
POOLINGS = ("mean", "max", "fractional")
LEAST_CHUNKS = 4  # of the vocabulary, each with fractional regions of its own
CONTRAST = 10  # added to a patch's variance, in squared grey levels: flat patches stay flat
SAMPLE_SIZE = 100_000  # patches to learn from, at least
SAMPLES_PER_PATCH = 20  # and at least for one patch of the vocabulary
KMEANS_EPOCHS = 10
FLAT = 1e-3  # length of a whitened patch that is only rounding error
STEP_BYTES = 1 << 24  # of sums that are pooled at a time
# Positions and patches compared at a time: their similarities fit the second-level cache.
BAND = 256
CHUNK = 256

Regions = list[tuple[Intervals, Intervals]]  # rows and columns, for each chunk of the vocabulary


class Patches(Feature):
    """Learned patches: responses to each of n patches, pooled over each part of an image.

    Every patch x of an image, size × size pixels of C channels, is shifted to mean 0 and scaled to
    a variance near 1, whitened, and scaled to length 1:

        x̂ = (x − mean(x)) / √(var(x) + 10)      y = (Λ + smoothing)^(−1/2) Vᵀ x̂      ŷ = y / ‖y‖

    with V Λ Vᵀ the second moment of x̂ in the training images. A vocabulary of n directions v is
    learned from the ŷ. Features are means (or maxima) of ρ(v·ŷ), and others of ρ(−v·ŷ), over the
    positions of each of grid × grid regions, where

    * "threshold": ρ(z) = max(0, z − threshold),
    * "count": ρ(z) = 1 where z > threshold,
    * "triangle": ρ = max(0, mean distance − d): d is the distance ‖ŷ ∓ v‖ from v or −v, the mean is
      over the distances from all of them.

    Several thresholds give features for each: a low one measures weak similarity to v, a high one
    near equality. They cost little, since similarities are computed once.

    With `mirror`, the vocabulary also holds each patch's mirror image, whose responses are added at
    the mirrored position: an image and its mirror image have the same row. Training on flipped
    copies could do no more: the loss is convex and does not change when the weights of patches and
    of their mirror images are exchanged, so that they are equal at its minimum. Copies double the
    number of examples. `mirror` does not: similarities with a patch and with its mirror image are
    the sum and the difference of the symmetric and the skew part.

    D = 2 n grid² for each threshold. The cost is about 2 N · positions · C size² · n operations.

    Parameters
    ----------
    n : int
        Size of the vocabulary, without mirror images.
    size : int
        Side of a patch in pixels.
    dictionary : str
        "kmeans" (spherical k-means, where a patch and its negative are equal), "random" (sampled
        patches) or "gaussian" (random directions: a random convolution, whose share of positive
        responses is "count" at threshold 0).
    activation : str
        ρ: "threshold", "count" or "triangle".
    threshold : float or tuple of floats
        Of similarities, from 0 to 1. Those of random directions have a standard deviation near
        1 / (size √C). "triangle" has no threshold.
    grid : int
        Regions along each side; neighbours share positions if these cannot be divided evenly.
    pooling : str
        Of the responses in a region: "mean", "max", or "fractional": the maxima over regions whose
        sizes differ by one position, drawn for each chunk of the vocabulary (fractional
        max-pooling; useful where the positions cannot be divided evenly).
    power : float, below 10
        Features are raised to it: 1/2 reduces the influence of frequent patches.
    stride : int
        Pixels from one patch to the next.
    shrink : float
        Images are first reduced by this factor (linear interpolation), so that a patch covers more
        of them.
    mirror : bool
        For images that may be flipped left and right. Not for text.
    smoothing : float
        Added to the variances Λ before whitening.
    random_state : int
    n_jobs : int or None
        Workers; None for every core.

    Attributes
    ----------
    even_, odd_ : array, shape (C size², r)
        The whitening V (Λ + smoothing)^(−1/2) of the symmetric and of the skew part of a patch;
        without `mirror` the first is of the whole patch, and the second has no columns.
    patches_ : array, shape (n, C size²)
        The whitened vocabulary: first the symmetric coordinates, then the skew ones.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, images smaller than a patch or with fewer positions
        than regions, and a vocabulary larger than the number of patches in the training images that
        are not flat.

    References
    ----------
    Coates, Lee and Ng, An analysis of single-layer networks in unsupervised feature learning, 2011,
    https://proceedings.mlr.press/v15/coates11a.html;
    Coates and Ng, Learning feature representations with k-means, 2012,
    https://doi.org/10.1007/978-3-642-35289-8_30;
    Thiry et al., The unreasonable effectiveness of patches in deep convolutional kernels methods,
    2021, https://arxiv.org/abs/2101.07528;
    Graham, Fractional max-pooling, 2014, https://arxiv.org/abs/1412.6071

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), np.uint8)
    >>> rows = Patches(n=10, size=3).fit_transform(images)
    >>> rows.shape
    (50, 360)
    """

    word = "patches"

    def __init__(
        self,
        n: int = 1024,
        size: int = 6,
        dictionary: str = "kmeans",
        activation: str = "threshold",
        threshold: float | tuple[float, ...] = (0.07, 0.3),
        grid: int = 3,
        pooling: str = "mean",
        power: float = 0.5,
        stride: int = 1,
        shrink: float = 1,
        mirror: bool = True,
        smoothing: float = 0.1,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.n = n
        self.size = size
        self.dictionary = dictionary
        self.activation = activation
        self.threshold = threshold
        self.grid = grid
        self.pooling = pooling
        self.power = power
        self.stride = stride
        self.shrink = shrink
        self.mirror = mirror
        self.smoothing = smoothing
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """Invariant to flips with `mirror`, unless columns are left over at one end."""
        return frozenset({"flip"} if self.mirror and self.stride == 1 else set())

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Shapes of its arrays; the middle column of an odd size is symmetric."""
        lines = image_shape[2] * self.size  # of pixels, in all channels
        d = lines * self.size
        skew = lines * (self.size // 2) if self.mirror else 0
        own = {"even_": (d, d - skew), "odd_": (d, skew), "patches_": (self.n, d)}
        return {**super().shapes(image_shape, columns), **own}

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Patches and their negatives, in each region, for each threshold."""
        return 2 * self.n * self.grid**2 * len(self._thresholds)

    def _check(self, height: int, width: int) -> None:
        for name in ("n", "size", "grid", "stride"):
            check_number(f"Patches({name}=...)", getattr(self, name), at_least=1, integer=True)
        check_name("Patches(dictionary=...)", self.dictionary, DICTIONARIES)
        check_name("Patches(activation=...)", self.activation, ACTIVATIONS)
        check_name("Patches(pooling=...)", self.pooling, POOLINGS)
        check_numbers("Patches(threshold=...)", self.threshold, at_least=0, below=1)
        check_number("Patches(shrink=...)", self.shrink, at_least=1)
        check_number("Patches(power=...)", self.power, above=0, below=10)
        check_number("Patches(smoothing=...)", self.smoothing, above=0)
        self._check_size(height, width)

    def _check_size(self, height: int, width: int) -> None:
        images = f"Patches: images of {height} x {width} pixels"
        height, width = self._shrunk_size(height, width)
        if self.shrink > 1:
            images += f", shrunk to {height} x {width},"
        size = self.size
        if size > min(height, width):
            given = f"{images} are smaller than a patch of {size} x {size}"
            raise ValueError(f"{given}; give a smaller size, or larger images.")
        rows, columns = self._positions(height, width)
        if self.grid > min(rows, columns):
            regions = f"{self.grid} x {self.grid} regions"
            given = f"{images} have {rows} x {columns} positions of a patch, fewer than {regions}"
            raise ValueError(f"{given}; give a smaller grid, size or stride.")

    def _shrunk_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the images that patches are cut from."""
        return max(1, round(height / self.shrink)), max(1, round(width / self.shrink))

    def _shrunk(self, planes: Array) -> Array:
        height, width = self._shrunk_size(*planes.shape[2:])
        return np.ascontiguousarray(resized(planes, (height, width)))

    @property
    def _thresholds(self) -> Array:
        """The thresholds; one 0 for "triangle"."""
        return np.ravel(self.threshold if self.activation != "triangle" else 0).astype(np.float32)

    def _positions(self, height: int, width: int) -> tuple[int, int]:
        return (height - self.size) // self.stride + 1, (width - self.size) // self.stride + 1

    # --------------------------------------------------------------------------------- learning

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        drawn = self._draw(self._shrunk(planes), rng)
        channels = planes.shape[1]
        moment = drawn.T @ drawn / np.float32(len(drawn))
        if self.mirror:
            other = _mirror(channels, self.size)
            moment = (moment + moment[other][:, other]) / 2  # of patches and their mirror images
            even, odd = _bases(channels, self.size)
        else:
            even = np.eye(len(moment))
            odd = np.zeros((len(moment), 0))
        self.even_ = _whitening(moment, even, self.smoothing)
        self.odd_ = _whitening(moment, odd, self.smoothing)
        white = _directions(drawn @ np.concatenate([self.even_, self.odd_], axis=1))
        self.patches_ = self._vocabulary(white, rng)

    def _vocabulary(self, white: Array, rng: np.random.Generator) -> Array:
        """n directions, from the directions of the sampled patches."""
        if self.dictionary == "gaussian":
            return _directions(rng.standard_normal((self.n, white.shape[1]), np.float32))
        if len(white) < self.n:
            there = f"the {len(white):,} patches of the training images that are not flat"
            given = f"n={self.n} is larger than {there}"
            raise ValueError(f"Patches(n=...): {given}; give a smaller n, or more images.")
        start = white[rng.choice(len(white), self.n, replace=False)]
        return (
            start if self.dictionary == "random" else spherical_kmeans(white, start, KMEANS_EPOCHS)
        )

    def _draw(self, planes: Array, rng: np.random.Generator) -> Array:
        """Patches (m, d) from random positions, of mean 0 and a variance near 1."""
        side = (self.size, self.size)
        windows = np.lib.stride_tricks.sliding_window_view(planes, side, axis=(2, 3))
        images, _, height, width = windows.shape[:4]
        total = images * height * width
        count = min(total, max(SAMPLE_SIZE, SAMPLES_PER_PATCH * self.n))
        chosen = rng.choice(total, count, replace=False, shuffle=False)
        image, row, column = np.unravel_index(chosen, (images, height, width))
        drawn = windows[image, :, row, column].reshape(len(chosen), -1)
        drawn = drawn - drawn.mean(axis=1, keepdims=True)
        return drawn / np.sqrt(drawn.var(axis=1, keepdims=True) + np.float32(CONTRAST))

    def pictures(self) -> Array:
        """The vocabulary without whitening, as images (n, size, size, C): floats of length 1."""
        unwhitening = np.linalg.pinv(np.concatenate([self.even_, self.odd_], axis=1))
        pictures = _directions(self.patches_ @ unwhitening)
        return pictures.reshape(len(pictures), -1, self.size, self.size).transpose(0, 2, 3, 1)

    # ------------------------------------------------------------------------------- describing

    def _describe(self, planes: Array) -> Array:
        planes = self._shrunk(planes)
        chunks = _chunks(self.patches_, LEAST_CHUNKS if self.pooling == "fractional" else 1)
        regions = self._regions(len(chunks), *self._positions(*planes.shape[2:]))
        segments = [
            max(intervals.segments for intervals in axis) for axis in zip(*regions, strict=True)
        ]
        shape = (*segments, len(chunks), len(self._thresholds), 2, chunks.shape[2])
        step = max(1, STEP_BYTES // (4 * int(np.prod(shape))))
        rows = []
        for start in range(0, len(planes), step):
            images = planes[start : start + step]
            rows.append(self._pooled(self._sums(images, chunks, regions, shape), regions))
        return np.concatenate(rows)

    def _regions(self, chunks: int, rows: int, columns: int) -> Regions:
        """Intervals of rows and of columns for each chunk of the vocabulary."""
        if self.pooling != "fractional":
            return [(Intervals(rows, self.grid), Intervals(columns, self.grid))] * chunks
        return [
            (FractionalIntervals(rows, self.grid, u), FractionalIntervals(columns, self.grid, v))
            for u, v in np.random.default_rng(self.random_state).random((chunks, 2)).tolist()
        ]

    def _sums(
        self, planes: Array, chunks: Array, regions: Regions, shape: tuple[int, ...]
    ) -> Array:
        """Sums or maxima (n, *shape) of responses over segments of the grid of positions."""
        from halfspaces.features.loops import patches

        even = self.even_.shape[1]
        rows, columns = zip(*regions, strict=True)
        row_segments = np.stack([intervals.segment_of for intervals in rows])
        column_segments = np.stack([intervals.segment_of for intervals in columns])
        sums = np.zeros((len(planes), *shape), np.float32)
        run_compiled(
            patches.respond,
            planes,
            self.size,
            self.stride,
            np.float32(CONTRAST),
            self.even_,
            self.odd_,
            np.ascontiguousarray(chunks[:, :even]),
            np.ascontiguousarray(chunks[:, even:]),
            self.n,
            bool(self.mirror),
            ACTIVATIONS.index(self.activation),
            self._thresholds,
            self.pooling != "mean",
            row_segments,
            column_segments,
            max(1, min(BAND // column_segments.shape[1], row_segments.shape[1])),
            sums,
        )
        return sums

    def _pooled(self, sums: Array, regions: Regions) -> Array:
        """Rows (n, D): means or maxima over regions, raised to `power`."""
        *_, chunks, thresholds, signs, width = sums.shape
        shape = (len(sums), self.grid, self.grid, thresholds, signs, chunks, width)
        pooled = np.empty(shape, np.float32)
        for chunk, (rows, columns) in enumerate(regions):
            down = rows.slices
            across = columns.slices
            positions = np.outer(rows.lengths, columns.lengths) * (1 + bool(self.mirror))
            for a, b in np.ndindex(self.grid, self.grid):
                region = sums[:, down[a], across[b], chunk]
                if self.pooling == "mean":
                    pooled[:, a, b, :, :, chunk] = region.sum(axis=(1, 2)) / positions[a, b]
                else:
                    pooled[:, a, b, :, :, chunk] = region.max(axis=(1, 2))
        pooled = pooled.reshape(*pooled.shape[:5], -1)[..., : self.n]
        return np.power(pooled, np.float32(self.power)).reshape(len(sums), -1)


def _mirror(channels: int, size: int) -> Array:
    """The positions of a patch's numbers (channels, size, size) in its mirror image."""
    return np.arange(channels * size * size).reshape(channels, size, size)[:, :, ::-1].ravel()


def _bases(channels: int, size: int) -> tuple[Array, Array]:
    """Orthonormal bases of the symmetric patches and of the skew ones."""
    other = _mirror(channels, size)
    identity = np.eye(len(other))
    here = np.arange(len(other))
    one = identity[:, here < other]
    two = identity[:, other[here < other]]
    even = np.concatenate([(one + two) / np.sqrt(2), identity[:, here == other]], axis=1)
    return even, (one - two) / np.sqrt(2)


def _whitening(moment: Array, basis: Array, smoothing: float) -> Array:
    """V (Λ + smoothing)^(−1/2) (d, r); V Λ Vᵀ is the second moment within the basis' subspace."""
    values, vectors = np.linalg.eigh(basis.T @ moment @ basis)
    scaled = vectors / np.sqrt(np.maximum(values, 0) + smoothing)
    return np.ascontiguousarray(basis @ scaled, dtype=np.float32)


def _directions(rows: Array) -> Array:
    """Rows scaled to length 1, without those of flat patches."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    textured = lengths[:, 0] > FLAT
    return rows[textured] / lengths[textured]


def _chunks(patches: Array, at_least: int) -> Array:
    """Patches (n, r) in chunks (n / width, r, width), the last filled up with zeros."""
    chunks = min(max(-(-len(patches) // CHUNK), at_least), len(patches))
    width = -(-len(patches) // chunks)
    filled = np.zeros((chunks * width, patches.shape[1]), np.float32)
    filled[: len(patches)] = patches
    return filled.reshape(chunks, width, -1).transpose(0, 2, 1)
