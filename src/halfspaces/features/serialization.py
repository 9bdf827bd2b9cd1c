"""Fitted features in model files: an expression and arrays.

Reading them runs no code from the file. Everything is checked before it is used.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from halfspaces.features.base import UNWRITTEN_OPTIONS, Feature
from halfspaces.features.encoders.network import offline
from halfspaces.features.expressions import parse
from halfspaces.features.union import Mixture
from halfspaces.support.types import Array

LARGEST_IMAGE = 1 << 28  # numbers


def to_state(feature: Feature) -> tuple[str, dict[str, Array]]:
    """The expression of a fitted feature and its arrays.

    Raises
    ------
    ValueError
        For a feature that is not fitted, or that no expression names.

    Examples
    --------
    >>> from halfspaces.features import HueHistogram
    >>> text, arrays = to_state(HueHistogram(bins=6).fit(np.zeros((2, 4, 4, 3), np.uint8)))
    >>> text, arrays["image_shape_"].tolist()
    ('hue(bins=6)', [4, 4, 3])
    """
    if not hasattr(feature, "image_shape_"):
        raise ValueError(f"This {type(feature).__name__} is not fitted yet; call fit before save.")
    text = str(feature)
    try:
        parsed = parse(text)
    except ValueError:
        parsed = None
    if parsed is None or _parameters(parsed) != _parameters(feature):
        given = f"No expression names the feature {feature!r}"
        remedy = "register its class in halfspaces.features.FEATURES, or use one of those"
        raise ValueError(f"{given}; {remedy}.")
    return text, feature.arrays()


def from_state(text: str, arrays: Mapping[str, Array], columns: int) -> Feature:
    """The fitted feature of an expression and its arrays, which makes rows of `columns` numbers.

    Raises
    ------
    UnknownComponentError
        For a word that is not registered.
    ValueError, TypeError, MemoryError
        For an expression that cannot be parsed, and for arrays that do not fit it.
    """
    with offline():
        return _restored(parse(text), text, arrays, columns)


def _restored(feature: Feature, text: str, arrays: Mapping[str, Array], columns: int) -> Feature:
    """The feature with its arrays, all of them checked."""
    shape = _image_shape(arrays.get("image_shape_"))
    _check_size(feature, shape, columns)
    needed = feature.shapes(shape, columns)
    if {name: array.shape for name, array in arrays.items()} != needed:
        raise ValueError(f"the arrays of the feature {text} do not fit it")
    for name, array in arrays.items():
        _check_array(text, name, array, shape)
    feature.restore(arrays)
    made = feature.columns(shape)
    if made is None:
        made = feature.transform(np.zeros((1, *shape), np.uint8)).shape[1]
    if made != columns:
        raise ValueError(f"the feature {text} makes {made} columns instead of {columns}")
    return feature


def _image_shape(array: Array | None) -> tuple[int, int, int]:
    if array is None or array.shape != (3,) or array.dtype != np.int64:
        raise ValueError("the feature has no image shape")
    height, width, channels = array.tolist()
    too_large = height * width * channels > LARGEST_IMAGE
    if min(height, width) < 1 or channels not in (1, 3) or too_large:
        raise ValueError(f"the feature has no images of {height} x {width} x {channels}")
    return height, width, channels


def _check_size(feature: Feature, shape: tuple[int, int, int], columns: int) -> None:
    """Raise for parameters that could make more than `columns` columns.

    It runs before any array is allocated.
    """
    most = columns + shape[0] * shape[1]
    parts = parts_of(feature)
    for part in parts:
        for name, value in part.get_params(deep=False).items():
            if name != "random_state" and type(value) in (int, float) and value > most:
                raise ValueError(f"the feature {feature} does not fit {columns} columns")
    feature._check_shape(shape)


def _check_array(text: str, name: str, array: Array, shape: tuple[int, int, int]) -> None:
    """Raise for values of a learned array that no fit can produce."""
    if name.endswith("image_shape_"):
        allowed = [shape]
        if "." in name:  # a part may use the grey image
            allowed.append((*shape[:2], 1))
        if array.dtype != np.int64 or tuple(array.tolist()) not in allowed:
            raise ValueError(f"the array {name} of the feature {text} is not its image shape")
    elif name.endswith("checksum_"):
        if array.dtype != np.uint8:
            raise ValueError(f"the array {name} of the feature {text} is not of bytes")
    elif array.dtype != np.float32 or not np.isfinite(array).all():
        given = f"the array {name} of the feature {text}"
        raise ValueError(f"{given} is not of finite float32 numbers")
    elif name.endswith(("scale_", "variance_")) and array.min() <= 0:
        raise ValueError(f"the array {name} of the feature {text} is not above 0")


def parts_of(feature: Feature) -> list[Feature]:
    """The feature or the parts of a mixture, and all features among their parameters."""
    found = []
    for part in feature.parts if isinstance(feature, Mixture) else [feature]:
        found.append(part)
        for value in part.get_params(deep=False).values():
            if isinstance(value, Feature):
                found += parts_of(value)
    return found


def _parameters(feature: Feature) -> list[tuple[type[Feature], dict[str, Any]]]:
    """Class and parameters of each part, without the options that change no row."""
    return [(type(part), _own_parameters(part)) for part in parts_of(feature)]


def _own_parameters(part: Feature) -> dict[str, Any]:
    return {
        name: value
        for name, value in part.get_params(deep=False).items()
        if name not in UNWRITTEN_OPTIONS and not isinstance(value, Feature)
    }
