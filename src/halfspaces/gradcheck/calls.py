"""f and the gradient called at W: their values, their types, and what they do to W."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.gradcheck.differences import SAFETY
from halfspaces.gradcheck.judge import Analytic
from halfspaces.gradcheck.parameters import Layout, Parameters, precision, scalar

_CALLS = 4  # of f at the same W, to see whether it draws at random
_SAME = 1e-4  # relative change between two calls above which it is not rounding
_GRADIENTS = 8  # close values of the gradient from which its noise is estimated
_JUMP = 64  # rounding units of the largest slope, above which a change is not rounding
_BUFFER = "is its buffer set to 0 before slopes are added to it?"
_DRAWS = "it may draw a dropout mask or a minibatch anew: fix its seed."


@dataclass(frozen=True)
class Called:
    """A function's first value at W, and what repeated calls show."""

    value: Any
    unit: float  # the rounding unit of its type
    spread: float  # between the values of several calls
    defect: str  # a sentence that makes the gradient wrong, or empty
    doubt: str  # a sentence that makes a verdict impossible, or empty


def call_f(f: Callable[[Parameters], Any], layout: Layout, at: np.ndarray) -> Called:
    """f(W), several times."""
    first, changes = layout.called(f, at)
    values = [scalar(first), *(scalar(f(layout.unpack(at))) for _ in range(_CALLS - 1))]
    if not math.isfinite(values[0]):
        raise ValueError(f"f(W) must be finite for a check of its gradient, got {values[0]}.")
    with np.errstate(invalid="ignore"):
        spread = float(np.ptp(values))
    doubt = ""
    if not spread <= _SAME * abs(values[0]):
        other = next(value for value in values if value != values[0])
        doubt = f"f gives {values[0]:.6g} and then {other:.6g} at the same W; {_DRAWS}"
    return Called(values[0], precision(first), spread, _in_place("f", changes), doubt)


def call_gradient(
    gradient: Parameters | Callable[[Parameters], Parameters],
    layout: Layout,
    at: np.ndarray,
    scales: np.ndarray,
    direction: np.ndarray,
) -> tuple[Called, Analytic]:
    """The gradient at W and its rounding noise, measured at close points if it is a function."""
    if not callable(gradient):
        unit = precision(gradient)
        values, defect = _real(layout, layout.pack(gradient, "gradient"))
        return Called(values, unit, 0.0, defect, ""), Analytic.of(values, scales, unit, None)
    first, changes = layout.called(gradient, at)
    values, defect = _real(layout, layout.pack(first, "gradient"))
    unit = precision(first)

    def again(at: np.ndarray) -> np.ndarray:
        return np.real(layout.pack(gradient(layout.unpack(at)), "gradient"))

    with np.errstate(all="ignore"):
        growth = again(at) - values
        spread = float(np.max(np.abs(growth)))
        grows = spread > 0 and _is_steady(growth, again(at) - values)
        spacing = 2.0**-7 if unit > 1e-4 else 2.0**-20
        close = [again(at + spacing * k * direction) for k in range(1, _GRADIENTS + 1)]
        fourth = np.abs(np.diff(close, n=4, axis=0))
        measured = SAFETY * np.max(fourth, axis=0) / math.sqrt(70)
    doubt = ""
    if grows:
        defect = defect or f"gradient grows by the same amount with each call; {_BUFFER}"
        spread = 0.0
    if spread > max(_SAME, unit) * np.max(np.abs(values)):
        doubt = f"gradient gives different values at the same W; {_DRAWS}"
    # More than this is a jump of the gradient: it has a kink on the way.
    most = _JUMP * max(unit, 2.0**-23) * float(np.max(np.abs(values)))
    measured = np.minimum(np.where(np.isfinite(measured), measured, 0.0), most)
    called = Called(values, unit, spread, defect or _in_place("gradient", changes), doubt)
    return called, Analytic.of(values, scales, unit, measured)


def _is_steady(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two calls added twice what one added, as to a buffer that is not set to 0."""
    return bool(np.linalg.norm(second - 2 * first) <= _SAME * np.linalg.norm(second))


def _in_place(name: str, changes: str) -> str:
    if not changes:
        return ""
    return f"{name} changes W in place ({changes}), which destroys the parameters: work on a copy."


def _real(layout: Layout, values: np.ndarray) -> tuple[np.ndarray, str]:
    """The real parts, and a sentence if there are imaginary parts."""
    imaginary = np.flatnonzero(np.imag(values))
    if not imaginary.size:
        return np.ascontiguousarray(np.real(values)), ""
    first = int(imaginary[0])
    what = f"at {layout.name(first)} it is the complex number {complex(values[first]):.6g}"
    return np.ascontiguousarray(np.real(values)), f"{what}, where W and f are real."
