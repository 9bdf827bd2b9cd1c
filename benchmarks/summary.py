"""The summary that lies in docs/benchmarks.md: the important tables, with processor and date."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.bars import bars
from benchmarks.race import BAR, minimum, reached
from benchmarks.solvers import UNWATCHED
from benchmarks.store import Store

NOTES = Path(__file__).with_name("notes.md")
OURS = "halfspaces"
INTRODUCTION = """\
# Benchmarks

Written by `make bench`, which also writes every table, all measured points and plots to
`benchmarks/results/`.

* Each objective is computed by the benchmark, in float64 and plain NumPy, from the weights that a
  solver had at that second: L = mean loss + λ ΣW² for standardized features, the bias free.
* Distances are relative to the lowest objective that any solver reached. The distance of that one
  from the minimum is bounded by a proof.
* Each run is a process of its own, with as many threads as cores. Clocks stop while weights are
  recorded. A fit of a few rows comes first, so imports are not timed.
* Peers get standardized float32 features (float64 for LIBLINEAR), prepared off the clock.
  halfspaces gets raw features; its seconds include checks, moments and the Gram matrix.
* Before a race, each peer came within 1e-4 of the same minimum on digits.
* A pass is one reading of all rows.
"""


def page(store: Store) -> str:
    """The whole page."""
    sections = (report.machine, _races, _targets, report.roofline_table, report.grid_table)
    parts = [INTRODUCTION]
    parts += ["\n".join(lines) for section in sections if (lines := list(section(store)))]
    parts.append(NOTES.read_text(encoding="utf-8"))
    return "\n".join(parts)


def _races(store: Store) -> Iterator[str]:
    if not store["races"]:
        return
    yield "## Races\n"
    yield f"Seconds (passes) until the objective is within {BAR:g} of its minimum; until a fit"
    yield "with the default tolerance ends with a proof of that, nobody watching; and each peer's"
    yield "seconds. A number after > is where the peer was stopped. Peers not run are missing.\n"
    rows = [_row(entry) for entry in store["races"].values() if math.isfinite(minimum(entry))]
    yield from report.table(
        ("problem", "N × D, classes", "halfspaces", "proven", "peers"), rows, text=2
    )


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    lowest = minimum(entry)
    runs = {name: run for name, run in entry["runs"].items() if name not in report.HIDDEN}
    N, D, C = entry["shape"]
    seconds, passes = reached(runs[OURS], lowest, BAR) if OURS in runs else (math.nan, math.nan)
    ours = f"{report.number(seconds)} ({report.number(passes)})"
    peers = [
        _peer(name, run, lowest) for name, run in runs.items() if name not in (OURS, UNWATCHED)
    ]
    others = ", ".join(filter(None, peers)) or "none"
    return entry["title"], f"{N:,} × {D:,}, {C:,}", ours, _proven(entry), others


def _proven(entry: dict[str, Any]) -> str:
    run = entry["runs"].get(UNWATCHED)
    if not run or not run["info"]:
        return ""
    info = run["info"]
    return f"{report.number(info['seconds'])} ({report.number(info['passes'])})"


def _targets(store: Store) -> Iterator[str]:
    judged = [bar for bar in bars(store) if bar.met is not None]
    if not judged:
        return
    missed = [(bar.text, bar.figure) for bar in judged if not bar.met]
    yield "## Targets\n"
    yield f"{len(judged) - len(missed)} of {len(judged)} targets are met. These are missed:\n"
    yield from report.table(("target", "measured"), missed, text=2)


def _peer(name: str, run: dict[str, Any], lowest: float) -> str:
    seconds, _ = reached(run, lowest, BAR)
    if math.isfinite(seconds):
        return f"{name} {report.number(seconds)}"
    ends = report.distances(run, lowest)
    return f"{name} > {report.number(ends[-1][0])}" if ends else ""
