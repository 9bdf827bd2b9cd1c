"""Random search: draw W, keep the best. The baseline of all other optimizers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State
from halfspaces.loop.result import Reason
from halfspaces.objective import Objective
from halfspaces.request import Evaluation, Request
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(eq=False)
class RandomSearchState(State):
    """The best W so far, its value, and the number of draws; −1 before the start was evaluated."""

    best: Array  # (M,)
    free: Array  # (D+1, 1, 1), 0 for a bias that the scores do not have
    count: int = -1


@dataclass(frozen=True)
class RandomSearch(Optimizer[RandomSearchState]):
    """Draws of normal numbers times `scale`: fresh ones, or around the best so far (`local=True`).

    The start counts too, so the end is no worse. Only values are evaluated. Where a stack has one
    member, several draws are evaluated at once as a stack of their own.

    Parameters
    ----------
    draws : int
    scale : float
        Standard deviation of each coordinate of a draw.
    local : bool
        Whether a draw is added to the best W so far.
    batch : int
        Draws of one turn, for a stack of one member; local search takes the best of them.
    seed : int

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> RandomSearch(draws=10, local=True)
    RandomSearch(draws=10, scale=0.0001, local=True, batch=10, seed=0)
    """

    depends_on_strength: ClassVar[bool] = False  # W stays so close to 0 that λ hardly matters

    draws: int = 1000
    scale: float = 1e-4
    local: bool = False
    batch: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("RandomSearch(draws=...)", self.draws, at_least=1, integer=True)
        check_number("RandomSearch(scale=...)", self.scale, above=0)
        check_number("RandomSearch(batch=...)", self.batch, at_least=1, integer=True)
        check_number("RandomSearch(seed=...)", self.seed, at_least=0, integer=True)

    def init(self, W: Array, objective: Objective) -> RandomSearchState:
        """Nothing evaluated yet, not even the start."""
        members = W.shape[1]
        free = np.ones((len(W), 1, 1))
        free[-1] = objective.fit_intercept
        return RandomSearchState(W, np.full(members, self.scale), np.full(members, np.inf), free)

    def propose(self, state: RandomSearchState) -> Request:
        """The next draws, the same for every member; draw k does not depend on `batch`."""
        if state.count < 0:
            return Request(state.W, gradient=False)
        rows, members, classes = state.W.shape
        width = min(self.batch, self.draws - state.count) if members == 1 else 1
        draws = [
            np.random.default_rng([self.seed, state.count + k]).standard_normal((rows, 1, classes))
            for k in range(width)
        ]
        W = np.concatenate(draws if members == 1 else draws * members, axis=1)
        W *= self.scale * state.free
        return Request(W + state.W if self.local else W, gradient=False)

    def update(self, state: RandomSearchState, evaluation: Evaluation) -> RandomSearchState:
        """Keep a draw that is better than the best so far."""
        members = state.W.shape[1]
        W = evaluation.request.W
        values = evaluation.total
        state.count += W.shape[1] // members
        if members == 1:
            first = int(np.argmin(values))
            values = values[first : first + 1]
            W = W[:, first : first + 1]
        better = values < state.best
        if better.any():
            state.W = np.where(better[:, None], W, state.W)
            state.best = np.where(better, values, state.best)
        if state.count >= self.draws:
            state.done = Reason.ALL_STEPS_TAKEN
        return state

    def fraction_done(self, state: RandomSearchState) -> float:
        """Draws made over draws planned."""
        return max(state.count, 0) / self.draws
