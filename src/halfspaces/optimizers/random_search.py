"""Random search: draw W, keep the best. The baseline of all other optimizers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(eq=False)
class RandomSearchState(State):
    """The best W so far, its value, and the number of draws; −1 before the start was evaluated."""

    best: Array  # (M,)
    free: Array  # (D+1, 1, 1), 0 for a bias that the scores do not have
    losses: Array  # (count + 1, M), of the start and of all draws
    count: int = -1


@dataclass(frozen=True)
class RandomSearch(Optimizer[RandomSearchState]):
    """Draws of normal numbers times `scale`: fresh ones, or around the best so far (`local=True`).

    The start counts too, so the end is no worse. Only values are evaluated. Where a stack has one
    member, several draws are evaluated at once as a stack of their own.

    The history of a run has the draws that were better than all before; the callback `Attempts` has
    all of them.

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
        return RandomSearchState(
            W,
            np.full(members, self.scale),
            np.full(members, np.inf),
            free,
            losses=np.empty((0, members)),
        )

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
        state.losses = np.concatenate([state.losses, values.reshape(-1, members)])
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


@dataclass(eq=False)
class Attempts:
    """A callback that keeps the loss of each attempt of a random search, the start as number 0.

    Parameters
    ----------
    show : callable, optional
        Called with the number of each attempt, its loss, and the best loss so far.

    Attributes
    ----------
    loss : array, shape (draws + 1,)
        L(W) of each attempt, of the worst member of a stack.
    best : array, shape (draws + 1,)
        The least of the losses up to each attempt.

    Raises
    ------
    ValueError
        If the optimizer of the run is no random search.

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> attempts = Attempts()
    >>> classifier = LinearClassifier(optimizer=RandomSearch(draws=20), callbacks=[attempts])
    >>> _ = classifier.fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> len(attempts.loss), float(attempts.best[-1]) == float(attempts.loss.min())
    (21, True)
    """

    show: Callable[[int, float, float], None] | None = field(default=None, repr=False)
    loss: Array = field(default_factory=lambda: np.empty(0), init=False, repr=False)

    @property
    def best(self) -> Array:
        """The least of the losses up to each attempt."""
        return np.minimum.accumulate(self.loss)

    def __call__(self, run: Run) -> None:
        """Keep, and show, the attempts of the last turn."""
        if not isinstance(run.state, RandomSearchState):
            raise ValueError(
                f"Attempts belongs to RandomSearch, got {run.optimizer!r}; leave one of them out."
            )
        shown = len(self.loss) if len(run.state.losses) > len(self.loss) else 0
        self.loss = run.state.losses.max(axis=1)
        if self.show is not None:
            for number in range(shown, len(self.loss)):
                self.show(number, float(self.loss[number]), float(self.best[number]))
