"""Strengths solved together: a grid of λ is a stack of members that share every visit to the data."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from halfspaces._validation import check_numbers
from halfspaces.blocks import Blocks
from halfspaces.minimize import minimize
from halfspaces.objective import Objective
from halfspaces.result import Reason

if TYPE_CHECKING:
    from halfspaces.estimators import LinearClassifier

Array = np.ndarray

STRENGTHS = (3e-1, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4)
STRONGER = ((3.0, 1.0), (30.0, 10.0), (300.0, 100.0))  # tried while the strongest so far is the best
SELECTION_TOL = 1e-2  # validation accuracy does not see smaller gaps
SELECTION_PASSES = 60.0  # a member this far from done is far from the best as well


@dataclass(frozen=True, eq=False)
class Sweep:
    """Scores of each strength on the validation rows, shape (S,) each, and the strength to take."""

    strengths: Array  # falling
    train_loss: Array
    train_accuracy: Array
    validation_loss: Array
    validation_accuracy: Array
    passes: float
    seconds: float

    @property
    def best(self) -> int:
        """Index of the highest validation accuracy; among equals the strongest penalty."""
        top = np.flatnonzero(self.validation_accuracy == self.validation_accuracy.max())
        return int(top[np.argmax(self.strengths[top])])

    @property
    def best_strength(self) -> float:
        """λ to take."""
        return float(self.strengths[self.best])


def choose_strength(
    classifier: "LinearClassifier",
    X: Any,
    y: Any,
    *,
    strengths: tuple[float, ...] | None = None,
    validation: float = 0.1,
    sample_weight: Any = None,
) -> Sweep:
    """Fit one member for each strength on a part of the rows and score it on the rest.

    Parameters
    ----------
    classifier : LinearClassifier
        Its loss, penalty (by name), optimizer and data options; it is not fitted itself.
    X, y, sample_weight
        As for `fit`; nothing is copied.
    strengths : tuple of floats, or None
        None takes 0.3 to 0.0001, and stronger ones while the strongest is the best.
    validation : float
        The part of the rows held out, with the classes' proportions.

    Raises
    ------
    ValueError, TypeError
        As `fit` does; also for a strength that is negative or not finite, or a penalty without one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from halfspaces import LinearClassifier
    >>> sweep = choose_strength(LinearClassifier(), *load_digits(return_X_y=True), strengths=(1.0, 0.01))
    >>> sweep.best_strength
    0.01
    """
    check_numbers("strengths", STRENGTHS if strengths is None else strengths, at_least=0)
    start = time.perf_counter()
    stack: Any = clone(classifier)  # pyright: ignore[reportAssignmentType]
    stack.set_params(strength=0.0)
    data = stack._check_data(X, y, sample_weight, validation, reset=True)
    objective = stack._joined(data)
    columns, passes = _solve(stack, objective, data.validation, strengths or STRENGTHS)
    for stronger in STRONGER if strengths is None else ():
        if np.argmax(columns[4]) > 0:
            break
        more, extra = _solve(stack, objective, data.validation, stronger)
        columns, passes = np.concatenate([more, columns], axis=1), passes + extra
    return Sweep(*columns, passes=passes, seconds=time.perf_counter() - start)


def _solve(
    stack: "LinearClassifier", objective: Objective, held_out: Blocks, strengths: tuple[float, ...]
) -> tuple[Array, float]:
    """Rows of strengths (falling), training loss and accuracy, validation loss and accuracy; and the passes."""
    from halfspaces.estimators import make_penalty

    falling = tuple(sorted(strengths, reverse=True))
    members = replace(objective, penalty=make_penalty(stack.penalty, falling))
    result = minimize(
        members,
        stack._optimizer(members).optimizer,
        members.zeros(len(falling)),
        tol=max(stack.tol, SELECTION_TOL),
        max_passes=min(stack.max_passes, SELECTION_PASSES),
        progress=stack.verbose >= 0,
    )
    if result.reason is Reason.INTERRUPTED:
        raise KeyboardInterrupt
    return np.array([falling, *members.assess(result.W), *members.on(held_out).assess(result.W)]), result.passes
