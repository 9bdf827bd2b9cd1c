"""What `halfspaces gradcheck` prints of a function: the diagnosis, and the table of W + h."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.live import Live
from rich.text import Text

from halfspaces.cli.module_function import Loaded, blamed
from halfspaces.cli.report import table_of
from halfspaces.cli.screen import console
from halfspaces.gradcheck.diagnosis import Diagnosis
from halfspaces.gradcheck.parameters import Layout, Parameters, scalar
from halfspaces.gradcheck.slope_table import STEP, slope_along, slope_rows, worked_example

MOST_ROWS = 30  # coordinates of the table


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """Print a diagnosis."""
    console.print(diagnosis)


def show_worked_example() -> None:
    """Print the table of the lecture's example."""
    W, f = worked_example()
    console.print("The lecture's example: a hinge loss of one example, with W (2, 3).")
    _show(f, W)


def show_slopes(loaded: Loaded, seed: int) -> None:
    """Print the table of a function's coordinates."""
    with blamed(loaded.path):
        subject = loaded.subject(seed)
    console.print(Text(subject.name, "bold"))

    def f(W: Parameters) -> float:
        with blamed(loaded.path):
            return scalar(subject.f(W))

    _show(f, subject.W)


def _show(f: Callable[[Parameters], Any], W: Parameters) -> None:
    layout = Layout.of(W, None)
    here = scalar(f(layout.unpack(layout.pack_real(W, "W"))))
    console.print(f"f(W) = {here:.6g}, h = {STEP:g}\n")
    table = table_of("coordinate", "W", "W + h", "f(W + h)", "slope")
    slopes: list[float] = []
    rows = slope_rows(f, W)
    with Live(table, console=console, transient=False, auto_refresh=False) as live:
        for row in rows:
            slopes.append(row.slope)
            if len(slopes) <= MOST_ROWS:
                figures = (f"{row.at:.6g}", f"{row.moved:.6g}", f"{row.value:.6g}")
                table.add_row(row.name, *figures, _slope_words(row.slope))
                live.update(table, refresh=console.is_terminal)
            if len(slopes) == layout.size > MOST_ROWS:
                table.add_row(f"and {layout.size - MOST_ROWS:,} more")
        live.update(table, refresh=True)
    gradient = np.array(slopes)
    length = float(np.linalg.norm(gradient))
    if not length or not math.isfinite(length):
        return
    parts = layout.unpack(gradient / length)
    steepest = slope_along(f, W, parts)
    console.print(
        "\n\nAlong any direction d of length 1 the slope is d · ∇f. It is steepest along "
        f"∇f / |∇f|: {steepest:.6g}, and |∇f| = {length:.6g}. Gradient descent steps along −∇f."
    )


def _slope_words(slope: float) -> str:
    """A slope to the digits that a forward difference has.

    >>> _slope_words(-2.4999999), _slope_words(1e-13)
    ('-2.5', '0')
    """
    rounded = float(f"{slope:.4g}")
    return f"{rounded:g}" if abs(rounded) >= 1e-9 else "0"
