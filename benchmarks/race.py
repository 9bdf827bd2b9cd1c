"""The race: each solver in a process of its own, judged by the objective of its snapshots,
computed here.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import objectives
from benchmarks.data import ROOT, Data, MissingError, read
from benchmarks.problems import Problem
from benchmarks.solvers import SOLVERS, Solver
from benchmarks.store import Store, plain
from benchmarks.track import Task, read_track

LEVELS = (1e-2, 1e-3, 1e-4, 1e-6)
BAR = 1e-3
ENOUGH = {
    "races": 5e-7,
    "parity": 2e-5,
}  # nearer to the lowest objective known, nothing more is to be seen
PARITY = 1e-4  # how near each must come to the minimum on digits before it is raced
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
PINNED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A problem's data, and the folder where features lie for the workers,
    made as they are asked for.
    """

    data: Data
    folder: Path

    def features(self, kind: str) -> Path:
        path = self.folder / f"{kind}.npy"
        if not path.exists():
            np.save(
                path, self.data.X if kind == "raw" else self.data.standardized(np.dtype(kind).type)
            )
        return path

    @property
    def labels(self) -> Path:
        path = self.folder / "labels.npy"
        if not path.exists():
            np.save(path, self.data.y)
        return path


@contextmanager
def prepared(data: Data) -> Iterator[Prepared]:
    with tempfile.TemporaryDirectory() as folder:
        yield Prepared(data, Path(folder))


def race(
    store: Store, problems: Sequence[Problem], only: Sequence[str], section: str = "races"
) -> None:
    """Every solver on every problem; what is there already is run again."""
    by_data: dict[tuple[str, int | None], list[Problem]] = {}
    for problem in problems:
        by_data.setdefault((problem.data, problem.rows), []).append(problem)
    for (name, rows), group in by_data.items():
        try:
            data = read(name, rows)
        except MissingError as error:
            print(f"{name} is skipped: {error}", flush=True)
            continue
        with prepared(data) as made:
            for problem in group:
                _race(store, problem, made, only, section)


def _race(
    store: Store, problem: Problem, made: Prepared, only: Sequence[str], section: str
) -> None:
    N, D = made.data.X.shape
    entry = store[section].setdefault(problem.name, {"runs": {}})
    if any(
        entry.get("problem", {}).get(name) != value for name, value in _identity(problem).items()
    ):
        entry["runs"] = {}  # those of another problem of this name
    entry |= {
        "problem": asdict(problem),
        "title": problem.title,
        "shape": [N, D, made.data.n_classes],
    }
    print(f"\n{problem.title} ({N:,} × {D:,}, {made.data.n_classes} classes)", flush=True)
    for solver in _competitors(store, problem, made, only, section):
        lowest = minimum(entry)
        run = plain(_run(solver, problem, made, lowest, ENOUGH[section]))
        entry["runs"][solver.name] = run
        store.put(section, problem.name, entry)
        print(f"  {solver.name:24s} {_told(run, minimum(entry))}", flush=True)


def failed(store: Store) -> list[str]:
    """The races' runs that ended with an error: solver and problem."""
    return [
        f"{solver} on {problem}"
        for section in ("parity", "races")
        for problem, entry in store[section].items()
        for solver, run in entry.get("runs", {}).items()
        if run["error"]
    ]


def _identity(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("data", "loss", "strength", "rows")}


def _competitors(
    store: Store, problem: Problem, made: Prepared, only: Sequence[str], section: str
) -> Iterator[Solver]:
    parameters = (made.data.X.shape[1] + 1) * made.data.n_classes
    for solver in SOLVERS.values():
        if (
            problem.loss not in solver.losses
            or solver.name in problem.skip
            or (only and solver.name not in only)
        ):
            continue
        if solver.name == "reference" and problem.reference <= 0:
            continue
        if parameters > solver.most_parameters:
            continue
        if not solver.installed:
            print(f"  {solver.name:24s} skipped: {solver.needs} is not installed", flush=True)
            continue
        verdict = (
            store["parity"].get(f"parity-{problem.loss}", {}).get("verdicts", {}).get(solver.name)
        )
        if section == "races" and verdict is not None and not verdict["agrees"]:
            print(
                f"  {solver.name:24s} not raced: {verdict['distance']} from the minimum on digits",
                flush=True,
            )
            continue
        yield solver


def _run(
    solver: Solver, problem: Problem, made: Prepared, lowest: float, enough: float
) -> dict[str, Any]:
    cap = (
        problem.reference
        if solver.name == "reference"
        else problem.caps.get(solver.name, problem.cap)
    )
    ours = solver.needs == "halfspaces"
    task = Task(
        solver=solver.name,
        loss=problem.loss,
        strength=problem.strength,
        n_classes=made.data.n_classes,
        features=str(made.features(solver.features)),
        labels=str(made.labels),
        cap=cap,
        until=problem.until.get(solver.name, cap),
        enough=-math.inf if ours or math.isinf(lowest) else lowest * (1 + enough),
        level=-math.inf if math.isinf(lowest) else lowest * (1 + 0.9 * BAR),
        threads=THREADS,
    )
    with tempfile.TemporaryDirectory() as folder:
        killed, error = _work(Path(folder), task)
        end = json.loads(path.read_text()) if (path := Path(folder, "end.json")).exists() else {}
        snapshots = read_track(Path(folder), made.data.X.shape[1], made.data.n_classes)
        curve = _judged(solver, problem, made.data, snapshots, lowest)
    peaks = [mark.peak for mark, _ in snapshots] or [math.nan]
    memory = end.get("memory", {}) | {"peak": max(peaks)}
    return {"curve": curve, "cap": cap, "killed": killed, "error": error, "memory": memory,
            "reruns": solver.reruns, "spent": end.get("seconds"),
            "info": end.get("info", {})}  # fmt: skip


def _work(folder: Path, task: Task) -> tuple[bool, str]:
    """Run the worker; whether it had to be killed,
    and the last line of its complaint if it failed.
    """
    (folder / "task.json").write_text(json.dumps(asdict(task)))
    pinned = dict.fromkeys(PINNED, str(THREADS))
    command = [sys.executable, "-m", "benchmarks.worker", str(folder)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | pinned,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        patience = 20 + 40e-9 * Path(task.features).stat().st_size  # for reading and tuning
        _, complaint = process.communicate(timeout=3 * max(task.cap, task.until) + patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True, ""
    return False, complaint.strip().splitlines()[-1] if process.returncode else ""


def _judged(
    solver: Solver, problem: Problem, data: Data, snapshots: Sequence[Any], lowest: float
) -> list[dict[str, float]]:
    """Seconds, passes and objective; at first of some snapshots,
    then of those around each level.
    """
    if not snapshots:
        return []

    def judge(wanted: Sequence[int]) -> None:
        weights = [snapshots[i][1] for i in wanted]
        if solver.penalizes_bias:
            weights = [objectives.with_best_bias(data, problem.loss, member) for member in weights]
        judged = objectives.values(data, problem.loss, problem.strength, weights)
        found.update(
            zip(wanted, np.where(np.isfinite(judged), judged, np.inf).tolist(), strict=True)
        )

    found: dict[int, float] = {}
    count = len(snapshots)
    judge(
        np.unique(
            np.geomspace(1, count, min(count, problem.points)).round().astype(int) - 1
        ).tolist()
    )
    while wanted := _between(found, min(lowest, *found.values())):
        judge(wanted)
    marks = [(snapshots[i][0], found[i]) for i in sorted(found)]
    return [
        {"seconds": mark.seconds, "passes": mark.passes, "objective": value}
        for mark, value in marks
    ]


def _between(found: dict[int, float], lowest: float) -> list[int]:
    """The middle of the snapshots between the last above each level and the first below it."""
    known, wanted = sorted(found), set()
    for level in LEVELS:
        below = next((i for i in known if found[i] <= lowest * (1 + level)), None)
        if below is None:
            continue
        above = max((i for i in known if i < below), default=-1)
        if below - above > 1:
            wanted.add((above + below) // 2)
    return sorted(wanted)


# ------------------------------------------------------------------------------------ what came out


def minimum(entry: dict[str, Any]) -> float:
    """The lowest objective that any solver reached."""
    objectives = [point["objective"] for run in entry["runs"].values() for point in run["curve"]]
    return min((value for value in objectives if value is not None), default=math.inf)


def lower_bound(entry: dict[str, Any]) -> float:
    """The best proven bound on the minimum from below."""
    infos = [run["info"] for run in entry["runs"].values() if run["info"].get("gap") is not None]
    return max((info["loss"] - info["gap"] for info in infos), default=-math.inf)


def distances(run: dict[str, Any], lowest: float) -> list[tuple[float, float, float]]:
    """(seconds, passes, relative distance) of the best objective so far, by seconds."""
    best, rows = math.inf, []
    for point in sorted(run["curve"], key=lambda point: point["seconds"]):
        value = math.inf if point["objective"] is None else point["objective"]
        passes = math.nan if point["passes"] is None else point["passes"]
        if value < best or not rows:
            best = value
            rows.append((point["seconds"], passes, best / lowest - 1))
    return rows


def reached(run: dict[str, Any], lowest: float, level: float) -> tuple[float, float]:
    """Seconds and passes to a level, infinite where it was not reached.

    Between two runs with different limits the logarithm of the distance is taken as linear in the
    time.
    """
    before = None
    for seconds, passes, distance in distances(run, lowest):
        if distance <= level:
            if before is None or not run["reruns"] or not math.isfinite(before[2]):
                return seconds, passes
            floor = max(distance, 1e-9)
            part = (math.log(before[2]) - math.log(level)) / (math.log(before[2]) - math.log(floor))
            return before[0] + part * (seconds - before[0]), before[1] + part * (passes - before[1])
        before = seconds, passes, distance
    return math.inf, math.inf


def extrapolated(run: dict[str, Any], lowest: float, level: float) -> tuple[float, str]:
    """Seconds to a level that was not reached: the log of the distance as a line over the tail of
    the curve.

    The tail is the last half of the time, or three points. Over time (a geometric rate) and over
    its logarithm (a power law); the sooner of the two, to be kind.
    """
    rows = [(s, d) for s, _, d in distances(run, lowest) if 0 < d < math.inf and s > 0]
    half = sum(s >= 0.5 * rows[-1][0] for s, _ in rows)
    tail = rows[-max(half, 3) :]
    if len(tail) < 3:
        return math.inf, ""
    seconds, logs = np.array([s for s, _ in tail]), np.log([d for _, d in tail])
    options = []
    for name, forward, back in (
        ("geometric rate", np.asarray, float),
        ("power law", np.log, math.exp),
    ):
        slope, offset = np.polyfit(forward(seconds), logs, 1)
        at = (math.log(level) - offset) / slope if slope < 0 else math.inf
        options.append((back(min(at, 700.0)) if name == "power law" else at, name))
    return min(options)


def _told(run: dict[str, Any], lowest: float) -> str:
    if run["error"]:
        return f"failed: {run['error']}"
    rows = distances(run, lowest)
    if not rows:
        return "no result within its time"
    times = ", ".join(f"{level:g}: {_seconds(reached(run, lowest, level)[0])}" for level in LEVELS)
    return f"{times}; ends {rows[-1][2]:.1e} above after {rows[-1][0]:.2f} s"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if math.isfinite(value) else "–"


def judge_parity(store: Store, slack: float = 1.0) -> None:
    """Whether each peer comes to the same minimum, by the judge's objective;
    with slack where it had little time.
    """
    for name, entry in store["parity"].items():
        lowest = minimum(entry)
        verdicts = {}
        for solver, run in entry["runs"].items():
            rows = distances(run, lowest)
            distance = rows[-1][2] if rows else math.inf
            verdicts[solver] = {"distance": distance, "agrees": distance <= slack * PARITY}
        entry["verdicts"] = verdicts
        store.put("parity", name, entry)
