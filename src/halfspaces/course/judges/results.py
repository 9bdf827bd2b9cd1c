"""What a function returned, read as what it should be."""

import math
from collections.abc import Callable

import numpy as np

from halfspaces.course.child.wire import Other
from halfspaces.course.findings import Failure, Remark
from halfspaces.course.handin import HandIn
from halfspaces.support.types import Array

Check = Callable[[HandIn, int], Remark | None]  # of a hand-in, with a seed; None if it is right
CLOSE = 1e-7  # relative difference of numbers that are the same


def described(value: object) -> str:
    """A value by its type and shape, in the same words in all languages.

    >>> described((1.5, np.ones((2, 3)))), described(None)
    ('tuple (float, array (2, 3))', 'None')
    """
    if isinstance(value, Other):
        return value.name
    if isinstance(value, np.ndarray) and value.shape:
        return f"array {value.shape}"
    if isinstance(value, list | tuple) and len(value) <= 5:
        return f"{type(value).__name__} ({', '.join(map(described, value))})"
    return "None" if value is None else type(_plain(value)).__name__


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def number(value: object) -> float:
    """One number."""
    plain = _plain(value)
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    raise Failure(Remark("number", {"got": described(value)}))


def truth(value: object) -> bool:
    """True or False."""
    plain = _plain(value)
    if isinstance(plain, bool):
        return plain
    raise Failure(Remark("truth", {"got": described(value)}))


def array(value: object, shape: tuple[int, ...]) -> Array:
    """An array of real numbers, of this shape."""
    if isinstance(value, list | tuple | int | float):
        try:
            value = np.asarray(value)
        except ValueError:
            value = Other(described(value))
    if isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind in "biuf":
        return value.astype(float)
    raise Failure(Remark("shape", {"needed": str(shape), "got": described(value)}))


def pair(value: object) -> tuple[float, object]:
    """A loss and its gradient, whatever that is."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise Failure(Remark("pair", {"got": described(value)}))
    return number(value[0]), value[1]


def finite(values: Array | float) -> None:
    """Raise if anything is infinite or not a number."""
    if not np.isfinite(values).all():
        raise Failure(Remark("not_finite"))


def close(a: Array | float, b: Array | float, near: float = CLOSE) -> bool:
    """Whether two numbers or arrays are the same but for rounding.

    >>> close(1.0, 1.0 + 1e-9), close(np.ones(2), np.array([1, 1.1]))
    (True, False)
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    size = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)))
    return float(np.abs(np.subtract(a, b)).max(initial=0)) <= near * size


def share(value: float) -> str:
    """A share in percent.

    >>> share(0.125)
    '12.5 %'
    """
    return f"{100 * value:.3g} %" if math.isfinite(value) else "?"


def generator(seed: int, name: str) -> np.random.Generator:
    """The generator of the hidden data of a check."""
    return np.random.default_rng([seed, *name.encode()])
