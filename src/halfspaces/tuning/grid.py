"""Strengths × folds in one solve: the folds and all rows are members of one stack, the strengths a path.

Every member shares X, the sketch of the Gram matrix and each visit to the data; rows that a fold holds out have weight
0 in its member. The stack goes down the strengths together, from where the one before ended: sketch, pairs, value and
gradient carry over, so that most strengths take two or three visits. The member of all rows is the refit.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import History, Result
from halfspaces.loop.run import Callback
from halfspaces.objective import Objective
from halfspaces.rows.moments import Moments
from halfspaces.rows.standardization import Standardization
from halfspaces.support.types import Array
from halfspaces.tuning.path import along, gradient_without_weights

NEXT_TO_NOTHING = 0.01  # of the loss at W = 0: what the best W gains at the largest L2 strength


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
    def passes(self) -> Array:
        """Visits to all examples, (S, F+1): the members of a stack share them."""
        passes = np.array([[result.passes] for result in self.results])
        return np.repeat(passes, len(self.objectives), axis=1)

    def result_of_all_rows(self, index: int) -> Result:
        """The result of the member of all rows at one strength; the reason is that of the stack."""
        result = self.results[index]
        columns = {
            name: [value[-1:] if np.ndim(value) else value for value in column]
            for name, column in result.history.columns.items()
        }
        return replace(
            result,
            W=np.ascontiguousarray(result.W[:, -1:]),
            loss=result.loss[-1:],
            data_loss=result.data_loss[-1:],
            penalty=result.penalty[-1:],
            gap=result.gap[-1:],
            history=History(columns),
        )


def solve_grid(
    members: Sequence[Objective],
    strengths: Iterable[float],
    optimizer: Optimizer,
    *,
    tol: float = 1e-4,
    max_passes: float = 1000,
    each: Callable[[float, Array], Any] | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
) -> Grid:
    """Minimize for every strength on every fold's training rows and on all.

    Parameters
    ----------
    members : sequence of Objective
        `fold_objectives`: those of the folds, the last that of all rows. The strength of their penalty does not matter.
    strengths : iterable of floats
        Solved in this order, falling is best; an iterator may look at what was found before it names the next.
    optimizer : Optimizer
        One that can be moved from one strength to the next goes on there; any other starts at the last W.
    tol, max_passes : float
        As of `minimize`, at each strength.
    each : callable, optional
        Told each strength and its W (D+1, F+1, C) when it is there; what it returns, if true, ends the path.
    callbacks : sequence of callables
        As of `minimize`, at each strength. A `Checkpoint` keeps the strengths that are done and the run under way; what
        it holds of the same grid is not solved again.
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
        stacked(members),
        strengths,
        optimizer,
        tol=tol,
        max_passes=max_passes,
        callbacks=callbacks,
        progress=progress,
    )
    try:
        for strength, result, _, _ in steps:
            ended = each is not None and each(strength, result.W)
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
    return [*(_of_rows(objective, np.asarray(rows)) for rows in folds), objective]


def stacked(members: Sequence[Objective]) -> Objective:
    """The members as one objective over all rows: of weight 0 where a fold holds them out."""
    every = members[-1]
    blocks = every.blocks
    weight = np.zeros((len(blocks.y), len(members)))
    given = np.ones(len(blocks.y)) if blocks.weight is None else blocks.weight
    for member, one in enumerate(members):
        rows = slice(None) if one.blocks.index is None else one.blocks.index
        weight[rows, member] = given[rows]
    units = [one.standardization for one in members if one.standardization is not None]
    standardization = None
    if units:
        mean, scale = (
            np.stack([getattr(unit, name) for unit in units], axis=1) for name in ("mean", "scale")
        )
        standardization = Standardization(mean, scale)
    return replace(every, blocks=replace(blocks, weight=weight), standardization=standardization)


def _of_rows(objective: Objective, rows: Array) -> Objective:
    """The objective of some of its rows, standardized by these: by the moments of all, less those of the others."""
    blocks, standardization = objective.blocks, objective.standardization
    others = blocks.subset(np.delete(np.arange(objective.n_examples), rows))
    if standardization is not None and others.weights().sum() > 0:
        moments = Moments.of(blocks).without(Moments.of(others)).shifted(objective.linear.center)
        standardization = moments.standardization(with_mean=objective.fit_intercept)
    return replace(objective, blocks=blocks.subset(rows), standardization=standardization)


def largest_strength(objective: Objective) -> float:
    """The λ that leaves W (nearly) 0: where a grid begins.

    For L1 and elastic net the smallest λ at which all weights are 0 at the minimum, max |g|. For L2 that at which the
    best W gains about 1 % of the loss at W = 0, from L(0) − min L ≈ ‖g‖²/(4λ). g is the gradient in the weights at
    W = 0 with the best bias, from the class sums: no visit to the data. 1 where g is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces.rows.blocks import Blocks
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> from halfspaces.penalties.l2 import L2
    >>> blocks = Blocks(np.eye(2), np.arange(2))
    >>> largest_strength(Objective(Softmax(), L1(1.0), blocks, n_classes=2))
    0.25
    >>> round(largest_strength(Objective(Softmax(), L2(1.0), blocks, n_classes=2)), 3)
    9.017
    """
    gradient = gradient_without_weights(
        objective.loss, objective.anchor, fit_intercept=objective.fit_intercept
    )
    if not objective.penalty.smooth:
        largest = float(np.max(np.abs(gradient)))
    else:
        at_zero = objective.loss.chance_value(objective.n_classes)
        largest = float(np.sum(gradient**2)) / (4 * NEXT_TO_NOTHING * at_zero)
    return largest if largest > 0 else 1.0
