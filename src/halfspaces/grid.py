"""Strengths × folds in one solve: the folds and all rows are members of one stack, the strengths a path.

Every member shares X, the sketch of the Gram matrix and each visit to the data; rows that a fold holds out have weight
0 in its member. The stack goes down the strengths together, from where the one before ended: sketch, pairs, value and
gradient carry over, so that most strengths take two or three visits. The member of all rows is the refit.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces._validation import check_numbers
from halfspaces.moments import Moments
from halfspaces.objective import Objective
from halfspaces.optimizers.base import Optimizer
from halfspaces.path import along
from halfspaces.result import Reason, Result
from halfspaces.scores import Standardization

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Grid:
    """What was found for S falling strengths and F folds; the last of the F + 1 members has all rows.

    Parameters
    ----------
    strengths : array, shape (S,)
    W : array, shape (D+1, S, F+1, C)
        In each member's own standardized units.
    objectives : list of Objective
        Of each fold's training rows, standardized by these, and of all rows.
    loss, gap, passes : array, shape (S, F+1)
        L(W), a proven bound on L(W) − min L, and the visits to all examples of this member: those of the stack.
    reasons : list of Reason
        Why each strength ended.
    seconds : float
    """

    strengths: Array
    W: Array = field(repr=False)
    objectives: list[Objective] = field(repr=False)
    loss: Array
    gap: Array
    passes: Array
    reasons: list[Reason]
    seconds: float


def solve_grid(
    objective: Objective,
    strengths: Sequence[float] | Array,
    folds: Sequence[Array],
    optimizer: Optimizer,
    *,
    tol: float = 1e-4,
    max_passes: float = 1000,
    each: Callable[[float, Array], Any] | None = None,
    progress: bool = False,
) -> Grid:
    """Minimize for every strength on every fold's training rows and on all.

    Parameters
    ----------
    objective : Objective
        Of all rows and one member; the strength of its penalty does not matter.
    strengths : sequence of floats
    folds : sequence of integer arrays
        The rows that each fold trains on, as positions among the objective's rows.
    optimizer : Optimizer
        One that can be moved from one strength to the next goes on there; any other starts at the last W.
    tol, max_passes : float
        As of `minimize`, at each strength.
    each : callable, optional
        Told each strength and its W (D+1, F+1, C) when it is there; what it returns, if true, ends the path.
    progress : bool

    Raises
    ------
    ValueError
        If a strength is negative or not finite.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from halfspaces.optimizers import LBFGS, Gram
    >>> from sklearn.datasets import load_digits
    >>> objective = LinearClassifier().objective(*load_digits(return_X_y=True))
    >>> rows = np.arange(objective.n_examples)
    >>> folds = [rows[rows % 3 != part] for part in range(3)]
    >>> grid = solve_grid(objective, [0.1, 0.01], folds, LBFGS(preconditioner=Gram()))
    >>> grid.W.shape, bool(np.all(grid.gap <= 1e-4 * grid.loss))
    ((65, 2, 4, 10), True)
    """
    check_numbers("strengths", tuple(map(float, strengths)), at_least=0)
    start, falling = time.perf_counter(), np.sort(np.asarray(strengths, dtype=np.float64))[::-1]
    objectives = [*(_of_rows(objective, rows) for rows in folds), objective]
    solutions: list[Array] = []
    results: list[Result] = []
    for strength, result, _, _ in along(
        stacked(objective, objectives, folds), falling, optimizer, tol=tol, max_passes=max_passes, progress=progress
    ):
        if result.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        solutions.append(result.W)
        results.append(result)
        if each is not None and each(strength, result.W):
            break
    loss, gap = (np.array([getattr(result, name) for result in results]) for name in ("loss", "gap"))
    passes = np.repeat(np.array([[result.passes] for result in results]), len(objectives), axis=1)
    return Grid(
        falling[: len(results)],
        np.stack(solutions, axis=1),
        objectives,
        loss,
        gap,
        passes,
        [result.reason for result in results],
        time.perf_counter() - start,
    )


def stacked(objective: Objective, objectives: Sequence[Objective], folds: Sequence[Array]) -> Objective:
    """The members as one objective over all rows: of weight 0 where a fold holds them out."""
    blocks = objective.blocks
    weight = np.zeros((len(blocks.y), len(objectives)))
    mine = np.arange(len(blocks.y)) if blocks.index is None else blocks.index
    given = np.ones(len(blocks.y)) if blocks.weight is None else blocks.weight
    for member, rows in enumerate([*(mine[rows] for rows in folds), mine]):
        weight[rows, member] = given[rows]
    units = [each.standardization for each in objectives if each.standardization is not None]
    standardization = None
    if units:
        mean, scale = (np.stack([getattr(each, name) for each in units], axis=1) for name in ("mean", "scale"))
        standardization = Standardization(mean, scale)
    return replace(objective, blocks=replace(blocks, weight=weight), standardization=standardization)


def _of_rows(objective: Objective, rows: Array) -> Objective:
    """The objective of some of its rows, standardized by these: by the moments of all, less those of the others."""
    blocks = objective.blocks
    standardization = objective.standardization
    if standardization is not None:
        left_out = np.delete(np.arange(objective.n_examples), rows)
        others = blocks.subset(left_out)
        if len(left_out) and others.weights().sum() > 0:
            moments = Moments.of(blocks).without(Moments.of(others))
            moments = moments.shifted(objective.linear.center)
            standardization = moments.standardization(with_mean=objective.fit_intercept)
    return replace(objective, blocks=blocks.subset(rows), standardization=standardization)
