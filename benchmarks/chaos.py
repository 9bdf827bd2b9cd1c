"""`make chaos`: runs are killed with SIGKILL at random moments, and go on from their checkpoints to
the same bits.

`python -m benchmarks.chaos [--kills 200] [--seed 0]`. Each run is a child of this process; a run
may be killed several times before it ends. Fits of one classifier, with and without kinks, and
searches over strengths and folds.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier, LinearClassifierCV, load, save
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.optimizers import SGD

X, Y = load_digits(return_X_y=True)
RUNS: dict[str, Callable[[Checkpoint | None], LinearClassifier | LinearClassifierCV]] = {
    "softmax": lambda kept: LinearClassifier(strength=1e-4, tol=1e-7, **_with(kept)),
    "hinge": lambda kept: LinearClassifier("hinge", strength=0.1, tol=1e-3, **_with(kept)),
    "L1": lambda kept: LinearClassifier(penalty="l1", strength=1e-3, tol=1e-4, **_with(kept)),
    "SGD": lambda kept: LinearClassifier(optimizer=SGD(epochs=4), strength=1e-3, **_with(kept)),
    "search": lambda kept: LinearClassifierCV(strengths=4, cv=3, **_with(kept)),
}


def _with(kept: Checkpoint | None) -> dict[str, list[Checkpoint]]:
    return {"callbacks": [] if kept is None else [kept]}


def main() -> None:
    options = _options()
    draw = random.Random(options.seed)
    kills = different = 0
    with tempfile.TemporaryDirectory() as folder:
        expected, lasts = {}, {}
        for name in RUNS:
            path = Path(folder) / f"{name}.safetensors"
            _fit(name, path, None)
            start = time.perf_counter()
            _fit(name, path, Checkpoint(Path(folder) / f"{name} once", every=0))
            lasts[name] = time.perf_counter() - start
            expected[name] = load(path).coef_
            print(f"{name}: {lasts[name]:.2f} s with a file after each evaluation", flush=True)
        run = 0
        while kills < options.kills:
            name, run = list(RUNS)[run % len(RUNS)], run + 1
            kept, out = Path(folder) / f"{name} {run}", Path(folder) / f"{name} {run}.safetensors"
            killed = 0
            while not _survived(name, out, kept, draw.uniform(0, 1.2 * lasts[name])):
                killed += 1
            kills += killed
            same = np.array_equal(load(out).coef_, expected[name])
            different += not same
            print(
                f"{name}, killed {killed} times: {'the same bits' if same else 'OTHER BITS'}",
                flush=True,
            )
    print(f"{kills} kills, {run} runs, {different} with other bits.")
    sys.exit(different > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _survived(name: str, out: Path, kept: Path, seconds: float) -> bool:
    """Whether a run, which goes on from what is kept, ends before it is killed.
    Its own errors end everything.
    """
    child = os.fork()
    if child == 0:
        try:
            _fit(name, out, Checkpoint(kept, every=0))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status != 0:
                sys.exit(f"{name} failed with status {status}.")
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _fit(name: str, out: Path, kept: Checkpoint | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(RUNS[name](kept).set_params(n_jobs=1).fit(X, Y), out)


if __name__ == "__main__":
    main()
