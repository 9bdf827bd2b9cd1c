"""The base classes of features: checks, blocks of images, workers, expressions, saved arrays."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError

from halfspaces.features.images import Images, grey
from halfspaces.features.stored_rows import stored_or_computed
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.memory import empty
from halfspaces.system.progress import Bar
from halfspaces.system.threads import ordered_map

BLOCK_BYTES = 3 << 20  # planes of a block; with the results they fit a core's share of the cache
MOST_ROWS = 1024  # images of a block
FEWEST_STORED = 16  # images whose rows `transform` stores
SAMPLE_BYTES = 1 << 30  # planes that a feature learns from
UNWRITTEN_OPTIONS = ("n_jobs", "cache")  # they change how rows are computed, not the rows


class Feature(TransformerMixin, BaseEstimator, ABC):
    """A transformer from images to rows of numbers.

    Images are (N, H, W, 3) or (N, H, W), uint8 or floats in [0, 1], in memory or memory-mapped.
    Rows are float32 (N, D).
    Workers describe the images block by block.
    A row depends on its own image and on the learned arrays alone.

    A subclass stores its hyperparameters unchanged in `__init__`. One is `n_jobs` (None: every
    core); a feature that draws random numbers also has `random_state` (an integer). It defines

    * `word`: its name in expressions such as "hog(cell=8)+hue".
    * `_describe(planes)`: rows (n, D) of planes (n, C, H, W), float32 grey levels from 0 to 255.
      It runs on several threads at once, each with one BLAS thread: compiled loops (see
      `features/loops/`) or NumPy.
    * `_check(height, width)`: raises for parameters out of range and for images that are too small.
    * `_learn(planes, rng)`, if it learns: from at most `learns_from` images, drawn at random.
      Learned arrays have names that end in `_`. A saved feature consists of these arrays, the
      parameters and `image_shape_`. `shapes` returns the shapes of the arrays.

    To use it in expressions, on the command line and in model files, register it:
    `halfspaces.features.FEATURES[MyFeature.word] = MyFeature`.
    """

    word: ClassVar[str] = ""
    channels: ClassVar[str] = "any"  # that _describe needs: "any", "color" (three) or "grey" (one)
    n_jobs: int | None

    # --------------------------------------------------------------------- defined by a subclass

    @abstractmethod
    def _describe(self, planes: Array) -> Array:
        """Rows (n, D), float32, of planes (n, C, H, W)."""

    def _learn(self, planes: Array, rng: np.random.Generator) -> None:
        """Learn from planes (n, C, H, W)."""

    def _check(self, height: int, width: int) -> None:
        """Raise for parameters out of range and for images that are too small."""

    def check_installed(self) -> None:
        """Raise ImportError if a package that it needs is missing: before images are read."""

    @property
    def learns(self) -> bool:
        """Whether rows depend on the images that it was fitted to."""
        return type(self)._learn is not Feature._learn

    @property
    def learns_from(self) -> int:
        """The largest number of images that it learns from."""
        return 10_000

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the images that it needs to see, None if any size does.

        Image files are decoded at up to this size, unless the user asks for another.
        """
        return None

    @property
    def stored(self) -> bool:
        """Whether `transform` stores rows in the cache folder: for rows that take long."""
        return False

    @property
    def invariances(self) -> frozenset[str]:
        """Changes of an image that leave its row unchanged.

        They are "flip" (left and right), "turn" (by 90°), "brightness" and "contrast".
        """
        return frozenset()

    # ------------------------------------------------------------------------------------ in use

    def fit(self, X: Any, y: Any = None, *, rows: Array | None = None) -> Self:
        """Learn from images; a feature that learns uses a random sample of them. y is ignored.

        Parameters
        ----------
        X : array, shape (N, H, W, 3) or (N, H, W)
            uint8, or floats in [0, 1].
        rows : array of row numbers in ascending order, optional
            The images to learn from; None uses all. Equal to `fit(X[rows])`, without a copy.

        Raises
        ------
        ValueError, TypeError
            One sentence, for arrays that are not images, images that are too small, grey images
            where colour is needed, and NaN.
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
            uint8, or floats in [0, 1]; or copies of images (`Augmentation`).
        out : array, shape (N, D), optional
            Filled and returned; it may be a memory map. None creates an array, on disk if it is
            large compared with the memory (`halfspaces.system.memory.budget`).

        Raises
        ------
        ValueError, TypeError
            As `fit`, and for images of another size than those it was fitted to.
        """
        images = X if isinstance(X, Images) else Images(X)
        self._check_fitted(images.shape)
        self._check_shape(images.shape)
        if out is None and self.stored and type(images) is Images and len(images) >= FEWEST_STORED:
            return self._stored(images)
        size = self._block_rows(images.shape)
        starts = range(0, len(images), size)
        blocks = [slice(start, min(start + size, len(images))) for start in starts]
        columns = self.columns(images.shape)
        if columns is None:
            columns = self._rows_of_planes(images.planes(slice(0, 1))).shape[1]
        shape = (len(images), columns)
        if out is None:
            out = empty(Path(type(self).__name__), shape, np.float32)
        elif out.shape != shape:
            raise ValueError(f"out must have shape {shape}, got {out.shape}.")
        self._fill(out, images, blocks)
        return out

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """A name for each of the D columns of a fitted feature."""
        name = str(self).partition("(")[0]
        return np.array(
            [f"{name}{column}" for column in range(self._count_columns())], dtype=object
        )

    def __str__(self) -> str:
        """Its expression, such as "hog(cell=4)": options with the default value are left out.

        `halfspaces.features.parse` reads it. A class without a word of its own has its name.
        """
        kind = type(self)
        name = vars(kind).get("word") or kind.__name__
        written = []
        for option, default in options_of(kind).items():
            value = getattr(self, option)
            same = value == default and type(value) is type(default)
            if not same and option not in UNWRITTEN_OPTIONS:
                text = str(value) if isinstance(value, Feature) else repr(value)
                written.append(f"{option}={text}")
        return f"{name}({', '.join(written)})" if written else name

    # ----------------------------------------------------------------------------- learned arrays

    def arrays(self) -> dict[str, Array]:
        """The learned arrays; with the parameters they are the whole fitted feature.

        A fitted feature `x_`, made from the parameter `x`, contributes its arrays with the prefix
        "x_."; a list of fitted features, with the position too: "parts_.0.mean_".
        """
        return dict(_arrays_of(vars(self).items()))

    def restore(self, arrays: Mapping[str, Array]) -> Self:
        """Set the learned arrays to those that `arrays` returned for the same parameters."""
        for name in {name.partition(".")[0] for name in arrays}:
            if name in arrays:
                setattr(self, name, arrays[name])
                continue
            given = self._nested(name.removesuffix("_"))
            inner = _arrays_below(arrays, name)
            if isinstance(given, Feature):
                setattr(self, name, fresh(given).restore(inner))
            else:
                parts = [
                    fresh(part).restore(_arrays_below(inner, str(position)))
                    for position, part in enumerate(given)
                ]
                setattr(self, name, parts)
        return self

    def shapes(self, image_shape: tuple[int, int, int], columns: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the learned arrays, given the shape of images and the number D.

        `image_shape` is (height, width, channels).
        `image_shape_` is int64, `checksum_` is uint8, all other arrays are finite float32.
        """
        return {"image_shape_": (3,)}

    def columns(self, image_shape: tuple[int, int, int]) -> int | None:
        """D for images (height, width, channels), or None if it is unknown before a transform.

        It is a formula, which computes no row: loading a model file compares it with the number of
        weights. Where it is None, a black image is described instead.
        """
        return None

    # ---------------------------------------------------------------------------------- internal

    def _nested(self, option: str) -> Any:
        """The feature, or the features, that a parameter contains or that None stands for."""
        return getattr(self, option)

    def _fit_planes(self, planes: Array, rng: np.random.Generator) -> None:
        """Fit to planes that are sampled already; a mixture passes one sample to all its parts."""
        _, channels, height, width = planes.shape
        self._learn(self._needed_channels(planes), rng)
        self.image_shape_ = np.array([height, width, channels])

    def _rows_of_planes(self, planes: Array) -> Array:
        """Rows of planes with the channels of the images."""
        return self._describe(self._needed_channels(planes))

    def _needed_channels(self, planes: Array) -> Array:
        return grey(planes) if self.channels == "grey" else planes

    def _sample(self, count: int, shape: tuple[int, int, int], rng: np.random.Generator) -> Array:
        """The numbers of the images to learn from, of `count`, in ascending order."""
        if not self.learns:
            return np.arange(1)
        most = max(1, min(self.learns_from, SAMPLE_BYTES // (4 * int(np.prod(shape)))))
        if count <= most:
            return np.arange(count)
        return np.sort(rng.choice(count, most, replace=False))

    def _block_rows(self, shape: tuple[int, int, int]) -> int:
        """The number of images of a block; it depends on their shape alone."""
        return max(1, min(MOST_ROWS, BLOCK_BYTES // (4 * int(np.prod(shape)))))

    def _stored(self, images: Images) -> Array:
        fitted = self if hasattr(self, "image_shape_") else fresh(self).fit(images.pixels)
        shape = (len(images), fitted._count_columns())

        def fill(out: Array) -> object:
            return fitted.transform(images, out=out)

        return stored_or_computed(str(self), fitted.arrays(), images.pixels, shape, fill)

    def _fill(self, out: Array, images: Images, blocks: list[slice]) -> None:
        def describe(rows: slice) -> int:
            out[rows] = self._rows_of_planes(images.planes(rows))
            return rows.stop - rows.start

        with one_blas_thread(), Bar(type(self).__name__, len(images), "images") as bar:
            for count in ordered_map(describe, blocks, available_workers(self.n_jobs)):
                bar.advance(count)

    def _count_columns(self) -> int:
        if not hasattr(self, "image_shape_"):
            raise self._not_fitted()
        height, width, channels = map(int, self.image_shape_)
        known = self.columns((height, width, channels))
        if known is not None:
            return known
        return self._rows_of_planes(np.zeros((1, channels, height, width), np.float32)).shape[1]

    def _check_shape(self, shape: tuple[int, int, int]) -> None:
        height, width, channels = shape
        if self.channels == "color" and channels != 3:
            given = f"got grey images of {height} x {width} pixels"
            remedy = "give images (N, H, W, 3), or leave this feature out"
            raise ValueError(f"{type(self).__name__} needs colour, {given}; {remedy}.")
        self._check(height, width)

    def _check_fitted(self, shape: tuple[int, int, int]) -> None:
        if not hasattr(self, "image_shape_"):
            if self.learns:
                raise self._not_fitted()
            return
        fitted = tuple(map(int, self.image_shape_))
        if shape == fitted:
            return
        given = " x ".join(map(str, shape))
        known = " x ".join(map(str, fitted))
        remedy = "resize them"
        if shape[2] != fitted[2]:
            remedy = f"give images of {fitted[2]} channels"
        name = type(self).__name__
        raise ValueError(
            f"This {name} was fitted to images of {known}, got {given}; {remedy}, or fit anew."
        )

    def _not_fitted(self) -> NotFittedError:
        return NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit first.")


class LocalFeature(Feature):
    """Descriptors on a grid of points; a row contains them one after another.

    A bag of words counts the descriptors instead.
    A subclass defines `_local` in place of `_describe`.
    """

    @abstractmethod
    def _local(self, planes: Array) -> Array:
        """Descriptors (n, rows, columns, d), float32, of planes (n, C, H, W)."""

    def local_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Rows and columns of the grid, and d, for images (height, width, channels).

        Override it with a formula: this one describes a black image.
        """
        height, width, channels = image_shape
        black = np.zeros((1, channels, height, width), np.float32)
        rows, columns, size = self._local_of_planes(black).shape[1:]
        return rows, columns, size

    def columns(self, image_shape: tuple[int, int, int]) -> int:
        """The numbers of the descriptors of all points."""
        return math.prod(self.local_shape(image_shape))

    def _describe(self, planes: Array) -> Array:
        local = self._local(planes)
        return local.reshape(len(local), -1)

    def local(self, X: Any) -> Array:
        """The descriptors of images, float32 (N, points, d), row after row of the grid."""
        images = Images(X)
        self._check_shape(images.shape)
        *_, size = self.local_shape(images.shape)
        return self.transform(X).reshape(len(images), -1, size)

    def _local_of_planes(self, planes: Array) -> Array:
        """Descriptors of planes with the channels of the images."""
        return self._local(self._needed_channels(planes))


def fresh(feature: Feature) -> Feature:
    """An unfitted copy with the same parameters."""
    copy: Any = clone(feature)
    return copy


def options_of(kind: type[Feature]) -> dict[str, Any]:
    """Names and default values of a feature's options, in order.

    >>> from halfspaces.features import LBP
    >>> options_of(LBP)
    {'patterns': 'uniform', 'cell': 8, 'n_jobs': None}
    """
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def _arrays_of(attributes: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Array]]:
    for name, value in attributes:
        if not name.endswith("_") or name.startswith("_"):
            continue
        if isinstance(value, Feature):
            for inner, array in value.arrays().items():
                yield f"{name}.{inner}", array
        elif isinstance(value, list):
            for position, part in enumerate(value):
                for inner, array in part.arrays().items():
                    yield f"{name}.{position}.{inner}", array
        else:
            yield name, value


def _arrays_below(arrays: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The arrays whose names begin with `name` and a dot, without this prefix."""
    prefix = f"{name}."
    return {
        inner.removeprefix(prefix): value
        for inner, value in arrays.items()
        if inner.startswith(prefix)
    }
