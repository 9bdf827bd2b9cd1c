"""Bags of visual words: how often each of a learned vocabulary's words is seen in each part of an image."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from halfspaces.features.base import Feature, LocalFeature, fresh
from halfspaces.features.pooling_regions import Pyramid
from halfspaces.features.sift import DenseSIFT
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.parallel import available_workers, one_blas_thread, ordered_map
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name, check_number

ASSIGNMENTS = ("hard", "triangle", "gaussian")
DRAWN, DRAWN_EACH = 100_000, 100  # descriptors to learn from: at least, and for one word
BATCH, VISITS = 4096, 10  # of k-means
PIXELS = 1 << 14  # of the images whose descriptors are made at a time
BAND = 1 << 18  # similarities at a time: 1 MB


class Bag(Feature):
    """What bags of words share. A subclass says which descriptors are counted."""

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
        """Where it looks."""

    @property
    def channels(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the descriptor."""
        return getattr(self._descriptor, "channels", "any")

    @property
    def learns_from(self) -> int:
        """Images: enough for many different points."""
        return 4_000

    @property
    def invariances(self) -> frozenset[str]:
        """What leaves the descriptors as they are leaves the histogram."""
        return self._descriptor.invariances & {"brightness", "contrast"}

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Its own and those of its descriptor."""
        height, width, channels = image_shape
        local = self._descriptor._local_of_planes(
            np.zeros((1, channels, height, width), np.float32)
        )
        inner = {
            f"of_.{name}": shape
            for name, shape in self._descriptor.shapes(image_shape, columns).items()
        }
        return {
            **super().shapes(image_shape, columns),
            "words_": (self.n, local.shape[3]),
            "variance_": (),
            **inner,
        }

    def _nested(self, name: str) -> Any:
        return self._descriptor if name == "of" else super()._nested(name)

    def _check_shape(self, shape: tuple[int, int, int]) -> None:
        name = type(self).__name__
        if not isinstance(self._descriptor, LocalFeature):
            known = "sift, raw, ssim or filters"
            given = (
                self._descriptor
                if isinstance(self._descriptor, Feature)
                else repr(self._descriptor)
            )
            raise TypeError(
                f"{name}(of=...) must have descriptors at points ({known}), got {given}."
            )
        check_number(f"{name}(n=...)", self.n, at_least=1, integer=True)
        if not isinstance(self.levels, tuple | list) or not self.levels:
            raise TypeError(
                f"{name}(levels=...) must be a tuple of regions along a side, like (1, 2), got {self.levels!r}."
            )
        for level in self.levels:
            check_number(f"{name}(levels=...)", level, at_least=1, integer=True)
        check_name(f"{name}(assignment=...)", self.assignment, ASSIGNMENTS)
        check_number(f"{name}(width=...)", self.width, above=0)
        check_number(f"{name}(power=...)", self.power, above=0)
        super()._check_shape(shape)
        self._descriptor._check_shape(shape)

    # ---------------------------------------------------------------------------------------------- learning

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        of: Any = fresh(self._descriptor)
        self.of_ = of.set_params(n_jobs=self.n_jobs)
        self.of_._fit_planes(planes, rng)
        rows, columns, _ = self.of_._local_of_planes(planes[:1]).shape[1:]
        self._pyramids(rows, columns)
        drawn = self._drawn(planes, rows * columns, rng)
        different = len({row.tobytes() for row in drawn})
        if different < self.n:
            given = f"n={self.n} is larger than the {different:,} different descriptors in the training images"
            raise ValueError(
                f"{type(self).__name__}(n=...): {given}; give a smaller n, or more images."
            )
        self.words_, self.variance_ = _vocabulary(drawn, self.n, int(rng.integers(2**31)))

    def _drawn(self, planes: Array, points: int, rng: np.random.Generator) -> Array:
        """Descriptors (m, d) from anywhere in the images."""
        total = len(planes) * points
        most = min(total, max(DRAWN, DRAWN_EACH * self.n))
        chosen = np.sort(rng.choice(total, most, replace=False, shuffle=False))
        steps = list(_steps(planes))

        def some(images: slice) -> Array:
            first, last = np.searchsorted(chosen, [images.start * points, images.stop * points])
            local = self.of_._local_of_planes(planes[images])
            return local.reshape(-1, local.shape[3])[chosen[first:last] - images.start * points]

        with one_blas_thread():
            return np.concatenate(list(ordered_map(some, steps, available_workers(self.n_jobs))))

    # -------------------------------------------------------------------------------------------- describing

    def _describe(self, planes: Array) -> Array:
        words = np.ascontiguousarray(self.words_.T)
        squares = np.einsum("nd,nd->n", self.words_, self.words_)
        rows = [
            self._histograms(self.of_._local_of_planes(planes[images]), words, squares)
            for images in _steps(planes)
        ]
        return np.power(np.concatenate(rows), np.float32(self.power))

    def _histograms(self, local: Array, words: Array, squares: Array) -> Array:
        """Means of the votes (n, D) over regions, of descriptors (n, rows, columns, d)."""
        from halfspaces.features.loops import bag

        rows, columns = self._pyramids(*local.shape[1:3])
        sums = np.zeros((len(local), rows.segments, columns.segments, len(squares)), np.float32)
        run_compiled(
            bag.count_words,
            *(np.ascontiguousarray(local).reshape(len(local), -1, local.shape[3]), words, squares),
            *(
                ASSIGNMENTS.index(self.assignment),
                np.float32(self.width**2 * float(self.variance_)),
            ),
            *(rows.segment_of, columns.segment_of, max(1, BAND // len(squares)), sums),
        )
        shares = [
            np.kron(down, across) for down, across in zip(rows.shares, columns.shares, strict=True)
        ]
        sums = sums.reshape(len(local), -1, len(squares))
        return np.matmul(np.concatenate(shares), sums).reshape(len(local), -1)

    def _pyramids(self, rows: int, columns: int) -> tuple[Pyramid, Pyramid]:
        """Regions of a grid of points."""
        finest = max(self.levels)
        if finest > min(rows, columns):
            given = f"{rows} x {columns} descriptors in an image, fewer than {finest} x {finest} regions"
            raise ValueError(
                f"{type(self).__name__}: {given}; give fewer levels, a smaller step, or larger images."
            )
        levels = tuple(self.levels)
        return Pyramid(rows, levels), Pyramid(columns, levels)


class BagOfWords(Bag):
    """Bag of visual words: histograms of the nearest words of local descriptors, over a pyramid of regions.

    A vocabulary of n words w is learned by k-means from descriptors drawn at random. A descriptor x, at distances
    d_k = ‖x − w_k‖, gives word k

    * "hard": 1 if it is the nearest, else 0,
    * "triangle": max(0, mean(d) − d_k),
    * "gaussian": exp(−d_k² / (2σ²)) / Σ_j exp(−d_j² / (2σ²)), σ² = width² times the mean squared distance of the
      descriptors drawn from their nearest word.

    Features are the means of these over the descriptors of each region, raised to `power`. "hard" and "gaussian" give
    each region a sum of 1 (L1), or with power 1/2 a length of 1, whose products are Hellinger's. Regions are the level
    × level parts of the grid of points for each of the levels: (1, 2, 4) is a spatial pyramid of three.

    D = n Σ level². It takes about 2 N · points · d · n operations.

    Parameters
    ----------
    of : LocalFeature or None
        The descriptor: `DenseSIFT`, `RawPatches`, `SelfSimilarity`, `FilterBank` or one's own. None is
        `DenseSIFT(step=2, root=True)`.
    n : int
        Words.
    levels : tuple of int
        Regions along a side; neighbours share points where these cannot be divided evenly.
    assignment : str
        "hard", "triangle" or "gaussian".
    width : float
        Of "gaussian": the smaller, the harder.
    power : float
        1 leaves the histograms as they are; with 1/2, what is there twice counts less than twice.
    random_state : int
    n_jobs : int or None
        Workers; None for every core.

    Attributes
    ----------
    of_ : LocalFeature
        Fitted.
    words_ : array, shape (n, d)
    variance_ : array, shape ()
        The mean squared distance from the nearest word.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, an `of` without descriptors at points, images without a point or with
        fewer than regions, and a vocabulary larger than the number of different descriptors.

    References
    ----------
    Csurka et al., Visual categorization with bags of keypoints, 2004; Lazebnik, Schmid and Ponce, Beyond bags of
    features: spatial pyramid matching, 2006, https://doi.org/10.1109/CVPR.2006.68; van Gemert et al., Visual word
    ambiguity, 2010, https://doi.org/10.1109/TPAMI.2009.132

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
    """Words (n, d), and the mean squared distance of what was drawn from the nearest."""
    from sklearn.cluster import MiniBatchKMeans

    batch = min(BATCH, len(drawn))
    options: dict[str, Any] = {
        "init_size": min(len(drawn), max(3 * n, batch)),
        "max_iter": VISITS,
        "max_no_improvement": None,  # sums over all rows, by any number of threads, do not decide when it stops
        "n_init": 1,
    }
    kmeans: Any = MiniBatchKMeans(n, random_state=seed, batch_size=batch, **options)
    with one_blas_thread():
        words = kmeans.fit(drawn).cluster_centers_.astype(np.float32)
        squares = np.einsum("nd,nd->n", words, words)
        nearest = 0.0
        for start in range(0, len(drawn), BATCH):
            rows = drawn[start : start + BATCH]
            distances = squares - 2 * rows @ words.T
            nearest += float(
                np.sum(distances.min(axis=1) + np.einsum("nd,nd->n", rows, rows), dtype=np.float64)
            )
    return words, np.array(max(nearest / len(drawn), 1e-6), np.float32)


def _steps(planes: Array) -> Iterator[slice]:
    """Images, some at a time: their descriptors take much more memory than they do."""
    count = max(1, PIXELS // (planes.shape[2] * planes.shape[3]))
    return (slice(start, min(start + count, len(planes))) for start in range(0, len(planes), count))
