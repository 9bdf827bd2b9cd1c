"""Results of checks: errors by block, and a verdict in words."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.gradcheck.differences import relative_error
from halfspaces.gradcheck.hints import find_hint
from halfspaces.gradcheck.judge import Coordinate, Outcome


@dataclass(frozen=True)
class BlockRow:
    """Errors of one parameter block."""

    block: str
    checked: int
    largest: float
    median: float
    kinks: int
    outcome: Outcome  # the worst of its coordinates


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
    agree: int  # coordinates that were not sampled, and that agree as groups
    unseen: int  # coordinates of which nothing is known
    rate: float  # of the Taylor remainder: 2 is right, 1 is wrong, infinite where f is linear
    tolerance: float
    weakness: str  # why small errors are invisible; empty if they are visible
    defects: tuple[str, ...] = ()  # sentences that make the gradient wrong at any values
    doubts: tuple[str, ...] = ()  # sentences that make any verdict impossible
    has_long_steps: bool = False  # whether slopes are means over long steps: f has 16 bits

    @property
    def outcome(self) -> Outcome:
        """The verdict on the whole: right only if nothing is wrong and nothing is undecided."""
        if self.defects or (self.wrong and not self.doubts):
            return "wrong"
        undecided = self.doubts or self.undecided or self.unseen or self._is_stationary
        return "cannot tell" if undecided else "right"

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return self.outcome == "right"

    @property
    def worst(self) -> Coordinate:
        """The coordinate of the worst outcome and, among these, of the largest relative error."""
        return max(self.coordinates, key=lambda c: (_ORDER.index(c.outcome), c.error))

    @property
    def wrong(self) -> tuple[Coordinate, ...]:
        """Coordinates whose analytic slope is wrong."""
        return tuple(c for c in self.coordinates if c.outcome == "wrong")

    @property
    def undecided(self) -> tuple[Coordinate, ...]:
        """Coordinates whose slope is too small, beside rounding noise, for a verdict."""
        return tuple(c for c in self.coordinates if c.outcome == "cannot tell")

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
                outcome=max(members, key=lambda c: _ORDER.index(c.outcome)).outcome,
            )
            for block, members in blocks.items()
        )

    @property
    def hint(self) -> str:
        """A likely cause, from the pattern of the errors; empty if there is none."""
        found = find_hint(self.coordinates) if self.wrong else None
        return "" if found is None else found.words

    @property
    def verdict(self) -> str:
        """The result in words, with the likely cause."""
        words = self.finding
        hint = self.hint if self.outcome == "wrong" and not self.doubts else ""
        return f"{words} {hint}" if hint else words

    @property
    def finding(self) -> str:
        """The result in words."""
        if self.outcome == "right":
            sentences = self._agreement
        elif self.outcome == "wrong":
            sentences = self._disagreement
        else:
            sentences = self._indecision
        return " ".join(filter(None, [*sentences, self.weakness]))

    @property
    def _is_stationary(self) -> bool:
        """Whether the gradient and all slopes are 0, so that any multiple of it is right."""
        return all(
            not c.kink and 0 < c.bound >= max(abs(c.analytic), abs(c.numerical))
            for c in self.coordinates
        )

    @property
    def _agreement(self) -> list[str]:
        checked = " and ".join(f"{row.checked} coordinates of {row.block}" for row in self.rows)
        agree = f"{checked} agree to {self.worst.error:.1e}, {self._taylor}"
        sentences = [f"The gradient is right: {agree}."]
        if self.agree:
            others = f"The other {self.agree} coordinates were checked together"
            sentences.append(f"{others}: an error of a tenth of any of their slopes would be seen.")
        if self.kinks:
            between = "and the value lies between the one-sided slopes"
            sentences.append(f"At {len(self.kinks)} of them f has a kink, {between}.")
        return sentences

    @property
    def _disagreement(self) -> list[str]:
        sentences = [f"The gradient is wrong: {defect}" for defect in self.defects]
        if self.wrong and not self.doubts:
            sentences += [
                f"The gradient is wrong: at {self.worst.name} it is {self.worst.analytic:.6g}, "
                f"where the slope is {_slope_words(self.worst)}; {len(self.wrong)} of the "
                f"{len(self.coordinates)} checked coordinates disagree."
            ]
        return sentences

    @property
    def _indecision(self) -> list[str]:
        reasons = list(self.doubts)
        if not reasons and self._is_stationary:
            reasons.append(
                "no slope differs from 0 by more than f's rounding, and any multiple of the "
                "gradient would agree; check it at another W."
            )
        elif not reasons and self.undecided:
            worst = max(self.undecided, key=lambda c: c.error)
            slope = "f is not finite on both sides."
            if math.isfinite(worst.numerical):
                slope = f"the slope is {worst.numerical:.3g} ± {worst.bound:.1g}, too inexact."
            others = ", the others agree" if len(self.undecided) < len(self.coordinates) else ""
            reasons.append(
                f"at {worst.name} it is {worst.analytic:.3g}, and {slope} "
                f"{len(self.undecided)} of the {len(self.coordinates)} checked coordinates are "
                f"undecided{others}."
            )
        if not self.doubts and self.unseen:
            reasons.append(
                f"{self.unseen} of the coordinates that were not sampled have slopes too small to "
                "be seen beside f's rounding, or kinks; raise samples."
            )
        return [f"Whether the gradient is right cannot be told: {reasons[0]}", *reasons[1:]]

    @property
    def _taylor(self) -> str:
        if math.isinf(self.rate) and not self.weakness:
            return "and along a random direction f is straight, with the slope that it should have"
        if not 0.5 <= self.rate <= 2.5:
            return "and so does a random direction"
        across = ", as it may across kinks" if self.rate < 1.5 else ""
        falls = f"falls like t^{self.rate:.2f}{across}"
        return f"and along a random direction the Taylor remainder {falls}"

    def __str__(self) -> str:
        lines = [
            f"  {row.block}: {row.checked} checked, {row.outcome}, largest relative error "
            f"{row.largest:.1e}, median {row.median:.1e}, kinks {row.kinks}"
            for row in self.rows
        ]
        others = f"  others: {self.agree} agree together, {self.unseen} not seen"
        return "\n".join([self.verdict] if self.doubts else [self.verdict, *lines, others])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table("block", title="Gradient check", title_justify="left")
        for heading in ("checked", "kinks", "largest error", "median error"):
            table.add_column(heading, justify="right")
        table.add_column("")
        for row in self.rows:
            figures = (f"{row.checked}", f"{row.kinks}", f"{row.largest:.1e}", f"{row.median:.1e}")
            table.add_row(row.block, *figures, row.outcome, style=STYLES[row.outcome])
        if self.agree or self.unseen:
            seen = "cannot tell" if self.unseen else "right"
            count = f"{self.agree} of {self.agree + self.unseen}"
            table.add_row("others, together", count, "", "", "", seen, style=STYLES[seen])
        return Group(table, Text(self.verdict, style=f"bold {STYLES[self.outcome]}"))


_ORDER: tuple[Outcome, ...] = ("right", "cannot tell", "wrong")
STYLES: dict[Outcome, str] = {"right": "green", "cannot tell": "yellow", "wrong": "red"}


def _slope_words(coordinate: Coordinate) -> str:
    if coordinate.kink:
        low, high = sorted((coordinate.backward, coordinate.forward))
        return f"between {low:.6g} and {high:.6g} (a kink)"
    error = relative_error(coordinate.analytic, coordinate.numerical)
    return f"{coordinate.numerical:.6g} (relative error {error:.1e})"
