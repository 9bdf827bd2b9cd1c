"""Checks of a caller's values: an error says in one sentence what was given and what is needed."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


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
    # Some ints are beyond all floats.
    number: Any = value if isinstance(value, int) else float(value)
    if not (abs(number) < 2**1024 and number >= at_least and number > above and number < below):
        bounds = {"at least": at_least, "above": above, "below": below}
        words = [f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound)]
        must = " and ".join(["finite", *words] if abs(number) >= 2**1024 or not words else words)
        raise ValueError(f"{name} must be {must}, got {value!r}.")


def check_numbers(name: str, values: float | Iterable[float], **bounds: Any) -> None:
    """`check_number` for one number, or for each number of a sequence, which must not be empty."""
    numbers: tuple[Any, ...] = (values,)
    if isinstance(values, Iterable) and not isinstance(values, str):
        numbers = tuple(values)
    if not numbers:
        raise ValueError(f"{name} must be a number or several, got {values!r}.")
    for number in numbers:
        check_number(name, number, **bounds)
