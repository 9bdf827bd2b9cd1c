"""Results of checks: errors by block, a verdict in words, hints from the pattern of the errors."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.gradcheck.differences import relative_error


@dataclass(frozen=True)
class Coordinate:
    """One coordinate (or the random direction): its analytic slope and the differences of f.

    `numerical` is the difference in use or, at a kink, the nearest value between the one-sided
    slopes.
    """

    block: str
    array: str
    index: tuple[int, ...]
    at: float
    analytic: float
    numerical: float
    backward: float
    forward: float
    error: float  # relative; for small slopes relative to the rounding noise
    kink: bool

    @property
    def name(self) -> str:
        """The coordinate in Python's notation: W[3, 0, 2]."""
        return f"{self.array}{list(self.index) if self.index else ''}"


@dataclass(frozen=True)
class BlockRow:
    """Errors of one parameter block."""

    block: str
    checked: int
    largest: float
    median: float
    kinks: int


@dataclass(frozen=True)
class Check:
    """The outcome of a check that is not a comparison of gradients: one sentence with figures."""

    name: str
    ok: bool
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


@dataclass(frozen=True)
class GradientReport:
    """The result of `check_gradient`; print it, or pass it to rich."""

    coordinates: tuple[Coordinate, ...] = field(repr=False)
    direction: Coordinate
    rate: float  # of the Taylor remainder: 2 is right, 1 is wrong, infinite where f is linear
    tolerance: float
    weakness: str  # why small errors are invisible; empty if they are visible

    @property
    def ok(self) -> bool:
        """Whether every sampled coordinate and the random direction agree within the tolerance."""
        return self.worst.error <= self.tolerance and self.direction.error <= self.tolerance

    @property
    def worst(self) -> Coordinate:
        """The coordinate of the largest relative error."""
        return max(self.coordinates, key=lambda coordinate: coordinate.error)

    @property
    def wrong(self) -> tuple[Coordinate, ...]:
        """Coordinates whose error is above the tolerance."""
        return tuple(c for c in self.coordinates if c.error > self.tolerance)

    @property
    def kinks(self) -> tuple[Coordinate, ...]:
        """Coordinates at a kink, which are judged by their slopes `backward` and `forward`."""
        return tuple(c for c in self.coordinates if c.kink)

    @property
    def rows(self) -> tuple[BlockRow, ...]:
        """One row for each block."""
        blocks = {
            c.block: [d for d in self.coordinates if d.block == c.block] for c in self.coordinates
        }
        return tuple(
            BlockRow(
                block,
                checked=len(members),
                largest=max(c.error for c in members),
                median=float(np.median([c.error for c in members])),
                kinks=sum(c.kink for c in members),
            )
            for block, members in blocks.items()
        )

    @property
    def hint(self) -> str:
        """A likely cause, from the pattern of the errors; empty if there is none."""
        return next(filter(None, (hint(self) for hint in _HINTS)), "") if self.wrong else ""

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.ok:
            sentences = self._agreement
        elif self.wrong:
            sentences = [
                f"The gradient is wrong: at {self.worst.name} it is {self.worst.analytic:.6g}, "
                f"where the slope is {_slope_words(self.worst)}; {len(self.wrong)} of the "
                f"{len(self.coordinates)} checked coordinates disagree.",
                self.hint,
            ]
        else:
            sentences = [
                f"The gradient is wrong, at coordinates that were not sampled: along a random "
                f"direction it gives {self.direction.analytic:.6g}, where the slope is "
                f"{_slope_words(self.direction)}. Raise samples."
            ]
        return " ".join(filter(None, [*sentences, self.weakness]))

    @property
    def _agreement(self) -> list[str]:
        checked = " and ".join(f"{row.checked} coordinates of {row.block}" for row in self.rows)
        agree = f"{checked} agree to {self.worst.error:.1e}, {self._taylor}"
        sentences = [f"The gradient is right: {agree}."]
        if self.kinks:
            between = "and the value lies between the one-sided slopes"
            sentences.append(f"At {len(self.kinks)} of them f has a kink, {between}.")
        return sentences

    @property
    def _taylor(self) -> str:
        if math.isinf(self.rate):
            return "and along a random direction f is straight, with the slope that it should have"
        if math.isnan(self.rate):
            return "and so does a random direction"
        across = ", as it may across kinks" if self.rate < 1.5 else ""
        falls = f"falls like t^{self.rate:.2f}{across}"
        return f"and along a random direction the Taylor remainder {falls}"

    def __str__(self) -> str:
        lines = [
            f"  {row.block}: {row.checked} checked, largest relative error {row.largest:.1e}, "
            f"median {row.median:.1e}, kinks {row.kinks}"
            for row in self.rows
        ]
        errors = f"relative error {self.direction.error:.1e}, Taylor rate {self.rate:.2f}"
        direction = f"  random direction: {errors}"
        return "\n".join([self.verdict, *lines, direction])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table("block", title="Gradient check", title_justify="left")
        for heading in ("checked", "kinks", "largest error", "median error"):
            table.add_column(heading, justify="right")
        for row in self.rows:
            style = "" if row.largest <= self.tolerance else "red"
            figures = (f"{row.checked}", f"{row.kinks}", f"{row.largest:.1e}", f"{row.median:.1e}")
            table.add_row(row.block, *figures, style=style)
        style = "" if self.direction.error <= self.tolerance else "red"
        figures = ("", f"{self.direction.kink:d}", f"{self.direction.error:.1e}", "")
        table.add_row("random direction", *figures, style=style)
        return Group(table, Text(self.verdict, style="green" if self.ok else "bold red"))


def _slope_words(coordinate: Coordinate) -> str:
    if coordinate.kink:
        low, high = sorted((coordinate.backward, coordinate.forward))
        return f"between {low:.6g} and {high:.6g} (a kink)"
    error = relative_error(coordinate.analytic, coordinate.numerical)
    return f"{coordinate.numerical:.6g} (relative error {error:.1e})"


def _proportion(u: np.ndarray, v: np.ndarray) -> float:
    """k if u = kv to a thousandth and u has at least three entries, else 0."""
    if u.size < 3 or not v.any() or not np.isfinite(u).all():
        return 0.0
    k = float(u @ v / (v @ v))
    return k if np.linalg.norm(u - k * v) <= 1e-3 * np.linalg.norm(u) else 0.0


def _smooth(
    report: GradientReport, blocks: Iterable[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Analytic and numerical slopes and parameters at the smooth coordinates of these blocks."""
    chosen = [c for c in report.coordinates if c.block in blocks and not c.kink]
    table = np.array([(c.analytic, c.numerical, c.at) for c in chosen]).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _ratio_hint(report: GradientReport) -> str:
    blocks = {c.block for c in report.wrong}
    analytic, numerical, _ = _smooth(report, blocks)
    where = f"in {' and '.join(sorted(blocks))}, and only there"
    if len(blocks) == len(report.rows):
        where = "everywhere"
    if numerical.any() and not analytic.any():
        return f"The gradient is 0 {where}: was it left out?"
    ratio = _proportion(analytic, numerical)
    if ratio == 0:
        return ""
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


def _penalty_hint(report: GradientReport) -> str:
    blocks = {c.block for c in report.wrong}
    analytic, numerical, at = _smooth(report, blocks)
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


def _block_hint(report: GradientReport) -> str:
    blocks = {c.block for c in report.wrong}
    if len(blocks) == 1 < len(report.rows):
        advice = "look at how its gradient is summed over the examples"
        return f"Only {next(iter(blocks))} is wrong: {advice}."
    return ""


def _class_hint(report: GradientReport) -> str:
    classes = {c.index[-1:] for c in report.coordinates}
    wrong = {c.index[-1:] for c in report.wrong}
    if len(report.wrong) > 1 and len(wrong) == 1 and wrong != classes:
        name = f"class {next(iter(wrong))[0]} (the last axis)"
        return f"Only {name} is wrong: look at the term of the right class."
    return ""


_HINTS = (_ratio_hint, _penalty_hint, _class_hint, _block_hint)
