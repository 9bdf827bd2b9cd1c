"""The full report: Markdown, CSV and a plot, drawn from the stored results alone."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bars import bars
from benchmarks.problems import parity_problems
from benchmarks.race import LEVELS, distances, extrapolated, lower_bound, minimum, reached
from benchmarks.solvers import SOLVERS, UNWATCHED
from benchmarks.store import Store

HIDDEN = ("reference", UNWATCHED)
Row = Sequence[str]

INTRODUCTION = """\
# Benchmarks

Written by `make bench`. Every objective here is computed by the benchmark, in float64 and plain
NumPy, from the weights that a solver had at that second: L = mean loss + λ ΣW² for standardized
features, the bias free. Distances are relative to the lowest objective that any solver reached;
how far that may be above the minimum is a proven bound.

* Each run is a process of its own, threads limited to the number of cores. Clocks stop while
  snapshots are taken; a fit of a few rows comes first, so that nobody pays for imports.
* The peers are given standardized features, C-contiguous float32 (float64 for LIBLINEAR, which
  wants it), made off the clock. halfspaces is given raw features, and its seconds hold
  everything: checks, moments, sketch, loop.
* Solvers that cannot be watched (marked *) are run with growing limits, each run from nothing and
  timed alone; between two of them the logarithm of the distance is taken as linear in the time.
* A pass is one reading of all rows for value and gradient, a product with the Hessian, or an
  epoch. Those of halfspaces are its loop's; what it does outside the loop is in its seconds and
  listed apart.
* LIBLINEAR penalizes the bias: its weights are judged with the bias that suits them best.
* Step sizes of SGD are tuned before the clock starts.
* Before the race each peer had to come within 1e-4 of the same minimum on digits.
"""


def write(store: Store, folder: Path) -> list[Path]:
    """benchmarks.md, benchmarks.csv and benchmarks.svg in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plot(store, folder / "benchmarks.svg")
    sections = (
        machine,
        bars_table,
        roofline_table,
        _memory,
        _workers,
        _history,
        _outside,
        _races,
        _parity,
        grid_table,
        _l1path,
        _text,
        small_tables,
        _lecture,
        _page,
    )
    parts = [INTRODUCTION]
    if drawn:
        parts.append("![Relative distance against seconds](benchmarks.svg)\n")
    parts += ["\n".join(lines) + "\n" for section in sections if (lines := list(section(store)))]
    report = folder / "benchmarks.md"
    report.write_text("\n".join(parts))
    return [
        report,
        _csv(store, folder / "benchmarks.csv"),
        *([folder / "benchmarks.svg"] if drawn else []),
    ]


def table(head: Row, rows: Sequence[Row], text: int = 1) -> Iterator[str]:
    """A Markdown table; the first `text` columns are words."""
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" if i < text else "---:" for i in range(len(head))) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def number(value: float | None, digits: int = 3) -> str:
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def machine(store: Store) -> Iterator[str]:
    made_on = store["machine"]
    if not made_on:
        return
    yield "## Machine and versions\n"
    how = ", a quick run on a few rows" if made_on["quick"] else ""
    memory = f"{made_on['memory']:.0f} GB of memory"
    yield f"{made_on['cpu']}, {made_on['cores']} cores, {memory}, {made_on['system']},"
    yield f"Python {made_on['python']}; {made_on['date']}{how}.\n"
    yield ", ".join(f"{name} {version}" for name, version in made_on["versions"].items()) + "\n"


def bars_table(store: Store) -> Iterator[str]:
    quick = store["machine"].get("quick")
    words = {True: "met", False: "**missed**", None: "open"}
    rows = [(bar.text, bar.figure, "" if quick else words[bar.met]) for bar in bars(store)]
    if rows:
        yield "## Targets\n"
        if quick:
            yield "Of a few rows and seconds: these figures say nothing.\n"
        yield from table(("target", "measured", ""), rows, text=3)


def roofline_table(store: Store) -> Iterator[str]:
    limits, rows = store["roofline"].get("machine"), store["roofline"].get("passes", [])
    if not limits:
        return
    speeds = ", ".join(f"{name} {speed:.1f}" for name, speed in limits["bandwidth"].items())
    yield "## Roofline\n"
    yield f"SGEMM (square, every core): {limits['sgemm']:.0f} GFLOP/s. Bandwidth in GB/s: {speeds}."
    yield "A pass must take max(bytes of X / bandwidth, 4·N·D·K flop / SGEMM rate),"
    yield "K the number of score columns.\n"
    yield from table(
        (
            "data",
            "loss",
            "N × D",
            "K",
            "must take, ms",
            "takes, ms",
            "ratio",
            "GFLOP/s",
            "of SGEMM",
        ),
        [
            (
                row["data"],
                row["loss"],
                " × ".join(f"{n:,}" for n in row["shape"]),
                f"{row['columns']:,}",
                f"{1e3 * row['must']:.1f}",
                f"{1e3 * row['seconds']:.1f}",
                f"{row['ratio']:.2f}",
                f"{row['rate']:.0f}",
                f"{100 * row['rate'] / limits['sgemm']:.0f} %",
            )
            for row in rows
        ],
        text=2,
    )


def _memory(store: Store) -> Iterator[str]:
    if store["memory"]:
        yield "## Memory of a fit\n"
        yield "CIFAR-10 as uint8: peak resident memory less that after imports,"
        yield "a warm-up fit and reading X.\n"
        rows = [
            (loss, f"{row['features']:.1f}", f"{row['extra']:.1f}", f"{row['gram']:.1f}")
            for loss, row in store["memory"].items()
        ]
        yield from table(
            ("loss", "X, MB", "a fit takes more, MB", "of it Gram matrix and factor, MB"), rows
        )


def _workers(store: Store) -> Iterator[str]:
    rows = store["workers"]
    if not rows:
        return
    counts = sorted({int(jobs) for row in rows.values() for jobs in row["seconds"]})
    yield "## Workers\n"
    yield "Seconds of a fit by `n_jobs`, the best of several turns.\n"
    yield from table(
        ("problem", *map(str, counts), "bits"),
        [
            (
                f"{row['data']}, {row['loss']}, λ = {row['strength']:g}",
                *(f"{row['seconds'][str(jobs)]:.3f}" for jobs in counts),
                "the same" if row["identical"] else "**different**",
            )
            for row in rows.values()
        ],
    )


def _history(store: Store) -> Iterator[str]:
    rows = store["history"]
    if not rows:
        return
    yield "## History\n"
    yield "Medians of fits that take turns on one core, with the history of the run and without.\n"
    yield from table(
        ("fit", "seconds with it", "without", "cost"),
        [
            (name, f"{row['with']:.4f}", f"{row['without']:.4f}", f"{100 * row['cost']:+.1f} %")
            for name, row in rows.items()
        ],
    )


def _page(store: Store) -> Iterator[str]:
    rows = store["page"]
    if not rows:
        return
    yield "## The page\n"
    yield "From a click, or a move of the mouse, until Chromium has painted the new numbers.\n"
    yield from table(
        ("event", "median, ms", "95 % within, ms"),
        [(name, f"{row['median']:.0f}", f"{row['p95']:.0f}") for name, row in rows.items()],
    )


def _outside(store: Store) -> Iterator[str]:
    rows = []
    for entry in store["races"].values():
        run = entry["runs"].get(UNWATCHED)
        if not run or not run["info"]:
            continue
        info, outside = run["info"], run["info"]["outside"]
        reading = outside.get("moments", 0.0) + outside.get("class sums", 0.0)
        sketch = outside.get("sketch", 0.0)
        a_pass = (info["seconds"] - reading - sketch) / info["passes"]
        rows.append(
            (
                entry["title"],
                number(info["first"]),
                number(info["seconds"]),
                number(info["passes"]),
                f"{number(reading)} ({number(reading / a_pass, 2)})",
                f"{number(sketch)} ({number(sketch / a_pass, 2)})",
                "none" if info["gap"] is None else f"{info['gap'] / info['loss']:.1e}",
                f"{distances(run, minimum(entry))[-1][2]:.1e}",
            )
        )
    if rows:
        yield "## halfspaces as it is\n"
        yield "With its default tolerance, nobody watching: the first fit of a process and the"
        yield "second, in seconds; passes of the loop; seconds outside it, for moments and Gram"
        yield "matrix (in brackets: as many passes); the proven gap and"
        yield "the true distance, both relative.\n"
        head = (
            "problem",
            "first, s",
            "second, s",
            "passes",
            "moments, s",
            "sketch, s",
            "proven",
            "true",
        )
        yield from table(head, rows)


def _races(store: Store) -> Iterator[str]:
    if store["races"]:
        yield "## Races\n"
    for entry in store["races"].values():
        lowest, lower = minimum(entry), lower_bound(entry)
        if not math.isfinite(lowest):
            continue
        unsure = max(lowest - lower, 0) / lowest
        N, D, C = entry["shape"]
        yield f"### {entry['title']}\n"
        yield f"{N:,} × {D:,}, {C:,} classes. Lowest objective {lowest:.9g}, proven to be at most"
        yield f"{unsure:.1e} (relative) above the minimum. Seconds (passes) to each distance;"
        yield "peak memory of the process.\n"
        rows = []
        for name, run in _shown(entry):
            cells = []
            for level in LEVELS:
                seconds, passes = reached(run, lowest, level)
                told = f" ({number(passes)})" if math.isfinite(passes) else ""
                cells.append(number(seconds) + (told if math.isfinite(seconds) else ""))
            ends = distances(run, lowest)
            last = f"{ends[-1][2]:.1e} after {number(ends[-1][0])} s" if ends else _failure(run)
            label = name + ("*" if run["reruns"] else "")
            rows.append((label, *cells, last, f"{number(run['memory'].get('peak'))} MB"))
        yield from table(("solver", *(f"{level:g}" for level in LEVELS), "ends at", "peak"), rows)


def _failure(run: dict[str, Any]) -> str:
    return run["error"] or f"no result within {run['cap']:g} s"


def _shown(entry: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, entry["runs"][name])
        for name in SOLVERS
        if name in entry["runs"] and name not in HIDDEN
    ]


def _parity(store: Store) -> Iterator[str]:
    wanted = [problem.name for problem in parity_problems(1.0)]
    entries = [store["parity"][name] for name in wanted if name in store["parity"]]
    rows = [
        (
            entry["title"],
            solver,
            f"{verdict['distance']:.1e}",
            "agrees" if verdict["agrees"] else "**differs**, not raced",
        )
        for entry in entries
        for solver, verdict in entry.get("verdicts", {}).items()
        if solver not in HIDDEN and verdict["distance"] is not None
    ]
    if rows:
        yield "## Conventions\n"
        yield "Whether each solver minimizes the same objective: its distance from the lowest,"
        yield "on digits.\n"
        yield from table(("problem", "solver", "distance", ""), rows, text=2)


def grid_table(store: Store) -> Iterator[str]:
    entries = store["grid"]
    if not entries:
        return
    yield from ("## Strengths × folds", "")
    yield "Every member certified to 1e-4; folds are members of a stack, strengths a path. Ideal:"
    yield "seconds of the passes at the rate of square products."
    yield "Separate fits are extrapolated from"
    yield "four (scikit-learn's to 1e-4 of our loss; ~: not all of them reached it in time)."
    yield "Accuracy: the difference from separate fits."
    yield ""
    rows = [
        (
            name,
            f"{len(row['strengths'])} × {row['folds']}",
            f"{row['passes']:.2f}",
            f"{row['seconds']:.1f}",
            f"{row['ideal']:.1f}",
            f"{row['ratio']:.2f}",
            f"{row['cold']:,.0f}",
            f"{row['faster than cold']:.1f} ×",
            ("" if row["sklearn reached"] else "~") + f"{row['sklearn']:,.0f}",
            f"{row['faster than sklearn']:,.0f} ×",
            f"{row['difference of accuracy']:.1e}",
        )
        for name, row in entries.items()
    ]
    head = (
        "data",
        "strengths × folds",
        "passes a member",
        "s",
        "ideal",
        "ratio",
        "separate, s",
        "faster",
    )
    yield from table((*head, "scikit-learn, s", "faster", "accuracy"), rows)


def _l1path(store: Store) -> Iterator[str]:
    entries = store["l1path"]
    if not entries:
        return
    yield from ("## A path of L1 strengths", "")
    yield "Softmax + λ Σ|W|, 20 strengths from the largest on, each certified to 1e-3; peers at"
    yield "some, from nothing, to 1e-3 of the lowest objective known (~: extrapolated)."
    yield "Screened: proven to be 0 by the gap."
    for name, entry in entries.items():
        peers = list(entry["rivals"])
        passes = f"{sum(entry['passes']):.0f} passes, {entry['seconds']:.3g} s"
        yield from (
            "",
            f"{name}: {passes}, {'all' if entry['certified'] else 'not all'} certified.",
            "",
        )
        rows = [
            [
                number(strength),
                number(entry["loss"][i], 6),
                f"{entry['gap'][i] / entry['loss'][i]:.1e}",
                str(entry["nonzeros"][i]),
                str(entry["screened"][i]),
                number(entry["passes"][i]),
                number(entry["each"][i]),
                *(_seconds_of(entry["rivals"][peer].get(str(i))) for peer in peers),
            ]
            for i, strength in enumerate(entry["strengths"])
        ]
        head = [
            "λ",
            "loss",
            "proven",
            "not 0",
            "screened",
            "passes",
            "s",
            *(f"{peer}, s" for peer in peers),
        ]
        yield from table(head, rows, text=0)
        yield ""


def _text(store: Store) -> Iterator[str]:
    entries = store["text"]
    if not entries:
        return
    yield from ("## L1 on TF-IDF rows", "")
    yield "Mean loss + λ Σ|W|, 20 topics, no bias: seconds to a proven 1e-3, and of LIBLINEAR to"
    yield "1e-3 of the lowest objective known, the best of its tolerances."
    yield ""
    rows = [
        [
            f"{name.split()[0]}, λ_max/{name.split()[1]}",
            number(entry["passes"]),
            str(entry["nonzeros"]),
            f"{entry['proven']:.1e}",
            number(entry["seconds"]),
            "" if entry["liblinear"] is None else number(entry["liblinear"]),
        ]
        for name, entry in entries.items()
    ]
    yield from table(["problem", "passes", "not 0", "proven", "s", "LIBLINEAR, s"], rows)


SMALL = {
    "sklearn": "Fits with the defaults, beside scikit-learn (its LinearSVC penalizes the bias)",
    "cv": "10 strengths × 5 folds, softmax, and the best mean accuracy of both on held-out rows",
    "liblinear": "Without a bias, beside LIBLINEAR's dual",
    "penalties": "L1 and elastic net, λ = 0.01",
}


def small_tables(store: Store) -> Iterator[str]:
    entries = store["small"]
    if not entries:
        return
    yield from ("## Small data, hinges and cross-validation", "")
    yield "Our fits end with a proof of 1e-3; medians of five turns, of three where one takes over"
    yield "20 s. A peer has the loosest tolerance with which it comes within 1e-3 of a proven bound"
    yield "on the minimum, its default where none does; above: its distance from that bound. With >"
    yield "and < it was stopped there. LogisticRegression has the faster of all threads and one."
    for part, title in SMALL.items():
        if rows := entries.get(part):
            yield from ("", f"### {title}", "")
            yield from _small_table(part, rows)


def _small_table(part: str, rows: dict[str, Any]) -> Iterator[str]:
    head = ["problem", "s", "passes", "proven"]
    own = [[name, *_own_small(row)] for name, row in rows.items()]
    if part == "penalties":
        yield from table(head, own)
        return
    quality = "accuracy" if part == "cv" else "above"
    cells = [
        [*cells, peer, *_peer_small(row, run)]
        for cells, row in zip(own, rows.values(), strict=True)
        for peer, run in row["peers"].items()
    ]
    yield from table([*head, "peer", "its tol", quality, "its s", "ours/theirs"], cells)


def _own_small(row: dict[str, Any]) -> list[str]:
    proven = f"{row['proven']:.1e}" + ("" if row["certified"] else ", **not certified**")
    return [number(row["seconds"]), number(row["passes"]), proven]


def _peer_small(row: dict[str, Any], run: dict[str, Any]) -> list[str]:
    if "accuracy" in run:
        quality = f"{100 * row['accuracy']:.2f} / {100 * run['accuracy']:.2f} %"
    else:
        quality = f"{run['distance']:.1e}"
    more, less = ("> ", "< ") if run["stopped"] else ("", "")
    seconds, ratio = more + number(run["seconds"]), less + number(run["ratio"])
    return [f"{run['tolerance']:g}", quality, seconds, ratio]


def _seconds_of(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["seconds"] is None:
        return "never"
    return ("" if row["measured"] else "~") + number(row["seconds"])


def _lecture(store: Store) -> Iterator[str]:
    if store["lecture"]:
        yield "## Whole commands\n"
        rows = [
            (
                f"`{row['command']}`",
                f"{100 * row['accuracy']:.2f} %",
                row["asked"],
                f"{row['seconds']:.1f}",
                f"{row['memory']:.0f} MB",
            )
            for row in store["lecture"].values()
        ]
        yield from table(("command", "test accuracy", "asked for", "seconds", "peak memory"), rows)


def _csv(store: Store, path: Path) -> Path:
    """A row for each solver on each problem."""
    levels = [f"{what} to {level:g}" for level in LEVELS for what in ("seconds", "passes")]
    head = ["problem", "data", "loss", "strength", "solver", *levels,
            "last distance", "last seconds",
            "extrapolated seconds to 0.001", "peak MB", "minimum"]  # fmt: skip
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for name, entry in store["races"].items():
            lowest, problem = minimum(entry), entry["problem"]
            for solver, run in _shown(entry):
                times = [_cell(part) for level in LEVELS for part in reached(run, lowest, level)]
                rows = distances(run, lowest)
                last = [f"{rows[-1][2]:.3e}", _cell(rows[-1][0])] if rows else ["", ""]
                further = "" if times[2] else _cell(extrapolated(run, lowest, LEVELS[1])[0])
                peak = _cell(run["memory"].get("peak"))
                start = [name, problem["data"], problem["loss"], problem["strength"], solver]
                writer.writerow([*start, *times, *last, further, peak, f"{lowest:.10g}"])
    return path


def _cell(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.5g}"


def plot(store: Store, path: Path) -> bool:
    """Relative distance against seconds, a panel for each problem, a line for each solver."""
    entries = [entry for entry in store["races"].values() if math.isfinite(minimum(entry))]
    if not entries:
        return False
    try:
        import matplotlib as mpl
    except ImportError:
        print("no plot: matplotlib is not installed")
        return False
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "halfspaces"
    import matplotlib.pyplot as plt

    names = [name for name in SOLVERS if name not in HIDDEN]
    colors = dict(zip(names, ["black", *plt.get_cmap("tab20").colors], strict=False))
    columns = min(3, len(entries))
    rows = -(-len(entries) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.6 * columns, 3.4 * rows), squeeze=False, layout="constrained"
    )
    shown: dict[str, Any] = {}
    for axis, entry in zip(axes.flat, entries, strict=False):
        _panel(axis, entry, colors, shown)
    for axis in list(axes.flat)[len(entries) :]:
        axis.set_axis_off()
    order: Callable[[str], int] = names.index
    labels = sorted(shown, key=order)
    figure.legend(
        [shown[name] for name in labels],
        labels,
        loc="outside lower center",
        ncols=6,
        frameon=False,
        fontsize=8,
    )
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return True


def _panel(axis: Any, entry: dict[str, Any], colors: dict[str, Any], shown: dict[str, Any]) -> None:
    lowest = minimum(entry)
    for name, run in _shown(entry):
        points = [(seconds, max(distance, 1e-7)) for seconds, _, distance in distances(run, lowest)]
        points = [(seconds, distance) for seconds, distance in points if math.isfinite(distance)]
        if not points:
            continue
        thick = 2.2 if name == "halfspaces" else 1.2
        style = {
            "color": colors[name],
            "lw": thick,
            "marker": "o" if run["reruns"] else None,
            "ms": 3,
        }
        (shown[name],) = axis.loglog(*zip(*points, strict=True), **style)
    axis.set_ylim(3e-7, 1e1)
    axis.axhline(1e-3, color="0.8", lw=0.8, zorder=0)
    axis.set_title(entry["title"], fontsize=9)
    axis.set_xlabel("seconds", fontsize=8)
    axis.set_ylabel("(L − L*) / L*", fontsize=8)
    axis.tick_params(labelsize=7)
