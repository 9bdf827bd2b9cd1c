"""Small tables for notebooks: HTML that is readable on light and on dark pages, and only text."""

import html
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from halfspaces.system.errors import shown

MOST_MEMBERS = 20
CELL = "padding: 0.15em 0.8em; border: 0; border-top: 1px solid #8888; background: none"
TABLE = "border-collapse: collapse; color: inherit; font-variant-numeric: tabular-nums"


def table(rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """A table whose first cell in each row is its heading; other cells are numbers, or one text.

    >>> table([("loss", "<b>")]).count("&lt;b&gt;")
    1
    """
    heads = "".join(f'<th scope="col" style="{CELL}">{_text(cell)}</th>' for cell in header)
    top = f"<thead><tr>{heads}</tr></thead>" if header else ""
    body = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    return f'<table style="{TABLE}">{top}<tbody>{body}</tbody></table>'


class Ended(Protocol):
    """What is shown of a result of a run."""

    @property
    def reason(self) -> object:
        """Why the run ended."""
        ...

    @property
    def loss(self) -> np.ndarray:
        """L(W) of each member (M,)."""
        ...

    @property
    def data_loss(self) -> np.ndarray:
        """Its first term."""
        ...

    @property
    def penalty(self) -> np.ndarray:
        """Its second term."""
        ...

    @property
    def gap(self) -> np.ndarray:
        """A bound on the distance from the minimum."""
        ...

    @property
    def passes(self) -> float:
        """Visits to all examples."""
        ...

    @property
    def seconds(self) -> float:
        """Time."""
        ...


def of_result(result: Ended) -> str:
    """The table of a result: why the run ended, what it cost, the objective of each member."""
    about = table(
        [
            ("why it ended", result.reason),
            ("cost", f"{result.passes:.4g} passes, {result.seconds:.3g} s"),
        ]
    )
    columns = zip(result.loss, result.data_loss, result.penalty, result.gap, strict=True)
    rows = [
        (f"member {member}" if len(result.loss) > 1 else "", *(f"{float(x):.6g}" for x in values))
        for member, values in enumerate(columns)
    ]
    header = ("", "L(W)", "data loss", "penalty", "at most above the minimum")
    more = len(rows) - MOST_MEMBERS
    end = [(f"and {more:,} more",)] if more > 0 else []
    return about + table([*rows[:MOST_MEMBERS], *end], header)


def _row(cells: Sequence[object]) -> str:
    name, *values = cells
    side = "left" if len(values) == 1 else "right; white-space: nowrap"
    others = "".join(
        f'<td style="{CELL}; text-align: {side}">{_text(value)}</td>' for value in values
    )
    return f'<th scope="row" style="{CELL}; text-align: left">{_text(name)}</th>{others}'


def _text(value: object) -> str:
    return html.escape(shown(str(value)))
