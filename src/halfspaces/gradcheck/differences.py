"""Differences of f along lines: rounding noise, kinks, and comparison with an analytic slope."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from halfspaces.support.validation import check_number, nearest

Parameters = Any  # one array, or a mapping of block names to arrays
Scheme = Literal["centered", "forward"]

_EPS = float(np.finfo(np.float64).eps)
_SHRINK = (1.0, 0.1, 0.01)  # steps tried where a kink may be near
_BEND = 0.01  # one-sided slopes that differ by less, relatively, are not suspected of a kink
_WEAK = 1e-9  # relative noise above which f is not float64 arithmetic
_SAFETY = 5.0  # tolerated multiple of the rounding noise
_SAMPLES = 24  # values of f from which its noise is estimated
_NOISE_FACTOR = 1.5  # from the median of the differences to their standard deviation


def check_scheme(scheme: str) -> None:
    """Raise ValueError for an unknown scheme of differences."""
    if scheme not in ("centered", "forward"):
        raise ValueError(
            f"scheme={scheme!r} is not known: {nearest(scheme, ('centered', 'forward'))}"
        )


def relative_error(analytic: float, numerical: float, scale: float = 0.0) -> float:
    """|a − n| / max(|a| + |n|, scale), with 0/0 = 0.

    >>> relative_error(2.0, 1.0), relative_error(0.0, 0.0)
    (0.3333333333333333, 0.0)
    >>> relative_error(1e-12, -1e-12, scale=1e-6)
    2e-06
    """
    difference = abs(analytic - numerical)
    if not math.isfinite(difference):
        return math.inf
    return difference / max(abs(analytic) + abs(numerical), scale) if difference else 0.0


def scalar(value: Any) -> float:
    """The value of f as a float; TypeError unless it is one number."""
    value = np.asarray(value)
    if value.size != 1:
        raise TypeError(
            f"f must return one number, got an array of shape {value.shape}: add its entries up."
        )
    return float(value.reshape(()))


def replaced(vector: np.ndarray, position: int, value: float) -> np.ndarray:
    """A copy with another value at one position."""
    changed = vector.copy()
    changed[position] = value
    return changed


def precision(values: Any) -> float:
    """Rounding unit of floating-point values; that of float64 for integers."""
    arrays = values.values() if isinstance(values, Mapping) else (values,)
    dtypes = [np.asarray(array).dtype for array in arrays]
    return max((float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f"), default=_EPS)


@dataclass(frozen=True)
class Layout:
    """The positions of arrays and blocks in one flat vector of all parameters."""

    shapes: dict[str, tuple[int, ...]]
    single: bool
    blocks: dict[str, np.ndarray]  # positions in the vector

    @classmethod
    def of(cls, W: Parameters, blocks: Mapping[str, Any] | None) -> "Layout":
        """The layout of one array, split into blocks by indices, or of a mapping of blocks."""
        single = not isinstance(W, Mapping)
        if blocks is not None and not single:
            problem = "splits one array; the keys of a mapping W are its blocks"
            raise ValueError(f"check_gradient(blocks=...) {problem}.")
        shapes = {name: np.shape(array) for name, array in ({"W": W} if single else W).items()}
        arrays = cls(shapes, single, {})._split(np.arange(sum(map(math.prod, shapes.values()))))
        if blocks is not None:
            arrays = {name: arrays["W"][index] for name, index in blocks.items()}
        positions = {name: np.ravel(array) for name, array in arrays.items() if np.size(array)}
        if not positions:
            raise ValueError("check_gradient(W=...) must have at least one coordinate, got none.")
        return cls(shapes, single, positions)

    def _split(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        pieces = np.split(
            vector, np.cumsum([math.prod(shape) for shape in self.shapes.values()])[:-1]
        )
        return {
            name: piece.reshape(self.shapes[name])
            for name, piece in zip(self.shapes, pieces, strict=True)
        }

    def pack(self, values: Parameters, what: str) -> np.ndarray:
        """One float64 vector of all arrays."""
        named = {"W": values} if self.single else values
        shapes = {name: np.shape(array) for name, array in named.items()}
        if shapes != self.shapes:
            needed = f"the shapes of W, {self.shapes}"
            raise ValueError(f"check_gradient({what}=...) must have {needed}, got {shapes}.")
        arrays = [np.asarray(named[name], dtype=np.float64) for name in self.shapes]
        return np.concatenate([np.ravel(array) for array in arrays])

    def unpack(self, vector: np.ndarray) -> Parameters:
        """New arrays: f may change them."""
        arrays = self._split(vector.copy())
        return arrays["W"] if self.single else arrays

    def index(self, position: int) -> tuple[str, tuple[int, ...]]:
        """The array and the index of a position, such as ("W", (3, 0, 2))."""
        for name, shape in self.shapes.items():
            if position < math.prod(shape):
                return name, tuple(int(i) for i in np.unravel_index(position, shape))
            position -= math.prod(shape)
        raise IndexError(position)


class Slopes(NamedTuple):
    """Differences of f at one step."""

    backward: float
    forward: float
    centered: float

    @property
    def jump(self) -> float:
        """The distance of the one-sided slopes."""
        return abs(self.forward - self.backward)

    def by(self, scheme: Scheme) -> float:
        """The difference by this scheme."""
        return self.centered if scheme == "centered" else self.forward

    def nearest(self, value: float) -> float:
        """The value itself if it lies between the one-sided slopes, else the nearer slope."""
        low, high = sorted((self.backward, self.forward))
        return min(max(value, low), high)


@dataclass(frozen=True)
class Line:
    """f along one coordinate or one direction, near x = at."""

    f: Callable[[float], Any]
    at: float

    def __call__(self, x: float) -> float:
        """f(x) as a float."""
        return scalar(self.f(x))

    def slopes(self, step: float, here: float) -> Slopes:
        """The differences of f at this step, which are divided by the rounded distances."""
        upper = self.at + step
        lower = self.at - step
        high = self(upper)
        low = self(lower)
        return Slopes(
            backward=(here - low) / (self.at - lower),
            forward=(high - here) / (upper - self.at),
            centered=(high - low) / (upper - lower),
        )


def _scatter(ray: Line, spacing: float) -> float:
    """Rounding noise of f, from the fourth differences of close values.

    They are zero for a smooth f without rounding. The median is robust against kinks; √70 is the
    norm of the coefficients 1, −4, 6, −4, 1.
    """
    fourth = np.diff([ray(spacing * k) for k in range(_SAMPLES)], n=4)
    return _NOISE_FACTOR * float(np.median(np.abs(fourth))) / math.sqrt(70)


def _resolves_small_steps(ray: Line, here: float) -> bool:
    """Whether the change of f over a tiny step is in proportion to its change over a larger step.

    In float32 f does not change over the tiny step, or changes too much.
    """
    expected = abs(ray(1e-4) - here) * 1e-7
    change = abs(ray(1e-11) - here)
    return expected < 20 * _EPS * abs(here) or 0 < change < 30 * expected


@dataclass(frozen=True)
class Noise:
    """f(W), the rounding noise of f there, and the rounding units of the types."""

    here: float
    f: float
    f_precision: float
    gradient_precision: float

    @classmethod
    def of(cls, ray: Line, gradient: Any) -> "Noise":
        """Measure along the ray, at a spacing that is large for f's precision (Moré & Wild)."""
        value = ray.f(0.0)
        here = scalar(value)
        if not math.isfinite(here):
            raise ValueError(f"f(W) must be finite for a check of its gradient, got {here}.")
        f_precision = precision(value)
        if not _resolves_small_steps(ray, here):
            f_precision = max(f_precision, float(np.finfo(np.float32).eps))
        scatter = _scatter(ray, 1e-3 if f_precision > _EPS else 1e-6)
        return cls(here, max(f_precision * abs(here), scatter), f_precision, precision(gradient))

    @property
    def relative(self) -> float:
        """Noise of f relative to f(W); float64's rounding unit, unless it is much more."""
        relative = self.f / abs(self.here) if self.here else 0.0
        return relative if relative > _WEAK else _EPS

    def weakness(self, tolerance: float) -> str:
        """Why small errors are invisible; empty if they are visible."""
        if self.f_precision > _EPS:
            rounding = "its differences are mostly rounding"
            why = f"f has the noise of float32, and {rounding}; compute it in float64."
        elif self.relative > _WEAK:
            why = f"f is accurate to {self.relative:.0e} only."
        elif self.gradient_precision > _EPS:
            why = "the gradient is given in float32."
        else:
            return ""
        return f"The check is weak, errors below {tolerance:.0e} cannot be seen: {why}"


class Finding(NamedTuple):
    """The comparison of the analytic slope with the differences along one line."""

    numerical: float
    backward: float
    forward: float
    error: float
    kink: bool


@dataclass(frozen=True)
class Judge:
    """Compares an analytic slope with f along a line."""

    noise: Noise
    scheme: Scheme
    step: float
    tolerance: float
    kink: bool
    largest: float  # absolute value in the analytic gradient

    @classmethod
    def of(
        cls,
        noise: Noise,
        analytic: np.ndarray,
        *,
        scheme: Scheme,
        step: float | None,
        tolerance: float | None,
        kink: bool,
    ) -> "Judge":
        """Choose step and tolerance if they are None.

        The step balances rounding and truncation errors; the tolerance is above both.
        """
        order = 1 / 3 if scheme == "centered" else 1 / 2
        if step is None:
            step = float(noise.relative**order)
        if tolerance is None:
            least = 1e-6 if scheme == "centered" else 1e-5
            rounding = 1e3 * noise.gradient_precision if noise.gradient_precision > _EPS else 0.0
            tolerance = max(least, 20 * noise.relative ** (1 - order), rounding)
        check_number("check_gradient(step=...)", step, above=0)
        check_number("check_gradient(tolerance=...)", tolerance, above=0)
        largest = float(np.max(np.abs(analytic), initial=0.0, where=np.isfinite(analytic)))
        return cls(noise, scheme, step, tolerance, kink, largest)

    def __call__(self, line: Line, analytic: float) -> Finding:
        """Shrink the step until f shows no kink and the slopes agree; else test for a kink.

        Where f is smooth, the jump between the one-sided slopes shrinks with the step. Across a
        kink it does not shrink until the kink is outside the interval.
        """
        plain: Finding | None = None
        step = self.step
        slopes = Slopes(math.nan, math.nan, math.nan)
        larger: Slopes | None = None
        explained = False
        for shrink in _SHRINK if self.kink else _SHRINK[:1]:
            step = self.step * shrink * max(1.0, abs(line.at))
            slopes = line.slopes(step, self.noise.here)
            explained = not self.kink or self._explained(slopes, larger, step)
            if explained:
                trials = self._compare(analytic, slopes, larger, step)
                best = min(trials, key=lambda trial: trial.error)
                if best.error <= self.tolerance:
                    return best
                plain = plain or trials[0]
            larger = slopes
        beside = self._beside_kink(analytic, slopes, step)
        crossed = self.kink and slopes.jump > self._rounding(step)
        if plain is None or (crossed and (not explained or beside.error <= self.tolerance)):
            return beside
        return plain

    def _compare(
        self, analytic: float, slopes: Slopes, larger: Slopes | None, step: float
    ) -> list[Finding]:
        """Comparisons with the difference at this step and at the last one, ten times as large.

        With a kink on one side, the slope of the other side at the larger step is right, and less
        noisy than at this step. Where f'' jumps, the error is proportional to the step: the limit
        by extrapolation is right.
        """
        n = slopes.by(self.scheme)
        trials = [(n, slopes, step)]
        if larger is not None:
            before = larger.by(self.scheme)
            trials += [(value, larger, 10 * step) for value in (before, *larger[:2])]
            trials += [(n + (n - before) / 9, slopes, step)]
        findings: list[Finding] = []
        for value, one_sided, h in trials:
            error = relative_error(analytic, value, self._floor(h) / self.tolerance)
            findings.append(Finding(value, *one_sided[:2], error, kink=False))
        return findings

    def _beside_kink(self, analytic: float, slopes: Slopes, step: float) -> Finding:
        """Comparison with the nearest value between the one-sided slopes: all are subgradients."""
        nearest = slopes.nearest(analytic)
        error = relative_error(analytic, nearest, self._rounding(step) / self.tolerance)
        return Finding(nearest, *slopes[:2], error, kink=True)

    def _explained(self, slopes: Slopes, larger: Slopes | None, step: float) -> bool:
        """Whether curvature explains the jump: it is small, or shrinks with the step."""
        shrunk = larger.jump / 2 if larger is not None else 0.0
        bend = _BEND * (abs(slopes.backward) + abs(slopes.forward))
        return slopes.jump <= max(shrunk, bend, self._rounding(step))

    def _rounding(self, step: float) -> float:
        return 2 * _SAFETY * self.noise.f / step

    def _floor(self, step: float) -> float:
        """The error that rounding explains, limited at small steps so that wrong gradients fail."""
        of_f = _SAFETY * self.noise.f
        of_gradient = 10 * self.noise.gradient_precision * self.largest
        return min(of_f / step, max(of_f / self.step, self.tolerance * self.largest)) + of_gradient


def taylor_rate(ray: Line, slope: float, noise: Noise) -> float:
    """Exponent p of |f(x + td) − f(x) − t⟨g, d⟩| ~ t^p, at the smallest t with a clear remainder.

    Infinite if no remainder is above the noise, since f is linear; nan if too few are.
    """
    t = 10.0 ** -np.arange(1, 5.5, 0.5)
    remainder = np.array([abs(ray(step) - noise.here - step * slope) for step in t.tolist()])
    clear = remainder > 100 * noise.f
    if np.count_nonzero(clear) < 3:
        return math.nan if clear.any() else math.inf
    rate, _ = np.polyfit(np.log(t[clear][-4:]), np.log(remainder[clear][-4:]), 1)
    return float(rate)
