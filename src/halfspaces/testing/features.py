"""The laws of features."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from halfspaces.features import FEATURES, Feature, LocalFeature, parse
from halfspaces.features.base import fresh
from halfspaces.features.serialization import from_state, parts_of, to_state
from halfspaces.support.types import Array
from halfspaces.testing.tolerance import rounding
from halfspaces.testing.words import Law, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

COUNT = 24
# Changes of images (N, S, S, C) of even grey levels from 40 to 200.
CHANGES: dict[str, Callable[[Array], Array]] = {
    "flip": lambda images: images[:, :, ::-1],
    "turn": lambda images: images.swapaxes(1, 2)[:, ::-1],
    "brightness": lambda images: images + np.uint8(55),
    "contrast": lambda images: images // np.uint8(2),
}


def _images(feature: Feature, size: tuple[int, int], seed: int) -> Array:
    """Smooth, noisy and flat images (N, H, W, 3), or (N, H, W) for "grey".

    Their levels are even numbers from 40 to 200.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    waves = rng.uniform(-0.7, 0.7, (COUNT, 3, 2))
    phase = np.einsum("nck,kyx->nyxc", waves, np.stack([y, x]))
    phase = phase + rng.uniform(0, 6, (COUNT, 1, 1, 3))
    noise = rng.uniform(0, 20, (COUNT, 1, 1, 1)) * rng.standard_normal(phase.shape)
    levels = 120 + 60 * np.sin(phase) + noise
    images = (2 * np.round(np.clip(levels, 40, 200) / 2)).astype(np.uint8)
    images[1] = 40
    images[2] = 200
    return images[..., 0] if feature.channels == "grey" else images


def _fitted(feature: Feature, images: Array, **parameters: Any) -> Feature:
    return fresh(feature).set_params(**parameters).fit(images)


def _same_bits(found: Array, expected: Array, what: str) -> None:
    same_type = found.dtype == expected.dtype
    require(same_type, f"{what} is of type {found.dtype} instead of {expected.dtype}.")
    require(np.array_equal(found, expected), f"{what} does not have the same bits.")


@_law
def law_rows(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Rows are float32 (N, D) in C order, and finite even for flat images.

    Each column has a name; `out` is filled and returned.
    """
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    rows: Any = fitted.transform(images)
    is_matrix = isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows) == COUNT
    require(is_matrix, "it does not return N rows.")
    is_plain = rows.dtype == np.float32 and rows.flags.c_contiguous
    require(is_plain, f"rows are {rows.dtype}, not float32 in C order.")
    require(np.isfinite(rows).all(), "a row is not finite.")
    columns = rows.shape[1]
    known = feature.columns(_image_shape(fitted))
    require(known in (None, columns), f"it returns {columns} columns, but `columns` is {known}.")
    names = fitted.get_feature_names_out()
    require(len(set(names)) == columns, f"{columns} columns have {len(set(names))} names.")
    out = np.full_like(rows, 7)
    require(fitted.transform(images, out=out) is out, "out is not returned.")
    _same_bits(out, rows, "out")


@_law
def law_extremes(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """With an option of 1e-30 or 1e30 rows are finite, even for flat images, or it is refused."""
    images = _images(feature, size, seed)
    for option, value in feature.get_params(deep=False).items():
        if not isinstance(value, float):
            continue
        for extreme in (1e-30, 1e30):
            try:
                rows = _fitted(feature, images, **{option: extreme}).transform(images)
            except ValueError as refusal:
                named = str(refusal).startswith(type(feature).__name__)
                require(named, f"{option}={extreme} raises {refusal!r}.")
            else:
                require(np.isfinite(rows).all(), f"with {option}={extreme} a row is not finite.")


@_law
def law_workers(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Any number of workers, and every call, returns the same bits."""
    images = np.concatenate([_images(feature, size, seed + part) for part in range(4)])
    alone = _fitted(feature, images, n_jobs=1)
    _set_block_rows(alone, 7)
    rows = alone.transform(images)
    _same_bits(alone.transform(images), rows, "a second call")
    for workers in (2, 3):
        many = _fitted(feature, images, n_jobs=workers)
        _set_block_rows(many, 7)
        _same_bits(many.transform(images), rows, f"with {workers} workers, a row")


@_law
def law_row_by_row(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """A row depends on its own image alone.

    It does not depend on other images, on their order, or on the size of a block.
    """
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    rows = fitted.transform(images)
    order = np.random.default_rng(seed).permutation(COUNT)
    close = rounding(images[0].size, np.float32)
    same(fitted.transform(images[order]), rows[order], "in another order, row", close)
    for count in (1, 5):
        _set_block_rows(fitted, count)
        same(fitted.transform(images), rows, f"in blocks of {count}, row", close)


@_law
def law_learning(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """A feature that does not learn has the same rows whatever images it was fitted to."""
    if feature.learns:
        return
    images = _images(feature, size, seed)
    first, second = (
        _fitted(feature, images[part]).transform(images) for part in (slice(12), slice(12, None))
    )
    _same_bits(second, first, "a row of a feature that does not learn, fitted to other images,")


@_law
def law_memory(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """uint8 images equal floats of any type divided by 255; the layout in memory is irrelevant."""
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    rows = fitted.transform(images)
    for dtype in (np.float32, np.float64):
        floats = (images / 255).astype(dtype)
        _same_bits(fitted.transform(floats), rows, f"{np.dtype(dtype)}, a row")
    planes = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, -1, 1)), 1, -1)
    planes.flags.writeable = False
    _same_bits(fitted.transform(planes), rows, "of planes, a row")
    every_second = np.repeat(images, 2, axis=0)[::2]
    _same_bits(fitted.transform(every_second), rows, "of every second image, a row")


@_law
def law_channels(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """(N, H, W) equals (N, H, W, 1), and "grey" equals luma.

    A feature that needs colour refuses grey images.
    """
    images = _images(feature, size, seed)
    if feature.channels == "color":
        _refuses(feature, images[..., 0], "grey")
        return
    grey = images if images.ndim == 3 else images[..., 0]
    rows = _fitted(feature, grey).transform(grey)
    one = grey[..., None]
    _same_bits(_fitted(feature, one).transform(one), rows, "of (N, H, W, 1), a row")
    if feature.channels == "grey":
        three = np.repeat(one, 3, axis=3)
        same(_fitted(feature, three).transform(three), rows, "of three equal channels, row", 1e-3)


@_law
def law_refusals(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Invalid images are refused in one sentence.

    They are NaN, floats outside [0, 1], other types, other shapes and another size.
    """
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
    """Parameters are stored unchanged; all that is learned is in arrays, which can be restored.

    Two fits on the same images learn the same bits.
    """
    images = _images(feature, size, seed)
    fitted = _fitted(feature, images)
    _check_attributes(feature, fitted)
    arrays = fitted.arrays()
    columns = fitted.transform(images[:1]).shape[1]
    found = {name: array.shape for name, array in arrays.items()}
    same_shapes = found == fitted.shapes(_image_shape(fitted), columns)
    require(same_shapes, "its arrays do not have the shapes of `shapes`.")
    again = _fitted(feature, images).arrays()
    require(again.keys() == arrays.keys(), "fitted a second time, it has other arrays.")
    for name, array in arrays.items():
        _same_bits(again[name], array, f"fitted a second time, {name}")
    rows = fitted.transform(images)
    _same_bits(fresh(feature).restore(arrays).transform(images), rows, "restored, a row")
    _same_bits(pickle.loads(pickle.dumps(fitted)).transform(images), rows, "pickled, a row")


def _check_attributes(feature: Feature, fitted: Feature) -> None:
    """Require that a fitted feature consists of its parameters and of arrays."""
    parameters = feature.get_params(deep=False)
    copied = fresh(feature).get_params(deep=False)
    require(set(parameters) == set(copied), "a clone has other parameters.")
    arrays = fitted.arrays()
    all_arrays = all(isinstance(array, np.ndarray) for array in arrays.values())
    require(all_arrays, "`arrays` returns values that are not arrays.")
    known = {name.partition(".")[0] for name in arrays} | set(parameters)
    other = {name for name in set(vars(fitted)) - known if not name.startswith("__")}
    require(not other, f"it has attributes that are not saved: {', '.join(sorted(other))}.")


@_law
def law_words(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """The expression of a registered feature is parsed to an equal feature."""
    kind = type(feature)
    if kind not in FEATURES.values():
        return
    registered = FEATURES.get(kind.word) is kind
    require(registered, f"it is not registered under its own word, {kind.word!r}.")
    text = str(feature)
    parsed = parse(text)
    equal = type(parsed) is kind and str(parsed) == text
    require(equal, f"its expression {text!r} is parsed to {parsed!r}.")
    images = _images(feature, size, seed)
    expected = _fitted(feature, images).transform(images)
    _same_bits(parsed.fit(images).transform(images), expected, f"of {text!r}, a row")


@_law
def law_kept(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """A model file holds the whole feature, if all its parts are registered."""
    if all(type(part) in FEATURES.values() for part in parts_of(feature)):
        images = _images(feature, size, seed)
        fitted = _fitted(feature, images)
        rows = fitted.transform(images)
        text, arrays = to_state(fitted)
        loaded = from_state(text, arrays, rows.shape[1])
        _same_bits(loaded.transform(images), rows, f"saved as {text!r}, a row")


@_law
def law_invariances(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """Its invariances hold."""
    side = min(size)
    images = _images(feature, (side, side), seed)
    fitted = _fitted(feature, images)
    rows = fitted.transform(images)
    unknown = feature.invariances - set(CHANGES)
    require(not unknown, f"its invariances {sorted(unknown)} are not among {sorted(CHANGES)}.")
    for name in sorted(feature.invariances):
        changed = np.ascontiguousarray(CHANGES[name](images))
        same(fitted.transform(changed), rows, f"after a change of {name}, row", 1e-4)


@_law
def law_local(feature: Feature, *, size: tuple[int, int], seed: int = 0) -> None:
    """The descriptors of all points, one after another, are its rows."""
    if isinstance(feature, LocalFeature):
        images = _images(feature, size, seed)
        fitted: Any = _fitted(feature, images)
        local = fitted.local(images)
        is_grid = local.ndim == 3 and len(local) == COUNT
        require(is_grid, f"local descriptors have shape {local.shape}.")
        rows, columns, size = fitted.local_shape(_image_shape(fitted))
        known = (rows * columns, size)
        require(local.shape[1:] == known, f"`local_shape` makes descriptors of shape {known}.")
        rows = fitted.transform(images)
        _same_bits(local.reshape(COUNT, -1), rows, "flattened, a local descriptor")


def _image_shape(fitted: Feature) -> tuple[int, int, int]:
    height, width, channels = map(int, fitted.image_shape_)
    return height, width, channels


def _set_block_rows(feature: Feature, rows: int) -> None:
    vars(feature)["_block_rows"] = lambda shape: rows


def _refuses(feature: Feature, images: Array, word: str, *, fit: bool = True) -> None:
    """Require an error of one sentence that contains a word."""
    copy = fresh(feature) if fit else feature
    try:
        if fit:
            copy.fit(images)
        copy.transform(images)
    except (ValueError, TypeError) as error:
        message = str(error)
        one_sentence = "\n" not in message and message.endswith(".")
        require(one_sentence, f"its refusal is not one sentence: {message!r}.")
        require(word in message, f"its refusal does not contain {word!r}: {message!r}.")
        return
    given = f"images of {images.dtype} {images.shape}"
    raise AssertionError(f"it accepts {given}, which it should refuse ({word}).")
