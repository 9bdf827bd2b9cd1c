"""Checks of values that a caller typed: one sentence that says what was given and what is needed."""

import difflib
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np


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
    """`check_number` for a number or for each number of a sequence, which must not be empty."""
    several = (
        (values,) if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)
    )
    if not several:
        raise ValueError(f"{name} must be a number or several, got {values!r}.")
    for value in several:
        check_number(name, value, **bounds)


LARGEST = 1e100  # of a feature: moments take squares and sum them


def check_finite(name: str, X: Any) -> None:
    """Raise with the row and the column of the first value of X (N, D), dense or CSR, that is not finite."""
    if X.dtype.kind != "f":
        return
    values = (
        X if isinstance(X, np.ndarray) else X.data[:, None]
    )  # stored values are rows of one column
    rows = max(1, (1 << 22) // max(1, values.shape[1]))
    for start in range(0, len(values), rows):
        usable = np.abs(values[start : start + rows]) <= min(LARGEST, float(np.finfo(X.dtype).max))
        if not usable.all():
            row, column = np.argwhere(~usable)[0]
            row += start
            value = float(values[row, column])
            if not isinstance(X, np.ndarray):
                row, column = np.searchsorted(X.indptr, row, side="right") - 1, X.indices[row]
            word = (
                "NaN" if np.isnan(value) else "infinity (inf)" if np.isinf(value) else f"{value:g}"
            )
            remedy = "remove or impute such values first (sklearn.impute.SimpleImputer)"
            if np.isfinite(value):
                remedy = f"rescale the features below {LARGEST:g}, or their squares overflow"
            raise ValueError(f"{name} contains {word} at row {row}, column {column}; {remedy}.")


def nearest(given: str, known: Iterable[str]) -> str:
    """A sentence's end that names the nearest known words, or all of them."""
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
    """The registry's entry for a name, or `given` itself if it is an instance of `kind` already.

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
