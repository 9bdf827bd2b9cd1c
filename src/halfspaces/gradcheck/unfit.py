"""Why a function cannot be called with the data at hand, in one sentence."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class ReturnError(TypeError):
    """A function returns no gradient, or one for other parameters."""


class ValueProblem(ValueError):
    """A function's value is not finite, or is not one number."""


def more_telling(one: Exception | None, other: Exception, function: Callable[..., Any]) -> Any:
    """The error that says more: that of the call that came farther in the function."""
    if one is None or _telling(other, function) > _telling(one, function):
        return other
    return one


def _telling(error: Exception, function: Callable[..., Any]) -> tuple[int, int, bool]:
    """What kind of error it is, its line, and whether it is not one of shapes."""
    kind = 2 * isinstance(error, ReturnError) + isinstance(error, ValueProblem)
    code = getattr(function, "__code__", None)
    frames = traceback.walk_tb(error.__traceback__)
    line = max((number for frame, number in frames if frame.f_code is code), default=0)
    return kind, line, not isinstance(error, ValueError | IndexError | AssertionError)


def reason(error: Exception | None, given: Mapping[str, Any]) -> str:
    """The error in words; for labels that are strings, what the function needs."""
    words = f"{type(error).__name__}: {error}".rstrip(".")
    if isinstance(error, ValueProblem):
        words = str(error).rstrip(".")
    if np.asarray(given.get("y", 0)).dtype.kind in "OUS":
        numbers = "give numbers, such as np.unique(y, return_inverse=True)[1]"
        return f"it does not take labels that are strings ({words}): {numbers}"
    return f"{words}. Give W, X and y that fit, or a function of W alone"


def is_sparse(array: Any) -> bool:
    """Whether it is a sparse matrix of SciPy."""
    return hasattr(array, "tocsr")
