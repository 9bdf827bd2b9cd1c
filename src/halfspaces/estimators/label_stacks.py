"""Stacks of sets of labels: which are solved together, with which labels, weights and penalty."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import TypeVar

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from halfspaces.estimators.label_columns import LabelColumn
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties.base import Penalty
from halfspaces.preconditioners.gram import ByClass, Gram, SharedGram
from halfspaces.rows.blocks import Blocks
from halfspaces.support.parallel import available_workers

Solution = TypeVar("Solution")

# Bytes of the vectors that a quasi-Newton method remembers of one stack: more sets of labels are
# solved in several stacks.
STACK_BYTES = 1 << 28
VECTORS = 48  # of the shape of W, in float64, that a solve holds


@dataclass(frozen=True, eq=False)
class Stack:
    """Sets of labels with the same number of classes, which are solved together.

    Parameters
    ----------
    numbers : list of int
        Which sets of labels.
    objective : Objective
        A member for each.
    """

    numbers: list[int]
    objective: Objective

    def with_jobs(self, jobs: int) -> "Stack":
        """The stack, its rows visited by so many workers."""
        blocks = replace(self.objective.blocks, n_jobs=jobs)
        return Stack(self.numbers, replace(self.objective, blocks=blocks))


@dataclass(frozen=True)
class Halt:
    """A callback that ends a run once it is asked to, from any thread."""

    asked: Event = field(default_factory=Event)

    def __call__(self, run: Run) -> Reason | None:
        """`Reason.INTERRUPTED` once asked."""
        return Reason.INTERRUPTED if self.asked.is_set() else None


def solved_apart(
    solve: Callable[[Stack, Halt], Solution], stacks: Sequence[Stack], n_jobs: int | None
) -> Iterator[Solution]:
    """Yield solve(stack, halt) for each stack in order, several at a time on the workers.

    Stacks need nothing of each other, so that a worker for each leaves none idle where one would
    wait for the end of a visit. Each solve gives `halt` to `minimize` as a callback; Ctrl-C stops
    all.
    """
    workers = min(available_workers(n_jobs, len(stacks)), len(stacks))
    halt = Halt()
    if workers == 1:
        yield from (solve(stack, halt) for stack in stacks)
        return
    jobs = max(1, available_workers(n_jobs) // workers)
    with ThreadPoolExecutor(workers) as pool:
        waiting = [
            pool.submit(copy_context().run, solve, stack.with_jobs(jobs), halt) for stack in stacks
        ]
        try:
            for found in waiting:
                yield found.result()
        except BaseException:
            halt.asked.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass
class SharedSketch:
    """The Gram matrix of the rows, computed once for all stacks.

    Parameters
    ----------
    objective : Objective
        Of the first stack: which of them asks first depends on the workers, and must change no bit.
    members : int
        Sets of labels in all stacks: the sample of the rows is larger where many share it.
    """

    objective: Objective
    members: int
    gram: SharedGram | None = None
    lock: Lock = field(default_factory=Lock, repr=False)

    def taken_by(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer, with the shared matrix in the place of `Gram()` and `ByClass()`."""
        if not isinstance(optimizer, LBFGS) or optimizer.preconditioner not in (Gram(), ByClass()):
            return optimizer
        if 2 * self.objective.n_examples <= self.objective.n_features:
            return optimizer  # by the side of the rows
        with self.lock:
            if self.gram is None:
                self.gram = SharedGram.of(self.objective, self.members)
        return replace(optimizer, preconditioner=self.gram)


def same_sizes(columns: Sequence[LabelColumn], n_features: int) -> Iterator[list[int]]:
    """The numbers of columns with as many classes, at most as many as memory allows."""
    counts = np.array([len(column.classes) for column in columns])
    for n_classes in np.unique(counts):
        numbers = np.flatnonzero(counts == n_classes)
        most = max(1, STACK_BYTES // (VECTORS * 8 * (n_features + 1) * int(n_classes)))
        for part in np.array_split(numbers, -(-len(numbers) // most)):
            yield part.tolist()


def apart(penalty: Penalty, count: int) -> list[Penalty]:
    """The penalty of each member of a stack."""
    strength = getattr(penalty, "strength", None)
    if not isinstance(strength, tuple):
        return [penalty] * count
    return [penalty.with_strength(each) for each in strength]


def together(penalties: Sequence[Penalty]) -> Penalty:
    """One penalty for a stack, with the strength of each member where they differ."""
    first = penalties[0]
    if all(each == first for each in penalties):
        return first
    return first.with_strength(tuple(getattr(each, "strength", 0.0) for each in penalties))


def labelled(blocks: Blocks, columns: Sequence[LabelColumn], *, balanced: bool) -> Blocks:
    """The rows with the labels of each member, and weights of their own where these differ."""
    labels = np.stack([np.maximum(column.labels, 0) for column in columns], axis=1)
    if not balanced and all(column.known.all() for column in columns):
        return replace(blocks, y=labels)
    weight = np.stack([column.known.astype(np.float64) for column in columns], axis=1)
    if blocks.weight is not None:
        weight *= blocks.weight[:, None]
    if balanced:
        for member, column in enumerate(columns):
            known = column.labels[column.known]
            factors = compute_class_weight("balanced", classes=np.unique(known), y=known)
            weight[:, member] *= factors[labels[:, member]]
    return replace(blocks, y=labels, weight=weight)
