"""Halfspaces on a cluster of Dask beside dask-ml and Spark MLlib: seconds to the same objective.

    python -m benchmarks.cluster_peers [--rows N] [--dask-ml PYTHON] [--spark PYTHON]

CIFAR-10's pixels, standardized, no intercept: mean logistic or softmax loss + (λ/2)‖W‖². Two
worker processes of one thread each, or local[2]. One function in float64 evaluates the weights of
all. Clusters and the JVM are started, and a small problem is fitted, before the clock runs; the
peers' rows lie in their workers' memory by then, while halfspaces' seconds include sending them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import Array, read

STRENGTH = 0.01
REPEATS = 3
VEHICLES = (0, 1, 8, 9)  # airplane, automobile, ship, truck
EXCESSES = (1e-1, 1e-2, 1e-3)
OPTIMUM = 1e-6  # the relative gap of the reference


@dataclass(frozen=True)
class Reached:
    """What one setting of one tool reached: seconds, and weights W (D, C), (D, 1) if binary."""

    setting: str
    seconds: float
    W: Array


def total(X: Array, y: Array, W: Array, strength: float) -> float:
    """Mean softmax loss + (λ/2)‖W‖² in float64; one column is the logistic loss of y in {0, 1}."""
    W = np.asarray(W, np.float64)
    losses = []
    for start in range(0, len(X), 2000):
        scores = X[start : start + 2000].astype(np.float64) @ W
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        own = np.take_along_axis(scores, y[start : start + 2000, None], axis=1)[:, 0]
        top = scores.max(axis=1)
        losses.append(top + np.log(np.exp(scores - top[:, None]).sum(axis=1)) - own)
    return float(np.concatenate(losses).mean() + strength / 2 * (W**2).sum())


def own_fit(X: Array, y: Array, engine, strength: float, tol: float) -> Array:
    """Weights by halfspaces, rows sent to the workers included."""
    from halfspaces import minimize
    from halfspaces.engines import PartitionedBlocks, place
    from halfspaces.losses.softmax import Softmax
    from halfspaces.objective.objective import Objective
    from halfspaces.optimizers.choose import choose_for
    from halfspaces.penalties.l2 import L2

    classes = int(y.max()) + 1
    # L2(λ) is λ‖W‖² without a half; two columns ±v/2 have half the square norm of v, so (λ/2)‖v‖²
    # is λ times theirs
    own = strength / 2 if classes > 2 else strength
    blocks = PartitionedBlocks(place(X, engine, 2), y)
    problem = Objective(Softmax(), L2(own), blocks, classes, fit_intercept=False)
    W = minimize(problem, choose_for(problem).optimizer, tol=tol).W[: X.shape[1], 0]
    return W if classes > 2 else W[:, 1:] - W[:, :1]


def halfspaces(X: Array, y: Array, strength: float) -> tuple[float, list[Reached]]:
    """The objective at the certified optimum, and what each tolerance reached."""
    from halfspaces.engines import Dask

    reached = []
    with Dask("local", workers=2) as engine:
        own_fit(X[:200], y[:200], engine, strength, 1e-2)
        for tol in EXCESSES:
            times = []
            for _ in range(REPEATS):
                begun = time.perf_counter()
                W = own_fit(X, y, engine, strength, tol)
                times.append(time.perf_counter() - begun)
            reached.append(Reached(f"tol={tol:g}", float(np.median(times)), W))
        best = total(X, y, own_fit(X, y, engine, strength, OPTIMUM), strength)
    return best, reached


def peer(name: str, python: str, folder: Path, cap: float) -> tuple[list[Reached], str]:
    """What a peer reached in a process of its own, and why it ended early, or ""."""
    command = [python, str(Path(__file__).with_name("cluster_peer.py")), name, str(folder)]
    ended = ""
    with (folder / f"{name}.log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            if running.wait(timeout=cap):
                ended = f"{name} ended with an error: {_last_line(folder / f'{name}.log')}"
        except subprocess.TimeoutExpired:
            ended = f"{name} was stopped at its cap of {cap:.0f} s; settings before it are shown"
        finally:
            if running.poll() is None:
                os.killpg(running.pid, 9)  # with its workers and its JVM
                running.wait()
    lines = folder / f"{name}.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    return [
        Reached(r["setting"], r["seconds"], np.load(folder / r["weights"])) for r in rows
    ], ended


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def first_within(found: list[tuple[float, float]], excess: float) -> float | None:
    """Least seconds of the settings whose relative excess is no larger, or None."""
    return min((seconds for seconds, over in found if over <= excess), default=None)


def compare(title: str, X: Array, y: Array, peers: dict[str, str], cap: float) -> None:
    """Prints all settings of all tools on one problem, and the seconds to each excess."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "X.npy", X)
        np.save(folder / "y.npy", y)
        (folder / "strength").write_text(str(STRENGTH))
        print(f"\n{title}: {len(X)} x {X.shape[1]}, λ = {STRENGTH:g}", flush=True)
        best, own = halfspaces(X, y, STRENGTH)
        print(f"optimum {best:.8f}", flush=True)
        runs = {"halfspaces": (own, "")}
        ours = _print_tool("halfspaces", own, "", X, y, best)
        for each, python in peers.items():
            runs[each] = peer(each, python, folder, cap)
            found = _print_tool(each, *runs[each], X, y, best)
            _print_ratios(each, ours, found)


def _print_tool(name, reached, ended, X, y, best) -> list[tuple[float, float]]:
    found = [(r.seconds, total(X, y, r.W, STRENGTH) / best - 1) for r in reached]
    for each, (seconds, over) in zip(reached, found, strict=True):
        print(f"  {name:11} {each.setting:24} {seconds:8.2f} s  excess {over:.1e}", flush=True)
    if ended:
        print(f"  {ended}", flush=True)
    return found


def _print_ratios(name, ours, theirs) -> None:
    for excess in EXCESSES:
        own, other = first_within(ours, excess), first_within(theirs, excess)
        if own is None or other is None:
            missing = " and ".join(
                each for each, at in (("halfspaces", own), (name, other)) if at is None
            )
            print(f"  to {excess:g}: not reached by {missing}")
        else:
            print(
                f"  to {excess:g}: halfspaces {own:.2f} s, {name} {other:.2f} s,"
                f" {other / own:.1f} times"
            )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_peers")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dask-ml", default=sys.executable, help="a Python that has dask-ml")
    parser.add_argument("--spark", default=sys.executable, help="a Python that has pyspark")
    parser.add_argument("--cap", type=float, default=300, help="seconds for one peer's settings")
    parser.add_argument("--problem", choices=["binary", "classes"], nargs="+")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    models = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
    print(models[0].split(":")[1].strip(), len(models), "cores; load", os.getloadavg()[0])
    data = read("cifar", options.rows)
    X = data.standardized(np.float32)
    problems = options.problem or ["binary", "classes"]
    if "binary" in problems:
        vehicle = np.isin(data.y, VEHICLES).astype(np.int64)
        both = {"dask-ml": options.dask_ml, "spark": options.spark}
        compare("animals and vehicles", X, vehicle, both, options.cap)
    if "classes" in problems:
        compare("ten classes", X, data.y, {"spark": options.spark}, options.cap)
    print("load", os.getloadavg()[0])


if __name__ == "__main__":
    main(sys.argv[1:])
