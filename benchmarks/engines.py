"""What a pass costs on an engine beside a pass on threads.

    python -m benchmarks.engines [dask|ray ...]

Two workers of one thread each on this machine, and two threads, in turns, at the same partitions.
The fixed cost is that of a pass over next to no rows; the ratios are of a pass over rows that take
about a second, and of a whole fit, rows sent to the workers included.
"""

import os
import sys
import time
import warnings
from dataclasses import replace

import numpy as np

from halfspaces import minimize
from halfspaces.engines import Dask, PartitionedBlocks, Ray, Threads, place
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l2 import L2

ROWS, FEATURES, CLASSES = 60_000, 768, 700
PARTITIONS = 8
PASSES, FITS = 7, 3


def objective(rows, features, classes, engine):
    rng = np.random.default_rng(0)
    y = rng.integers(classes, size=rows)
    X = rng.standard_normal((rows, features), np.float32)
    X[np.arange(rows), y % features] += 3
    blocks = PartitionedBlocks(place(X, engine, PARTITIONS), y)
    return Objective(Softmax(), L2(1e-3), blocks, classes)


def moved(problem, engine):
    """The same partitions on another engine, which no worker has yet."""
    return replace(problem, blocks=replace(problem.blocks, X=problem.blocks.X.moved_to(engine)))


def seconds(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def passes(here, there, count):
    """Median seconds of a pass on threads and on an engine, in turns."""
    W = 0.01 * np.random.default_rng(1).standard_normal(here.zeros().shape)
    times = np.empty((count + 1, 2))
    for row in times:
        row[:] = [seconds(lambda p=each: p.evaluate(Request(W))) for each in (here, there)]
    return np.median(times[1:], axis=0)  # the first one sends the rows


def fits(here, engine, count):
    """Median seconds of a fit on threads and on an engine, in turns, rows sent included."""

    def fit(problem):
        minimize(problem, choose_for(problem).optimizer, tol=1e-3, max_passes=12)

    both = (Threads(2), engine)
    return np.median(
        [[seconds(lambda e=each: fit(moved(here, e))) for each in both] for _ in range(count)],
        axis=0,
    )


def measure(engine):
    """Prints the costs of an engine beside those of threads."""
    small = objective(64, 64, 10, Threads(2))
    fixed = 1000 * passes(small, moved(small, engine), 100)
    print(f"64 rows: threads {fixed[0]:.1f} ms a pass, {engine.name} {fixed[1]:.1f} ms", flush=True)
    here = objective(ROWS, FEATURES, CLASSES, Threads(2))
    for what, found in (
        ("a pass", passes(here, moved(here, engine), PASSES)),
        ("a fit", fits(here, engine, FITS)),
    ):
        print(
            f"{ROWS} rows: threads {found[0]:.2f} s {what}, {engine.name} {found[1]:.2f} s,"
            f" {found[1] / found[0]:.2f} times",
            flush=True,
        )


def main(names):
    warnings.simplefilter("ignore")
    for name in names:
        with Dask("local", workers=2) if name == "dask" else Ray("local", workers=2) as engine:
            measure(engine)
        print("load:", *(f"{each:.1f}" for each in os.getloadavg()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["dask", "ray"])
