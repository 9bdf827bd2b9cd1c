"""The numerical gradient, the relative error, and the check that is made of them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from halfspaces.course.findings import Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.results import Check, array, close, finite, generator, number, truth
from halfspaces.course.process import Refused
from halfspaces.support.types import Array

SHAPES = ((4,), (2, 3), (2, 3, 2))
NEAR = 1e-4  # relative error of a numerical gradient that is right, also a one-sided one
WIDE = 0.1  # a step at which one-sided and centred differences are far apart
EXACT = 1e-6


class Cubic(NamedTuple):
    """f(W) = Σ (a W³ + b W) · size: its centred difference is 3aW² + ah² + b, times size."""

    a: Array
    b: Array
    size: float = 1.0

    @staticmethod
    def of(rng: np.random.Generator, shape: tuple[int, ...], size: float = 1.0) -> "Cubic":
        """Random coefficients."""
        return Cubic(rng.uniform(0.5, 1.5, shape), rng.standard_normal(shape), size)

    def value(self, W: Array) -> float:
        """f(W)."""
        self.check(W)
        return self.size * float(np.sum(self.a * W**3 + self.b * W))

    def gradient(self, W: Array) -> Array:
        """∇f(W)."""
        self.check(W)
        return self.size * (3 * self.a * W**2 + self.b)

    def check(self, W: object) -> None:
        """Refuse what has not the shape of W."""
        if not (isinstance(W, np.ndarray) and W.shape == self.a.shape):
            raise Refused(f"W: {getattr(W, 'shape', type(W).__name__)} != {self.a.shape}")

    def differences(self, W: Array, h: float, *, centred: bool) -> Array:
        """What numerical differences with step h are, but for rounding."""
        more = self.a * h**2 if centred else 3 * self.a * W * h + self.a * h**2
        return self.gradient(W) + self.size * more


def _slopes(handin: HandIn, f: Cubic, W: Array, *step: float) -> Array:
    value = handin.call("numerical_gradient", f.value, W, *step).value
    slopes = array(value, W.shape)
    finite(slopes)
    return slopes


def _values(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "slopes")
    for shape in SHAPES:
        f = Cubic.of(rng, shape)
        W = rng.standard_normal(shape)
        slopes = _slopes(handin, f, W)
        right = f.gradient(W)
        if close(slopes, right, NEAR):
            continue
        if close(slopes, 2 * right, NEAR) or close(slopes, right / 2, NEAR):
            return Remark("factor_two")
        if any(close(slopes, right * 1e-5 * k, 1e-2) for k in (1, 2)):
            return Remark("no_step")
        return Remark("slopes_unknown")
    return None


def _centred(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "centred")
    f = Cubic.of(rng, (2, 3))
    W = rng.standard_normal((2, 3))
    slopes = _slopes(handin, f, W, WIDE)
    if close(slopes, f.differences(W, WIDE, centred=True), EXACT):
        return None
    if any(close(slopes, f.differences(W, h, centred=False), EXACT) for h in (WIDE, -WIDE)):
        return Remark("one_sided")
    if close(slopes, f.gradient(W), NEAR):
        return Remark("own_step")
    return _values(handin, seed) or Remark("accumulated")


def _restored(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "restored")
    f = Cubic.of(rng, (3,))
    W = rng.standard_normal(3)
    returned = handin.call("numerical_gradient", f.value, W)
    if 1 in returned.changed:
        return Remark("changes", {"name": "W"})
    return (
        None if close(array(returned.value, (3,)), f.gradient(W), NEAR) else _values(handin, seed)
    )


def _error(handin: HandIn, a: Array, b: Array) -> float:
    return number(handin.call("relative_error", a, b, names="a b").value)


def _errors(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "errors")
    for size in (1.0, 1e-6, 1e6):
        a = size * rng.standard_normal((3, 4))
        b = a + size * 0.1 * np.abs(rng.standard_normal((3, 4)))
        largest = max(np.abs(a).max(), np.abs(b).max())
        right = float(np.abs(a - b).max() / largest)
        error = _error(handin, a, b)
        if close(error, right):
            continue
        if close(error, right * largest):
            return Remark("error_absolute")
        if close(error, float((a - b).max() / largest)):
            return Remark("error_signed")
        return Remark("error_unknown")
    return None


def _zeros(handin: HandIn, seed: int) -> Remark | None:
    del seed
    error = _error(handin, np.zeros((2, 3)), np.zeros((2, 3)))
    if error != 0:
        return Remark("error_zeros")
    return None if _error(handin, np.ones(2), np.zeros(2)) else Remark("error_unknown")


class Case(NamedTuple):
    """A gradient that is handed in to be checked: f's size, and what spoils the right one."""

    size: float
    spoil: Callable[[Array], Array]


def _flipped(gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient.flat[1] *= -1
    return gradient


def _without_one(gradient: Array) -> Array:
    gradient = gradient.copy()
    gradient.flat[2] = 0
    return gradient


RIGHT = {
    "case_plain": Case(1.0, lambda g: g),
    "case_tiny": Case(1e-6, lambda g: g),
    "case_huge": Case(1e6, lambda g: g),
}
WRONG = {
    "case_negative": Case(1.0, np.negative),
    "case_double": Case(1.0, lambda g: 2 * g),
    "case_sign": Case(1.0, _flipped),
    "case_factor": Case(1.0, lambda g: 1.01 * g),
    "case_left_out": Case(1.0, _without_one),
    "case_small": Case(1e-6, lambda g: 2 * g),
}


def _says(handin: HandIn, seed: int, case: Case) -> bool:
    rng = generator(seed, "cases")
    f = Cubic.of(rng, (2, 3), case.size)
    f = f._replace(b=np.abs(f.b) + 0.5)  # no slope is small beside the others
    W = rng.standard_normal((2, 3))
    given = handin.call("gradient_is_right", f.value, lambda W: case.spoil(f.gradient(W)), W)
    return truth(given.value)


def _accepts(handin: HandIn, seed: int) -> Remark | None:
    for name, case in RIGHT.items():
        if not _says(handin, seed, case):
            return Remark("refuses_right", {"case": name})
    if _says(handin, seed, WRONG["case_negative"]):  # it says True to everything
        return Remark("accepts_wrong", {"case": "case_negative"})
    return None


def _refuses(handin: HandIn, seed: int) -> Remark | None:
    for name, case in WRONG.items():
        if _says(handin, seed, case):
            return Remark("accepts_wrong", {"case": name})
    if not _says(handin, seed, RIGHT["case_plain"]):  # it says False to everything
        return Remark("refuses_right", {"case": "case_plain"})
    return None


CHECKS: dict[str, Check] = {
    "numerical_gradient.values": _values,
    "numerical_gradient.centred": _centred,
    "numerical_gradient.restored": _restored,
    "relative_error.values": _errors,
    "relative_error.zeros": _zeros,
    "gradient_is_right.accepts": _accepts,
    "gradient_is_right.refuses": _refuses,
}
