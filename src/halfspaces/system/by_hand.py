"""Losses and penalties called by hand: lists, one example or member, labels checked.

The loop's own arrays are right by construction and do not come here.
"""

# Arrays are of any library, so their types are unknown:
# pyright: reportUnknownVariableType=false

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

AnyArray = Any  # of any library that follows the array API standard
_is_array: Callable[..., bool] = is_array_api_obj


def loss_and_gradient(
    formula: Callable[..., AnyArray], scores: AnyArray, y: AnyArray
) -> tuple[AnyArray, AnyArray]:
    """What `formula(scores, y)` returns for scores (B, M, C) and (B, C), or (C,) of one example.

    Raises
    ------
    ValueError
        If the labels are not one integer from 0 to C−1 for each example.

    >>> loss_and_gradient(lambda scores, y: (scores[:, 0], scores), [3, 1], 0)
    (np.float64(3.0), array([3., 1.]))
    """
    scores = _floats("scores", scores)
    if scores.ndim not in (1, 2, 3):
        raise ValueError(f"scores must have the shape (B, C), or (C,), got {tuple(scores.shape)}.")
    rows = scores[None] if scores.ndim == 1 else scores
    value, gradient = formula(rows, _labels(y, tuple(rows.shape)))
    return (value[0], gradient[0]) if scores.ndim == 1 else (value, gradient)


def of_examples(formula: Callable[..., Any], values: AnyArray, y: AnyArray, *more: AnyArray) -> Any:
    """What `formula(values, y)` of labels (B,) returns for values (B, M, C) and labels (B, M).

    >>> of_examples(lambda scores, y: scores[:, 0] + y, np.ones((2, 3, 4)), np.ones((2, 3))).shape
    (2, 3)
    """
    xp = array_namespace(values, y)
    shape = tuple(y.shape)

    def stacked(found: AnyArray) -> AnyArray:
        return xp.reshape(found, shape + tuple(found.shape[1:]))

    found = formula(xp.reshape(values, (-1, values.shape[-1])), xp.reshape(y, (-1,)), *more)
    return tuple(map(stacked, found)) if isinstance(found, tuple) else stacked(found)


def of_one_member(method: Callable[..., AnyArray], W: AnyArray, step: AnyArray = None) -> AnyArray:
    """The method of a stack (D, M, C) for weights (D, C) or (D,): one number, or their shape.

    >>> of_one_member(lambda W: (W**2).sum(axis=(0, 2)), [1, 2])
    np.float64(5.0)
    """
    W = _floats("W", W)
    if W.ndim not in (1, 2):
        needed = "(D,), (D, C) or (D, M, C)"
        raise ValueError(f"W must have the shape {needed}, got {tuple(W.shape)}.")
    xp = array_namespace(W)
    stack = (W.shape[0], 1, 1 if W.ndim == 1 else W.shape[1])
    steps = [] if step is None else [step]
    if getattr(step, "ndim", 0) == W.ndim:  # a step for each weight
        steps = [xp.reshape(_floats("step", step), stack)]
    found = method(xp.reshape(W, stack), *steps)
    if found.ndim == 3:
        return xp.reshape(found, W.shape)
    if found.shape != (1,):
        raise ValueError(
            f"W {tuple(W.shape)} is one member; give one number a penalty, not several."
        )
    return found[0]


def _floats(name: str, values: AnyArray) -> AnyArray:
    """An array of floats; arrays of floats of any library are taken as they are."""
    array = values if _is_array(values) else _array(name, values)
    xp = array_namespace(array)
    if xp.isdtype(array.dtype, "real floating"):
        return array
    if not xp.isdtype(array.dtype, ("bool", "integral")):
        raise ValueError(f"{name} must be real numbers, got an array of {array.dtype}.")
    return xp.astype(array, xp.float64)


def _array(name: str, values: AnyArray) -> AnyArray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: its rows have different lengths.") from error


def _labels(y: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    """Labels (B,) or (B, M) of scores of this shape, each an integer from 0 to C−1."""
    n_rows, *_, n_classes = shape
    labels = y if _is_array(y) else _array("y", y)
    xp = array_namespace(labels)
    if labels.ndim == 0:
        labels = xp.reshape(labels, (1,))
    if tuple(labels.shape) not in {(n_rows,), shape[:-1]}:
        raise ValueError(
            f"y must hold one label for each of {n_rows} rows of scores, got the shape "
            f"{tuple(labels.shape)}."
        )
    if not n_rows:
        return labels
    needed = f"y must hold integers from 0 to {n_classes - 1}, the columns of the right classes"
    if not xp.isdtype(labels.dtype, "integral"):
        first = labels[(0,) * labels.ndim]
        raise ValueError(f"{needed}, got {first} of type {labels.dtype}.")
    if str(getattr(labels, "device", "")) == "meta":  # torch's shapes without values
        return labels
    wrong = (labels < 0) | (labels >= n_classes)
    if xp.any(wrong):
        place = int(xp.argmax(xp.astype(wrong, xp.int8)))
        where = tuple(map(int, np.unravel_index(place, labels.shape)))
        name = ", ".join(map(str, where))
        raise ValueError(f"{needed}, got y[{name}] = {int(labels[where])}.")
    return labels
