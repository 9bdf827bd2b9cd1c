"""Random search: the budget, the best, and the accuracy above that of a guess."""

import numpy as np

from halfspaces.course.child.wire import Seed
from halfspaces.course.findings import Failure, Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.digits import SHAPE, drawn
from halfspaces.course.judges.results import Check, array, close, finite, generator, share
from halfspaces.support.types import Array

TRIES = 40
LONG = 400  # tries on the digits
ROWS = 500
LEAST_ACCURACY = 0.17  # of 200 right searches the lowest has 0.19; a guess has 0.1
ROOM = 3  # calls of loss as a multiple of the tries, after which it is refused


class Record:
    """A loss that remembers what it was asked."""

    def __init__(self, shape: tuple[int, int], rng: np.random.Generator) -> None:
        self.asked: list[Array] = []
        self.values: list[float] = []
        self.shape = shape
        self._target = rng.standard_normal(shape)

    def of(self, W: Array) -> float:
        """The loss of W, without a record."""
        return 9 - float(np.tanh(np.sum(self._target * W) / (1e-9 + np.linalg.norm(W))))

    def __call__(self, W: object) -> float:
        """The loss of W."""
        if not (isinstance(W, np.ndarray) and W.shape == self.shape):
            got = getattr(W, "shape", type(W).__name__)
            raise Failure(Remark("tries_shape", {"got": str(got), "needed": str(self.shape)}))
        if len(self.asked) >= ROOM * TRIES:
            raise Failure(Remark("tries_few", {"got": f"> {len(self.asked)}", "needed": TRIES}))
        self.asked.append(W.copy())
        self.values.append(self.of(W))
        return self.values[-1]


def _searched(handin: HandIn, seed: int) -> tuple[Record, Array]:
    rng = generator(seed, "search")
    record = Record((5, 3), rng)
    returned = handin.call("random_search", record, (5, 3), TRIES, Seed(int(rng.integers(1 << 30))))
    W = array(returned.value, record.shape)
    finite(W)
    return record, W


def _tries(handin: HandIn, seed: int) -> Remark | None:
    record, _ = _searched(handin, seed)
    if len(record.asked) != TRIES:
        return Remark("tries_few", {"got": len(record.asked), "needed": TRIES})
    different = {W.tobytes() for W in record.asked}
    return Remark("tries_same") if len(different) < TRIES // 2 else None


def _best(handin: HandIn, seed: int) -> Remark | None:
    record, W = _searched(handin, seed)
    if not record.values:
        return Remark("tries_few", {"got": 0, "needed": TRIES})
    value = record.of(W)
    if len({each.tobytes() for each in record.asked}) < 2:
        return Remark("tries_same")
    if value == min(record.values):
        return None
    if any(np.array_equal(W, each) for each in record.asked):
        if np.array_equal(W, record.asked[-1]):
            return Remark("best_last")
        is_worst = close(value, max(record.values))
        return Remark("best_worst" if is_worst else "best_unknown")
    return Remark("best_other")


def _accuracy(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "digits")
    some = drawn(rng, ROWS)
    calls: list[int] = []

    def error_rate(W: object) -> float:
        if not (isinstance(W, np.ndarray) and W.shape == SHAPE):
            got = getattr(W, "shape", type(W).__name__)
            raise Failure(Remark("tries_shape", {"got": str(got), "needed": str(SHAPE)}))
        calls.append(1)
        if len(calls) > LONG:
            raise Failure(Remark("tries_few", {"got": f"> {LONG}", "needed": LONG}))
        return 1 - some.accuracy(W)

    returned = handin.call(
        "random_search", error_rate, SHAPE, LONG, Seed(int(rng.integers(1 << 30)))
    )
    W = array(returned.value, SHAPE)
    finite(W)
    accuracy = some.accuracy(W)
    return None if accuracy >= LEAST_ACCURACY else Remark("accuracy_low", {"got": share(accuracy)})


CHECKS: dict[str, Check] = {
    "random_search.tries": _tries,
    "random_search.best": _best,
    "random_search.accuracy": _accuracy,
}
