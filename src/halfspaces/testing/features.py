"""The laws of features."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from halfspaces.features import FEATURES, Feature, LocalFeature, parse
from halfspaces.features.base import fresh
from halfspaces.features.serialization import kept, parts_of, restored
from halfspaces.support.types import Array
from halfspaces.testing.tolerance import rounding
from halfspaces.testing.words import Law, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

COUNT = 24
CHANGES: dict[
    str, Callable[[Array], Array]
] = {  # of images (N, S, S, C), even grey levels from 40 to 200
    "flip": lambda images: images[:, :, ::-1],
    "turn": lambda images: images.swapaxes(1, 2)[:, ::-1],
    "brightness": lambda images: images + np.uint8(55),
    "contrast": lambda images: images // np.uint8(2),
}


def _images(feature: Feature, size: tuple[int, int], seed: int) -> Array:
    """Smooth, noisy and flat images (N, H, W, 3), or (N, H, W) for "grey"; even levels from 40 to 200."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    waves = rng.uniform(-0.7, 0.7, (COUNT, 3, 2))
    phase = np.einsum("nck,kyx->nyxc", waves, np.stack([y, x])) + rng.uniform(
        0, 6, (COUNT, 1, 1, 3)
    )
    levels = (
        120
        + 60 * np.sin(phase)
        + rng.uniform(0, 20, (COUNT, 1, 1, 1)) * rng.standard_normal(phase.shape)
    )
    images = (2 * np.round(np.clip(levels, 40, 200) / 2)).astype(np.uint8)
    images[1] = 40
    images[2] = 200
    return images[..., 0] if feature.channels == "grey" else images


def _fitted(feature: Feature, images: Array, **parameters: Any) -> Feature:
    return fresh(feature).set_params(**parameters).fit(images)


def _same_bits(found: Array, expected: Array, what: str) -> None:
    require(
        found.dtype == expected.dtype,
        f"{what} is of type {found.dtype} instead of {expected.dtype}.",
    )
    require(np.array_equal(found, expected), f"{what} does not have the same bits.")


@_law
def law_rows(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Rows are float32 (N, D) in C order, finite even for flat images, with a name for each column; `out` is filled."""
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    rows: Any = fitted.transform(images)
    require(
        isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows) == COUNT,
        "it does not give N rows.",
    )
    require(
        rows.dtype == np.float32 and rows.flags.c_contiguous,
        f"rows are {rows.dtype}, not float32 in C order.",
    )
    require(np.isfinite(rows).all(), "a row is not finite.")
    known = feature.columns(tuple(map(int, fitted.image_shape_)))  # pyright: ignore[reportArgumentType]
    require(
        known in (None, rows.shape[1]),
        f"it gives {rows.shape[1]} columns where it tells of {known}.",
    )
    names = fitted.get_feature_names_out()
    require(
        len(set(names)) == rows.shape[1], f"{rows.shape[1]} columns have {len(set(names))} names."
    )
    out = np.full_like(rows, 7)
    require(fitted.transform(images, out=out) is out, "out is not returned.")
    _same_bits(out, rows, "out")


@_law
def law_workers(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Any number of workers, and every call, gives the same bits."""
    images = np.concatenate([_images(feature, size, seed + part) for part in range(4)])
    alone = _fitted(feature, images, n_jobs=1)
    _in_blocks_of(alone, 7)
    rows = alone.transform(images)
    _same_bits(alone.transform(images), rows, "a second call")
    for workers in (2, 3):
        many = _fitted(feature, images, n_jobs=workers)
        _in_blocks_of(many, 7)
        _same_bits(many.transform(images), rows, f"with {workers} workers, a row")


@_law
def law_row_by_row(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """A row depends on its own image alone: not on its neighbours, their order, or how many are described together."""
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    rows = fitted.transform(images)
    order, close = (
        np.random.default_rng(seed).permutation(COUNT),
        rounding(images[0].size, np.float32),
    )
    same(fitted.transform(images[order]), rows[order], "in another order, row", close)
    for together in (1, 5):
        _in_blocks_of(fitted, together)
        same(fitted.transform(images), rows, f"in blocks of {together}, row", close)


@_law
def law_memory(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """uint8 equals floats, of whatever type, divided by 255; where images lie, and in which order, does not matter."""
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    rows = fitted.transform(images)
    for dtype in (np.float32, np.float64):
        _same_bits(
            fitted.transform((images / 255).astype(dtype)), rows, f"{np.dtype(dtype)}, a row"
        )
    planes = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, -1, 1)), 1, -1)
    planes.flags.writeable = False
    _same_bits(fitted.transform(planes), rows, "of planes, a row")
    _same_bits(
        fitted.transform(np.repeat(images, 2, axis=0)[::2]), rows, "of every second image, a row"
    )


@_law
def law_channels(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Grey images are refused by what needs colour; (N, H, W) is (N, H, W, 1), and luma is what "grey" looks at."""
    images = _images(feature, size, seed)
    if feature.channels == "color":
        _refuses(feature, images[..., 0], "grey")
        return
    grey = images if images.ndim == 3 else images[..., 0]
    rows = _fitted(feature, grey).transform(grey)
    _same_bits(
        _fitted(feature, grey[..., None]).transform(grey[..., None]), rows, "of (N, H, W, 1), a row"
    )
    if feature.channels == "grey":
        three = np.repeat(grey[..., None], 3, axis=3)
        same(_fitted(feature, three).transform(three), rows, "of three equal channels, row", 1e-3)


@_law
def law_refusals(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """NaN, floats beyond [0, 1], other types, other shapes and another size are refused in one sentence."""
    images = _images(feature, size, seed)
    floats = images / np.float32(255)
    for bad, word in ((np.nan, "NaN"), (2.0, "divide by 255"), (-0.5, "0, 1")):
        floats[3].flat[5] = bad
        _refuses(feature, floats, word)
    _refuses(feature, images.astype(np.int64), "uint8")
    _refuses(feature, images.reshape(COUNT, -1), "shape")
    _refuses(feature, images[:0], "at least one")
    _refuses(_fitted(feature, images), np.repeat(images, 2, axis=1), "fitted to", fit=False)


@_law
def law_state(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Parameters are kept as given; what is learned lies in arrays, the same each time, and comes back from them."""
    images = _images(feature, size, seed)
    parameters, copy = feature.get_params(deep=False), fresh(feature)
    fitted = _fitted(feature, images)
    require(set(parameters) == set(copy.get_params(deep=False)), "a clone has other parameters.")
    arrays = fitted.arrays()
    require(
        all(isinstance(array, np.ndarray) for array in arrays.values()),
        "it keeps what is no array.",
    )
    known = {name.partition(".")[0] for name in arrays}
    strange = {
        name for name in set(vars(fitted)) - known - set(parameters) if not name.startswith("__")
    }
    require(not strange, f"beside parameters and arrays it keeps {', '.join(sorted(strange))}.")
    height, width, channels = map(int, fitted.image_shape_)
    shapes = fitted.shapes((height, width, channels), fitted.transform(images[:1]).shape[1])
    require(
        {name: array.shape for name, array in arrays.items()} == shapes,
        "its arrays are not as `shapes` tells.",
    )
    again = _fitted(feature, images).arrays()
    require(again.keys() == arrays.keys(), "fitted a second time, it keeps other arrays.")
    for name, array in arrays.items():
        _same_bits(again[name], array, f"fitted a second time, {name}")
    rows = fitted.transform(images)
    _same_bits(copy.restore(arrays).transform(images), rows, "restored, a row")
    _same_bits(pickle.loads(pickle.dumps(fitted)).transform(images), rows, "pickled, a row")


@_law
def law_words(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """What its words name is the feature again."""
    if type(feature) in FEATURES.values():
        words = str(feature)
        read = parse(words)
        require(
            type(read) is type(feature) and str(read) == words,
            f"its words {words!r} are read as {read!r}.",
        )
        images = _images(feature, size, seed)
        expected = _fitted(feature, images).transform(images)
        _same_bits(read.fit(images).transform(images), expected, f"of what {words!r} names, a row")


@_law
def law_kept(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Where words name it, what a model file keeps of it is all of it."""
    if all(type(part) in FEATURES.values() for part in parts_of(feature)):
        images = _images(feature, size, seed)
        fitted = _fitted(feature, images)
        rows = fitted.transform(images)
        words, arrays = kept(fitted)
        _same_bits(
            restored(words, arrays, rows.shape[1]).transform(images),
            rows,
            f"kept as {words!r}, a row",
        )


@_law
def law_invariances(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """What it says changes no row does not."""
    side = min(size)
    images = _images(feature, (side, side), seed)
    fitted = _fitted(feature, images)
    rows = fitted.transform(images)
    unknown = feature.invariances - set(CHANGES)
    require(not unknown, f"its invariances {sorted(unknown)} are none of {sorted(CHANGES)}.")
    for name in sorted(feature.invariances):
        changed = np.ascontiguousarray(CHANGES[name](images))
        same(fitted.transform(changed), rows, f"after a change of {name}, row", 1e-4)


@_law
def law_local(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Descriptors on a grid are its rows, cut into points."""
    if isinstance(feature, LocalFeature):
        images = _images(feature, size, seed)
        fitted: Any = _fitted(feature, images)
        local = fitted.local(images)
        require(
            local.ndim == 3 and len(local) == COUNT, f"local descriptors have shape {local.shape}."
        )
        _same_bits(
            local.reshape(COUNT, -1), fitted.transform(images), "flattened, a local descriptor"
        )


def _in_blocks_of(feature: Any, rows: int) -> None:
    feature.__dict__["_block_rows"] = lambda shape: rows


def _refuses(feature: Feature, images: Array, word: str, *, fit: bool = True) -> None:
    copy = fresh(feature) if fit else feature
    try:
        copy.fit(images).transform(images) if fit else copy.transform(images)
    except (ValueError, TypeError) as error:
        told = str(error)
        require(
            "\n" not in told and told.endswith("."), f"refuses in more than a sentence: {told!r}."
        )
        require(word in told, f"does not say {word!r} when it refuses: {told!r}.")
        return
    raise AssertionError(
        f"it takes images of {images.dtype} {images.shape} that it should refuse ({word})."
    )
