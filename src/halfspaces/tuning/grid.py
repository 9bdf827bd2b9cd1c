"""Strengths × folds in one solve: folds and all rows are members of a stack, strengths a path.

Every member shares X, the sketch of the Gram matrix and each visit to the data; rows that a fold
holds out have weight 0 in its member. The stack goes down the strengths together, each from the end
of the one before: sketch, pairs, value and gradient carry over, so that most strengths take two or
three visits. The member of all rows is the refit.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import History, Reason, Result
from halfspaces.loop.run import Callback
from halfspaces.objective.objective import Objective
from halfspaces.rows.standardization import Standardization
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.tuning.moments import shifted, training_moments
from halfspaces.tuning.path import along


@dataclass(frozen=True, eq=False)
class Grid:
    """The results of S falling strengths and F folds; the last of the F + 1 members has all rows.

    Parameters
    ----------
    strengths : array, shape (S,)
    W : array, shape (D+1, S, F+1, C)
        In each member's own standardized units.
    objectives : list of Objective
        Of each fold's training rows, standardized by these, and of all rows.
    results : list of Result
        Of the whole stack at each strength, M = F + 1, without states; their W are parts of `W`.
    seconds : float
    interrupted : bool
        Whether Ctrl-C ended it before its last strength.
    """

    strengths: Array
    W: Array = field(repr=False)
    objectives: list[Objective] = field(repr=False)
    results: list[Result] = field(repr=False)
    seconds: float
    interrupted: bool = False

    @property
    def loss(self) -> Array:
        """L(W) of each strength and member, (S, F+1)."""
        return np.array([result.loss for result in self.results])

    @property
    def gap(self) -> Array:
        """A proven bound on L(W) − min L, (S, F+1)."""
        return np.array([result.gap for result in self.results])

    @property
    def stopped_at_limit(self) -> list[float]:
        """The strengths at which some member reached the limit on passes."""
        pairs = zip(self.strengths, self.results, strict=True)
        return [float(s) for s, result in pairs if result.reason is Reason.MAX_PASSES]

    @property
    def passes(self) -> Array:
        """Visits to all examples, (S, F+1): the members of a stack share them."""
        passes = np.array([[result.passes] for result in self.results])
        return np.repeat(passes, len(self.objectives), axis=1)

    def result_of_all_rows(self, index: int) -> Result:
        """The result of the member of all rows at one strength; the reason is that of the stack."""
        return member_result(self.results[index], -1)


def member_result(result: Result, member: int) -> Result:
    """The result of one member of a stack; the reason is that of the stack."""
    part = slice(member, member + 1 or None)
    columns = {
        name: [value[part] if np.ndim(value) else value for value in column]
        for name, column in result.history.columns.items()
    }
    return replace(
        result,
        W=np.ascontiguousarray(result.W[:, part]),
        loss=result.loss[part],
        data_loss=result.data_loss[part],
        penalty=result.penalty[part],
        gap=result.gap[part],
        history=History(columns),
    )


@one_blas_thread()
def solve_grid(
    members: Sequence[Objective],
    strengths: Iterable[float],
    optimizer: Optimizer,
    *,
    tol: float = 1e-4,
    max_passes: float = 3000,
    each: Callable[[float, Result], Any] | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
) -> Grid:
    """Minimize for every strength on every fold's training rows and on all.

    Parameters
    ----------
    members : sequence of Objective
        As of `fold_objectives`, the last with all rows. The strength of their penalty does not
        matter.
    strengths : iterable of floats
        Solved in this order, falling is best; an iterator may choose each from the results before.
    optimizer : Optimizer
        Goes on from one strength to the next where it can (`Optimizer.continued`), else starts at
        the last W.
    tol, max_passes : float
        As of `minimize`, at each strength.
    each : callable, optional
        Called with each strength and the stack's result as soon as it is solved; a true value ends
        the path.
    callbacks : sequence of callables
        As of `minimize`, at each strength. A `Checkpoint` stores solved strengths and the run under
        way; strengths of the same grid that it stores are not solved again.
    progress : bool
        Progress bars on a terminal.

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
    >>> members = fold_objectives(objective, [rows[rows % 3 != part] for part in range(3)])
    >>> grid = solve_grid(members, [0.1, 0.01], LBFGS(preconditioner=Gram()))
    >>> grid.W.shape, bool(np.all(grid.gap <= 1e-4 * grid.loss))
    ((65, 2, 4, 10), True)
    """
    start = time.perf_counter()
    results: dict[float, Result] = {}
    interrupted = False
    steps = along(
        stack_of(members),
        strengths,
        optimizer,
        tol=tol,
        max_passes=max_passes,
        callbacks=callbacks,
        progress=progress,
    )
    try:
        for strength, result, _, _ in steps:
            ended = each is not None and each(strength, result)
            results[strength] = result
            if ended:
                break
    except KeyboardInterrupt:
        if not results:
            raise
        interrupted = True
    falling = sorted(results, reverse=True)
    W = np.stack([results[strength].W for strength in falling], axis=1)
    in_order = [replace(results[strength], W=W[:, row]) for row, strength in enumerate(falling)]
    seconds = time.perf_counter() - start
    return Grid(np.array(falling), W, list(members), in_order, seconds, interrupted)


def fold_objectives(objective: Objective, folds: Sequence[Array]) -> list[Objective]:
    """The objective of each fold's training rows, standardized by these, and of all rows last.

    Parameters
    ----------
    objective : Objective
        Of all rows.
    folds : sequence of integer arrays
        Positions among the objective's rows.
    """
    trains = [np.asarray(rows) for rows in folds]
    members = [
        replace(objective, blocks=objective.blocks.subset(rows), standardization=standardization)
        for rows, standardization in zip(trains, _standardizations(objective, trains), strict=True)
    ]
    return [*members, objective]


def stack_of(members: Sequence[Objective]) -> Objective:
    """The members as one objective over all rows, of weight 0 where a fold holds them out."""
    whole = members[-1]
    blocks = whole.blocks
    weight = np.zeros((len(blocks.y), len(members)))
    given = np.ones(len(blocks.y)) if blocks.weight is None else blocks.weight
    for column, member in enumerate(members):
        rows = slice(None) if member.blocks.index is None else member.blocks.index
        weight[rows, column] = given[rows]
    units = [member.standardization for member in members if member.standardization is not None]
    standardization = None
    if units:
        mean = np.stack([unit.mean for unit in units], axis=1)
        scale = np.stack([unit.scale for unit in units], axis=1)
        standardization = Standardization(mean, scale)
    return replace(whole, blocks=replace(blocks, weight=weight), standardization=standardization)


def _standardizations(
    objective: Objective, trains: Sequence[Array]
) -> list[Standardization | None]:
    """The standardization of each fold by its training rows."""
    given = objective.standardization
    if given is None or not given.scales:
        return [given] * len(trains)
    center = objective.linear.center
    with_mean = objective.fit_intercept
    dtype = objective.blocks.dtype.name
    return [
        shifted(moments, center).standardization(dtype, with_mean=with_mean)
        for moments in training_moments(objective.blocks, trains)
    ]
