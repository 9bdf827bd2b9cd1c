"""L-BFGS with a preconditioner, every member of a stack on its own line search, in the same passes.

Losses with kinks are reached by smoothing in stages: once the gap that the smoothing causes dominates, μ shrinks.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State, by_member, inner
from halfspaces.loop.result import Reason
from halfspaces.objective import Objective
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.smoothing import Stages
from halfspaces.penalties.base import Penalty
from halfspaces.preconditioners.base import Identity, Preconditioner, Preconditioning
from halfspaces.request import Evaluation, Request
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

PAIR_BYTES = 128 << 20
MUCH = 0.005  # of the objective that a step promises: beyond what some rows cannot tell
MOVED = 0.1  # change of a log loss at which the curvature is looked at again
Pair = tuple[Array, Array, Array]  # s, y and 1/⟨s, y⟩ (0 for members that have no such pair yet)


@dataclass(eq=False)
class Search:
    """A line search under way: the gradient at the iterate, the direction, each member's trial step."""

    gradient: Array = field(repr=False)
    direction: Array = field(repr=False)
    line: LineSearch
    fresh: Array  # members whose direction is the preconditioned gradient alone, (M,)


@dataclass(eq=False)
class LBFGSState(State):
    """The iterate, the last pairs (s, y), the stage of smoothing, and the line search under way."""

    smoothing: float
    offsets: Array | None = field(repr=False)  # of the smoothed loss, about a dual point (N, M, C)
    recentre: float  # μ of the stage that begins with the next evaluation, 0 where none does
    cost: float  # what smoothing cost at the end of the stage before, the worst member's
    rounding: float  # relative error of a value in the precision of the products
    least_error: float  # of any value
    penalty: Penalty
    solved: Array  # members for which this stage of smoothing has done its work, (M,)
    preconditioner: Preconditioning
    measured: Array  # data loss where the curvature was measured last, (M,)
    pairs: deque[Pair] = field(repr=False)
    search: Search | None = None  # None: the iterate has not been evaluated at this stage


@dataclass(frozen=True)
class LBFGS(Optimizer[LBFGSState]):
    """Limited-memory quasi-Newton steps with a weak Wolfe line search.

    Parameters
    ----------
    memory : int
        Pairs (s, y) kept; fewer, but at least 5, where they would take more than 128 MB.
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

    memory: int = 20
    preconditioner: Preconditioner | None = None
    stages: Stages = field(default_factory=Stages)
    recovers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("LBFGS(memory=...)", self.memory, at_least=1, integer=True)

    def init(self, W: Array, objective: Objective) -> LBFGSState:
        """Builds the preconditioner; nothing is evaluated yet."""
        if not objective.penalty.smooth:
            remedy = "use optimizer='proximal' or penalty='l2'"
            raise TypeError(
                f"LBFGS needs a penalty with a gradient, got {objective.penalty}; {remedy}."
            )
        members = W.shape[1]
        return LBFGSState(
            W=W,
            step=np.zeros(members),
            smoothing=self.stages.first(objective.loss),
            offsets=None,
            recentre=0.0,
            cost=np.inf,
            rounding=objective.rounding,
            least_error=float(np.finfo(objective.blocks.dtype).eps)
            * objective.loss.chance_value(objective.n_classes),
            penalty=objective.penalty,
            solved=np.zeros(members, bool),
            preconditioner=(self.preconditioner or Identity()).build(objective, members),
            measured=np.full(members, objective.loss.chance_value(objective.n_classes)),
            pairs=deque(maxlen=min(self.memory, max(5, PAIR_BYTES // (2 * W.nbytes)))),
        )

    def moved_to(
        self, objective: Objective, state: LBFGSState, evaluation: Evaluation
    ) -> LBFGSState:
        """The state for the same loss and data under a penalty of another strength, where a run ended.

        `evaluation` is its last; the state may not have been told yet. Sketch, pairs, and value and gradient of the
        data loss stay known: of pairs (s, y) the penalty's part of y is exchanged. The first request is a step's trial
        already.
        """
        members = state.W.shape[1]
        evaluation = self._told_at_last(state, evaluation)
        W = evaluation.request.W
        old, new = (
            np.asarray(penalty.curvature(members)) for penalty in (state.penalty, objective.penalty)
        )
        pairs = deque((_ridged(pair, new - old) for pair in state.pairs), maxlen=state.pairs.maxlen)
        preconditioner, another = state.preconditioner.at(W, new)
        moved = replace(
            state,
            W=W,
            penalty=objective.penalty,
            done=None,
            recentre=self.stages.second if state.smoothing > 0 else 0.0,
            cost=np.inf,
            solved=np.zeros(members, bool),
            preconditioner=preconditioner,
            pairs=pairs,
            search=None,
        )
        self._forget(moved, another)
        if state.smoothing == 0:
            value, gradient = (
                getattr(objective.penalty, part)(W[:-1]) for part in ("value", "gradient")
            )
            moved.search = self._first_search(
                moved, replace(evaluation, penalty=value, penalty_gradient=gradient)
            )
        return moved

    def _told_at_last(self, state: LBFGSState, evaluation: Evaluation) -> Evaluation:
        """What is known at the iterate, once members whose last trial is no higher have taken it."""
        search = state.search
        if search is None:
            return evaluation
        W, value = evaluation.request.W, search.line.value
        if np.array_equal(W, self.propose(state).W):  # the run ended before its state was told
            lower = np.isfinite(evaluation.total) & (evaluation.total <= value)
            state.step, value = (
                np.where(lower, search.line.step, 0.0),
                np.where(lower, evaluation.total, value),
            )
            self._accept(state, search, evaluation, lower)
        gradient = search.gradient.copy()
        gradient[:-1] -= state.penalty.gradient(state.W[:-1])
        data = value - state.penalty.value(state.W[:-1])
        return replace(
            evaluation,
            request=replace(evaluation.request, W=state.W),
            data=data,
            data_gradient=gradient,
        )

    def propose(self, state: LBFGSState) -> Request:
        """The next trial point of each member's line search."""
        search = state.search
        W = state.W if search is None else state.W + by_member(search.line.step) * search.direction
        return Request(W, smoothing=state.smoothing, offsets=state.offsets, recentre=state.recentre)

    def update(self, state: LBFGSState, evaluation: Evaluation) -> LBFGSState:
        """Members whose trial passes take it and turn; the others shrink or expand their step."""
        search = state.search
        if search is None:
            if state.recentre > 0:
                state.smoothing, state.offsets, state.recentre = (
                    state.recentre,
                    evaluation.offsets,
                    0.0,
                )
            state.search = self._first_search(state, evaluation)
            return state
        accepted = search.line.judge(evaluation.total, inner(evaluation.gradient, search.direction))
        state.step = np.where(accepted, search.line.step, 0.0)
        if accepted.any():
            self._accept(state, search, evaluation, accepted)
        if state.smoothing > 0:
            state.solved |= accepted & self.stages.solved(evaluation)
            cost = float(np.max(self.stages.cost(evaluation)))
            following = self.stages.next(state.smoothing, cost, state.cost)
            if state.solved.all() and following is not None:
                return self._begin_stage(state, following, cost)
        stuck = search.line.failed & ~accepted
        if np.all(stuck & search.fresh):
            state.done = Reason.NO_PROGRESS
        elif np.any(accepted | stuck):
            self._turn(
                state,
                search,
                np.where(accepted, evaluation.total, search.line.value),
                accepted,
                stuck,
            )
        return state

    def step_of(self, state: LBFGSState) -> Callable[[Array], Array] | None:
        """A quasi-Newton step; none without a preconditioner, where it would be of any length."""
        return (
            (lambda gradient: -self._inverse_hessian(state, gradient))
            if self.preconditioner
            else None
        )

    def _accept(
        self, state: LBFGSState, search: Search, evaluation: Evaluation, accepted: Array
    ) -> None:
        """Move the accepted members and remember their pair."""
        s = by_member(state.step) * search.direction
        y = np.where(by_member(accepted), evaluation.gradient - search.gradient, 0.0)
        curvature = inner(s, y)
        useful = accepted & (curvature > 1e-12 * np.sqrt(inner(s, s) * inner(y, y)))
        _remember(
            state.pairs, (s, y, np.where(useful, 1 / np.where(useful, curvature, 1.0), 0.0)), useful
        )
        state.W = np.where(by_member(accepted), evaluation.request.W, state.W)
        search.gradient = np.where(by_member(accepted), evaluation.gradient, search.gradient)
        self._adapt(state, evaluation)

    def _adapt(self, state: LBFGSState, evaluation: Evaluation) -> None:
        """Look at the curvature again once a loss has changed; where it is quite another, older pairs mislead."""
        data = np.maximum(evaluation.data, state.least_error)
        moved = (evaluation.request.W == state.W).all(axis=(0, 2)) & (
            np.abs(np.log(data / state.measured)) > MOVED
        )
        if moved.any():
            state.measured = np.where(moved, data, state.measured)
            state.preconditioner, another = state.preconditioner.at(state.W)
            self._forget(state, another)

    def _forget(self, state: LBFGSState, members: Array) -> None:
        """Their pairs."""
        if members.any():
            kept = ((s, y, np.where(members, 0.0, rho)) for s, y, rho in state.pairs)
            state.pairs = deque(kept, maxlen=state.pairs.maxlen)

    def _begin_stage(self, state: LBFGSState, smoothing: float, cost: float) -> LBFGSState:
        """Another objective: its value and gradient are unknown; of its curvature the pairs still tell."""
        state.recentre, state.cost, state.search = smoothing, cost, None
        state.solved = np.zeros_like(state.solved)
        return state

    def _first_search(self, state: LBFGSState, evaluation: Evaluation) -> Search:
        self._adapt(state, evaluation)
        direction = -self._inverse_hessian(state, evaluation.gradient)
        slope = inner(evaluation.gradient, direction)
        step = self._first_step(state, direction, evaluation.total, slope)
        line = LineSearch.start(state.rounding, state.least_error, evaluation.total, slope, step)
        return Search(
            evaluation.gradient, direction, line, np.full_like(state.solved, not state.pairs)
        )

    def _turn(
        self, state: LBFGSState, search: Search, value: Array, accepted: Array, stuck: Array
    ) -> None:
        """New directions for the members that took their step; stuck ones forget their pairs."""
        self._forget(state, stuck)
        turning = accepted | stuck
        newest = -self._inverse_hessian(state, search.gradient)
        slope = inner(search.gradient, newest)
        search.direction = np.where(by_member(turning), newest, search.direction)
        search.fresh = np.where(turning, stuck, search.fresh)
        search.line.restart(turning, value, slope, self._first_step(state, newest, value, slope))

    def _first_step(self, state: LBFGSState, direction: Array, value: Array, slope: Array) -> Array:
        """1 where pairs tell how long a direction is; else as the preconditioner says, without one a move of length 1.

        Where little is to be gained rows that stand for all tell less than the step, which is 1 then.
        """
        known = np.any([rho > 0 for _, _, rho in state.pairs], axis=0) | np.zeros_like(state.solved)
        if self.preconditioner is None:
            return np.where(known, 1.0, 1 / np.sqrt(np.maximum(-slope, 1e-60)))
        asked = ~known & (-slope > MUCH * np.abs(value))
        length = state.preconditioner.length(state.W, direction, slope) if asked.any() else 1.0
        return np.where(asked, length, 1.0)

    def _inverse_hessian(self, state: LBFGSState, gradient: Array) -> Array:
        """The two-loop recursion; pairs with 1/⟨s, y⟩ = 0 change nothing."""
        q, factors = gradient.copy(), []
        for s, y, rho in reversed(state.pairs):
            factor = rho * inner(s, q)
            q -= by_member(factor) * y
            factors.append(factor)
        direction = self._scaled(state, q)
        for (s, y, rho), factor in zip(state.pairs, reversed(factors), strict=True):
            direction += by_member(factor - rho * inner(y, direction)) * s
        return direction

    def _scaled(self, state: LBFGSState, q: Array) -> Array:
        """H₀ q, H₀ scaled to the measured curvature along each member's newest useful pair."""
        newest, product = np.zeros_like(q), np.zeros(q.shape[1])
        for _, y, rho in reversed(state.pairs):
            new = (rho > 0) & (product == 0)
            newest, product = (
                np.where(by_member(new), y, newest),
                np.where(new, 1 / np.where(new, rho, 1.0), product),
            )
            if product.all():
                break
        if not product.any():
            return state.preconditioner(q)
        # Both at once: a solve costs little more than reading its factor.
        both = state.preconditioner(np.concatenate([q, newest], axis=2))
        solved, mapped = np.split(both, 2, axis=2)
        curvature = inner(newest, mapped)
        return (
            by_member(np.where(product > 0, product / np.where(product > 0, curvature, 1.0), 1.0))
            * solved
        )


def _ridged(pair: Pair, more: Array) -> Pair:
    """The pair of an objective with this much more curvature everywhere but in the bias, (M,)."""
    s, y, rho = pair
    y = y.copy()
    y[:-1] += more[:, None] * s[:-1]
    product = inner(s, y)
    useful = (rho > 0) & (product > 1e-12 * np.sqrt(inner(s, s) * inner(y, y)))
    return s, y, np.where(useful, 1 / np.where(useful, product, 1.0), 0.0)


def _remember(pairs: deque[Pair], newest: Pair, members: Array) -> None:
    """Add a pair for some members, a mask (M,); the others keep all of theirs, so that a stack forgets no sooner."""
    if members.all():
        pairs.append(newest)
    elif members.any():
        if len(pairs) < (pairs.maxlen or 0):
            s, y, rho = newest
            pairs.appendleft((np.zeros_like(s), np.zeros_like(y), np.zeros_like(rho)))
        for older, newer in pairwise([*pairs, newest]):
            for target, source in zip(older, newer, strict=True):
                np.copyto(target, source, where=members[:, None] if target.ndim == 3 else members)
