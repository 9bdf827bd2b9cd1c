"""Fits on clusters whose workers are killed at random moments: each must have the same bits.

    python -m benchmarks.chaos_engines [RUNS] [dask|ray ...]

A fit on two worker processes; a thread kills one of them after a random part of the time that a
quiet fit takes. Prints a line for each engine: runs, kills, equal results, the slowest run.
"""

import os
import random
import signal
import sys
import threading
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.engines import Dask, Ray, Threads, place

PARTITIONS, WORKERS = 6, 2


def fitted(rows, y):
    return LinearClassifier(tol=1e-7).fit(rows, y)


def process_ids(engine):
    if engine.name == "dask":
        engine.client.wait_for_workers(WORKERS)  # a worker that was killed is started again
        return sorted(engine.client.run(os.getpid, on_error="ignore").values())
    import ray

    return [ray.get(actor.pid.remote()) for actor in engine._actors.values()]


def killed_after(engine, seconds, killed):
    """A thread that kills a random worker after some seconds."""
    victims = [pid for pid in process_ids(engine) if isinstance(pid, int)]

    def kill():
        time.sleep(seconds)
        try:
            os.kill(random.choice(victims), signal.SIGKILL)
            killed.append(seconds)
        except ProcessLookupError:
            pass

    return threading.Thread(target=kill)


def chaos(engine, runs, seed=0):
    """The number of kills and of equal results, and the seconds of a quiet and the slowest run."""
    random.seed(seed)
    X, y = load_digits(return_X_y=True)
    here = place(X, Threads(2), PARTITIONS)
    expected = fitted(here, y)
    fitted(here.moved_to(engine), y)
    begun = time.perf_counter()
    fitted(here.moved_to(engine), y)
    quiet = time.perf_counter() - begun
    equal = 0
    killed = []
    slowest = 0.0
    for _ in range(runs):
        rows = here.moved_to(engine)
        thread = killed_after(engine, random.uniform(0, quiet), killed)
        begun = time.perf_counter()
        thread.start()
        found = fitted(rows, y)
        thread.join()
        slowest = max(slowest, time.perf_counter() - begun)
        same = np.array_equal(found.coef_, expected.coef_)
        equal += same and found.result_.passes == expected.result_.passes
    return len(killed), equal, quiet, slowest


def main(runs, names):
    warnings.simplefilter("ignore")
    for name in names:
        with (
            Dask("local", workers=WORKERS)
            if name == "dask"
            else Ray("local", workers=WORKERS) as engine
        ):
            kills, equal, quiet, slowest = chaos(engine, runs)
        print(
            f"{name}: {runs} runs, {kills} workers killed, {equal} equal results; a quiet fit takes"
            f" {quiet:.1f} s, the slowest {slowest:.1f} s",
            flush=True,
        )
        if equal < runs:
            sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, sys.argv[2:] or ["dask", "ray"])
