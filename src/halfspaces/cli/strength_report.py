"""What `halfspaces train` prints of the choice of λ, and of a random search."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from rich.text import Text

from halfspaces.cli.report import console, heading, pair, percent, table_of
from halfspaces.estimators.scoring import score_name
from halfspaces.support.types import Array

FIRST_ATTEMPTS = 10  # of a random search; later ones are printed where they are the best so far


class Search(Protocol):
    """A search for λ, as `LinearClassifierCV` or in folds with features of their own."""

    cv_results_: Mapping[str, Array]
    scoring: Any
    best_index_: int
    strength_: float


def search(classifier: Search, rows: str, seconds: float, never: Sequence[str] = ()) -> None:
    """Print the grid of strengths with the scores of held-out rows and their 95 % intervals."""
    results = classifier.cv_results_
    name = score_name(classifier.scoring).removesuffix(", negative")
    low, mean, high = (results[key] for key in ("interval_low", "mean_test_score", "interval_high"))
    if name != score_name(classifier.scoring):
        low, mean, high = -high, -mean, -low
    table = table_of(
        "λ",
        f"validation {name}",
        "95 % interval",
        "training loss",
        "passes",
        "",
    )
    solved = np.flatnonzero(~results["dropped"])
    for row in solved:
        best = row == classifier.best_index_
        table.add_row(
            f"{results['param_strength'][row]:.3g}",
            _score(name, mean[row]),
            _interval(name, low[row], high[row]),
            f"{results['mean_train_loss'][row]:.4f}",
            f"{results['passes'][row]:.0f}",
            "chosen" if best else "",
            style="bold green" if best else None,
        )
    heading(f"λ on validation rows ({rows})")
    console.print(table)
    dropped = int(results["dropped"].sum())
    left = f", {dropped} smaller {'one' if dropped == 1 else 'ones'} left out" if dropped else ""
    cost = f"{np.nansum(results['passes']):.0f} passes, {seconds:.1f} s"
    strengths = f"{len(solved)} {'strength' if len(solved) == 1 else 'strengths'}"
    console.print(f"[dim]{strengths}{left}, {cost}[/]")
    if never:
        listed = ", ".join(never[:3]) + (f" and {len(never) - 3:,} more" if never[3:] else "")
        pair("note", f"never held out, for lack of a second row: {listed}")
    console.print()


def _score(name: str, score: float) -> str:
    return percent(score) if name.endswith("accuracy") else f"{score:.4f}"


def _interval(name: str, low: float, high: float) -> str:
    """The ends of an interval; a dash where nothing is known of it."""
    if not np.isfinite(low):
        return "—"
    if name.endswith("accuracy"):
        return f"{100 * low:.2f} – {100 * high:.2f} %"
    return f"{low:.4f} – {high:.4f}"


def attempt(number: int, loss: float, best: float) -> None:
    """Print an attempt of a random search: the first ones, and later those better than all before.

    Number 0 is the start, W = 0.
    """
    if number <= FIRST_ATTEMPTS or loss <= best:
        pair("attempt", Text(f"{number:>5}: loss {loss:.6f}, best so far {best:.6f}"))
