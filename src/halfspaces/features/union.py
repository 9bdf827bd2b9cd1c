"""Several features of one image, side by side."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from halfspaces.features.base import Feature, fresh
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map


class Mixture(Feature):
    """Parts side by side, each column scaled to mean 0 and variance 1.

    The means and variances are computed on a sample of the training images.

    Parameters
    ----------
    parts : sequence of Feature
        They are cloned, and describe each block of images together; their `n_jobs` are ignored.
    random_state : int
        Seed of the sample.
    n_jobs : int or None
        Workers; None for every core.

    Attributes
    ----------
    parts_ : list of Feature
        Fitted.
    mean_, scale_ : array, shape (D,)

    Raises
    ------
    ValueError, TypeError
        In use, for no parts, for parts that are not features, and all errors of the parts.

    Examples
    --------
    >>> from halfspaces.features import HueHistogram, Pixels
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), np.uint8)
    >>> both = Mixture([HueHistogram(bins=6), Pixels()])
    >>> rows = both.fit_transform(images)
    >>> rows.shape, bool(abs(rows.mean()) < 1e-6), print(both)
    hue(bins=6)+pixels
    ((20, 54), True, None)
    """

    def __init__(
        self, parts: Sequence[Feature] = (), random_state: int = 0, n_jobs: int | None = None
    ) -> None:
        self.parts = parts
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __str__(self) -> str:
        """The expressions of its parts, joined by +."""
        return "+".join(map(str, self.parts))

    @property
    def channels(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Colour, if a part needs it; each part selects its own channels."""
        return "color" if any(part.channels == "color" for part in self.parts) else "any"

    @property
    def learns_from(self) -> int:
        """The largest number of images that a part learns from."""
        return max(part.learns_from for part in self.parts)

    @property
    def image_size(self) -> tuple[int, int] | None:
        """The largest height and width that a part needs to see."""
        sizes = [part.image_size for part in self.parts if part.image_size is not None]
        return (max(size[0] for size in sizes), max(size[1] for size in sizes)) if sizes else None

    def check_installed(self) -> None:
        """Raise ImportError for the first part that lacks a package."""
        for part in self.parts:
            part.check_installed()

    @property
    def stored(self) -> bool:
        """Whether the rows of a part are stored."""
        return any(part.stored for part in self.parts)

    @property
    def invariances(self) -> frozenset[str]:
        """The invariances that all parts share."""
        if not self.parts:
            return frozenset()
        return frozenset.intersection(*(part.invariances for part in self.parts))

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Shapes of its own arrays and of its parts'."""
        own = {"mean_": (columns,), "scale_": (columns,)}
        nested = {
            f"parts_.{position}.{name}": shape
            for position, part in enumerate(self.parts)
            for name, shape in part.shapes(image_shape, columns).items()
        }
        return {**super().shapes(image_shape, columns), **own, **nested}

    def columns(self, image_shape: tuple[int, int, int]) -> int | None:
        """The sum over its parts; None if it is None for one of them."""
        made = [part.columns(image_shape) for part in self.parts]
        known = [count for count in made if count is not None]
        return sum(known) if len(known) == len(made) else None

    def _check_shape(self, shape: tuple[int, int, int]) -> None:
        if not self.parts:
            raise ValueError("Mixture(parts=...) must hold at least one feature, got none.")
        for part in self.parts:
            if not isinstance(part, Feature):
                raise TypeError(f"Mixture(parts=...) must hold features, got {part!r}.")
            part._check_shape(shape)

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        self.parts_ = [fresh(part).set_params(n_jobs=self.n_jobs) for part in self.parts]
        for part in self.parts_:
            count = min(len(planes), part.learns_from)
            sample = np.sort(rng.choice(len(planes), count, replace=False))
            part._fit_planes(planes[sample] if count < len(planes) else planes, rng)
        self.mean_, self.scale_ = self._moments(planes)

    def _moments(self, planes: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of each column; the latter is 1 for constant columns."""
        size = self._block_rows((*planes.shape[2:], planes.shape[1]))
        blocks = [planes[start : start + size] for start in range(0, len(planes), size)]

        def sums(block: Array) -> Array:
            rows = self._joined(block).astype(np.float64)
            return np.stack([rows.sum(axis=0), (rows**2).sum(axis=0)])

        with one_blas_thread():
            totals = ordered_map(sums, blocks, available_workers(self.n_jobs))
            mean, square = reduce(np.add, totals) / len(planes)
        variance = square - mean**2
        scale = np.sqrt(np.where(variance > 1e-10 * square, variance, 1))
        return mean.astype(np.float32), scale.astype(np.float32)

    def _joined(self, planes: Array) -> Array:
        return np.concatenate([part._rows_of_planes(planes) for part in self.parts_], axis=1)

    def _describe(self, planes: Array) -> Array:
        rows = self._joined(planes)
        rows -= self.mean_
        rows /= self.scale_
        return rows

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the parts' columns, with the part's number as a prefix."""
        self._count_columns()
        names = [
            f"{position}_{name}"
            for position, part in enumerate(self.parts_)
            for name in part.get_feature_names_out()
        ]
        return np.array(names, dtype=object)


def learns(feature: Feature, *, standardized: bool) -> bool:
    """Whether the features of an image depend on the images that the feature was fitted to.

    The scales of a mixture do not matter if each fold standardizes its own rows.
    """
    parts = feature.parts if isinstance(feature, Mixture) and standardized else [feature]
    return any(part.learns for part in parts)
