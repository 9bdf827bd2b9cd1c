"""Likely causes of a wrong gradient, from the pattern of its errors over the coordinates."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from halfspaces.gradcheck.judge import Coordinate

CLOSE = 1e-3  # relative difference of values that count as equal


class Hint(NamedTuple):
    """A likely cause: a short name for programs, and a sentence that says what to look at."""

    name: str
    words: str


Rule = Callable[[Sequence[Coordinate], Mapping[str, int]], Hint | None]


class Slopes(NamedTuple):
    """Slopes at the smooth coordinates of the blocks with wrong ones."""

    analytic: np.ndarray
    numerical: np.ndarray
    at: np.ndarray
    bound: np.ndarray  # on the error of the numerical ones

    def proportion(self, u: np.ndarray, v: np.ndarray) -> float:
        """k if u = kv to a thousandth and the bounds, and u has at least three entries; else 0."""
        if u.size < 3 or not v.any() or not np.isfinite(u).all():
            return 0.0
        k = float(u @ v / (v @ v))
        off = np.linalg.norm(u - k * v)
        return k if off <= CLOSE * np.linalg.norm(u) + self.noise < np.linalg.norm(u) / 3 else 0.0

    @property
    def noise(self) -> float:
        """The length of the bounds."""
        return float(np.linalg.norm(self.bound))


def _blocks(coordinates: Sequence[Coordinate]) -> set[str]:
    return {c.block for c in coordinates}


def _wrong(coordinates: Sequence[Coordinate]) -> list[Coordinate]:
    return [c for c in coordinates if c.outcome == "wrong"]


def _smooth(coordinates: Sequence[Coordinate]) -> Slopes:
    """Slopes and parameters at the smooth coordinates of wrong blocks."""
    blocks = _blocks(_wrong(coordinates))
    chosen = [c for c in coordinates if c.block in blocks and not c.kink]
    rows = [(c.analytic, c.numerical, c.at, c.bound) for c in chosen]
    table = np.array(rows, dtype=float).reshape(-1, 4)
    return Slopes(*table[np.isfinite(table).all(axis=1)].T)


def _not_finite(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    del sizes
    odd = [c for c in coordinates if not math.isfinite(c.analytic)]
    if not odd:
        return None
    words = f"It is {odd[0].analytic} at {odd[0].name}: look for a division by 0, log(0) or exp"
    return Hint("not finite", f"{words} of a large number.")


def _ratio(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    """A factor that all wrong coordinates share; a slope of 0 has any factor."""
    wrong = [c for c in _wrong(coordinates) if not c.kink]
    if not wrong or len(wrong) < len(_wrong(coordinates)):
        return None
    a = np.array([c.analytic for c in wrong])
    n = np.array([c.numerical for c in wrong])
    bound = np.array([c.bound for c in wrong])
    if not (n.all() and np.isfinite(a).all() and np.isfinite(bound).all()):
        return None
    # Exact slopes count more: they are compared in units of their bounds.
    weight = 1 / np.maximum(bound, 1e-9 * np.abs(n)) ** 2
    ratio = float((weight * a * n).sum() / (weight * n * n).sum())
    if np.any(np.abs(a - ratio * n) > CLOSE * np.abs(a) + abs(ratio) * bound):
        return None
    where = _where(coordinates, wrong)
    if ratio == 0:
        return Hint("left out", f"The gradient is 0 {where}: was it left out?")
    name, cause = _cause_of_ratio(ratio, sizes, max(CLOSE, float(np.min(bound / np.abs(n)))))
    return Hint(name, f"The ratio analytic/numerical is {ratio:.6g} {where}: {cause}")


def _where(coordinates: Sequence[Coordinate], wrong: Sequence[Coordinate]) -> str:
    blocks = _blocks(wrong)
    hidden = [c for c in coordinates if c.outcome == "right" and abs(c.numerical) > c.bound]
    if blocks & _blocks(hidden):
        if len(wrong) == 1:
            return f"at {wrong[0].name}, of those checked only there"
        return "where they disagree, and only there"
    if blocks == _blocks(coordinates):
        return "everywhere"
    return f"in {' and '.join(sorted(blocks))}, and only there"


def _cause_of_ratio(ratio: float, sizes: Mapping[str, int], near: float) -> tuple[str, str]:
    """The name and the words of a constant factor; sizes are such as {"N": 20}."""
    known = {
        1.0: ("nearly", "has f a small ε, as in log(p + ε), that the gradient lacks?"),
        -1.0: ("sign", "did you forget a minus sign?"),
        2.0: ("factor 2", "a factor 2 too many, or a ½ that only f has."),
        0.5: (
            "factor 2",
            "the 2 of a square's derivative is missing, or a ½ that f does not have.",
        ),
    }
    for value, cause in known.items():
        if math.isclose(ratio, value, rel_tol=near):
            return cause
    for name, size in sizes.items():
        if math.isclose(ratio, size, rel_tol=near):
            words = f"that is {name}, the number of {_COUNTED[name]}: did you forget to divide by"
            return f"factor {name}", f"{words} {name}?"
        if math.isclose(ratio, 1 / size, rel_tol=near):
            words = f"that is 1/{name}, {name} being the number of {_COUNTED[name]}: is it"
            return f"factor {name}", f"{words} divided by {name} once too often?"
    if ratio > 2.5:
        return "factor N", "did you forget to divide by N, or by the sum of the weights?"
    if 0 < ratio < 0.4:
        return "factor N", "is it divided by N once too often?"
    return "factor", "a constant factor is wrong."


_COUNTED = {"N": "examples", "D": "features", "C": "classes", "NC": "scores"}


def _penalty(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    del sizes
    blocks = _blocks(_wrong(coordinates))
    slopes = _smooth(coordinates)
    difference = slopes.analytic - slopes.numerical
    where = " and ".join(sorted(blocks))
    if k := slopes.proportion(difference, slopes.at):
        if all(
            re.fullmatch(r"b\d*|bias.*|intercept", block.rpartition(".")[2]) for block in blocks
        ):
            reason = "f and gradient penalize the bias differently, and neither should"
            return Hint("penalized bias", f"It is off by {k:.3g} bias: {reason}.")
        reason = "f lacks a penalty, or has a half of it"
        if k < 0:
            reason = "2λW, the gradient of λΣW², or its 2, is missing"
        return Hint("penalty", f"It is off by {k:.3g} W in {where}: {reason}.")
    if k := slopes.proportion(difference, np.sign(slopes.at)):
        words = f"It is off by {k:.3g} sign(W) in {where}: look at the L1 penalty."
        return Hint("L1 penalty", words)
    if k := slopes.proportion(difference, np.ones_like(slopes.at)):
        words = f"It is off by the constant {k:.3g} in {where}: was a term added to every entry?"
        return Hint("constant", words)
    return None


def _penalized(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    """Entries that f leaves out of the penalty, such as a bias in the same array."""
    del sizes
    wrong = [c for c in _wrong(coordinates) if c.at]
    right = [c for c in coordinates if c.outcome == "right" and c.at and c.analytic]
    if len(right) < 3 or len(wrong) < len(_wrong(coordinates)) or not wrong:
        return None
    factors = np.array([c.analytic / c.at for c in (*right, *wrong)])
    flat = all(abs(c.numerical) <= CLOSE * abs(c.analytic) + c.bound for c in wrong)
    if not flat or np.ptp(factors) > CLOSE * abs(factors[0]):
        return None
    words = (
        f"f leaves {wrong[0].name} out of the penalty, and the gradient does not: is it the bias?"
    )
    return Hint("penalized bias", words)


def _mask(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    """Slopes where f does not change, or none where it does."""
    del sizes
    wrong = [c for c in _wrong(coordinates) if not c.kink]
    if not wrong or len(wrong) < len(_wrong(coordinates)):
        return None
    flat = all(abs(c.numerical) <= CLOSE * abs(c.analytic) + c.bound for c in wrong)
    if flat:
        words = "Where it disagrees f does not change, and the gradient is not 0: is the mask of a"
        return Hint("mask", f"{words} max(0, ...), a ReLU, a clip or a dropout missing?")
    return None


def _whole_numbers(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    """Slopes cut to integers, as an array of integers does it."""
    del sizes
    slopes = _smooth(coordinates)
    analytic = slopes.analytic
    whole = np.array_equal(analytic, np.round(analytic))
    off = np.abs(analytic - slopes.numerical).max(initial=0.0)
    if whole and off < 1 and analytic.size >= 3 and analytic.any():
        words = "It consists of whole numbers: is its array of integers, such as zeros_like of"
        return Hint("integers", f"{words} integers? Make it float64.")
    return None


def _unit_length(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    del sizes
    slopes = _smooth(coordinates)
    k = slopes.proportion(slopes.analytic, slopes.numerical)
    if k > 0 and math.isclose(np.linalg.norm(slopes.analytic), 1, rel_tol=CLOSE):
        return Hint("normalized", "It has length 1: was it normalized? A gradient keeps its size.")
    return None


def _clipped(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    del sizes
    wrong = _wrong(coordinates)
    limit = max((abs(c.analytic) for c in coordinates), default=0.0)
    cut = all(
        math.isclose(abs(c.analytic), limit, rel_tol=1e-6)
        and abs(c.numerical) > limit
        and c.numerical * c.analytic > 0
        for c in wrong
    )
    if cut and len(wrong) > 1:
        return Hint("clipped", f"It is cut at ±{limit:.6g}: clip it after the check, if at all.")
    return None


def _class(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    del sizes
    matrices = [c for c in coordinates if len(c.index) > 1]
    classes = {c.index[-1] for c in matrices}
    wrong = {c.index[-1] for c in _wrong(matrices)}
    if len(_wrong(coordinates)) > 1 and len(wrong) == 1 < len(classes):
        name = f"class {next(iter(wrong))} (the last axis)"
        return Hint("class", f"Only {name} is wrong: look at the term of the right class.")
    return None


def _one_row(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    """One index of the first axis, such as the last one of a loop."""
    del sizes
    matrices = [c for c in coordinates if len(c.index) > 1]
    rows = {(c.array, c.index[0]) for c in matrices}
    wrong = {(c.array, c.index[0]) for c in _wrong(coordinates) if c.index}
    if len(_wrong(coordinates)) > 1 and len(wrong) == 1 and len(rows) > 2:
        array, row = next(iter(wrong))
        advice = "look at how a loop ends, and at a column of ones for the bias"
        return Hint("row", f"Only {array}[{row}] is wrong: {advice}.")
    return None


def _block(coordinates: Sequence[Coordinate], sizes: Mapping[str, int]) -> Hint | None:
    del sizes
    blocks = _blocks(_wrong(coordinates))
    if len(blocks) == 1 < len(_blocks(coordinates)):
        advice = "look at how its gradient is summed over the examples"
        return Hint("block", f"Only {next(iter(blocks))} is wrong: {advice}.")
    return None


_RULES: tuple[Rule, ...] = (
    _not_finite,
    _unit_length,
    _ratio,
    _penalty,
    _whole_numbers,
    _clipped,
    _penalized,
    _mask,
    _class,
    _one_row,
    _block,
)


def find_hint(
    coordinates: Sequence[Coordinate], sizes: Mapping[str, int] | None = None
) -> Hint | None:
    """The first likely cause; None if no pattern is known."""
    found = (rule(coordinates, sizes or {}) for rule in _RULES)
    return next(filter(None, found), None)
