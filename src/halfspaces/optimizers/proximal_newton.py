"""Proximal quasi-Newton steps for soft-thresholding penalties: few passes instead of hundreds."""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from halfspaces.engines import PartitionedBlocks
from halfspaces.loop.optimizer import Optimizer, State, by_member, inner
from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.quasi_newton import (
    HIDDEN,
    MAX_TRIALS,
    SUFFICIENT_DECREASE,
    Rounding,
    number_of_pairs,
)
from halfspaces.optimizers.sketch import Curvature, Sketch
from halfspaces.optimizers.smoothing import Stage, Stages
from halfspaces.optimizers.soft_threshold_model import sparse_step
from halfspaces.optimizers.splitting import SplitModels
from halfspaces.penalties.base import Penalty
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

STEP_PASSES = 4  # a step takes the work of so many passes at most
PASS_CALLS = 4e6  # multiply-adds in the time of a pass over no data
NEAR = 0.3  # times the gap to be proved: a decrease by the last step after which proofs are tried
SPLIT_PAIRS = 8  # that correct the Gram matrix of all rows: each costs C products of a turn
FEW_FEATURES = 256
COARSE = 1e-5  # times the objective: gaps below this are left to exact steps on the classes' blocks
DIFFUSE = 0.55  # times the loss at W = 0, or more, is an objective whose probabilities are diffuse
SOME = 0.8  # weights of each feature that are not 0, where splitting pays if these are diffuse,
MANY = 2.0  # and where it pays in any case: the classes' own blocks are dear
GRAM_PASSES = 20  # of M C columns cost as much as one product of D columns


@dataclass(eq=False)
class ProximalNewtonState(State):
    """The iterate, value and gradient there, the model's minimum, and each member's curvature."""

    penalty: Penalty
    threshold: Array  # t of t Σ|W| + r ΣW², (M,)
    ridge: Array  # 2r, (M,)
    rounding: Rounding
    curvatures: list[Curvature] = field(repr=False)
    stage: Stage
    trials: Array  # rejected so far, (M,)
    factor: Array  # the trial is W + factor · (target − W), (M,)
    most_work: float  # multiply-adds for the model of one member
    value: Array | None = None  # data loss + penalty at W, (M,)
    gradient: Array | None = field(default=None, repr=False)  # of the data loss at W
    target: Array | None = field(default=None, repr=False)  # None: W is to be evaluated
    slope: Array | None = None  # the model's first-order decrease from W to the target, (M,)
    dual_scale: Array | None = None  # the factor of the penalty on the last dual point, (M,)
    passes: int = 0
    decrease: Array | None = None  # of the objective by the last step, (M,)
    splits: bool = False  # whether the next model is minimized by splitting
    waiting: Array | None = None  # members (a mask) whose models are still to be minimized
    split: SplitModels | None = field(default=None, repr=False)  # by the Gram matrix of all rows


@dataclass(frozen=True)
class ProximalNewton(Optimizer[ProximalNewtonState]):
    """W ← argmin of a quadratic model of the data loss plus the penalty t Σ|W| + r ΣW².

    The penalty may be L1, elastic net, L2 or none. The model's Hessian is
    (curvature of the classes) ⊗ Gram, corrected by the last pairs of moves and gradients. Its
    minimum costs no pass (`halfspaces.optimizers.soft_threshold_model`), and at most the work of a
    few: beyond that the step is what has been reached. Weights that the penalty
    holds at 0 are exactly 0. A step is accepted if it lowers the objective by a part of the
    decrease that the model's slope promises, else shortened.

    Parameters
    ----------
    memory : int
        Pairs stored; fewer, but at least 5, where they would take more than 128 MB.
    accuracy : float in (0, 1)
        The model is minimized until the violation of its conditions of optimality has fallen to
        this part of the first.
    stages : Stages
        The smoothing parameters for losses with kinks.

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        From `init`, for a penalty of another form, such as max norm.

    References
    ----------
    Lee, Sun & Saunders, Proximal Newton-type methods for minimizing composite functions, 2014,
    https://doi.org/10.1137/130921428; Scheinberg & Tang, Practical inexact proximal quasi-Newton
    method, 2016, https://doi.org/10.1007/s10107-016-0997-3

    Examples
    --------
    >>> ProximalNewton(memory=0)
    Traceback (most recent call last):
    ValueError: ProximalNewton(memory=...) must be at least 1, got 0.
    """

    memory: int = 30
    accuracy: float = 0.05
    stages: Stages = field(default_factory=Stages)
    recovers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("ProximalNewton(memory=...)", self.memory, at_least=1, integer=True)
        check_number("ProximalNewton(accuracy=...)", self.accuracy, above=0, below=1)

    def init(self, W: Array, objective: Objective) -> ProximalNewtonState:
        """Builds the sketch of the Gram matrix; nothing is evaluated yet."""
        members = W.shape[1]
        threshold = _thresholds(objective, members)
        sketch = Sketch.of(objective, members)
        pairs = number_of_pairs(self.memory, W)
        a_pass = 2.0 * objective.n_examples * W[:, 0].size
        return ProximalNewtonState(
            W,
            np.zeros(members),
            penalty=objective.penalty,
            threshold=threshold,
            ridge=np.asarray(objective.penalty.curvature(members)),
            rounding=Rounding.of(objective),
            curvatures=[Curvature(sketch, deque(maxlen=pairs)) for _ in range(members)],
            stage=self.stages.first(objective.loss, members),
            trials=np.zeros(members, int),
            factor=np.ones(members),
            most_work=STEP_PASSES * (a_pass + PASS_CALLS / members),
        )

    def continued(
        self, objective: Objective, state: ProximalNewtonState, evaluation: Evaluation
    ) -> ProximalNewtonState:
        """Sketch, pairs, and value and gradient of the data loss stay known.

        For a smooth loss the first request is the trial of a step already.
        """
        members = state.W.shape[1]
        if state.value is None:
            state.value = evaluation.total
            state.gradient = evaluation.data_gradient
        elif state.waiting is None and np.array_equal(evaluation.request.W, self.propose(state).W):
            lower = np.isfinite(evaluation.total) & (evaluation.total <= state.value)
            self._accept(state, evaluation, lower)
        moved = replace(
            state,
            penalty=objective.penalty,
            threshold=_thresholds(objective, members),
            ridge=np.asarray(objective.penalty.curvature(members)),
            done=None,
            target=None,
            stage=self.stages.first(objective.loss, members),
            dual_scale=None,
            decrease=None,
            waiting=None,
        )
        if moved.split is not None:
            moved.split = moved.split.under(moved.threshold, moved.ridge)
        if moved.stage.smoothing.mu > 0:
            return moved
        assert state.value is not None
        V = moved.W[:-1]
        moved.value = state.value + (objective.penalty.value(V) - state.penalty.value(V))
        return self._turn(moved, np.ones(members, bool))

    def propose(self, state: ProximalNewtonState) -> Request:
        """The iterate, then each member's trial point."""
        if state.waiting is not None:
            members, state.waiting = state.waiting, None
            self._new_targets(state, members)
        W = state.W
        if state.target is not None:
            factor = by_member(state.factor)
            W = np.where(factor == 1, state.target, W + factor * (state.target - W))
        return Request(W, smoothing=state.stage.smoothing, dual_scale=state.dual_scale)

    def update(self, state: ProximalNewtonState, evaluation: Evaluation) -> ProximalNewtonState:
        """Accept passing trial points and compute new targets; other steps are shortened."""
        assert evaluation.data_gradient is not None
        state.passes += 1
        # Twice as short as now: bounds stay tight unless the next dual point must be shorter still.
        state.dual_scale = state.penalty.dual_scale(evaluation.data_gradient[:-1]) ** 2
        if state.target is None:
            state.stage.began(evaluation)
            state.value = evaluation.total
            state.gradient = evaluation.data_gradient
            return self._turn(state, np.ones(len(state.step), bool))
        accepted = self._judge(state, evaluation)
        state.step = np.where(accepted, state.factor, 0.0)
        if accepted.any():
            self._accept(state, evaluation, accepted)
        if self.stages.advance(state.stage, evaluation, accepted):
            state.target = None
            return state
        self._shorten(state, evaluation, ~accepted)
        if np.all(state.trials >= MAX_TRIALS):
            state.done = Reason.NO_PROGRESS
            return state
        return self._turn(state, accepted)

    def dual_model(
        self, state: ProximalNewtonState, objective: Objective, target: Array
    ) -> SplitModels | None:
        """Near the minimum of a smooth loss, if the passes so far paid for the Gram matrix.

        Where probabilities are not diffuse, the curvature of an example is far from A, and dual
        points leave their domains.
        """
        if not objective.loss.smooth or isinstance(objective.blocks, PartitionedBlocks):
            return None
        if state.value is None or state.decrease is None:
            return None
        state.splits = False
        if len(state.W) <= FEW_FEATURES or np.any(target < COARSE * state.value):
            return None  # the classes' own blocks are cheap, or exact as splitting is not
        features, members, classes = state.W.shape
        used = np.count_nonzero(state.W[:-1]) / (members * features)
        diffuse = used >= SOME and bool(np.all(state.value >= DIFFUSE * objective.chance_value))
        near = diffuse and bool(np.all(state.decrease <= NEAR * target))
        paid = GRAM_PASSES * state.passes * members * classes >= features
        if state.split is None and paid and (near or used >= MANY):
            state.split = SplitModels(
                Sketch.of_all(objective, members), state.threshold, state.ridge
            )
        state.splits = state.split is not None and (diffuse or used >= MANY)
        return state.split if near else None

    def _judge(self, state: ProximalNewtonState, evaluation: Evaluation) -> Array:
        """Members (a mask) whose trial lowers the objective enough.

        Where rounding hides any decrease, a trial that does not raise it is enough.
        """
        assert state.value is not None
        assert state.slope is not None
        promised = state.factor * state.slope
        error = state.rounding.error(state.value)
        enough = evaluation.total <= state.value + SUFFICIENT_DECREASE * promised
        flat = (evaluation.total <= state.value + error) & (np.abs(promised) <= HIDDEN * error)
        return ((enough & (promised < 0)) | flat) & np.isfinite(evaluation.total)

    def _accept(self, state: ProximalNewtonState, evaluation: Evaluation, accepted: Array) -> None:
        self._learn(state, evaluation, accepted)
        assert state.value is not None
        assert state.gradient is not None
        assert evaluation.data_gradient is not None
        mask = by_member(accepted)
        state.decrease = np.where(accepted, state.value - evaluation.total, np.inf)
        state.W = np.where(mask, evaluation.request.W, state.W)
        state.value = np.where(accepted, evaluation.total, state.value)
        state.gradient = np.where(mask, evaluation.data_gradient, state.gradient)

    @staticmethod
    def _learn(state: ProximalNewtonState, evaluation: Evaluation, members: Array) -> None:
        assert state.gradient is not None
        assert evaluation.data_gradient is not None
        move = evaluation.request.W - state.W
        change = evaluation.data_gradient - state.gradient
        for m in np.flatnonzero(members):
            state.curvatures[m].learn(move[:, m], change[:, m])

    def _shorten(self, state: ProximalNewtonState, evaluation: Evaluation, rejected: Array) -> None:
        """The step to the minimum of a parabola, between a tenth and a half of the rejected one.

        The parabola goes through both values, with the promised slope.
        """
        promised = -state.factor * np.asarray(state.slope)
        with np.errstate(invalid="ignore", divide="ignore"):
            part = promised / (2 * (evaluation.total - state.value + promised))
        part = np.where(np.isfinite(part), np.clip(part, 0.1, 0.5), 0.1)
        state.factor = np.where(rejected, part * state.factor, state.factor)
        state.trials = np.where(rejected, state.trials + 1, state.trials)

    def _turn(self, state: ProximalNewtonState, members: Array) -> ProximalNewtonState:
        """New models for some members, a mask (M,); minimized later where the end may be proved."""
        if state.split is not None:
            state.waiting = members
            return state
        return self._new_targets(state, members)

    def _new_targets(self, state: ProximalNewtonState, members: Array) -> ProximalNewtonState:
        """New models, minimized, for some members, a mask (M,)."""
        assert state.gradient is not None
        self._aim(state, members)
        uphill = members & self._leads_uphill(state)
        for m in np.flatnonzero(uphill):
            state.curvatures[m].pairs.clear()  # they mislead
        if uphill.any():
            self._aim(state, uphill)
        state.trials = np.where(uphill & self._leads_uphill(state), MAX_TRIALS, state.trials)
        if np.all(state.trials >= MAX_TRIALS):
            state.done = Reason.NO_PROGRESS
        return state

    @staticmethod
    def _leads_uphill(state: ProximalNewtonState) -> Array:
        """Members (a mask) whose model promises an increase, by more than rounding."""
        assert state.value is not None
        assert state.slope is not None
        return ~(state.slope <= HIDDEN * state.rounding.error(state.value))

    def _aim(self, state: ProximalNewtonState, members: Array) -> None:
        """The targets of new models, for some members, a mask (M,)."""
        assert state.gradient is not None
        target = state.W.copy() if state.target is None else state.target.copy()
        for m in np.flatnonzero(members):
            target[:, m] = self._minimum(state, int(m))
        state.target = target
        state.factor = np.where(members, 1.0, state.factor)
        state.trials = np.where(members, 0, state.trials)
        penalties = state.penalty.value(target[:-1]) - state.penalty.value(state.W[:-1])
        state.slope = inner(state.gradient, target - state.W) + penalties

    def _minimum(self, state: ProximalNewtonState, m: int) -> Array:
        """The W (D+1, C) that minimizes the model of a member."""
        assert state.gradient is not None
        curvature = state.curvatures[m]
        W, gradient = state.W[:, m], state.gradient[:, m]
        if state.split is not None and state.splits:
            whole = curvature.on(state.split.sketch, SPLIT_PAIRS)
            corrections = whole.corrections() if whole.pairs else None
            return state.split.system(m, state.W).minimize(W, gradient, corrections)[0]
        threshold, ridge = float(state.threshold[m]), float(state.ridge[m])
        work = state.most_work
        return sparse_step(curvature, W, gradient, threshold, ridge, self.accuracy, work)


def _thresholds(objective: Objective, n_members: int) -> Array:
    thresholds = objective.penalty.thresholds(n_members)
    if thresholds is None:
        raise TypeError(
            "ProximalNewton needs a penalty that thresholds softly, such as L1 or ElasticNet, "
            f"got {objective.penalty}; use optimizer='proximal'."
        )
    return np.asarray(thresholds, dtype=np.float64)
