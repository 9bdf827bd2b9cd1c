"""What all features share: checks, blocks, workers, words. A feature of one's own is `_describe`, and no more."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError

from halfspaces.features.images import Images, grey
from halfspaces.support.memory import empty
from halfspaces.support.parallel import available_workers, one_blas_thread, ordered_map
from halfspaces.support.progress import Bar
from halfspaces.support.types import Array

BLOCK_BYTES = 3 << 20  # of planes: they fit a core's share of the cache beside what is made of them
MOST_ROWS = 1024
SAMPLE_BYTES = 1 << 30  # of planes that are learned from


class Feature(TransformerMixin, BaseEstimator, ABC):
    """A transformer from images to rows of numbers.

    Images are (N, H, W, 3) or (N, H, W), uint8 or floats in [0, 1], in memory or mapped; rows are float32 (N, D). They
    are described block by block by all workers. A row depends on its own image alone, and on what was learned.

    A subclass sets its hyperparameters in `__init__`, as they are, `n_jobs` (None: every core) and, where something is
    drawn, `random_state` (an integer) among them, and has

    * `_describe(planes)`: rows (n, D) of planes (n, C, H, W), float32 grey levels from 0 to 255. It runs on several
      threads at once, BLAS on one thread within each: compiled loops (see `halfspaces.features.loops`) or NumPy.
    * `_check(height, width)`: raises for parameters out of range, and for images that are too small.
    * `_learn(planes, rng)`, where something is learned: from at most `learns_from` images, drawn at random. What it
      keeps are arrays whose names end in `_`; these, the parameters and `image_shape_` are all there is to save.
      `shapes` tells their shapes.
    """

    channels: ClassVar[str] = (
        "any"  # what _describe sees: "any" (as they come), "color" (three) or "grey" (one)
    )
    n_jobs: int | None

    # ------------------------------------------------------------------------------------- what a subclass has

    @abstractmethod
    def _describe(self, planes: Array) -> Array:
        """Rows (n, D), float32, of planes (n, C, H, W)."""

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        """Learn from planes (n, C, H, W)."""

    def _check(self, height: int, width: int) -> None:
        """Raise for parameters out of range and for images that are too small."""

    @property
    def learns_from(self) -> int:
        """The most images that it learns from."""
        return 10_000

    @property
    def invariances(self) -> frozenset[str]:
        """What changes no row, of "flip" (left and right), "turn" (by 90°), "brightness" and "contrast": laws."""
        return frozenset()

    # ------------------------------------------------------------------------------------------------- in use

    def fit(self, X: Any, y: Any = None, *, rows: Array | None = None) -> Self:
        """Learn from images, of which a feature that learns looks at a random part; y is not looked at.

        Parameters
        ----------
        X : array, shape (N, H, W, 3) or (N, H, W)
            uint8, or floats in [0, 1].
        rows : array of rising row numbers, optional
            The images to learn from; all unless given. It is `fit(X[rows])` without a copy of them.

        Raises
        ------
        ValueError, TypeError
            One sentence for what are no images, images too small, grey ones where colour is needed, NaN.
        """
        images = Images(X)
        self._check_shape(images.shape)
        rng = np.random.default_rng(getattr(self, "random_state", 0))
        chosen = self._sample(len(images) if rows is None else len(rows), images.shape, rng)
        self._fit_planes(images.planes(chosen if rows is None else rows[chosen]), rng)
        return self

    def transform(self, X: Any, *, out: Array | None = None) -> Array:
        """Rows of images, float32 (N, D).

        Parameters
        ----------
        X : array, shape (N, H, W, 3) or (N, H, W), or Images
            uint8, or floats in [0, 1]; or copies of such (`Augmentation`).
        out : array, shape (N, D), optional
            Written to, and returned: an array of your own, a memory map too. Otherwise large results lie on disk where
            the memory is short (`halfspaces.support.memory.budget`).

        Raises
        ------
        ValueError, TypeError
            As of `fit`, and for images of another size than those it was fitted to.
        """
        images = X if isinstance(X, Images) else Images(X)
        self._check_fitted(images.shape)
        self._check_shape(images.shape)
        rows = self._block_rows(images.shape)
        blocks = [
            slice(start, min(start + rows, len(images))) for start in range(0, len(images), rows)
        ]
        first = self._of_planes(images.planes(blocks[0]))
        shape = len(images), first.shape[1]
        if out is None:
            out = empty(Path(type(self).__name__), shape, np.float32)
        elif out.shape != shape:
            raise ValueError(f"out must have shape {shape}, got {out.shape}.")
        out[blocks[0]] = first
        self._fill(out, images, blocks[1:])
        return out

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """A name for each of the D columns of a fitted feature."""
        word = str(self).partition("(")[0]
        return np.array([f"{word}{column}" for column in range(self._columns())], dtype=object)

    def __str__(self) -> str:
        """Its words, which `halfspaces.features.parse` reads."""
        from halfspaces.features.expressions import words

        return words(self)

    # ------------------------------------------------------------------------------------------ what it holds

    def arrays(self) -> dict[str, Array]:
        """What fitting left behind: with the parameters, all there is to save.

        Those of fitted features, which a feature keeps as `x_` of its parameter `x`, follow after "x_." and, where x is
        a sequence, the number: "parts_.0.mean_".
        """
        return dict(_arrays_of(vars(self).items()))

    def restore(self, arrays: Mapping[str, Array]) -> Self:
        """Take back what `arrays` gave for a feature with these parameters."""
        for name in {name.partition(".")[0] for name in arrays}:
            if name in arrays:
                setattr(self, name, arrays[name])
                continue
            given, inner = self._made_of(name.removesuffix("_")), _within(arrays, name)
            if isinstance(given, Feature):
                setattr(self, name, fresh(given).restore(inner))
            else:
                parts = [
                    fresh(part).restore(_within(inner, str(at))) for at, part in enumerate(given)
                ]
                setattr(self, name, parts)
        return self

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of `arrays`, for images (height, width, channels) that become so many columns.

        `image_shape_` is of int64, a `checksum_` of bytes, all others are finite float32.
        """
        return {"image_shape_": (3,)}

    def columns(self, image_shape: tuple[int, int, int]) -> int | None:
        """How many columns images (height, width, channels) have, where that is known before one is described.

        A model file is held to it before anything runs: needed where small numbers make many columns.
        """
        return None

    # ------------------------------------------------------------------------------------------------ within

    def _made_of(self, name: str) -> Any:
        """The feature, or features, that a parameter names: itself, where None does not stand for one."""
        return getattr(self, name)

    def _fit_planes(self, planes: Array, rng: np.random.Generator) -> None:
        """Fit to planes that were drawn already: those of a mixture serve all of its parts."""
        _, channels, height, width = planes.shape
        self._learn(self._seen(planes), rng)
        self.image_shape_ = np.array([height, width, channels])

    def _of_planes(self, planes: Array) -> Array:
        """Rows of planes in the channels that they come in."""
        return self._describe(self._seen(planes))

    def _seen(self, planes: Array) -> Array:
        return grey(planes) if self.channels == "grey" else planes

    @property
    def _learns(self) -> bool:
        return type(self)._learn is not Feature._learn

    def _sample(self, count: int, shape: tuple[int, int, int], rng: np.random.Generator) -> Array:
        """Which of so many images to learn from, rising."""
        if not self._learns:
            return np.arange(1)
        most = max(1, min(self.learns_from, SAMPLE_BYTES // (4 * int(np.prod(shape)))))
        if count <= most:
            return np.arange(count)
        return np.sort(rng.choice(count, most, replace=False))

    def _block_rows(self, shape: tuple[int, int, int]) -> int:
        """Images of one block, from their shape alone."""
        return max(1, min(MOST_ROWS, BLOCK_BYTES // (4 * int(np.prod(shape)))))

    def _fill(self, out: Array, images: Images, blocks: list[slice]) -> None:
        def describe(rows: slice) -> int:
            out[rows] = self._of_planes(images.planes(rows))
            return rows.stop - rows.start

        with one_blas_thread(), Bar(type(self).__name__, len(images), "images") as bar:
            for count in ordered_map(describe, blocks, available_workers(self.n_jobs)):
                bar.advance(count)

    def _columns(self) -> int:
        if not hasattr(self, "image_shape_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit first.")
        height, width, channels = map(int, self.image_shape_)
        return self._of_planes(np.zeros((1, channels, height, width), np.float32)).shape[1]

    def _check_shape(self, shape: tuple[int, int, int]) -> None:
        height, width, channels = shape
        if self.channels == "color" and channels != 3:
            grey = (
                f"{type(self).__name__} needs colour, got grey images of {height} x {width} pixels"
            )
            raise ValueError(f"{grey}; give images (N, H, W, 3), or leave this feature out.")
        self._check(height, width)

    def _check_fitted(self, shape: tuple[int, int, int]) -> None:
        if not hasattr(self, "image_shape_"):
            if self._learns:
                raise NotFittedError(
                    f"This {type(self).__name__} is not fitted yet; call fit first."
                )
            return
        fitted = tuple(map(int, self.image_shape_))
        if shape != fitted:
            given, known = (" x ".join(map(str, numbers)) for numbers in (shape, fitted))
            remedy = (
                "resize them" if shape[2] == fitted[2] else f"give images of {fitted[2]} channels"
            )
            name = type(self).__name__
            raise ValueError(
                f"This {name} was fitted to images of {known}, got {given}; {remedy}, or fit anew."
            )


class LocalFeature(Feature):
    """Descriptors on a grid of points, flattened; a bag of words counts them instead.

    A subclass has `_local` in place of `_describe`.
    """

    @abstractmethod
    def _local(self, planes: Array) -> Array:
        """Descriptors (n, rows, columns, d), float32, of planes (n, C, H, W)."""

    def _describe(self, planes: Array) -> Array:
        local = self._local(planes)
        return local.reshape(len(local), -1)

    def local(self, X: Any) -> Array:
        """The descriptors of images, float32 (N, points, d), row after row of the grid."""
        images = Images(X)
        self._check_shape(images.shape)
        *_, size = self._local_of_planes(images.planes(slice(0, 1))).shape
        return self.transform(X).reshape(len(images), -1, size)

    def _local_of_planes(self, planes: Array) -> Array:
        """Descriptors of planes in the channels that they come in."""
        return self._local(self._seen(planes))


def fresh(feature: Feature) -> Feature:
    """One of the same parameters, not fitted."""
    copy: Any = clone(feature)
    return copy


def _arrays_of(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Array]]:
    for name, value in named:
        if not name.endswith("_") or name.startswith("_"):
            continue
        if isinstance(value, Feature):
            yield from ((f"{name}.{inner}", array) for inner, array in value.arrays().items())
        elif isinstance(value, list):
            for at, part in enumerate(value):
                yield from (
                    (f"{name}.{at}.{inner}", array) for inner, array in part.arrays().items()
                )
        else:
            yield name, value


def _within(arrays: Mapping[str, Array], name: str) -> dict[str, Array]:
    prefix = f"{name}."
    return {
        inner.removeprefix(prefix): value
        for inner, value in arrays.items()
        if inner.startswith(prefix)
    }
