"""L-BFGS with a preconditioner, every member of a stack on its own line search, in the same passes.

Losses with kinks are reached by smoothing in stages: once the gap that the smoothing itself causes dominates, μ shrinks.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from halfspaces._validation import check_number
from halfspaces.objective import Evaluation, Objective, Request
from halfspaces.optimizers.base import Optimizer, State, by_member, inner
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.preconditioner import Operator, Preconditioner
from halfspaces.optimizers.stages import Stages
from halfspaces.result import Reason

Array = np.ndarray
Pair = tuple[Array, Array, Array]  # s, y and 1/⟨s, y⟩ (0 for members without a step in that turn)


@dataclass(eq=False)
class LBFGSState(State):
    """The iterate, its gradient, the direction being searched along, and the last pairs (s, y)."""

    smoothing: float
    rounding: float  # relative error of a value in the precision of the products
    solved: Array  # members for which this stage of smoothing has done its work, (M,)
    preconditioner: Operator | None
    pairs: deque[Pair] = field(repr=False)
    gradient: Array | None = None  # None: the start has not been evaluated at this stage
    direction: Array | None = None
    search: LineSearch | None = None
    fresh: Array | None = None  # members whose direction is the preconditioned gradient, (M,)


@dataclass(frozen=True)
class LBFGS(Optimizer[LBFGSState]):
    """Limited-memory quasi-Newton steps with a weak Wolfe line search.

    Parameters
    ----------
    memory : int
        Pairs (s, y) kept.
    preconditioner : Preconditioner or None
        The initial inverse Hessian; `Gram()` cuts passes ten- to thirtyfold where features are correlated.
    stages : Stages
        The smoothing parameters for losses with kinks.

    Raises
    ------
    ValueError
        If `memory` is below 1.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2006, ch. 7, https://doi.org/10.1007/978-0-387-40065-5;
    Lewis & Overton, Nonsmooth optimization via quasi-Newton methods, 2013, https://doi.org/10.1007/s10107-012-0514-2

    Examples
    --------
    >>> LBFGS(memory=0)
    Traceback (most recent call last):
    ValueError: LBFGS(memory=...) must be at least 1, got 0.
    """

    memory: int = 10
    preconditioner: Preconditioner | None = None
    stages: Stages = field(default_factory=Stages)
    recovers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("LBFGS(memory=...)", self.memory, at_least=1, integer=True)

    def init(self, W: Array, objective: Objective) -> LBFGSState:
        """Builds the preconditioner; nothing is evaluated yet."""
        if not objective.penalty.smooth:
            raise TypeError(
                f"LBFGS needs a penalty with a gradient, got {objective.penalty}; use optimizer='proximal' or penalty='l2'."
            )
        members = W.shape[1]
        operator = None if self.preconditioner is None else self.preconditioner.build(objective, members)
        smoothing = self.stages.first(objective.loss)
        return LBFGSState(
            W,
            np.zeros(members),
            smoothing,
            objective.rounding,
            np.zeros(members, bool),
            operator,
            deque(maxlen=self.memory),
        )

    def propose(self, state: LBFGSState) -> Request:
        """The next trial point of each member's line search."""
        if state.direction is None or state.search is None:
            return Request(state.W, smoothing=state.smoothing)
        return Request(state.W + by_member(state.search.step) * state.direction, smoothing=state.smoothing)

    def update(self, state: LBFGSState, evaluation: Evaluation) -> LBFGSState:
        """Members whose trial passes take it and turn; the others shrink or expand their step."""
        if state.gradient is None or state.search is None or state.direction is None:
            state.gradient = evaluation.gradient
            return self._turn(state, evaluation.total, np.ones(state.W.shape[1], bool))
        accepted = state.search.judge(evaluation.total, inner(evaluation.gradient, state.direction))
        state.step = np.where(accepted, state.search.step, 0.0)
        if accepted.any():
            self._accept(state, evaluation, accepted)
        if state.smoothing > 0:
            state.solved |= accepted & self.stages.solved(evaluation)
            smaller = self.stages.next(state.smoothing)
            if state.solved.all() and smaller is not None:
                return self._begin_stage(state, smaller)
        stuck = state.search.failed & ~accepted
        if np.all(stuck & state.fresh):
            state.done = Reason.NO_PROGRESS
            return state
        return self._turn(state, np.where(accepted, evaluation.total, state.search.value), accepted, stuck)

    def _accept(self, state: LBFGSState, evaluation: Evaluation, accepted: Array) -> None:
        assert state.search is not None and state.direction is not None and state.gradient is not None
        s = by_member(state.step) * state.direction
        y = np.where(by_member(accepted), evaluation.gradient - state.gradient, 0.0)
        curvature = inner(s, y)
        useful = accepted & (curvature > 1e-12 * np.sqrt(inner(s, s) * inner(y, y)))
        state.pairs.append((s, y, np.where(useful, 1 / np.where(useful, curvature, 1.0), 0.0)))
        state.W = np.where(by_member(accepted), evaluation.request.W, state.W)
        state.gradient = np.where(by_member(accepted), evaluation.gradient, state.gradient)

    def _begin_stage(self, state: LBFGSState, smoothing: float) -> LBFGSState:
        """Another objective: its value and curvature are unknown."""
        state.smoothing, state.gradient, state.direction = smoothing, None, None
        state.solved = np.zeros_like(state.solved)
        state.pairs.clear()
        return state

    def _turn(self, state: LBFGSState, value: Array, turning: Array, stuck: Array | None = None) -> LBFGSState:
        """New directions for the members that turn; stuck ones fall back to the preconditioned gradient."""
        assert state.gradient is not None
        fresh = np.zeros_like(turning) if stuck is None else stuck
        if fresh.any():
            # A member without progress forgets its pairs.
            state.pairs = deque(((s, y, np.where(fresh, 0.0, rho)) for s, y, rho in state.pairs), maxlen=self.memory)
        turning = turning | fresh
        if not turning.any():
            return state
        newest = -self._inverse_hessian(state, state.gradient)
        slope = inner(state.gradient, newest)
        state.direction = newest if state.direction is None else np.where(by_member(turning), newest, state.direction)
        previous_fresh = np.zeros_like(turning) if state.fresh is None else state.fresh
        state.fresh = np.where(turning, fresh, previous_fresh) | (not state.pairs)
        first = 1.0 if state.preconditioner or state.pairs else 1 / np.maximum(np.sqrt(-slope), 1e-30)
        if state.search is None:
            state.search = LineSearch.start(state.rounding, value, slope, first)
        else:
            state.search.restart(turning, value, slope, first)
        return state

    def _inverse_hessian(self, state: LBFGSState, gradient: Array) -> Array:
        """The two-loop recursion; pairs with 1/⟨s, y⟩ = 0 change nothing."""
        q, factors = gradient.copy(), []
        for s, y, rho in reversed(state.pairs):
            factor = rho * inner(s, q)
            q -= by_member(factor) * y
            factors.append(factor)
        direction = self._initial(state, q)
        for (s, y, rho), factor in zip(state.pairs, reversed(factors), strict=True):
            direction += by_member(factor - rho * inner(y, direction)) * s
        return direction

    def _initial(self, state: LBFGSState, q: Array) -> Array:
        """H₀ q, scaled so that its curvature along the newest useful pair is the measured one."""
        apply = state.preconditioner or (lambda gradient: gradient)
        scale = np.ones(q.shape[1])
        known = np.zeros(q.shape[1], bool)
        for _, y, rho in reversed(state.pairs):
            new = (rho > 0) & ~known
            if new.any():
                predicted = inner(y, apply(y))
                scale = np.where(new, 1 / np.where(new, rho * predicted, 1.0), scale)
                known |= new
            if known.all():
                break
        return by_member(scale) * apply(q)
