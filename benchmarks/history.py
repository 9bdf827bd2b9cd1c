"""The history of a run costs next to nothing: fits with it, and with the last loss alone.

Both fits take turns, so that a change of the processor's speed meets both; medians of the seconds
of one core are compared, which other programs lengthen little.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from threadpoolctl import threadpool_limits

from benchmarks.data import MissingError, read
from benchmarks.store import Store
from halfspaces import LinearClassifier
from halfspaces.loop.run import Run
from halfspaces.objective.request import Evaluation
from halfspaces.optimizers import SGD
from halfspaces.support.types import Array

TURNS = 21
# A fit of few rows has the shortest iterates, so that a row of history weighs most there.
FITS: dict[str, tuple[str, Callable[[], Any]]] = {
    "digits, softmax": ("digits", LinearClassifier),
    "digits, hinge": ("digits", lambda: LinearClassifier("hinge")),
    "digits, SGD": ("digits", lambda: LinearClassifier(optimizer=SGD(step_size=0.1, epochs=5))),
    "CIFAR-10, SGD": ("cifar", lambda: LinearClassifier(optimizer=SGD(0.003, epochs=5))),
    "CIFAR-10, softmax": ("cifar", LinearClassifier),
}


def last_loss_alone(run: Run, evaluation: Evaluation, before: Array) -> None:
    """Instead of `Run.record`: what a run itself needs, without norms, gaps and rows."""
    if len(evaluation.data) == run.W.shape[1]:
        run.history.columns = {"loss": [evaluation.exact_total]}


def run(store: Store, *, quick: bool) -> None:
    for name, (data, make) in FITS.items():
        try:
            rows = read(data, 2000 if quick or data == "cifar" else None)
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        seconds: dict[bool, list[float]] = {True: [], False: []}
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            make().set_params(n_jobs=1).fit(rows.X, rows.y)  # compiles
            for turn in range(2 * (3 if quick else TURNS)):
                keeps = bool(turn % 2)
                context = nullcontext() if keeps else patch.object(
                    Run, "record", last_loss_alone
                )  # fmt: skip
                with context:
                    classifier = make().set_params(n_jobs=1)
                    start = time.process_time()
                    classifier.fit(rows.X, rows.y)
                    seconds[keeps].append(time.process_time() - start)
        with_it = statistics.median(seconds[True])
        without = statistics.median(seconds[False])
        row = {"with": with_it, "without": without, "cost": with_it / without - 1}
        store.put("history", name, row)
        print(f"  {name}: {1e3 * with_it:.2f} ms with the history, {1e3 * without:.2f} ms without, "
              f"{100 * row['cost']:+.1f} %", flush=True)  # fmt: skip
