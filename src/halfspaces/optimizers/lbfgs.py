"""L-BFGS with a preconditioner; each member of a stack has its own line search, in the same passes.

Losses with kinks are smoothed in stages: once the gap caused by the smoothing dominates, μ shrinks.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State, by_member, inner
from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.quasi_newton import LEAST_COSINE, Rounding, number_of_pairs
from halfspaces.optimizers.smoothing import Stage, Stages
from halfspaces.penalties.base import Penalty
from halfspaces.preconditioners.base import Identity, Preconditioner, Preconditioning
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

LARGE_DECREASE = 0.005  # of the objective: a step that promises more is measured on some rows
CHANGED = 0.1  # change of the logarithm of a loss at which the curvature is measured again
Pair = tuple[Array, Array, Array]  # s, y and 1/⟨s, y⟩ (0 for members without such a pair)


@dataclass(eq=False)
class Search:
    """A line search under way: the gradient at the iterate, the direction, each member's trial."""

    gradient: Array = field(repr=False)
    direction: Array = field(repr=False)
    line: LineSearch
    fresh: Array  # members whose direction is the preconditioned gradient alone, (M,)


@dataclass(eq=False)
class LBFGSState(State):
    """The iterate, the last pairs (s, y), the stage of smoothing, and the line search under way."""

    stage: Stage
    rounding: Rounding
    penalty: Penalty
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
        Pairs (s, y) stored; fewer, but at least 5, where they would take more than 128 MB.
    preconditioner : Preconditioner or None
        The initial inverse Hessian; `Gram()` cuts passes ten- to thirtyfold where features are
        correlated.
    stages : Stages
        The smoothing parameters for losses with kinks.

    Raises
    ------
    ValueError
        If `memory` is below 1.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2006, ch. 7,
    https://doi.org/10.1007/978-0-387-40065-5;
    Lewis & Overton, Nonsmooth optimization via quasi-Newton methods, 2013,
    https://doi.org/10.1007/s10107-012-0514-2

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
            stage=self.stages.first(objective.loss, members),
            rounding=Rounding.of(objective),
            penalty=objective.penalty,
            preconditioner=(self.preconditioner or Identity()).build(objective, members),
            measured=np.full(members, objective.chance_value),
            pairs=deque(maxlen=number_of_pairs(self.memory, W)),
        )

    def continued(
        self, objective: Objective, state: LBFGSState, evaluation: Evaluation
    ) -> LBFGSState:
        """Sketch, pairs, and value and gradient of the data loss stay known.

        In pairs (s, y) the penalty's part of y is exchanged. For a smooth loss the first request is
        the trial of a step already.
        """
        evaluation = self._at_iterate(state, evaluation)
        W = evaluation.request.W
        members = W.shape[1]
        old = np.asarray(state.penalty.curvature(members))
        new = np.asarray(objective.penalty.curvature(members))
        pairs = deque((_ridged(pair, new - old) for pair in state.pairs), maxlen=state.pairs.maxlen)
        preconditioner, another = state.preconditioner.at(W, new)
        moved = replace(
            state,
            W=W,
            penalty=objective.penalty,
            done=None,
            stage=self.stages.again(state.stage),
            preconditioner=preconditioner,
            pairs=pairs,
            search=None,
        )
        self._forget(moved, another)
        if state.stage.smoothing.mu == 0:
            value = objective.penalty.value(W[:-1])
            known = replace(evaluation, penalty=value, smooth_penalty=objective.penalty)
            moved.search = self._first_search(moved, known)
        return moved

    def _at_iterate(self, state: LBFGSState, evaluation: Evaluation) -> Evaluation:
        """The data loss and its gradient at the iterate.

        A last trial that no update has seen yet is accepted first, by members for which it is no
        higher.
        """
        search = state.search
        if search is None:
            return evaluation
        W = evaluation.request.W
        value = search.line.value
        if np.array_equal(W, self.propose(state).W):
            lower = np.isfinite(evaluation.total) & (evaluation.total <= value)
            state.step = np.where(lower, search.line.step, 0.0)
            value = np.where(lower, evaluation.total, value)
            self._accept(state, search, evaluation, lower)
        gradient = search.gradient.copy()
        gradient[:-1] -= state.penalty.gradient(state.W[:-1])
        data = value - state.penalty.value(state.W[:-1])
        request = replace(evaluation.request, W=state.W)
        return replace(evaluation, request=request, data=data, data_gradient=gradient)

    def propose(self, state: LBFGSState) -> Request:
        """The next trial point of each member's line search."""
        search = state.search
        W = state.W if search is None else state.W + by_member(search.line.step) * search.direction
        return Request(W, smoothing=state.stage.smoothing)

    def update(self, state: LBFGSState, evaluation: Evaluation) -> LBFGSState:
        """Accept passing trial points and compute new directions; other steps are adjusted."""
        search = state.search
        if search is None:
            state.stage.began(evaluation)
            state.search = self._first_search(state, evaluation)
            return state
        accepted = search.line.judge(evaluation.total, inner(evaluation.gradient, search.direction))
        state.step = np.where(accepted, search.line.step, 0.0)
        if accepted.any():
            self._accept(state, search, evaluation, accepted)
        if self.stages.advance(state.stage, evaluation, accepted):
            # Another objective: value and gradient are unknown, the pairs still show its curvature.
            state.search = None
            return state
        stuck = search.line.failed & ~accepted
        if np.all(stuck & search.fresh):
            state.done = Reason.NO_PROGRESS
        elif np.any(accepted | stuck):
            value = np.where(accepted, evaluation.total, search.line.value)
            self._turn(state, search, value, accepted, stuck)
        return state

    def step_of(self, state: LBFGSState) -> Callable[[Array], Array] | None:
        """A quasi-Newton step; None without a preconditioner, as its length would be arbitrary."""
        if self.preconditioner is None:
            return None
        return lambda gradient: -self._inverse_hessian(state, gradient)

    def _accept(
        self, state: LBFGSState, search: Search, evaluation: Evaluation, accepted: Array
    ) -> None:
        """Move the accepted members and remember their pair."""
        s = by_member(state.step) * search.direction
        y = np.where(by_member(accepted), evaluation.gradient - search.gradient, 0.0)
        product = inner(s, y)
        useful = accepted & (product > LEAST_COSINE * np.sqrt(inner(s, s) * inner(y, y)))
        _remember(state.pairs, (s, y, _inverse(product, useful)), useful)
        state.W = np.where(by_member(accepted), evaluation.request.W, state.W)
        search.gradient = np.where(by_member(accepted), evaluation.gradient, search.gradient)
        self._adapt(state, evaluation)

    def _adapt(self, state: LBFGSState, evaluation: Evaluation) -> None:
        """Measure the curvature again where a loss has changed.

        Members whose curvature is quite another drop their pairs, which would mislead.
        """
        data = np.maximum(evaluation.data, state.rounding.absolute)
        here = (evaluation.request.W == state.W).all(axis=(0, 2))
        changed = here & (np.abs(np.log(data / state.measured)) > CHANGED)
        if changed.any():
            state.measured = np.where(changed, data, state.measured)
            state.preconditioner, another = state.preconditioner.at(state.W)
            self._forget(state, another)

    def _forget(self, state: LBFGSState, members: Array) -> None:
        """Drop the pairs of some members, a mask (M,)."""
        if members.any():
            left = ((s, y, np.where(members, 0.0, rho)) for s, y, rho in state.pairs)
            state.pairs = deque(left, maxlen=state.pairs.maxlen)

    def _first_search(self, state: LBFGSState, evaluation: Evaluation) -> Search:
        self._adapt(state, evaluation)
        direction = -self._inverse_hessian(state, evaluation.gradient)
        slope = inner(evaluation.gradient, direction)
        step = self._first_step(state, direction, evaluation.total, slope)
        line = LineSearch.start(state.rounding, evaluation.total, slope, step)
        fresh = np.full(len(slope), not state.pairs)
        return Search(evaluation.gradient, direction, line, fresh)

    def _turn(
        self, state: LBFGSState, search: Search, value: Array, accepted: Array, stuck: Array
    ) -> None:
        """New directions for members that accepted their trial; stuck ones drop their pairs."""
        self._forget(state, stuck)
        turning = accepted | stuck
        newest = -self._inverse_hessian(state, search.gradient)
        slope = inner(search.gradient, newest)
        search.direction = np.where(by_member(turning), newest, search.direction)
        search.fresh = np.where(turning, stuck, search.fresh)
        search.line.restart(turning, value, slope, self._first_step(state, newest, value, slope))

    def _first_step(self, state: LBFGSState, direction: Array, value: Array, slope: Array) -> Array:
        """The first trial step of each member (M,).

        1 where pairs give the direction its length. Else the preconditioner measures the length on
        some rows; without one the move has length 1. Where the direction promises little, such a
        measurement is less accurate than the step 1.
        """
        known = np.zeros(len(slope), bool)
        for _, _, rho in state.pairs:
            known |= rho > 0
        if self.preconditioner is None:
            return np.where(known, 1.0, 1 / np.sqrt(np.maximum(-slope, 1e-60)))
        measured = ~known & (-slope > LARGE_DECREASE * np.abs(value))
        if not measured.any():
            return np.ones(len(slope))
        length = state.preconditioner.length(state.W, direction, slope)
        return np.where(measured, length, 1.0)

    def _inverse_hessian(self, state: LBFGSState, gradient: Array) -> Array:
        """The two-loop recursion; pairs with 1/⟨s, y⟩ = 0 change nothing."""
        q = gradient.copy()
        factors = []
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
        newest = np.zeros_like(q)
        product = np.zeros(q.shape[1])
        for _, y, rho in reversed(state.pairs):
            new = (rho > 0) & (product == 0)
            newest = np.where(by_member(new), y, newest)
            product = np.where(new, _inverse(rho, new), product)
            if product.all():
                break
        if not product.any():
            return state.preconditioner(q)
        # Both at once: a solve costs little more than reading its factor.
        both = state.preconditioner(np.concatenate([q, newest], axis=2))
        solved, mapped = np.split(both, 2, axis=2)
        curvature = inner(newest, mapped)
        found = product > 0
        scale = np.where(found, product / np.where(found, curvature, 1.0), 1.0)
        return by_member(scale) * solved


def _inverse(values: Array, members: Array) -> Array:
    """1/values for some members, a mask (M,); 0 for the others."""
    return np.where(members, 1 / np.where(members, values, 1.0), 0.0)


def _ridged(pair: Pair, more: Array) -> Pair:
    """The pair of an objective with this much more curvature everywhere but in the bias, (M,)."""
    s, y, rho = pair
    y = y.copy()
    y[:-1] += more[:, None] * s[:-1]
    product = inner(s, y)
    useful = (rho > 0) & (product > LEAST_COSINE * np.sqrt(inner(s, s) * inner(y, y)))
    return s, y, _inverse(product, useful)


def _remember(pairs: deque[Pair], newest: Pair, members: Array) -> None:
    """Add a pair for some members, a mask (M,).

    The others keep all of their pairs, so that a member of a stack forgets no sooner than alone.
    """
    if members.all():
        pairs.append(newest)
    elif members.any():
        if len(pairs) < (pairs.maxlen or 0):
            s, y, rho = newest
            pairs.appendleft((np.zeros_like(s), np.zeros_like(y), np.zeros_like(rho)))
        for older, newer in pairwise([*pairs, newest]):
            for target, source in zip(older, newer, strict=True):
                np.copyto(target, source, where=members[:, None] if target.ndim == 3 else members)
