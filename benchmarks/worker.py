"""A process for one solver on one problem:
`python -m benchmarks.worker FOLDER` reads FOLDER/task.json.
"""

import contextlib
import json
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import objectives
from benchmarks.data import Data
from benchmarks.solvers import SOLVERS, Solver
from benchmarks.track import Enough, Task, Track, peak


def work(folder: Path) -> None:
    warnings.simplefilter("ignore")
    task = Task(**json.loads((folder / "task.json").read_text()))
    solver = SOLVERS[task.solver]
    __import__(solver.needs)
    X, y = np.load(task.features), np.load(task.labels)
    data = Data(X, y, task.n_classes, standardize=solver.features == "raw")

    def objective(W: np.ndarray, b: np.ndarray) -> float:
        weights = np.array(W), np.array(b)
        if solver.penalizes_bias:
            weights = objectives.with_best_bias(data, task.loss, weights)
        return float(objectives.values(data, task.loss, task.strength, [weights])[0])

    track = Track(folder, task, objective)
    if solver.warm:
        _warm_up(solver, task, X, y)
    info = None
    with contextlib.suppress(Enough):
        info = solver.solve(task, X, y, track)
    memory = {"base": track.base, "peak": max(track.peak, peak()), "features": X.nbytes / 1e6}
    (folder / "end.json").write_text(
        json.dumps({"info": info or {}, "memory": memory, "seconds": track.now})
    )


def _warm_up(solver: Solver, task: Task, X: np.ndarray, y: np.ndarray) -> None:
    """A fit of a few rows of every class, stopped at its first snapshot."""
    few = np.union1d(np.unique(y, return_index=True)[1], np.arange(min(200, len(y))))
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Enough):
        task = replace(task, cap=0.0, until=0.0)
        solver.solve(task, X[few], y[few], Track(Path(folder), task, lambda W, b: np.inf))
    if "halfspaces" in sys.modules:
        _load_kernels(X, y)


def _load_kernels(X: np.ndarray, y: np.ndarray) -> None:
    """The compiled kernels, which a fit of few rows does without."""
    from halfspaces.kernels.fused_rows import load
    from halfspaces.rows.blocks import Blocks

    if Blocks(X, y).are_fused():
        for kernel in ("moments", "scores", "pull"):
            load(kernel, X.dtype)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
