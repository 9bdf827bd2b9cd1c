"""Bags of visual words: histograms of a learned vocabulary's words over the parts of an image."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from halfspaces.features.base import Feature, LocalFeature, fresh
from halfspaces.features.images import squared
from halfspaces.features.pooling_regions import Pyramid
from halfspaces.features.sift import DenseSIFT
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.names import check_name
from halfspaces.system.threads import ordered_map

ASSIGNMENTS = ("hard", "triangle", "gaussian")  # in the order of the numbers in loops/bag.py
SAMPLE_SIZE = 100_000  # descriptors to learn from, at least
SAMPLES_PER_WORD = 100  # and at least for one word
KMEANS_BATCH = 4096
KMEANS_EPOCHS = 10
PIXELS = 1 << 14  # of the images whose descriptors are computed at a time
BAND = 1 << 18  # similarities computed at a time: 1 MB


class Bag(Feature):
    """The base class of bags of words. A subclass chooses the descriptors."""

    n: int
    levels: tuple[int, ...]
    assignment: str
    width: float
    power: float
    random_state: int
    words_: Array
    variance_: Array
    of_: LocalFeature

    @property
    @abstractmethod
    def _descriptor(self) -> LocalFeature:
        """The descriptor whose vectors are counted."""

    @property
    def channels(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The channels that the descriptor needs."""
        return getattr(self._descriptor, "channels", "any")

    @property
    def learns_from(self) -> int:
        """The largest number of images to learn from: enough for many different points."""
        return 4_000

    @property
    def invariances(self) -> frozenset[str]:
        """Changes that leave the descriptors unchanged, except moves of the points."""
        return self._descriptor.invariances & {"brightness", "contrast"}

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Shapes of its own arrays and of its descriptor's."""
        *_, size = self._descriptor.local_shape(image_shape)
        own = {"words_": (self.n, size), "variance_": ()}
        inner = self._descriptor.shapes(image_shape, columns)
        nested = {f"of_.{name}": shape for name, shape in inner.items()}
        return {**super().shapes(image_shape, columns), **own, **nested}

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """Words in each region of each level."""
        return self.n * sum(level**2 for level in self.levels)

    def _nested(self, option: str) -> Any:
        return self._descriptor if option == "of" else super()._nested(option)

    def _check_shape(self, shape: tuple[int, int, int]) -> None:
        name = type(self).__name__
        self._check_descriptor()
        check_number(f"{name}(n=...)", self.n, at_least=1, integer=True)
        if not isinstance(self.levels, tuple | list) or not self.levels:
            needed = "a tuple of regions along a side, like (1, 2)"
            raise TypeError(f"{name}(levels=...) must be {needed}, got {self.levels!r}.")
        for level in self.levels:
            check_number(f"{name}(levels=...)", level, at_least=1, integer=True)
        check_name(f"{name}(assignment=...)", self.assignment, ASSIGNMENTS)
        check_number(f"{name}(width=...)", self.width, above=0)
        check_number(f"{name}(power=...)", self.power, above=0, below=10)
        super()._check_shape(shape)
        self._descriptor._check_shape(shape)
        rows, columns, _ = self._descriptor.local_shape(shape)
        self._check_regions(rows, columns)

    def _check_descriptor(self) -> None:
        given: Any = self._descriptor
        if isinstance(given, LocalFeature):
            return
        shown = str(given) if isinstance(given, Feature) else repr(given)
        needed = "descriptors at points (sift, raw, ssim or filters)"
        raise TypeError(f"{type(self).__name__}(of=...) must have {needed}, got {shown}.")

    # --------------------------------------------------------------------------------- learning

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        descriptor: Any = fresh(self._descriptor)
        self.of_ = descriptor.set_params(n_jobs=self.n_jobs)
        self.of_._fit_planes(planes, rng)
        _, channels, height, width = planes.shape
        rows, columns, _ = self.of_.local_shape((height, width, channels))
        drawn = self._draw(planes, rows * columns, rng)
        different = len({row.tobytes() for row in drawn})
        if different < self.n:
            there = f"the {different:,} different descriptors in the training images"
            given = f"n={self.n} is larger than {there}"
            name = type(self).__name__
            raise ValueError(f"{name}(n=...): {given}; give a smaller n, or more images.")
        self.words_, self.variance_ = _vocabulary(drawn, self.n, int(rng.integers(2**31)))

    def _draw(self, planes: Array, points: int, rng: np.random.Generator) -> Array:
        """Descriptors (m, d) of points drawn at random from all images."""
        total = len(planes) * points
        most = min(total, max(SAMPLE_SIZE, SAMPLES_PER_WORD * self.n))
        chosen = np.sort(rng.choice(total, most, replace=False, shuffle=False))
        steps = list(_steps(planes))

        def draw_from(images: slice) -> Array:
            first, last = np.searchsorted(chosen, [images.start * points, images.stop * points])
            local = self.of_._local_of_planes(planes[images])
            return local.reshape(-1, local.shape[3])[chosen[first:last] - images.start * points]

        with one_blas_thread():
            found = ordered_map(draw_from, steps, available_workers(self.n_jobs))
            return np.concatenate(list(found))

    # ------------------------------------------------------------------------------- describing

    def _describe(self, planes: Array) -> Array:
        words = np.ascontiguousarray(self.words_.T)
        squares = np.einsum("nd,nd->n", self.words_, self.words_)
        rows = [
            self._histograms(self.of_._local_of_planes(planes[images]), words, squares)
            for images in _steps(planes)
        ]
        return np.power(np.concatenate(rows), np.float32(self.power))

    def _histograms(self, local: Array, words: Array, squares: Array) -> Array:
        """Means (n, D) of the votes over regions, of descriptors (n, rows, columns, d)."""
        from halfspaces.features.loops import bag

        rows, columns = self._pyramids(*local.shape[1:3])
        sums = np.zeros((len(local), rows.segments, columns.segments, len(squares)), np.float32)
        run_compiled(
            bag.count_words,
            np.ascontiguousarray(local).reshape(len(local), -1, local.shape[3]),
            words,
            squares,
            ASSIGNMENTS.index(self.assignment),
            squared(self.width * math.sqrt(self.variance_)),
            rows.segment_of,
            columns.segment_of,
            max(1, BAND // len(squares)),
            sums,
        )
        shares = [
            np.kron(down, across) for down, across in zip(rows.shares, columns.shares, strict=True)
        ]
        sums = sums.reshape(len(local), -1, len(squares))
        return np.matmul(np.concatenate(shares), sums).reshape(len(local), -1)

    def _pyramids(self, rows: int, columns: int) -> tuple[Pyramid, Pyramid]:
        """The regions of a grid of points, along both axes."""
        levels = tuple(self.levels)
        return Pyramid(rows, levels), Pyramid(columns, levels)

    def _check_regions(self, rows: int, columns: int) -> None:
        """Raise for a grid with fewer points than regions."""
        finest = max(self.levels)
        if finest > min(rows, columns):
            there = f"{rows} x {columns} descriptors in an image"
            given = f"{there}, fewer than {finest} x {finest} regions"
            remedy = "give fewer levels, a smaller step, or larger images"
            raise ValueError(f"{type(self).__name__}: {given}; {remedy}.")


class BagOfWords(Bag):
    """Bag of visual words: histograms of the nearest words of descriptors, over a pyramid.

    k-means learns a vocabulary of n words w from descriptors drawn at random. A descriptor x, at
    distances d_k = ‖x − w_k‖, votes for word k with

    * "hard": 1 if it is the nearest, else 0,
    * "triangle": max(0, mean(d) − d_k),
    * "gaussian": exp(−d_k² / (2σ²)) / Σ_j exp(−d_j² / (2σ²)), where σ² is width² times the mean
      squared distance of the drawn descriptors from their nearest word.

    Features are the means of the votes over the descriptors of each region, raised to `power`.
    "hard" and "gaussian" give each region a sum of 1 (L1); with power 1/2 they give it length 1,
    so that inner products are Hellinger's.
    Each level divides the grid of points into level × level regions: (1, 2, 4) is a spatial pyramid
    of three levels.

    D = n Σ level². The cost is about 2 N · points · d · n operations.

    Parameters
    ----------
    of : LocalFeature or None
        The descriptor: `DenseSIFT`, `RawPatches`, `SelfSimilarity`, `FilterBank` or your own.
        None is `DenseSIFT(step=2, root=True)`.
    n : int
        Size of the vocabulary.
    levels : tuple of int
        Regions along a side. Neighbours share points if the grid cannot be divided evenly.
    assignment : str
        "hard", "triangle" or "gaussian".
    width : float
        Width of "gaussian"; smaller values approach "hard".
    power : float, below 10
        1 leaves the histograms unchanged; 1/2 reduces the influence of frequent words.
    random_state : int
    n_jobs : int or None
        Workers; None for every core.

    Attributes
    ----------
    of_ : LocalFeature
        The fitted descriptor.
    words_ : array, shape (n, d)
    variance_ : array, shape ()
        The mean squared distance from the nearest word.

    Raises
    ------
    ValueError, TypeError
        In use: for parameters out of range, an `of` without descriptors at points, images without
        a point or with fewer points than regions, and a vocabulary larger than the number of
        different descriptors.

    References
    ----------
    Csurka et al., Visual categorization with bags of keypoints, 2004; Lazebnik, Schmid and Ponce,
    Beyond bags of features: spatial pyramid matching, 2006, https://doi.org/10.1109/CVPR.2006.68;
    van Gemert et al., Visual word ambiguity, 2010, https://doi.org/10.1109/TPAMI.2009.132

    Examples
    --------
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)
    >>> BagOfWords(n=10, levels=(1, 2)).fit_transform(images).shape
    (20, 50)
    """

    word = "words"

    def __init__(
        self,
        of: LocalFeature | None = None,
        n: int = 256,
        levels: tuple[int, ...] = (1, 2, 4),
        assignment: str = "gaussian",
        width: float = 0.3,
        power: float = 0.5,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.of = of
        self.n = n
        self.levels = levels
        self.assignment = assignment
        self.width = width
        self.power = power
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def _descriptor(self) -> LocalFeature:
        return DenseSIFT(step=2, root=True) if self.of is None else self.of


def _vocabulary(drawn: Array, n: int, seed: int) -> tuple[Array, Array]:
    """Words (n, d), and the mean squared distance of the drawn descriptors from the nearest."""
    from sklearn.cluster import MiniBatchKMeans

    batch = min(KMEANS_BATCH, len(drawn))
    options: dict[str, Any] = {
        "init_size": min(len(drawn), max(3 * n, batch)),
        "max_iter": KMEANS_EPOCHS,
        # Sums depend on the number of threads, so none may decide when it stops.
        "max_no_improvement": None,
        "n_init": 1,
    }
    kmeans: Any = MiniBatchKMeans(n, random_state=seed, batch_size=batch, **options)
    with one_blas_thread():
        words = kmeans.fit(drawn).cluster_centers_.astype(np.float32)
        squares = np.einsum("nd,nd->n", words, words)
        total = 0.0
        for start in range(0, len(drawn), KMEANS_BATCH):
            rows = drawn[start : start + KMEANS_BATCH]
            nearest = (squares - 2 * rows @ words.T).min(axis=1)
            lengths = np.einsum("nd,nd->n", rows, rows)
            total += float(np.sum(nearest + lengths, dtype=np.float64))
    return words, np.array(max(total / len(drawn), 1e-6), np.float32)


def _steps(planes: Array) -> Iterator[slice]:
    """Slices of a few images, whose descriptors take much more memory than the images."""
    count = max(1, PIXELS // (planes.shape[2] * planes.shape[3]))
    return (slice(start, min(start + count, len(planes))) for start in range(0, len(planes), count))
