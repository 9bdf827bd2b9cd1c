"""Gradient descent on all rows, and minibatch SGD: the same step on a sample of the rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from halfspaces.kernels.compile import run_compiled
from halfspaces.loop.optimizer import Optimizer, State, by_member, prox_step
from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.epoch_order import Shuffling
from halfspaces.optimizers.schedules import SCHEDULES, Constant, Cosine, Schedule
from halfspaces.optimizers.update_rules import UPDATE_RULES, Momentum, Plain, UpdateRule
from halfspaces.penalties.base import Penalty
from halfspaces.preconditioners.gram_matrix import largest_eigenvalue
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.names import lookup

LARGE = 1 << 17  # entries of W from which on a compiled loop updates them


@dataclass(eq=False)
class GradientState(State):
    """W, the last move, the rule's slots and the number of updates."""

    penalty: Penalty
    base_step: Array  # (M,)
    n_examples: int
    last_move: Array
    slots: tuple[Array, ...]
    squares: Array | None = None  # (3, M): of ‖W‖ before the last update, ‖ΔW‖ and ‖∇L‖
    draws: bool = False  # whether the score function draws noise
    count: int = 0
    order: Shuffling | None = None  # of minibatches
    window: Array | None = field(default=None, repr=False)  # rows of which minibatches are taken


def safe_step(objective: Objective, n_members: int, batch_size: int | None = None) -> Array:
    """1/L of each member (M,), L a bound on its curvature.

    L = (the loss's curvature) · λ_max(Gram) + the penalty's curvature. A small batch can have more
    curvature than all rows. A loss with kinks has no such bound; its smoothing with μ = 1 gives the
    scale.
    """
    loss = objective.loss if objective.loss.smooth else objective.loss.smoothed(1.0)
    curvature = loss.curvature(objective.n_classes) * largest_eigenvalue(objective, batch_size)
    return 1 / np.maximum(curvature + np.asarray(objective.penalty.curvature(n_members)), 1e-30)


def _is_large(W: Array) -> bool:
    """Whether a compiled loop is worth its compilation; it takes one member."""
    return W.shape[1] == 1 and W.size >= LARGE


@dataclass(frozen=True)
class _GradientMethod(Optimizer[GradientState]):
    can_diverge: ClassVar[bool] = True
    takes_noise: ClassVar[bool] = True

    step_size: float | None = None
    update_rule: UpdateRule = field(default_factory=Plain)
    schedule: Schedule = field(default_factory=Constant)

    def _check(self) -> None:
        if self.step_size is not None:
            check_number(f"{type(self).__name__}(step_size=...)", self.step_size, above=0)
        rule = lookup("update_rule", self.update_rule, UPDATE_RULES, UpdateRule)
        schedule = lookup("schedule", self.schedule, SCHEDULES, Schedule)
        object.__setattr__(self, "update_rule", rule)
        object.__setattr__(self, "schedule", schedule)

    def init(self, W: Array, objective: Objective) -> GradientState:
        """No move yet."""
        members = W.shape[1]
        step = self.step_size
        if step is None:
            step = self.update_rule.default_step(self._safe_step(objective, members))
        steps = np.full(members, step, dtype=np.float64)
        if np.isnan(steps).any():
            name = type(self).__name__
            rule = type(self.update_rule).__name__
            raise ValueError(
                f"{name} by {rule} has no default step size where scores are not linear; give "
                f"{name}(step_size=...), such as 0.05, or the update rule Adam."
            )
        return GradientState(
            W,
            steps,
            penalty=objective.penalty,
            base_step=steps,
            n_examples=objective.n_examples,
            last_move=np.zeros_like(W),
            slots=self.update_rule.slots(W),
            draws=objective.score.draws,
        )

    def _safe_step(self, objective: Objective, members: int) -> Array:
        """`safe_step`; nan where scores are not linear in W."""
        if not objective.score.linear:
            return np.full(members, np.nan)
        return safe_step(objective, members, self._rows_at_a_time())

    def _rows_at_a_time(self) -> int | None:
        return None

    def _factor(self, state: GradientState) -> float:
        raise NotImplementedError

    def update(self, state: GradientState, evaluation: Evaluation) -> GradientState:
        """One move by the rule, then the prox of a penalty that has no gradient."""
        state.step = state.base_step * self._factor(state)
        state.count += 1
        state.squares = None
        loop = self.update_rule.loop(state.count)
        if state.penalty.smooth and loop is not None and _is_large(state.W):
            moved = _run(loop, state, evaluation)
        else:
            coordinate_step = self._rule(state, evaluation.gradient)
            moved = state.W + state.last_move
            if not state.penalty.smooth:
                moved = prox_step(state.penalty, moved, coordinate_step)
                state.last_move = moved - state.W
        if evaluation.statistics is not None:
            rows = slice(-len(evaluation.statistics), None)
            moved[rows] = evaluation.statistics
            state.last_move[rows] = 0
        state.W = moved
        return state

    def _rule(self, state: GradientState, gradient: Array) -> Array:
        """Store the rule's move of W, and its slots; return the step of each coordinate."""
        step = by_member(state.step).astype(state.W.dtype, copy=False)
        state.last_move, coordinate_step, state.slots = self.update_rule.move(
            state.slots, gradient, state.last_move, step, state.count
        )
        return coordinate_step

    def measured(self, state: GradientState) -> tuple[Array, Array, Array] | None:
        """‖W‖ before the last update, ‖ΔW‖ and ‖∇L‖; None for a penalty with a prox."""
        if state.squares is None:
            return None
        length, moved, slope = np.sqrt(state.squares)
        return length, moved, slope


def slopes(penalty: Penalty, W: Array) -> list[tuple[Array, float]]:
    """λ ∇R(W) of one member, rows after rows: an array, and the number that multiplies it."""
    of_parts = getattr(penalty, "slopes", None)  # where only some rows are penalized
    if of_parts is not None:
        return of_parts(W)
    if penalty.thresholds(1) == (0.0,):  # λR = (ρ/2) ΣW²
        return [(W, penalty.curvature(1)[0])]
    return [(penalty.gradient(W), 1.0)]


def _run(
    loop: tuple[Callable[..., None], tuple[float, ...]],
    state: GradientState,
    evaluation: Evaluation,
) -> Array:
    """Run a rule's compiled loop: move slots, last move and squares, and return the next W."""
    rule, numbers = loop
    number = state.W.dtype.type
    moved = np.empty_like(state.W)
    state.squares = np.zeros((3, 1))
    data = evaluation.data_gradient
    assert data is not None
    at = evaluation.request.W
    parts = [*slopes(state.penalty, at[:-1]), (at[-1:], 0.0)]  # no penalty on the last
    start = 0
    for slope, factor in parts:
        rows = slice(start, start + len(slope))
        given = (data[rows].ravel(), slope.ravel(), state.W[rows].ravel())
        arrays = (*state.slots, state.last_move, moved)
        written = [array[rows].reshape(-1) for array in arrays]
        constants = [number(value) for value in (factor, state.step[0], *numbers)]
        run_compiled(rule, *given, *constants, *written, state.squares[:, 0])
        start = rows.stop
    return moved


@dataclass(frozen=True)
class GradientDescent(_GradientMethod):
    """W ← W − step · ∇L(W) on all rows: the lecture's first optimizer, a slow baseline.

    Parameters
    ----------
    step_size : float or None
        None: 1/L for a bound L on the curvature, so that no step is too long.
    update_rule : UpdateRule
    schedule : Schedule
        Its progress is that of `horizon` steps.
    horizon : int
        The number of steps over which a schedule such as cosine runs.

    Raises
    ------
    ValueError
        If the step size is not above 0.

    Examples
    --------
    >>> GradientDescent(step_size=0.1, update_rule="nesterov").update_rule
    Nesterov(decay=0.9)
    """

    horizon: int = 1000

    def __post_init__(self) -> None:
        self._check()
        check_number("GradientDescent(horizon=...)", self.horizon, at_least=1, integer=True)

    def _factor(self, state: GradientState) -> float:
        return self.schedule.factor(min(1.0, state.count / self.horizon), float(state.count))

    def propose(self, state: GradientState) -> Request:
        """The gradient on all rows, at the rule's look-ahead."""
        W = self.update_rule.look_ahead(state.W, state.last_move)
        return Request(W, draw=state.count if state.draws else None)


@dataclass(frozen=True)
class SGD(_GradientMethod):
    """Minibatch gradient descent: each epoch visits every example once, in a shuffled order.

    Data larger than a window are shuffled by stretches of rows, and these are mixed within windows
    (see `halfspaces.optimizers.epoch_order`); the next window is read while this one is used, so X
    may lie on disk.

    Parameters
    ----------
    step_size : float or None
        None: chosen for the update rule (see `safe_step`); find your own with `find_step_size`.
    batch_size : int
    epochs : int
        Passes over the examples, after which the run is done.
    update_rule : UpdateRule or its name
    schedule : Schedule or its name
    seed : int
        Of the shuffling; the same seed gives the same W.
    window_bytes : int
        Bytes of X whose rows are shuffled together.

    Raises
    ------
    ValueError
        If a number is out of range or a name unknown.

    References
    ----------
    Bottou, Curtis & Nocedal, Optimization methods for large-scale machine learning, 2018,
    https://doi.org/10.1137/16M1080173

    Examples
    --------
    >>> SGD(batch_size=64, update_rule="adam").update_rule
    Adam(beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    batch_size: int = 256
    epochs: int = 10
    update_rule: UpdateRule = field(default_factory=Momentum)
    schedule: Schedule = field(default_factory=Cosine)
    seed: int = 0
    window_bytes: int = 64 << 20
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._check()
        check_number("SGD(batch_size=...)", self.batch_size, at_least=1, integer=True)
        check_number("SGD(epochs=...)", self.epochs, at_least=1, integer=True)
        check_number("SGD(seed=...)", self.seed, at_least=0, integer=True)
        check_number("SGD(window_bytes=...)", self.window_bytes, at_least=1, integer=True)

    def _rows_at_a_time(self) -> int:
        return self.batch_size

    def init(self, W: Array, objective: Objective) -> GradientState:
        """No move yet, and an order of the rows."""
        state = super().init(W, objective)
        blocks = objective.blocks
        row_bytes = blocks.row_size * blocks.X.dtype.itemsize
        state.order = Shuffling.of(
            blocks.n_examples, row_bytes, self.batch_size, self.window_bytes, self.seed
        )
        return state

    def _batches(self, state: GradientState) -> int:
        return -(-state.n_examples // self.batch_size)

    def _factor(self, state: GradientState) -> float:
        epoch = state.count / self._batches(state)
        return self.schedule.factor(epoch / self.epochs, epoch)

    def propose(self, state: GradientState) -> Request:
        """The gradient on the next rows of this epoch's order, at the rule's look-ahead."""
        assert state.order is not None
        epoch, window, place = self._place(state, state.order)
        if place == 0 or state.window is None:
            state.window = state.order.rows(epoch, window)
        rows = np.sort(state.window[place : place + self.batch_size])
        W = self.update_rule.look_ahead(state.W, state.last_move)
        return Request(W, rows=rows, draw=epoch if state.draws else None)

    def _place(self, state: GradientState, order: Shuffling) -> tuple[int, int, int]:
        """The epoch, the window, and the first row of the next batch within the window."""
        epoch, batch = divmod(state.count, self._batches(state))
        window, place = divmod(batch * self.batch_size, order.window)
        return epoch, window, place

    def rows_ahead(self, state: GradientState) -> Array | None:
        """The rows of the next window, where one begins."""
        assert state.order is not None
        epoch, window, place = self._place(state, state.order)
        return state.order.next_rows(epoch, window) if place == 0 else None

    def update(self, state: GradientState, evaluation: Evaluation) -> GradientState:
        """One move; after the last epoch the run is done."""
        state = super().update(state, evaluation)
        if state.count >= self.epochs * self._batches(state):
            state.done = Reason.ALL_STEPS_TAKEN
        return state

    def fraction_done(self, state: GradientState) -> float:
        """Updates made over updates planned."""
        return state.count / (self.epochs * self._batches(state))
