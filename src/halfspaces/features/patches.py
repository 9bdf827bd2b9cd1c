"""Learned patches: the strongest features of a linear classifier before deep networks."""

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.images import resized
from halfspaces.features.pooling_regions import FractionalIntervals, Intervals
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.progress import Bar
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name, check_number, check_numbers

DICTIONARIES = ("kmeans", "random", "gaussian")
ACTIVATIONS = ("threshold", "count", "triangle")
POOLINGS = ("mean", "max", "fractional")
DRAWS = 4  # of fractional regions, at least
CONTRAST = 10  # added to a patch's variance, in squared grey levels: flat patches stay flat
DRAWN, DRAWN_EACH = 100_000, 20  # patches to learn from: at least, and for one of the vocabulary
VISITS = 10  # of k-means to what was drawn
FLAT = 1e-3  # length of a whitened patch that is rounding alone
STEP_BYTES = 1 << 24  # of sums that are pooled at a time
BAND, CHUNK = (
    256,
    256,
)  # positions and patches compared at a time: their similarities fit the second-level cache


class Patches(Feature):
    """Learned patches: how much of each of n patches there is in each part of an image.

    Every patch x of an image, size × size pixels of C channels, is brought to mean 0 and a variance near 1, whitened,
    and brought to length 1:

        x̂ = (x − mean(x)) / √(var(x) + 10)      y = (Λ + smoothing)^(−1/2) Vᵀ x̂      ŷ = y / ‖y‖

    with V Λ Vᵀ the second moment of x̂ in the training images. A vocabulary of n directions v is learned among the ŷ.
    Features are means (or maxima) of ρ(v·ŷ), and others of ρ(−v·ŷ), over the positions of each of grid × grid regions,
    where

    * "threshold": ρ(z) = max(0, z − threshold),
    * "count": ρ(z) = 1 where z > threshold, the share of positions with v among their nearest patches,
    * "triangle": ρ = max(0, mean distance − d): d is the distance ‖ŷ ∓ v‖ from v or −v, the mean that from all of
      them.

    Several thresholds give features for each: a low one tells how much there is that looks like v a little, a high one
    how much is nearly v. They cost little, since similarities are computed once.

    With `mirror`, the vocabulary also holds each patch's mirror image, and what this finds counts at the mirrored
    place: a row is the same for an image and its mirror image. That is all that training on flipped copies could do:
    the loss is convex and does not change when the weights of patches and of their mirror images change places, so that
    they are equal at its minimum. Copies double the examples; this doubles nothing, since similarities with a patch and
    with its mirror image are the sum and the difference of what is symmetric in them and what is skew.

    D = 2 n grid² for each threshold. It takes about 2 N · positions · C size² · n operations.

    Parameters
    ----------
    n : int
        Size of the vocabulary, mirror images not counted.
    size : int
        Side of a patch in pixels.
    dictionary : str
        "kmeans" (spherical k-means, a patch and its negative alike), "random" (patches as they were drawn) or
        "gaussian" (random directions: a random convolution, whose share of positive responses is "count" at threshold
        0).
    activation : str
        ρ: "threshold", "count" or "triangle".
    threshold : float or tuple of floats
        Of similarities, from 0 to 1. Those of random directions have a standard deviation near 1 / (size √C).
        "triangle" has none.
    grid : int
        Regions along each side; neighbours share positions where these cannot be divided evenly.
    pooling : str
        Of the responses in a region: "mean", "max", or "fractional": the largest within regions whose sizes differ by
        a position, drawn for parts of the vocabulary (fractional max-pooling, which has a use where the positions
        cannot be divided evenly).
    power : float
        Features are raised to it: 1/2 makes what is there twice count less than twice.
    stride : int
        Pixels from one patch to the next.
    shrink : float
        Images are made smaller by this factor first (linear interpolation), so that a patch sees more of them.
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
        The whitening V (Λ + smoothing)^(−1/2), for what is symmetric in a patch and for what is skew; without `mirror`
        the first takes all, and the second has no columns.
    patches_ : array, shape (n, C size²)
        The vocabulary, whitened: first what is symmetric, then what is skew.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, images smaller than a patch or with fewer positions than regions, and a
        vocabulary larger than the number of patches in the training images that are not flat.

    References
    ----------
    Coates, Lee and Ng, An analysis of single-layer networks in unsupervised feature learning, 2011,
    https://proceedings.mlr.press/v15/coates11a.html; Coates and Ng, Learning feature representations with k-means,
    2012, https://doi.org/10.1007/978-3-642-35289-8_30; Thiry et al., The unreasonable effectiveness of patches in deep
    convolutional kernels methods, 2021, https://arxiv.org/abs/2101.07528; Graham, Fractional max-pooling, 2014,
    https://arxiv.org/abs/1412.6071

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
        """Mirror images are alike, if so asked and if no column is left over at one end."""
        return frozenset({"flip"} if self.mirror and self.stride == 1 else set())

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Its own: of d numbers of a patch, half are symmetric, and the middle column of an odd size."""
        lines = image_shape[2] * self.size  # of pixels, in all channels
        d, odd = lines * self.size, lines * (self.size // 2) if self.mirror else 0
        own = {"even_": (d, d - odd), "odd_": (d, odd), "patches_": (self.n, d)}
        return {**super().shapes(image_shape, columns), **own}

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """A patch and its negative, in each region, by each threshold."""
        return 2 * self.n * self.grid**2 * len(self._thresholds)

    def _check(self, height: int, width: int) -> None:
        for name in ("n", "size", "grid", "stride"):
            check_number(f"Patches({name}=...)", getattr(self, name), at_least=1, integer=True)
        check_name("Patches(dictionary=...)", self.dictionary, DICTIONARIES)
        check_name("Patches(activation=...)", self.activation, ACTIVATIONS)
        check_name("Patches(pooling=...)", self.pooling, POOLINGS)
        check_numbers("Patches(threshold=...)", self.threshold, at_least=0, below=1)
        check_number("Patches(shrink=...)", self.shrink, at_least=1)
        check_number("Patches(power=...)", self.power, above=0)
        check_number("Patches(smoothing=...)", self.smoothing, above=0)
        images = f"Patches: images of {height} x {width} pixels"
        height, width = self._size(height, width)
        if self.shrink > 1:
            images += f", shrunk to {height} x {width},"
        if self.size > min(height, width):
            patch = f"a patch of {self.size} x {self.size}"
            raise ValueError(
                f"{images} are smaller than {patch}; give a smaller size, or larger images."
            )
        rows, columns = self._positions(height, width)
        if self.grid > min(rows, columns):
            regions = f"{rows} x {columns} positions of a patch, fewer than {self.grid} x {self.grid} regions"
            raise ValueError(f"{images} have {regions}; give a smaller grid, size or stride.")

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """Of the images that patches are cut from."""
        return max(1, round(height / self.shrink)), max(1, round(width / self.shrink))

    def _shrunk(self, planes: Array) -> Array:
        height, width = self._size(*planes.shape[2:])
        return np.ascontiguousarray(resized(planes, (height, width)))

    @property
    def _thresholds(self) -> Array:
        """One where there is none."""
        return np.ravel(self.threshold if self.activation != "triangle" else 0).astype(np.float32)

    def _positions(self, height: int, width: int) -> tuple[int, int]:
        return (height - self.size) // self.stride + 1, (width - self.size) // self.stride + 1

    # ---------------------------------------------------------------------------------------------- learning

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        drawn = self._drawn(self._shrunk(planes), rng)
        channels = planes.shape[1]
        moment = drawn.T @ drawn / np.float32(len(drawn))
        other = _mirror(channels, self.size)
        symmetric = (
            moment + moment[other][:, other]
        ) / 2  # of these patches and their mirror images
        bases = (
            _bases(channels, self.size)
            if self.mirror
            else (np.eye(len(other)), np.zeros((len(other), 0)))
        )
        self.even_, self.odd_ = (
            _whitening(symmetric if self.mirror else moment, basis, self.smoothing)
            for basis in bases
        )
        white = _directions(drawn @ np.concatenate([self.even_, self.odd_], axis=1))
        self.patches_ = self._vocabulary(white, rng)

    def _vocabulary(self, white: Array, rng: np.random.Generator) -> Array:
        """n directions, given those of the patches drawn."""
        if self.dictionary == "gaussian":
            return _directions(rng.standard_normal((self.n, white.shape[1]), np.float32))
        if len(white) < self.n:
            given = f"n={self.n} is larger than the {len(white):,} patches of the training images that are not flat"
            raise ValueError(f"Patches(n=...): {given}; give a smaller n, or more images.")
        start = white[rng.choice(len(white), self.n, replace=False)]
        return start if self.dictionary == "random" else spherical_kmeans(white, start, VISITS)

    def _drawn(self, planes: Array, rng: np.random.Generator) -> Array:
        """Patches (m, d) from anywhere in the images, of mean 0 and a variance near 1."""
        windows = np.lib.stride_tricks.sliding_window_view(
            planes, (self.size, self.size), axis=(2, 3)
        )
        images, _, height, width = windows.shape[:4]
        total = images * height * width
        chosen = rng.choice(
            total, min(total, max(DRAWN, DRAWN_EACH * self.n)), replace=False, shuffle=False
        )
        image, row, column = np.unravel_index(chosen, (images, height, width))
        drawn = windows[image, :, row, column].reshape(len(chosen), -1)
        drawn = drawn - drawn.mean(axis=1, keepdims=True)
        return drawn / np.sqrt(drawn.var(axis=1, keepdims=True) + np.float32(CONTRAST))

    def pictures(self) -> Array:
        """The vocabulary as small images (n, size, size, C), whitening undone: floats around 0, of length 1."""
        unwhitening = np.linalg.pinv(np.concatenate([self.even_, self.odd_], axis=1))
        pictures = _directions(self.patches_ @ unwhitening)
        return pictures.reshape(len(pictures), -1, self.size, self.size).transpose(0, 2, 3, 1)

    # -------------------------------------------------------------------------------------------- describing

    def _describe(self, planes: Array) -> Array:
        planes = self._shrunk(planes)
        chunks = _chunks(self.patches_, DRAWS if self.pooling == "fractional" else 1)
        regions = self._regions(len(chunks), *self._positions(*planes.shape[2:]))
        segments = tuple(
            max(intervals.segments for intervals in axis) for axis in zip(*regions, strict=True)
        )
        sums = *segments, len(chunks), len(self._thresholds), 2, chunks.shape[2]
        step = max(1, STEP_BYTES // (4 * int(np.prod(sums))))
        parts = [
            self._pooled(planes[start : start + step], chunks, regions, sums)
            for start in range(0, len(planes), step)
        ]
        return np.concatenate(parts)

    def _regions(self, chunks: int, rows: int, columns: int) -> list[tuple[Intervals, Intervals]]:
        """Intervals of rows and of columns for each chunk of the vocabulary."""
        if self.pooling != "fractional":
            return [(Intervals(rows, self.grid), Intervals(columns, self.grid))] * chunks
        return [
            (FractionalIntervals(rows, self.grid, u), FractionalIntervals(columns, self.grid, v))
            for u, v in np.random.default_rng(self.random_state).random((chunks, 2)).tolist()
        ]

    def _pooled(
        self,
        planes: Array,
        chunks: Array,
        regions: list[tuple[Intervals, Intervals]],
        shape: tuple[int, ...],
    ) -> Array:
        from halfspaces.features.loops import patches as _patches

        even, largest, sums = (
            self.even_.shape[1],
            self.pooling != "mean",
            np.zeros((len(planes), *shape), np.float32),
        )
        row_segments, column_segments = (
            np.stack([intervals.segment_of for intervals in axis])
            for axis in zip(*regions, strict=True)
        )
        run_compiled(
            _patches.respond,
            *(planes, self.size, self.stride, np.float32(CONTRAST), self.even_, self.odd_),
            *(
                np.ascontiguousarray(chunks[:, :even]),
                np.ascontiguousarray(chunks[:, even:]),
                self.n,
            ),
            *(bool(self.mirror), ACTIVATIONS.index(self.activation), self._thresholds, largest),
            *(row_segments, column_segments),
            max(1, min(BAND // column_segments.shape[1], row_segments.shape[1])),
            sums,
        )
        pooled = np.empty(
            (len(planes), self.grid, self.grid, *sums.shape[4:6], len(chunks), sums.shape[6]),
            np.float32,
        )
        for chunk, (rows, columns) in enumerate(regions):
            down, across = rows.slices, columns.slices
            positions = np.outer(rows.lengths, columns.lengths) * (1 + bool(self.mirror))
            for a, b in np.ndindex(self.grid, self.grid):
                region = sums[:, down[a], across[b], chunk]
                pooled[:, a, b, :, :, chunk] = (
                    region.max(axis=(1, 2))
                    if largest
                    else region.sum(axis=(1, 2)) / positions[a, b]
                )
        pooled = pooled.reshape(*pooled.shape[:5], -1)[..., : self.n]
        return np.power(pooled, np.float32(self.power)).reshape(len(planes), -1)


def spherical_kmeans(rows: Array, start: Array, visits: int) -> Array:
    """Directions such that each row, or minus it, is near one: each moves to the mean of those that are its own."""
    centers = start
    with Bar("Patches", visits * len(rows), "patches learned from") as bar:
        for _ in range(visits):
            sums = centers.copy()  # itself counts as one of its own, so that none is lost
            for begin in range(0, len(rows), 4096):
                block = rows[begin : begin + 4096]
                similarity = block @ centers.T
                nearest = np.argmax(np.abs(similarity), axis=1)
                signs = np.sign(np.take_along_axis(similarity, nearest[:, None], axis=1))
                np.add.at(sums, nearest, signs * block)
                bar.advance(len(block))
            centers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return centers


def _mirror(channels: int, size: int) -> Array:
    """Where the numbers of a patch (channels, size, size) lie in its mirror image."""
    return np.arange(channels * size * size).reshape(channels, size, size)[:, :, ::-1].ravel()


def _bases(channels: int, size: int) -> tuple[Array, Array]:
    """Orthonormal bases of the patches that are their own mirror image, and of those that are minus it."""
    other = _mirror(channels, size)
    identity, here = np.eye(len(other)), np.arange(len(other))
    one, two = identity[:, here < other], identity[:, other[here < other]]
    return np.concatenate([(one + two) / np.sqrt(2), identity[:, here == other]], axis=1), (
        one - two
    ) / np.sqrt(2)


def _whitening(moment: Array, basis: Array, smoothing: float) -> Array:
    """V (Λ + smoothing)^(−1/2) (d, r) of patches within a subspace; V Λ Vᵀ is their second moment there."""
    values, vectors = np.linalg.eigh(basis.T @ moment @ basis)
    return np.ascontiguousarray(
        basis @ (vectors / np.sqrt(np.maximum(values, 0) + smoothing)), dtype=np.float32
    )


def _directions(rows: Array) -> Array:
    """Rows of length 1; those of flat patches are left out."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    kept = lengths[:, 0] > FLAT
    return rows[kept] / lengths[kept]


def _chunks(patches: Array, at_least: int) -> Array:
    """Patches (n, r) in chunks (n / width, r, width), the last filled up with zeros."""
    chunks = min(max(-(-len(patches) // CHUNK), at_least), len(patches))
    width = -(-len(patches) // chunks)
    filled = np.zeros((chunks * width, patches.shape[1]), np.float32)
    filled[: len(patches)] = patches
    return filled.reshape(chunks, width, -1).transpose(0, 2, 1)
