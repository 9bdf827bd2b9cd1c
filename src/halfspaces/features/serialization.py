"""Fitted features in files: words and arrays. Reading them runs nothing, and all of it is checked before it is used."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from halfspaces.features.base import Feature
from halfspaces.features.expressions import SILENT, parse
from halfspaces.features.union import Mixture
from halfspaces.support.types import Array

LARGEST_IMAGE = 1 << 28  # numbers


def kept(feature: Feature) -> tuple[str, dict[str, Array]]:
    """The words of a fitted feature and its arrays.

    Raises
    ------
    ValueError
        For a feature that is not fitted, or that words do not name.

    Examples
    --------
    >>> from halfspaces.features import HueHistogram
    >>> words, arrays = kept(HueHistogram(bins=6).fit(np.zeros((2, 4, 4, 3), np.uint8)))
    >>> words, arrays["image_shape_"].tolist()
    ('hue(bins=6)', [4, 4, 3])
    """
    if not hasattr(feature, "image_shape_"):
        raise ValueError(f"This {type(feature).__name__} is not fitted yet; call fit before save.")
    words = str(feature)
    try:
        named = parse(words)
    except ValueError:
        named = None
    if named is None or _parameters(named) != _parameters(feature):
        raise ValueError(
            f"The feature {feature!r} has no words of its own; use those of halfspaces.features."
        )
    return words, feature.arrays()


def restored(words: str, arrays: Mapping[str, Array], columns: int) -> Feature:
    """The fitted feature that makes rows of so many columns.

    Raises
    ------
    ValueError, TypeError, MemoryError
        For words that are not known, and for arrays that do not fit them.
    """
    feature = parse(words)
    height, width, channels = shape = _image_shape(arrays.get("image_shape_"))
    _check_size(feature, shape, columns)
    needed = feature.shapes(shape, columns)
    if {name: array.shape for name, array in arrays.items()} != needed:
        raise ValueError(f"the arrays of the feature {words} do not fit it")
    for name, array in arrays.items():
        if name.endswith("image_shape_"):
            seen = (
                [shape, (height, width, 1)] if "." in name else [shape]
            )  # a part may look at grey images
            if array.dtype != np.int64 or tuple(array.tolist()) not in seen:
                raise ValueError(f"the feature {words} has {name} that differ")
        elif name.endswith("checksum_"):
            if array.dtype != np.uint8:
                raise ValueError(f"the array {name} of the feature {words} is not of bytes")
        elif array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(
                f"the array {name} of the feature {words} is not of finite float32 numbers"
            )
        elif name.endswith("scale_") and array.min() <= 0:
            raise ValueError(f"the feature {words} has a scale that is not above 0")
    feature.restore(arrays)
    found = feature.transform(np.zeros((1, height, width, channels), np.uint8)).shape[1]
    if found != columns:
        raise ValueError(f"the feature {words} makes {found} columns instead of {columns}")
    return feature


def _check_size(feature: Feature, shape: tuple[int, int, int], columns: int) -> None:
    """Raise for parameters that could make more columns than there are, before memory is asked for them."""
    height, width, _ = shape
    parts = parts_of(feature)
    for part in parts:
        for name, value in part.get_params(deep=False).items():
            if (
                type(value) in (int, float)
                and name != "random_state"
                and value > columns + height * width
            ):
                raise ValueError(f"the feature {feature} does not fit {columns} columns")
    feature._check_shape(shape)
    made = sum(part.columns(shape) or 0 for part in parts)
    if made > columns:
        raise ValueError(f"the feature {feature} makes {made} columns or more instead of {columns}")


def _image_shape(array: Array | None) -> tuple[int, int, int]:
    if array is None or array.shape != (3,) or array.dtype != np.int64:
        raise ValueError("the feature has no image shape")
    height, width, channels = array.tolist()
    if (
        min(height, width) < 1
        or channels not in (1, 3)
        or height * width * channels > LARGEST_IMAGE
    ):
        raise ValueError(f"the feature has no images of {height} x {width} x {channels}")
    return height, width, channels


def parts_of(feature: Feature) -> list[Feature]:
    """The feature, or those that a mixture holds, and those that are parameters of these."""
    found = []
    for part in feature.parts if isinstance(feature, Mixture) else [feature]:
        inner = (
            value for value in part.get_params(deep=False).values() if isinstance(value, Feature)
        )
        found += [part, *(each for value in inner for each in parts_of(value))]
    return found


def _parameters(feature: Feature) -> list[Any]:
    """Class and parameters of each part, how it is computed left out."""
    return [
        (
            type(part),
            {
                name: value
                for name, value in part.get_params(deep=False).items()
                if name not in SILENT and not isinstance(value, Feature)
            },
        )
        for part in parts_of(feature)
    ]
