"""What a gradient check found: errors by block, a verdict in words, and hints from the pattern of the errors."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.gradcheck.differences import relative_error


@dataclass(frozen=True)
class Coordinate:
    """One coordinate (or the random direction): its analytic slope and what the differences of f say.

    `numerical` is the difference that was used or, at a kink, the nearest of the slopes that are possible there.
    """

    block: str
    array: str
    index: tuple[int, ...]
    at: float
    analytic: float
    numerical: float
    backward: float
    forward: float
    error: float  # relative, but for small numbers relative to what rounding leaves visible
    kink: bool

    @property
    def name(self) -> str:
        """As a reader would type it: W[3, 0, 2]."""
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
class GradientReport:
    """What `check_gradient` found; print it, or give it to rich."""

    coordinates: tuple[Coordinate, ...] = field(repr=False)
    direction: Coordinate
    rate: float  # of the Taylor remainder: 2 is right, 1 is wrong, infinite where f is straight
    tolerance: float
    weakness: str  # why the check cannot see small errors; empty if it can

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
        """The ledger of coordinates at a kink: judged by their one-sided slopes, `backward` and `forward`."""
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
        """What the pattern of the errors suggests; empty if nothing, or if nothing is wrong."""
        return next(filter(None, (hint(self) for hint in _HINTS)), "") if self.wrong else ""

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.ok:
            checked = " and ".join(f"{row.checked} coordinates of {row.block}" for row in self.rows)
            parts = [
                f"The gradient is right: {checked} agree to {self.worst.error:.1e}, {self._taylor}."
            ]
        elif self.wrong:
            parts = [
                f"The gradient is wrong: at {self.worst.name} it is {self.worst.analytic:.6g}, "
                f"where the slope is {_slope_words(self.worst)}; {len(self.wrong)} of the "
                f"{len(self.coordinates)} checked coordinates disagree.",
                self.hint,
            ]
        else:
            parts = [
                f"The gradient is wrong, at coordinates that were not sampled: along a random direction it gives "
                f"{self.direction.analytic:.6g}, where the slope is {_slope_words(self.direction)}. Raise samples."
            ]
        if self.ok and self.kinks:
            parts.append(
                f"At {len(self.kinks)} of them f has a kink, and the value lies between the one-sided slopes."
            )
        return " ".join(filter(None, [*parts, self.weakness]))

    @property
    def _taylor(self) -> str:
        if math.isinf(self.rate):
            return "and along a random direction f is straight, with the slope that it should have"
        if math.isnan(self.rate):
            return "and so does a random direction"
        across = ", as it may across kinks" if self.rate < 1.5 else ""
        return f"and along a random direction the Taylor remainder falls like t^{self.rate:.2f}{across}"

    def __str__(self) -> str:
        lines = [
            f"  {row.block}: {row.checked} checked, largest relative error {row.largest:.1e}, "
            f"median {row.median:.1e}, kinks {row.kinks}"
            for row in self.rows
        ]
        direction = f"  random direction: relative error {self.direction.error:.1e}, Taylor rate {self.rate:.2f}"
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
        table.add_row(
            "random direction",
            "",
            f"{self.direction.kink:d}",
            f"{self.direction.error:.1e}",
            "",
            style=style,
        )
        return Group(table, Text(self.verdict, style="green" if self.ok else "bold red"))


def _slope_words(coordinate: Coordinate) -> str:
    if coordinate.kink:
        low, high = sorted((coordinate.backward, coordinate.forward))
        return f"between {low:.6g} and {high:.6g} (a kink)"
    error = relative_error(coordinate.analytic, coordinate.numerical)
    return f"{coordinate.numerical:.6g} (relative error {error:.1e})"


def _proportion(u: np.ndarray, v: np.ndarray) -> float:
    """k where u = kv to a thousandth, with three entries at least to tell; 0 where it is not."""
    if u.size < 3 or not v.any() or not np.isfinite(u).all():
        return 0.0
    k = float(u @ v / (v @ v))
    return k if np.linalg.norm(u - k * v) <= 1e-3 * np.linalg.norm(u) else 0.0


def _smooth(
    report: GradientReport, blocks: Iterable[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Analytic slopes, numerical slopes and parameters at the coordinates of these blocks that have no kink."""
    chosen = [c for c in report.coordinates if c.block in blocks and not c.kink]
    table = np.array([(c.analytic, c.numerical, c.at) for c in chosen]).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _ratio_hint(report: GradientReport) -> str:
    blocks = {c.block for c in report.wrong}
    analytic, numerical, _ = _smooth(report, blocks)
    where = (
        "everywhere"
        if len(blocks) == len(report.rows)
        else f"in {' and '.join(sorted(blocks))}, and only there"
    )
    if numerical.any() and not analytic.any():
        return f"The gradient is 0 {where}: was it left out?"
    ratio = _proportion(analytic, numerical)
    if ratio == 0:
        return ""
    known = {
        -1.0: "did you forget a minus sign?",
        2.0: "a factor 2 too many, or a ½ that only f has.",
        0.5: "the 2 of a square's derivative is missing, or a ½ that f does not have.",
    }
    guess = "a constant factor is wrong."
    if ratio > 2.5:
        guess = "did you forget to divide by N, or by the sum of the weights?"
    elif 0 < ratio < 0.4:
        guess = "is it divided by N once too often?"
    words = next(
        (hint for value, hint in known.items() if math.isclose(ratio, value, rel_tol=1e-3)), guess
    )
    return f"The ratio analytic/numerical is {ratio:.6g} {where}: {words}"


def _penalty_hint(report: GradientReport) -> str:
    blocks = {c.block for c in report.wrong}
    analytic, numerical, at = _smooth(report, blocks)
    difference, where = analytic - numerical, " and ".join(sorted(blocks))
    if k := _proportion(difference, at):
        if blocks == {"bias"}:
            return f"It is off by {k:.3g} bias: f and gradient penalize the bias differently, and neither should."
        reason = (
            "2λW, the gradient of λΣW², or its 2, is missing"
            if k < 0
            else "f lacks a penalty, or has a half of it"
        )
        return f"It is off by {k:.3g} W in {where}: {reason}."
    if k := _proportion(difference, np.sign(at)):
        return f"It is off by {k:.3g} sign(W) in {where}: look at the L1 penalty."
    return ""


def _block_hint(report: GradientReport) -> str:
    blocks = {c.block for c in report.wrong}
    if len(blocks) == 1 < len(report.rows):
        return f"Only {next(iter(blocks))} is wrong: look at how its gradient is summed over the examples."
    return ""


def _class_hint(report: GradientReport) -> str:
    wrong = {c.index[-1:] for c in report.wrong}
    if (
        len(report.wrong) > 1
        and len(wrong) == 1
        and {c.index[-1:] for c in report.coordinates} != wrong
    ):
        return f"Only class {next(iter(wrong))[0]} (the last axis) is wrong: look at the term of the right class."
    return ""


_HINTS = (_ratio_hint, _penalty_hint, _class_hint, _block_hint)
