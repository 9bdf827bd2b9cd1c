"""What a pass costs on an engine beside a pass on threads: `python -m benchmarks.engines`.

Two workers of one thread each on this machine. The fixed cost is that of a pass over next to no
rows; the ratios are of a pass over rows that take a second, and of a whole fit.
"""

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


def objective(rows, features, classes, engine):
    rng = np.random.default_rng(0)
    y = rng.integers(classes, size=rows)
    X = rng.standard_normal((rows, features), np.float32)
    X[np.arange(rows), y % features] += 3
    blocks = PartitionedBlocks(place(X, engine, PARTITIONS), y)
    return Objective(Softmax(), L2(1e-3), blocks, classes)


def seconds_of_a_pass(problem, passes):
    W = 0.01 * np.random.default_rng(1).standard_normal(problem.zeros().shape)
    problem.evaluate(Request(W))
    times = []
    for _ in range(passes):
        begun = time.perf_counter()
        problem.evaluate(Request(W))
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def on_engines(measure):
    """A measurement on threads, Dask and Ray, by name."""
    found = {"threads": measure(Threads(2))}
    for kind in (Dask, Ray):
        with kind("local", workers=2) as engine:
            found[engine.name] = measure(engine)
    return found


def fixed(engine):
    """Seconds of a pass over 64 rows."""
    return seconds_of_a_pass(objective(64, 64, 10, engine), 100)


def whole(engine):
    """Seconds of a pass that takes a second, and of a fit, rows sent to the workers included."""
    problem = objective(ROWS, FEATURES, CLASSES, engine)
    a_pass = seconds_of_a_pass(problem, 5)
    again = replace(problem, blocks=replace(problem.blocks, X=problem.blocks.X.moved_to(engine)))
    begun = time.perf_counter()
    minimize(again, choose_for(again).optimizer, tol=1e-3, max_passes=12)
    return a_pass, time.perf_counter() - begun


def main():
    warnings.simplefilter("ignore")
    for name, seconds in on_engines(fixed).items():
        print(f"{name}: a pass over 64 rows takes {1000 * seconds:.1f} ms", flush=True)
    found = on_engines(whole)
    for name, (a_pass, fit) in found.items():
        ratios = a_pass / found["threads"][0], fit / found["threads"][1]
        print(
            f"{name}: a pass {a_pass:.2f} s ({ratios[0]:.2f} times threads), a fit {fit:.1f} s"
            f" ({ratios[1]:.2f} times)",
            flush=True,
        )


if __name__ == "__main__":
    main()
