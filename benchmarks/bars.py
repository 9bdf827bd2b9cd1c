"""What was asked of halfspaces, the figure measured, and whether it is met."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.checks import ALLOWED
from benchmarks.race import BAR, extrapolated, minimum, reached
from benchmarks.solvers import UNWATCHED
from benchmarks.store import Store

OURS = "halfspaces"
SLOWER = 1.05  # two runs of the same thing differ by this much


@dataclass(frozen=True)
class Bar:
    """One requirement; `met` is None where it was not measured, or not long enough to tell."""

    text: str
    figure: str
    met: bool | None


def bars(store: Store) -> list[Bar]:
    """All that the stored results can tell."""
    return [*_races(store), *_roofline(store), *_memory(store), *_workers(store)]


RATIOS = [  # problem, how many times faster than whom
    ("cifar-softmax-easy", 15, ("sklearn lbfgs",)),
    ("cifar-softmax-hard", 100, ("sklearn lbfgs",)),
    ("cifar-softmax-hard", 30, ("cyanure",)),
    ("cifar-ova-easy", 15, ("LinearSVC primal", "LinearSVC dual")),
    ("cifar-ova-hard", 100, ("LinearSVC primal", "LinearSVC dual")),
    ("cifar-ova-hard", 30, ("cyanure",)),
    ("cifar-cs-easy", 1, ("LinearSVC", "LIBLINEAR")),
    ("cifar-cs-hard", 1, ("LinearSVC", "LIBLINEAR")),
    ("embeddings-1000-easy", 20, ("sklearn lbfgs",)),
    ("embeddings-1000-hard", 20, ("sklearn lbfgs",)),
]
PASSES = [  # problem, passes to 1e-3
    ("cifar-softmax-easy", 5),
    ("cifar-softmax-hard", 8),
    ("cifar-ova-easy", 5),
    ("cifar-ova-hard", 8),
]
CERTIFIED = [  # problem, passes to a proven 1e-3
    ("cifar-hinge-easy", 60),
    ("cifar-hinge-hard", 60),
    ("cifar-cs-easy", 60),
    ("cifar-cs-hard", 60),
]


def _races(store: Store) -> Iterator[Bar]:
    for sections, judge in ((RATIOS, _ratio), (PASSES, _passes), (CERTIFIED, _certified)):
        for name, *asked in sections:
            entry: dict[str, Any] | None = store["races"].get(name)
            if entry and OURS in entry["runs"]:
                yield from _one(judge, entry, *asked)


def _one(judge: Callable[..., Bar | None], entry: dict[str, Any], *asked: Any) -> Iterator[Bar]:
    bar = judge(entry, *asked)
    if bar is not None:
        yield bar


def _ratio(entry: dict[str, Any], factor: float, rivals: tuple[str, ...]) -> Bar | None:
    """Against the fastest of some rivals;
    one that did not arrive is taken at the time that it had, or extrapolated.
    """
    lowest = minimum(entry)
    there = [name for name in rivals if name in entry["runs"] and entry["runs"][name]["curve"]]
    if not there:
        return None
    ours, passes = reached(entry["runs"][OURS], lowest, BAR)
    times = {name: _to_the_bar(entry["runs"][name], lowest) for name in there}
    rival = min(times, key=lambda name: times[name][1])
    exact, likely, words = times[rival]
    text = f"{entry['title']}: {factor:g} times faster than {rival} to 1e-3"
    if math.isinf(ours):
        return Bar(text, f"halfspaces did not reach it; {rival} {words}", False)
    figure = f"{exact / ours:.3g} times ({ours:.3g} s, {passes:.3g} passes; {rival} {words})"
    if exact == likely:
        return Bar(text, figure, exact / ours >= factor)
    enough = exact / ours >= factor
    if math.isinf(likely):
        return Bar(text, f"more than {figure}", enough or None)
    return Bar(
        text,
        f"more than {figure[:-1]}: {likely / ours:.3g} times)",
        enough or likely / ours >= factor,
    )


def _to_the_bar(run: dict[str, Any], lowest: float) -> tuple[float, float, str]:
    """Seconds certainly needed, seconds probably needed, in words."""
    seconds, _ = reached(run, lowest, BAR)
    if math.isfinite(seconds):
        return seconds, seconds, f"{seconds:.3g} s"
    last = max(point["seconds"] for point in run["curve"])
    further, method = extrapolated(run, lowest, BAR)
    told = (
        f"extrapolated {further:.3g} s by a {method}"
        if math.isfinite(further)
        else "too few points to extrapolate"
    )
    return last, max(further, last), f"not within {last:.3g} s, {told}"


def _passes(entry: dict[str, Any], most: float) -> Bar:
    seconds, passes = reached(entry["runs"][OURS], minimum(entry), BAR)
    figure = f"{passes:.3g} ({seconds:.3g} s)" if math.isfinite(passes) else "not reached"
    return Bar(f"{entry['title']}: at most {most:g} passes to 1e-3", figure, passes <= most)


def _certified(entry: dict[str, Any], most: float) -> Bar | None:
    run = entry["runs"].get(UNWATCHED)
    text = f"{entry['title']}: a proven 1e-3 in at most {most:g} passes"
    if not run:
        return None
    info = run["info"]
    if not info:
        return Bar(text, "no result within its time", False)
    gap = math.inf if info["gap"] is None else info["gap"] / info["loss"]
    figure = f"{info['passes']:.3g} passes, {info['seconds']:.3g} s, proven {gap:.1e}"
    return Bar(text, figure, gap <= BAR and info["passes"] <= most)


def _roofline(store: Store) -> Iterator[Bar]:
    limits = store["roofline"].get("machine")
    for row in store["roofline"].get("passes", []):
        title = f"{row['data']}, {row['loss']}, {row['columns']} columns"
        if row["data"] == "cifar" and row["columns"] == 10:
            yield Bar(
                f"A pass, {title}: at most twice the roofline",
                f"{row['ratio']:.2f} times",
                row["ratio"] <= 2,
            )
        elif row["columns"] >= 100:
            part = row["rate"] / limits["sgemm"]
            yield Bar(
                f"A pass, {title}: at least 80 % of SGEMM", f"{100 * part:.0f} %", part >= 0.8
            )


def _memory(store: Store) -> Iterator[Bar]:
    for loss, row in store["memory"].items():
        allowed = ALLOWED[0] * row["features"] + ALLOWED[1]
        extra = row["extra"] - row["gram"]
        figure = f"{extra:.0f} MB beside {row['gram']:.0f} MB of Gram matrix and factor"
        yield Bar(
            f"Memory of a fit, {loss}: at most {allowed:.0f} MB beside X, Gram and factor",
            figure,
            extra <= allowed,
        )


def _workers(store: Store) -> Iterator[Bar]:
    rows = list(store["workers"].values())
    if rows:
        worst = max(rows, key=_slowdown)
        where = f"{worst['data']}, {worst['loss']}"
        figure = f"at worst {_slowdown(worst):.2f} of one worker's time ({where})"
        yield Bar("More workers are never slower than one", figure, _slowdown(worst) <= SLOWER)
        same = sum(row["identical"] for row in rows)
        yield Bar(
            "The same bits for any number of workers",
            f"{same} of {len(rows)} problems",
            same == len(rows),
        )


def _slowdown(row: dict[str, Any]) -> float:
    """The slowest of several workers over one."""
    return (
        max(seconds for jobs, seconds in row["seconds"].items() if jobs != "1")
        / row["seconds"]["1"]
    )
