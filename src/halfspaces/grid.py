"""A grid: strengths × folds, and beside the folds all rows, so that the refit at the chosen strength is there, too."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces._validation import check_numbers
from halfspaces.minimize import minimize
from halfspaces.objective import Objective
from halfspaces.optimizers.auto import choose_for
from halfspaces.path import gradient_without_weights
from halfspaces.result import Reason

Array = np.ndarray
NEXT_TO_NOTHING = 0.01  # of the loss at W = 0: what the best W gains at the largest L2 strength


@dataclass(frozen=True, eq=False)
class Grid:
    """What was found at each of S falling strengths, on the training rows of each of F folds and on all rows.

    Parameters
    ----------
    strengths : array, shape (S,)
        Falling; fewer than were asked for where the path was stopped early.
    W : array, shape (D+1, S, F+1, C)
        In the standardized units of each fold; the last member is that of all rows.
    objectives : list of Objective
        F+1: that of each fold's training rows, standardized by their moments, and that of all rows.
    loss, gap, passes : array, shape (S, F+1)
        L(W) on the training rows, a proven bound on L(W) − min L, visits to the training rows.
    seconds : float
    """

    strengths: Array
    W: Array = field(repr=False)
    objectives: list[Objective] = field(repr=False)
    loss: Array
    gap: Array
    passes: Array
    seconds: float


def solve_grid(
    objective_of: Callable[[Array | None], Objective],
    strengths: Sequence[float] | Array,
    folds: Sequence[Array],
    *,
    tol: float = 1e-3,
    max_passes: float = 1000,
    each: Callable[[float, Array], Any] | None = None,
) -> Grid:
    """Minimize for each strength, from the largest to the smallest, and each fold, every fit from where the last ended.

    Parameters
    ----------
    objective_of : callable
        The objective of some rows, or of all for None; the strength that its penalty carries does not matter.
    strengths : sequence of floats
    folds : sequence of integer arrays
        The training rows of each fold.
    tol, max_passes : float
        As of `minimize`, for each fit.
    each : callable, optional
        Told each strength and its W (D+1, F+1, C) when they are there; stops the path if it returns True.

    Raises
    ------
    ValueError
        If a strength is negative or not finite.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from sklearn.datasets import load_digits
    >>> objective = LinearClassifier().objective(*load_digits(return_X_y=True))
    >>> grid = solve_grid(lambda rows: objective, [1.0, 0.1], [])
    >>> grid.W.shape, bool(grid.loss[0, 0] > grid.loss[1, 0])
    ((65, 2, 1, 10), True)
    """
    check_numbers("strengths", tuple(map(float, strengths)), at_least=0)
    start = time.perf_counter()
    objectives = [objective_of(rows) for rows in folds] + [objective_of(None)]
    starts = [objective.zeros() for objective in objectives]
    falling, rows = np.sort(np.asarray(strengths, dtype=np.float64))[::-1], []
    for strength in falling:
        members = zip(objectives, starts, strict=True)
        results = [_solved(objective, strength, W, tol, max_passes) for objective, W in members]
        starts = [result.W for result in results]
        rows.append(results)
        if each is not None and each(float(strength), np.concatenate(starts, axis=1)):
            break

    def table(name: str) -> Array:
        return np.array([[float(np.max(getattr(result, name))) for result in results] for results in rows])

    W = np.stack([np.concatenate([result.W for result in results], axis=1) for results in rows], axis=1)
    seconds = time.perf_counter() - start
    return Grid(falling[: len(rows)], W, objectives, table("loss"), table("gap"), table("passes"), seconds)


def _solved(objective: Objective, strength: float, W: Array, tol: float, max_passes: float) -> Any:
    member = replace(objective, penalty=replace(objective.penalty, strength=float(strength)))  # pyright: ignore[reportCallIssue, reportArgumentType]
    result = minimize(member, choose_for(member).optimizer, W, tol=tol, max_passes=max_passes)
    if result.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return result


def largest_strength(objective: Objective) -> float:
    """The λ that leaves W (nearly) 0: where a grid begins.

    For L1 and elastic net the smallest λ at which all weights are 0 at the minimum, max |g|. For L2 that at which the
    best W gains about 1 % of the loss at W = 0, from L(0) − min L ≈ ‖g‖²/(4λ). g is the gradient in the weights at
    W = 0 with the best bias, from the class sums: no visit to the data. 1 where g is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces.blocks import Blocks
    >>> from halfspaces.losses import Softmax
    >>> from halfspaces.penalties import L1, L2
    >>> blocks = Blocks(np.eye(2), np.arange(2))
    >>> largest_strength(Objective(Softmax(), L1(1.0), blocks, n_classes=2))
    0.25
    >>> round(largest_strength(Objective(Softmax(), L2(1.0), blocks, n_classes=2)), 3)
    9.017
    """
    gradient = gradient_without_weights(objective.loss, objective.anchor, fit_intercept=objective.fit_intercept)
    if not objective.penalty.smooth:
        largest = float(np.max(np.abs(gradient)))
    else:
        at_zero = objective.loss.chance_value(objective.n_classes)
        largest = float(np.sum(gradient**2)) / (4 * NEXT_TO_NOTHING * at_zero)
    return largest if largest > 0 else 1.0
