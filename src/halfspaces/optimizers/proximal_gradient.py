"""Proximal gradient, accelerated and restarting, for penalties that have a prox instead of a gradient."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State, by_member, inner, prox_step
from halfspaces.loop.result import Reason
from halfspaces.objective import Objective
from halfspaces.optimizers.gradient_descent import safe_step
from halfspaces.optimizers.smoothing import Stages
from halfspaces.penalties.base import Penalty
from halfspaces.request import Evaluation, Request
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(eq=False)
class ProximalState(State):
    """The iterate, the extrapolated point, what is known there, and the candidate whose step is being tested."""

    penalty: Penalty
    smoothing: float
    rounding: float  # relative error of a value in the precision of the products
    point: Array  # where the gradient is asked for
    momentum: Array  # t of FISTA, (M,)
    solved: Array  # members for which this stage of smoothing has done its work, (M,)
    value: Array | None = None  # data loss at the point, (M,); None: to be asked for
    gradient: Array | None = field(default=None, repr=False)
    candidate: Array | None = field(default=None, repr=False)
    rejections: int = 0
    offsets: Array | None = field(
        default=None, repr=False
    )  # of the smoothed loss, about a dual point
    recentre: float = 0.0  # μ of the stage that begins with the next evaluation, 0 where none does
    cost: float = np.inf  # what smoothing cost at the end of the stage before
    shrink: Array | None = None  # by how much the penalty shortened the last dual point, (M,)


@dataclass(frozen=True)
class ProximalGradient(Optimizer[ProximalState]):
    """W ← prox(V − step · ∇data(V), step) at an extrapolated point V, each member with its own step.

    A step is accepted if the data loss lies below the parabola it was taken on, else halved; accepted steps grow a
    little, so that they follow the local curvature. Momentum restarts where it points uphill.

    Parameters
    ----------
    growth : float
        Factor ≥ 1 on the step after each accepted one.
    stages : Stages
        The smoothing parameters for losses with kinks.

    Raises
    ------
    ValueError
        If `growth` is below 1.

    References
    ----------
    Beck & Teboulle, A fast iterative shrinkage-thresholding algorithm, 2009, https://doi.org/10.1137/080716542;
    O'Donoghue & Candès, Adaptive restart for accelerated gradient schemes, 2015, https://doi.org/10.1007/s10208-013-9150-3
    """

    growth: float = 1.1
    stages: Stages = field(default_factory=Stages)
    recovers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("ProximalGradient(growth=...)", self.growth, at_least=1)

    def init(self, W: Array, objective: Objective) -> ProximalState:
        """Starts at prox(W), so that a constraint holds from the beginning."""
        members = W.shape[1]
        step = np.full(members, safe_step(objective, members))
        W = prox_step(objective.penalty, W, 0.0)
        smoothing = self.stages.first(objective.loss)
        return ProximalState(
            W,
            step,
            objective.penalty,
            smoothing,
            objective.rounding,
            W,
            np.ones(members),
            np.zeros(members, bool),
        )

    def propose(self, state: ProximalState) -> Request:
        """The gradient at the extrapolated point, then the value at the candidate."""
        if state.candidate is None:
            return Request(
                state.point,
                smoothing=state.smoothing,
                offsets=state.offsets,
                recentre=state.recentre,
                shrink=state.shrink,
            )
        return Request(
            state.candidate, gradient=False, smoothing=state.smoothing, offsets=state.offsets
        )

    def update(self, state: ProximalState, evaluation: Evaluation) -> ProximalState:
        """A candidate from the gradient, then its acceptance, member by member."""
        if state.candidate is None:
            if state.recentre > 0:
                state.step = state.step * state.recentre / state.smoothing
                state.smoothing, state.offsets, state.recentre = (
                    state.recentre,
                    evaluation.offsets,
                    0.0,
                )
            elif state.smoothing > 0:
                state.solved |= self.stages.solved(evaluation)
                cost = float(np.max(self.stages.cost(evaluation)))
                following = self.stages.next(state.smoothing, cost, state.cost)
                if state.solved.all() and following is not None:
                    return self._begin_stage(state, following, cost)
            assert evaluation.data_gradient is not None
            state.value, state.gradient = evaluation.data, evaluation.data_gradient
            state.shrink = state.penalty.dual_scale(state.gradient[:-1])
            return self._try(state)
        assert state.gradient is not None
        assert state.value is not None
        move = state.candidate - state.point
        model = state.value + inner(state.gradient, move) + inner(move, move) / (2 * state.step)
        rounding = state.rounding * np.abs(state.value)
        fits = (evaluation.data <= model + rounding) & np.isfinite(evaluation.data)
        if not fits.all():
            state.rejections += 1
            if state.rejections > 60:
                state.done = Reason.NO_PROGRESS
                return state
            state.step = np.where(fits, state.step, 0.5 * state.step)
            return self._try(state)
        return self._accept(state)

    def _try(self, state: ProximalState) -> ProximalState:
        assert state.gradient is not None
        steps = by_member(state.step)
        state.candidate = prox_step(state.penalty, state.point - steps * state.gradient, steps)
        return state

    def _accept(self, state: ProximalState) -> ProximalState:
        assert state.candidate is not None
        moved, uphill = (
            state.candidate,
            inner(state.point - state.candidate, state.candidate - state.W) > 0,
        )
        t = np.where(uphill, 1.0, state.momentum)
        following = (1 + np.sqrt(1 + 4 * t**2)) / 2
        factor = np.where(uphill, 0.0, (t - 1) / following)
        state.point = moved + by_member(factor) * (moved - state.W)
        state.W, state.momentum, state.candidate, state.rejections = moved, following, None, 0
        state.step = state.step * self.growth
        return state

    def _begin_stage(self, state: ProximalState, smoothing: float, cost: float) -> ProximalState:
        state.recentre, state.cost, state.point, state.momentum = (
            smoothing,
            cost,
            state.W,
            np.ones_like(state.momentum),
        )
        state.solved = np.zeros_like(state.solved)
        return state
