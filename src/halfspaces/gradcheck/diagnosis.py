"""What the gradient doctor found: outcome, likely bugs, sanity checks and kinks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from halfspaces.gradcheck.hints import Hint
from halfspaces.gradcheck.judge import Coordinate, Outcome
from halfspaces.gradcheck.kinks import Flip
from halfspaces.gradcheck.report import STYLES, Check, GradientReport
from halfspaces.gradcheck.user_function import UserFunction

MOST_ROWS = 10  # coordinates of a printed table
EXIT_CODES: Mapping[Outcome, int] = {"right": 0, "wrong": 1, "cannot tell": 3}


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found: print it, pass it to rich, or take `to_dict()`.

    Attributes
    ----------
    name : str
        The function and its arguments.
    parts : mapping of names to GradientReport
        "loss", or "data loss" and "penalty" where the function takes a strength.
    hints : tuple of Hint
        The likely bugs, most likely first.
    checks : tuple of Check
        The sanity checks; they do not change the outcome.
    flips : tuple of Flip
        Terms with a kink near a coordinate.
    notes : tuple of str
        What the check did to make f deterministic, and the like.
    """

    name: str
    parts: Mapping[str, GradientReport]
    hints: tuple[Hint, ...] = ()
    checks: tuple[Check, ...] = ()
    flips: tuple[Flip, ...] = ()
    notes: tuple[str, ...] = ()
    subject: UserFunction | None = field(default=None, repr=False)

    @property
    def outcome(self) -> Outcome:
        """Right, wrong or cannot tell: the worst of the parts; a hint alone makes it wrong."""
        outcomes = {report.outcome for report in self.parts.values()}
        if "wrong" in outcomes or self.hints:
            return "wrong"
        return "cannot tell" if "cannot tell" in outcomes else "right"

    @property
    def ok(self) -> bool:
        """Whether the gradient is right."""
        return self.outcome == "right"

    @property
    def exit_code(self) -> int:
        """Of the command line: 0 right, 1 wrong, 3 cannot tell."""
        return EXIT_CODES[self.outcome]

    @property
    def hint(self) -> str:
        """The likely bug in a sentence; empty if none is known."""
        return self.hints[0].words if self.hints else ""

    @property
    def verdict(self) -> str:
        """The result in words."""
        sentences = [f"{name}: {report.finding}" for name, report in self.parts.items()]
        return " ".join([*sentences, *(hint.words for hint in self.hints)])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON.

        Keys: name, outcome, exit_code, hint, hints (name, words), parts (name, outcome, verdict,
        checked, agree, unseen, taylor_rate, tolerance, coordinates), checks (name, ok, words),
        kinks (words and figures) and notes. Numbers that are not finite are None.
        """
        return {
            "name": self.name,
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "hint": self.hint,
            "hints": [hint._asdict() for hint in self.hints],
            "parts": [_part(name, report) for name, report in self.parts.items()],
            "checks": [
                {"name": check.name, "ok": check.ok, "words": check.words} for check in self.checks
            ],
            "kinks": [{**flip._asdict(), "words": flip.words} for flip in self.flips],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.outcome}"]
        lines += [f"  {name}: {report.finding}" for name, report in self.parts.items()]
        lines += [f"  likely bug: {hint.words}" for hint in self.hints]
        lines += [f"  {'passed' if check.ok else 'look at'}: {check}" for check in self.checks]
        lines += [f"  kink at {flip.words}" for flip in self.flips]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        style = STYLES[self.outcome]
        shown: list[Any] = [Text.assemble(f"{self.name}: ", (self.outcome, f"bold {style}"))]
        for name, report in self.parts.items():
            shown += [Text.assemble("\n", (name, "bold"), f": {report.finding}")]
            if report.outcome != "right":
                shown += [_table(report)]
        for hint in self.hints:
            shown.append(Text.assemble("\n", ("Likely bug: ", "bold"), hint.words))
        for check in self.checks:
            mark = ("ok ", "green") if check.ok else ("look at this ", "yellow")
            shown.append(Text.assemble("\n" if check is self.checks[0] else "", mark, str(check)))
        shown += [Text(f"kink at {flip.words}") for flip in self.flips]
        return Group(*shown, *map(Text, self.notes))


def _table(report: GradientReport) -> Any:
    """The coordinates that are not right, those with the largest errors first."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("coordinate", header_style="dim")
    for heading in ("at", "analytic", "slope of f", "± bound", "error", ""):
        table.add_column(heading, justify="right", header_style="dim")
    rows = [c for c in report.coordinates if c.outcome != "right"]
    rows.sort(key=lambda c: (c.outcome == "cannot tell", -c.error))
    for c in rows[:MOST_ROWS]:
        figures = (f"{c.at:.6g}", f"{c.analytic:.6g}", f"{c.numerical:.6g}", f"{c.bound:.0e}")
        words = f"{c.outcome}, a kink" if c.kink else c.outcome
        table.add_row(c.name, *figures, f"{c.error:.1e}", words, style=STYLES[c.outcome])
    if len(rows) > MOST_ROWS:
        table.add_row(f"and {len(rows) - MOST_ROWS:,} more", style="dim")
    return table


def _part(name: str, report: GradientReport) -> dict[str, Any]:
    return {
        "name": name,
        "outcome": report.outcome,
        "verdict": report.finding,
        "checked": len(report.coordinates),
        "agree": report.agree,
        "unseen": report.unseen,
        "taylor_rate": _finite(report.rate),
        "tolerance": report.tolerance,
        "coordinates": [_row(coordinate) for coordinate in report.coordinates],
    }


def _row(coordinate: Coordinate) -> dict[str, Any]:
    return {
        "name": coordinate.name,
        "at": _finite(coordinate.at),
        "analytic": _finite(coordinate.analytic),
        "numerical": _finite(coordinate.numerical),
        "bound": _finite(coordinate.bound),
        "error": _finite(coordinate.error),
        "outcome": coordinate.outcome,
        "kink": coordinate.kink,
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
