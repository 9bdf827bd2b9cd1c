"""Checks of a caller's values: an error says in one sentence what was given and what is needed."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import difflib
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from halfspaces.support.types import Features

LARGEST = 1e100  # of a feature: larger values overflow in sums of squares
CHECKED_AT_ONCE = 1 << 22  # values


def check_number(
    name: str,
    value: Any,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    integer: bool = False,
) -> None:
    """Raise unless `value` is a finite number within the bounds.

    >>> check_number("LBFGS(memory=...)", 0, at_least=1)
    Traceback (most recent call last):
    ValueError: LBFGS(memory=...) must be at least 1, got 0.
    """
    kind = "an integer" if integer else "a number"
    if isinstance(value, bool) or not isinstance(value, Integral if integer else Real):
        raise TypeError(f"{name} must be {kind}, got {value!r}.")
    number = float(value)
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("at least", at_least), ("above", above), ("below", below))
        if math.isfinite(bound)
    ]
    if not (math.isfinite(number) and number >= at_least and number > above and number < below):
        needed = " and ".join(["finite", *bounds] if math.isinf(number) or not bounds else bounds)
        raise ValueError(f"{name} must be {needed}, got {value!r}.")


def check_numbers(name: str, values: float | Iterable[float], **bounds: Any) -> None:
    """`check_number` for one number, or for each number of a sequence, which must not be empty."""
    numbers: tuple[Any, ...] = (values,)
    if isinstance(values, Iterable) and not isinstance(values, str):
        numbers = tuple(values)
    if not numbers:
        raise ValueError(f"{name} must be a number or several, got {values!r}.")
    for number in numbers:
        check_number(name, number, **bounds)


def check_finite(name: str, X: Features) -> None:
    """Raise if a value of X (N, D) is not finite, with the row and column of the first one."""
    if X.dtype.kind != "f":
        return
    # The stored values of sparse rows are checked as rows of one column.
    values = X if isinstance(X, np.ndarray) else X.data[:, None]
    limit = min(LARGEST, float(np.finfo(X.dtype).max))
    rows = max(1, CHECKED_AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(values), rows):
        usable = np.abs(values[start : start + rows]) <= limit
        if not usable.all():
            row, column = np.argwhere(~usable)[0] + (start, 0)
            value = float(values[row, column])
            if not isinstance(X, np.ndarray):
                column = X.indices[row]
                row = np.searchsorted(X.indptr, row, side="right") - 1
            raise ValueError(f"{name} contains {_problem(value, f'row {row}, column {column}')}.")


def _problem(value: float, place: str) -> str:
    """The value, its place and what to do about it."""
    if math.isfinite(value):
        remedy = f"rescale the features below {LARGEST:g}, or their squares overflow"
        return f"{value:g} at {place}; {remedy}"
    word = "NaN" if math.isnan(value) else "infinity (inf)"
    remedy = "remove or impute such values first (sklearn.impute.SimpleImputer)"
    return f"{word} at {place}; {remedy}"


def nearest(given: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the most similar known words, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    return f"choose one of {', '.join(repr(name) for name in names)}."


def check_name(what: str, given: Any, known: Iterable[str]) -> None:
    """Raise unless `given` is one of the known words.

    >>> check_name("rule", "bst", ["best", "one_standard_error"])
    Traceback (most recent call last):
    ValueError: rule='bst' is not known: did you mean 'best'?
    """
    if not isinstance(given, str):
        raise TypeError(f"{what} must be one of {', '.join(map(repr, known))}, got {given!r}.")
    if given not in known:
        raise ValueError(f"{what}={given!r} is not known: {nearest(given, known)}")


def lookup(what: str, given: Any, registry: Mapping[str, Any], kind: type) -> Any:
    """The registry's entry for a name, or `given` itself if it is an instance of `kind`.

    >>> lookup("loss", "sofmax", {"softmax": 1, "hinge": 2}, float)
    Traceback (most recent call last):
    ValueError: loss='sofmax' is not known: did you mean 'softmax'?
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, str) and given in registry:
        return registry[given]
    if isinstance(given, str):
        raise ValueError(f"{what}={given!r} is not known: {nearest(given, registry)}")
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    names = ", ".join(map(repr, registry))
    raise TypeError(f"{what} must be {article} {kind.__name__} or one of {names}, got {given!r}.")
