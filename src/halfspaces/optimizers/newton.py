"""Newton's method with the exact Hessian: a handful of passes where the Hessian is small.

The Hessian itself is measured and solved by `exact_hessian`.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State, by_member, inner
from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.exact_hessian import TINY, Hessian
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.quasi_newton import HIDDEN, Rounding
from halfspaces.penalties.base import Penalty
from halfspaces.support.types import Array

# Times the decrease that the step before promised: where more is promised, and rounding hides it,
# the steps do not come closer, as those of Newton's method do.
FALLEN = 0.1
# The first step from W = 0 is longer by this, times the part of the curvature that is the loss's:
# it falls from there on. That saves one evaluation in nine.
FURTHER = 0.5
MOST_ELEMENTS = 1 << 28  # of the Hessians of all members: 2 GiB
FAR = 2.0  # times the objective at W = 0


@dataclass(eq=False)
class NewtonSearch:
    """The data loss and its gradient at the iterate, the step from there, each member's trial."""

    data: Array  # (M,)
    gradient: Array = field(repr=False)
    direction: Array = field(repr=False)
    line: LineSearch
    rests: Array  # members whose steps change nothing but rounding errors, (M,)


@dataclass(eq=False)
class NewtonState(State):
    """The iterate and the line search from there; `at_zero` is the objective at W = 0."""

    penalty: Penalty
    at_zero: float
    rounding: Rounding
    hessian: Hessian = field(repr=False)
    search: NewtonSearch | None = None  # None: the iterate has not been evaluated


@dataclass(frozen=True)
class Newton(Optimizer[NewtonState]):
    """W ← W − step · H⁻¹ ∇L, H the Hessian of the objective.

    For losses with gradients everywhere, of which squared hinges have a generalized Hessian, and
    the penalty L2 or none. Each step visits the rows a second time, for the Hessian; `passes` count
    the evaluations alone, as they do for the sketches of preconditioners. A step takes
    N C² (D+1)² and (C (D+1))³ operations, and N C (D+1)² and C (D+1)³ where the loss is separable.
    A line search shortens it where the model is too bold.

    Raises
    ------
    TypeError
        From `init`, for a loss with kinks or another penalty.
    ValueError
        From `init`, where the Hessian would have more than 268,435,456 entries.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2006, ch. 3, https://doi.org/10.1007/978-0-387-40065-5;
    Mangasarian, A finite Newton method for classification, 2002,
    https://doi.org/10.1080/1055678021000028375 (squared hinges)

    Examples
    --------
    >>> from halfspaces import LinearClassifier, minimize
    >>> from sklearn.datasets import load_iris
    >>> objective = LinearClassifier(strength=0.01).objective(*load_iris(return_X_y=True))
    >>> result = minimize(objective, Newton(), tol=1e-8)
    >>> result.converged, result.passes < 10
    (True, True)
    """

    recovers: ClassVar[bool] = True
    squares_the_gap: ClassVar[bool] = True

    def init(self, W: Array, objective: Objective) -> NewtonState:
        """Nothing is evaluated yet."""
        members = W.shape[1]
        penalty = objective.penalty
        if not (penalty.smooth and penalty.thresholds(members) is not None):
            raise TypeError(
                f"Newton needs penalty='l2' or 'none', got {penalty}; use optimizer='auto'."
            )
        if not objective.loss.smooth:
            raise TypeError(
                f"Newton needs a loss without kinks, got {objective.loss}; use optimizer='lbfgs'."
            )
        size = members * W[:, 0].size * (len(W) if objective.loss.separable else W[:, 0].size)
        if size > MOST_ELEMENTS:
            raise ValueError(
                f"Newton would need a Hessian of {size:,} numbers; use optimizer='lbfgs'."
            )
        hessian = Hessian(objective.blocks, objective.linear, objective.loss)
        return NewtonState(
            W,
            np.zeros(members),
            penalty=penalty,
            at_zero=objective.chance_value,
            rounding=Rounding.of(objective),
            hessian=hessian,
        )

    def continued(
        self, objective: Objective, state: NewtonState, evaluation: Evaluation
    ) -> NewtonState:
        """The data loss and its gradient stay known: the first request is a step already.

        A last trial that no update has seen yet is accepted by members for which it is no higher.
        """
        search = state.search
        data, gradient = evaluation.data, evaluation.data_gradient
        if search is not None:
            if np.array_equal(evaluation.request.W, self.propose(state).W):
                value = search.data + state.penalty.value(state.W[:-1])
                self._move(state, search, evaluation, evaluation.total <= value)
            data, gradient = search.data, search.gradient
        moved = replace(state, penalty=objective.penalty, done=None)
        moved.search = self._first_search(moved, data, gradient)
        return moved

    def propose(self, state: NewtonState) -> Request:
        """The iterate, then the trial point of each member's line search."""
        search = state.search
        if search is None:
            return Request(state.W)
        return Request(state.W + by_member(search.line.step) * search.direction)

    def update(self, state: NewtonState, evaluation: Evaluation) -> NewtonState:
        """Accept passing trial points and compute new steps there; other steps are adjusted."""
        search = state.search
        if search is None:
            state.search = self._first_search(state, evaluation.data, evaluation.data_gradient)
            return state
        accepted = search.line.judge(evaluation.total, inner(evaluation.gradient, search.direction))
        state.step = np.where(accepted, search.line.step, 0.0)
        if accepted.any():
            self._move(state, search, evaluation, accepted)
            self._turn(state, search, accepted)
        if np.all(search.line.failed | search.rests):
            state.done = Reason.NO_PROGRESS
        return state

    @staticmethod
    def _move(
        state: NewtonState, search: NewtonSearch, evaluation: Evaluation, members: Array
    ) -> None:
        """To the point that was evaluated, for some members, a mask (M,)."""
        mask = by_member(members)
        state.W = np.where(mask, evaluation.request.W, state.W)
        search.data = np.where(members, evaluation.data, search.data)
        assert evaluation.data_gradient is not None
        search.gradient = np.where(mask, evaluation.data_gradient, search.gradient)

    def _first_search(
        self, state: NewtonState, data: Array, gradient: Array | None
    ) -> NewtonSearch:
        assert gradient is not None
        value, slope, direction = self._step(state, data, gradient)
        step = np.ones_like(value)
        if not state.W.any():
            curvature = np.asarray(state.penalty.curvature(len(value)))
            of_penalty = curvature * inner(direction[:-1], direction[:-1])
            step += FURTHER * np.clip(1 - of_penalty / np.maximum(-slope, TINY), 0, 1)
        line = LineSearch.start(state.rounding, value, slope, step)
        return NewtonSearch(data, gradient, direction, line, np.zeros(len(data), bool))

    def _turn(self, state: NewtonState, search: NewtonSearch, members: Array) -> None:
        """New steps for some members, a mask (M,)."""
        value, slope, direction = self._step(state, search.data, search.gradient)
        hidden = -slope <= HIDDEN * state.rounding.error(value)
        rests = hidden & (-slope >= FALLEN * -search.line.slope)
        search.rests = np.where(members, rests, search.rests)
        search.direction = np.where(by_member(members), direction, search.direction)
        search.line.restart(members, value, slope, 1.0)

    @staticmethod
    def _step(state: NewtonState, data: Array, gradient: Array) -> tuple[Array, Array, Array]:
        """Value and slope (M,) at the iterate, and the step from there.

        A member far above its value at W = 0 steps there: a loss may have no curvature left.
        """
        V = state.W[:-1]
        gradient = gradient.copy()
        gradient[:-1] += state.penalty.gradient(V)
        curvature = np.asarray(state.penalty.curvature(len(data)))
        direction = state.hessian.step(state.W, gradient, curvature)
        value = data + state.penalty.value(V)
        direction = np.where(by_member(value > FAR * state.at_zero), -state.W, direction)
        return value, inner(gradient, direction), direction
