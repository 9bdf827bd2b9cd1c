"""Proximal gradient, accelerated and restarting, for penalties that have a prox and no gradient."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State, by_member, inner, prox_step
from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.gradient_descent import safe_step
from halfspaces.optimizers.smoothing import Stage, Stages
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.none import NoPenalty
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

MAX_REJECTIONS = 60  # halvings of the step in a row
STATIONARY = 1e-4  # length of a move by its step, over that of the first one


@dataclass(eq=False)
class ProximalState(State):
    """The iterate, the extrapolated point, value and gradient there, and the candidate tested."""

    penalty: Penalty
    stage: Stage
    rounding: float  # relative error of a value in the precision of the products
    point: Array  # where the gradient is asked for
    momentum: Array  # t of FISTA, (M,)
    value: Array | None = None  # data loss at the point, (M,); None: to be asked for
    gradient: Array | None = field(default=None, repr=False)
    candidate: Array | None = field(default=None, repr=False)
    rejections: int = 0
    total: Array | None = None  # data loss + penalty at the iterate, (M,); None: unknown
    proved: bool = True  # whether bounds on the minimum end the run
    first_slope: Array | None = None  # ‖candidate − point‖/step of the first step, (M,)
    dual_scale: Array | None = None  # the factor of the penalty on the last dual point, (M,)


@dataclass(frozen=True)
class ProximalGradient(Optimizer[ProximalState]):
    """W ← prox(V − step · ∇data(V), step) at an extrapolated point V, with a step for each member.

    A step is accepted if the data loss lies below the parabola on which it was taken, else halved;
    accepted steps grow a little, so that they follow the local curvature. Momentum restarts where
    it points uphill. Where no bound on the minimum is proved, the run ends once a move, divided by
    its step, is 10,000 times shorter than the first one.

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
    Beck & Teboulle, A fast iterative shrinkage-thresholding algorithm, 2009,
    https://doi.org/10.1137/080716542; O'Donoghue & Candès, Adaptive restart for accelerated
    gradient schemes, 2015, https://doi.org/10.1007/s10208-013-9150-3
    """

    growth: float = 1.1
    stages: Stages = field(default_factory=Stages)
    recovers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("ProximalGradient(growth=...)", self.growth, at_least=1)

    def init(self, W: Array, objective: Objective) -> ProximalState:
        """Starts at prox(W), so that a constraint holds from the beginning."""
        members = W.shape[1]
        # The prox takes care of the penalty: its curvature makes no step shorter.
        step = safe_step(objective.with_penalty(NoPenalty()), members)
        W = prox_step(objective.penalty, W, 0.0)
        return ProximalState(
            W,
            step,
            penalty=objective.penalty,
            stage=self.stages.first(objective.loss, members),
            rounding=objective.rounding,
            point=W,
            momentum=np.ones(members),
            proved=bool(objective.certifiable(members).all()),
        )

    def propose(self, state: ProximalState) -> Request:
        """The gradient at the extrapolated point, then the value at the candidate."""
        smoothing = state.stage.smoothing
        if state.candidate is None:
            return Request(state.point, smoothing=smoothing, dual_scale=state.dual_scale)
        return Request(state.candidate, gradient=False, smoothing=smoothing)

    def update(self, state: ProximalState, evaluation: Evaluation) -> ProximalState:
        """A candidate from the gradient, then its acceptance by each member."""
        if state.candidate is None:
            return self._take_gradient(state, evaluation)
        assert state.gradient is not None
        assert state.value is not None
        move = state.candidate - state.point
        model = state.value + inner(state.gradient, move) + inner(move, move) / (2 * state.step)
        rounding = state.rounding * np.abs(state.value)
        fits = (evaluation.data <= model + rounding) & np.isfinite(evaluation.data)
        if fits.all():
            if self._is_stationary(state, np.sqrt(inner(move, move)) / state.step):
                state.done = Reason.STATIONARY
            return self._accept(state, evaluation.total)
        state.rejections += 1
        if state.rejections > MAX_REJECTIONS:
            state.done = Reason.NO_PROGRESS
            return state
        state.step = np.where(fits, state.step, 0.5 * state.step)
        return self._try(state)

    def _is_stationary(self, state: ProximalState, slope: Array) -> bool:
        """Whether the moves are so short that the run ends, where nothing else ends it."""
        if state.proved:
            return False
        if state.first_slope is None:
            state.first_slope = slope
        return bool(np.all(slope <= STATIONARY * state.first_slope))

    def _take_gradient(self, state: ProximalState, evaluation: Evaluation) -> ProximalState:
        """A candidate from the gradient; or the iterate again where the next stage begins."""
        before = state.stage.smoothing
        if before.recentre > 0:
            state.step = state.step * before.recentre / before.mu
            state.total = None
            state.stage.began(evaluation)
        elif self.stages.advance(state.stage, evaluation, np.ones(len(state.step), bool)):
            state.point = state.W
            state.total = None
            state.momentum = np.ones_like(state.momentum)
            return state
        assert evaluation.data_gradient is not None
        state.value = evaluation.data
        state.gradient = evaluation.data_gradient
        state.dual_scale = state.penalty.dual_scale(state.gradient[:-1])
        return self._try(state)

    def _try(self, state: ProximalState) -> ProximalState:
        assert state.gradient is not None
        steps = by_member(state.step)
        state.candidate = prox_step(state.penalty, state.point - steps * state.gradient, steps)
        return state

    def _accept(self, state: ProximalState, total: Array) -> ProximalState:
        """Move to the candidate, and extrapolate.

        Where momentum has carried the candidate uphill, the next step begins at the iterate.
        """
        assert state.candidate is not None
        before = np.full_like(total, np.inf) if state.total is None else state.total
        higher = total > before + state.rounding * np.abs(before)
        moved = np.where(by_member(higher), state.W, state.candidate)
        state.total = np.where(higher, before, total)
        uphill = higher | (inner(state.point - moved, moved - state.W) > 0)
        t = np.where(uphill, 1.0, state.momentum)
        following = (1 + np.sqrt(1 + 4 * t**2)) / 2
        factor = np.where(uphill, 0.0, (t - 1) / following)
        state.point = moved + by_member(factor) * (moved - state.W)
        state.W = moved
        state.momentum = following
        state.candidate = None
        state.rejections = 0
        state.step = state.step * self.growth
        return state
