"""Likely causes of a wrong gradient, from the pattern of its errors."""

import math
from collections.abc import Sequence

import numpy as np

from halfspaces.gradcheck.judge import Coordinate


def _proportion(u: np.ndarray, v: np.ndarray) -> float:
    """k if u = kv to a thousandth and u has at least three entries, else 0."""
    if u.size < 3 or not v.any() or not np.isfinite(u).all():
        return 0.0
    k = float(u @ v / (v @ v))
    return k if np.linalg.norm(u - k * v) <= 1e-3 * np.linalg.norm(u) else 0.0


def _blocks(coordinates: Sequence[Coordinate]) -> set[str]:
    return {c.block for c in coordinates}


def _wrong(coordinates: Sequence[Coordinate]) -> list[Coordinate]:
    return [c for c in coordinates if c.outcome == "wrong"]


def _smooth(coordinates: Sequence[Coordinate]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Analytic and numerical slopes and parameters at the smooth coordinates of wrong blocks."""
    blocks = _blocks(_wrong(coordinates))
    chosen = [c for c in coordinates if c.block in blocks and not c.kink]
    table = np.array([(c.analytic, c.numerical, c.at) for c in chosen]).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _ratio_hint(coordinates: Sequence[Coordinate]) -> str:
    """A factor that all wrong coordinates share; a slope of 0 has any factor."""
    wrong = [c for c in _wrong(coordinates) if not c.kink]
    ratios = np.array([c.analytic / c.numerical for c in wrong if c.numerical])
    if len(wrong) < len(_wrong(coordinates)) or ratios.size < max(1, len(wrong)):
        return ""
    ratio = float(np.median(ratios))
    if not np.all(np.abs(ratios - ratio) <= 1e-3 * abs(ratio)):
        return ""
    blocks = _blocks(wrong)
    hidden = [c for c in coordinates if c.outcome == "right" and abs(c.numerical) > c.bound]
    where = f"in {' and '.join(sorted(blocks))}, and only there"
    if blocks & _blocks(hidden):
        where = "where they disagree, and only there"
    elif blocks == _blocks(coordinates):
        where = "everywhere"
    if ratio == 0:
        return f"The gradient is 0 {where}: was it left out?"
    return f"The ratio analytic/numerical is {ratio:.6g} {where}: {_cause_of_ratio(ratio)}"


def _cause_of_ratio(ratio: float) -> str:
    known = {
        -1.0: "did you forget a minus sign?",
        2.0: "a factor 2 too many, or a ½ that only f has.",
        0.5: "the 2 of a square's derivative is missing, or a ½ that f does not have.",
    }
    for value, cause in known.items():
        if math.isclose(ratio, value, rel_tol=1e-3):
            return cause
    if ratio > 2.5:
        return "did you forget to divide by N, or by the sum of the weights?"
    if 0 < ratio < 0.4:
        return "is it divided by N once too often?"
    return "a constant factor is wrong."


def _penalty_hint(coordinates: Sequence[Coordinate]) -> str:
    blocks = _blocks(_wrong(coordinates))
    analytic, numerical, at = _smooth(coordinates)
    difference = analytic - numerical
    where = " and ".join(sorted(blocks))
    if k := _proportion(difference, at):
        if blocks == {"bias"}:
            reason = "f and gradient penalize the bias differently, and neither should"
            return f"It is off by {k:.3g} bias: {reason}."
        reason = "f lacks a penalty, or has a half of it"
        if k < 0:
            reason = "2λW, the gradient of λΣW², or its 2, is missing"
        return f"It is off by {k:.3g} W in {where}: {reason}."
    if k := _proportion(difference, np.sign(at)):
        return f"It is off by {k:.3g} sign(W) in {where}: look at the L1 penalty."
    return ""


def _block_hint(coordinates: Sequence[Coordinate]) -> str:
    blocks = _blocks(_wrong(coordinates))
    if len(blocks) == 1 < len(_blocks(coordinates)):
        advice = "look at how its gradient is summed over the examples"
        return f"Only {next(iter(blocks))} is wrong: {advice}."
    return ""


def _class_hint(coordinates: Sequence[Coordinate]) -> str:
    classes = {c.index[-1:] for c in coordinates}
    wrong = {c.index[-1:] for c in _wrong(coordinates)}
    if len(_wrong(coordinates)) > 1 and len(wrong) == 1 and wrong != classes:
        name = f"class {next(iter(wrong))[0]} (the last axis)"
        return f"Only {name} is wrong: look at the term of the right class."
    return ""


_HINTS = (_ratio_hint, _penalty_hint, _class_hint, _block_hint)


def hint(coordinates: Sequence[Coordinate]) -> str:
    """The first likely cause, as a sentence; empty if there is none."""
    return next(filter(None, (find(coordinates) for find in _HINTS)), "")
