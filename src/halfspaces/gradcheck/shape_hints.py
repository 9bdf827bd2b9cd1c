"""Gradients in another shape or order than that of W."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.evidence import Evidence, close
from halfspaces.gradcheck.hints import Hint
from halfspaces.gradcheck.parameters import Parameters, shapes_of
from halfspaces.gradcheck.user_function import UserFunction

_SAMPLES = 8


def shape_hint(subject: UserFunction) -> Hint | None:
    """Why the gradient has not the shape of W; None if it has."""
    slopes = subject.gradient(subject.W)
    got, needed = shapes_of(slopes), shapes_of(subject.W)
    if got == needed:
        return None
    if set(got) != set(needed):
        words = f"The gradient consists of {', '.join(got)}, and W of {', '.join(needed)}"
        return Hint("shape", f"{words}: return one array for each of W, with the same names.")
    if sorted(got.values()) == sorted(needed.values()) and len(got) > 1:
        wanted = ", ".join(f"d{name}" for name in needed)
        return Hint("shape", f"The gradients are in another order: return the value, {wanted}.")
    name = next(name for name in got if got[name] != needed[name])
    words = f"The gradient of {name} has the shape {got[name]}, and {name} has {needed[name]}"
    if got[name] == needed[name][::-1]:
        turned = "it is transposed"
        if len(got) == 1 and _is_right(subject, lambda array: array.T):
            turned = "it is transposed, and right otherwise"
        return Hint("transposed", f"{words}: {turned}.")
    if math.prod(got[name]) == math.prod(needed[name]):
        shape = needed[name]
        rest = ""
        if len(got) == 1 and _is_right(subject, lambda array: array.reshape(shape)):
            rest = ", and right otherwise"
        return Hint("shape", f"{words}: it has to be reshaped{rest}.")
    advice = "sum over the axes that are not those of W"
    return Hint("shape", f"{words}: {advice}.")


def _is_right(subject: UserFunction, change: Callable[[np.ndarray], np.ndarray]) -> bool:
    def changed(W: Parameters) -> Parameters:
        slopes = subject.gradient(W)
        if isinstance(slopes, dict):
            return {name: change(array) for name, array in slopes.items()}
        return change(slopes)

    return check_gradient(subject.f, changed, subject.W, samples=_SAMPLES).ok


def order_hint(evidence: Evidence) -> Hint | None:
    """Right values at wrong places: transposed, in another order, shifted, or swapped."""
    if not evidence.is_complete:
        return None
    for name, a, n in evidence.arrays():
        if close(a, n).all() or np.ptp(n) == 0:
            continue
        for kind, words, right in _orders(n):
            if a.shape == right.shape and close(a, right).all():
                return Hint(kind, f"The gradient of {name} {words}.")
        if a.size > 2 and close(np.sort(a, axis=None), np.sort(n, axis=None)).all():
            return Hint("order", f"The gradient of {name} has right values at wrong places.")
    return None


def _orders(n: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """The slopes in wrong orders, with the words for each."""
    if n.ndim == 2:
        yield "transposed", "is transposed", n.T
        words = "was reshaped in another order than that of W, or where it had to be transposed"
        yield "transposed", words, n.reshape(n.shape[::-1]).T
        yield "transposed", words, n.T.reshape(n.shape)
    for axis in range(n.ndim):
        if n.shape[axis] > 2:
            words = f"is shifted by one along axis {axis}: look at an index"
            yield "order", words, np.roll(n, 1, axis)
            yield "order", words, np.roll(n, -1, axis)
        yield "order", f"is reversed along axis {axis}", np.flip(n, axis)
