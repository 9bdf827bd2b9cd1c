"""Minibatch gradient descent: its batches, its steps, and the loss that it reaches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from halfspaces.course.child.wire import Seed
from halfspaces.course.findings import Failure, Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.digits import SHAPE, Digits, drawn
from halfspaces.course.judges.results import Check, array, close, finite, generator, share
from halfspaces.losses.softmax import Softmax
from halfspaces.support.types import Array

ROWS, BATCH, STEPS, STEP_SIZE = 300, 20, 60, 0.3
LONG, LONG_STEP, LONG_BATCH = 300, 0.5, 32  # on all of the digits that are drawn
REACHED = 0.35  # of the loss at the start, about ln 10; of 100 right ones the highest has 0.1


@dataclass
class Record:
    """A loss on some digits that remembers what it was asked."""

    data: Digits
    most: int
    W: list[Array] = field(default_factory=list[Array])
    X: list[Array] = field(default_factory=list[Array])
    y: list[Array] = field(default_factory=list[Array])
    gradients: list[Array] = field(default_factory=list[Array])

    def __call__(self, W: object, X: object, y: object) -> tuple[float, Array]:
        """The softmax loss of a batch and its gradient."""
        if not (isinstance(W, np.ndarray) and isinstance(X, np.ndarray)):
            raise Failure(Remark("batch_rows"))
        if W.shape != SHAPE:
            raise Failure(Remark("tries_shape", {"got": str(W.shape), "needed": str(SHAPE)}))
        if X.ndim != 2 or X.shape[1] != SHAPE[0] or not len(X) or X.dtype.kind != "f":
            raise Failure(Remark("batch_rows"))
        known = set(range(SHAPE[1]))
        if not (isinstance(y, np.ndarray) and y.shape == (len(X),) and known >= set(y.tolist())):
            raise Failure(Remark("batch_labels"))
        if len(self.W) >= self.most:
            raise Failure(Remark("step_count", {"got": f"> {self.most}", "needed": self.most}))
        values, slopes = Softmax().value_and_grad(X @ W, y.astype(int))
        gradient = X.T @ slopes / len(y)
        for kept, array_ in ((self.W, W), (self.X, X), (self.y, y), (self.gradients, gradient)):
            kept.append(array_.copy())
        return float(np.mean(values)), gradient


def _descended(
    handin: HandIn, seed: int, steps: int, batch: int, step_size: float
) -> tuple[Record, Array, Array]:
    """The record, where it started, and what was returned."""
    rng = generator(seed, "descent")
    record = Record(drawn(rng, ROWS), steps)
    start = 0.01 * rng.standard_normal(SHAPE)
    draws = Seed(int(rng.integers(1 << 30)))
    given = (start, record.data.X, record.data.y, step_size, batch, steps, draws)
    returned = handin.call("sgd", record, *given, names="loss W X y")
    W = array(returned.value, SHAPE)
    return record, start, W


def _batches(handin: HandIn, seed: int) -> Remark | None:
    record, _, _ = _descended(handin, seed, STEPS, BATCH, STEP_SIZE)
    if not record.X:
        return Remark("step_count", {"got": 0, "needed": STEPS})
    sizes = [len(X) for X in record.X]
    if max(sizes) > BATCH or sizes[0] != BATCH:
        wrong = next(size for size in sizes if size > BATCH or sizes[0] != BATCH)
        return Remark("batch_size", {"got": wrong, "needed": BATCH})
    numbers = {row.tobytes(): number for number, row in enumerate(record.data.X)}
    batches: list[Array] = []
    for X, y in zip(record.X, record.y, strict=True):
        rows = [numbers.get(row.tobytes(), -1) for row in X.astype(float)]
        if min(rows) < 0:
            return Remark("batch_rows")
        if not np.array_equal(record.data.y[rows], y):
            return Remark("batch_labels")
        batches.append(np.sort(rows))
    if len({rows.tobytes() for rows in batches}) < 2:
        return Remark("batch_same")
    return Remark("batch_first") if max(rows.max() for rows in batches) < ROWS // 2 else None


def _steps(handin: HandIn, seed: int) -> Remark | None:
    record, start, W = _descended(handin, seed, STEPS, BATCH, STEP_SIZE)
    if len(record.W) != STEPS:
        return Remark("step_count", {"got": len(record.W), "needed": STEPS})
    path = [start, *record.W[1:], W]
    moves = [after - before for before, after in pairwise(path)]
    needed = [-STEP_SIZE * gradient for gradient in record.gradients]
    finite(np.array(path))
    wrong = [not close(a, b, 1e-6) for a, b in zip(moves, needed, strict=True)]
    if not close(record.W[0], start):
        return Remark("step_other")
    return _wrong_step(moves, needed, wrong.index(True)) if any(wrong) else None


def _wrong_step(moves: Sequence[Array], needed: Sequence[Array], first: int) -> Remark:
    """What is wrong with the first wrong step."""
    if not np.any(moves[:-1]):
        return Remark("step_none")
    if first == len(moves) - 1:
        return Remark("step_result")
    ratio = float(np.vdot(moves[first], needed[first]) / np.vdot(needed[first], needed[first]))
    if not close(moves[first], ratio * needed[first], 1e-6):
        return Remark("step_other")
    return Remark("step_uphill") if ratio < 0 else Remark("step_size", {"got": f"{ratio:.3g}"})


def _loss(handin: HandIn, seed: int) -> Remark | None:
    record, start, W = _descended(handin, seed, LONG, LONG_BATCH, LONG_STEP)
    finite(W)
    is_reached = record.data.loss(W) < REACHED * record.data.loss(start)
    return None if is_reached else Remark("loss_reached", {"needed": share(REACHED)})


CHECKS: dict[str, Check] = {"sgd.batches": _batches, "sgd.steps": _steps, "sgd.loss": _loss}
