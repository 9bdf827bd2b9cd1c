"""The laws of optimizers, held on a small objective that the caller may replace."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from halfspaces._laws import Array, Law, at_least, check_plain, register_in, require, same
from halfspaces.blocks import Blocks
from halfspaces.losses import Softmax
from halfspaces.minimize import Run, minimize
from halfspaces.objective import Evaluation, Objective, Request
from halfspaces.optimizers import Optimizer
from halfspaces.optimizers.auto import choose
from halfspaces.penalties import L1, L2, MaxNorm, Penalty
from halfspaces.result import Reason, Result

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

TURNS = 12  # of runs that are compared turn by turn
LIMIT = 1500  # passes of runs that are to converge
FACTORS = (1.0, 4.0, 0.25)  # of the penalty's number, for a stack of three members


@lru_cache(maxsize=8)
def small_objective(seed: int = 0) -> Objective:
    """Softmax and L2 on 60 weighted examples of three classes that overlap: the optimum is no corner case."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=60)
    X = rng.standard_normal((60, 5)) + np.eye(3, 5)[y]
    return Objective(Softmax(), L2(0.05), Blocks(X, y, rng.uniform(0.5, 2.0, size=60), n_jobs=1), n_classes=3)


def start(objective: Objective, n_members: int = 1, seed: int = 0) -> Array:
    """Random parameters (D+1, M, C), the same for each member."""
    one = 0.1 * np.random.default_rng(seed).standard_normal(objective.zeros().shape)
    return np.repeat(one, n_members, axis=1)


@dataclass(frozen=True, eq=False)
class Recorder(Objective):
    """An objective that notes what it was asked."""

    asked: list[Request] = field(default_factory=list)

    @classmethod
    def of(cls, objective: Objective) -> "Recorder":
        """The same objective, with a note of what it is asked."""
        return cls(*(getattr(objective, entry.name) for entry in fields(Objective)))

    def evaluate(self, request: Request) -> Evaluation:
        """As the objective does."""
        self.asked.append(replace(request, W=request.W.copy()))
        return super().evaluate(request)


@dataclass
class Watch:
    """A callback that keeps the iterates and stops the run after a number of turns."""

    turns: int
    stop: Reason | type[BaseException] = Reason.STOPPED_BY_CALLBACK
    iterates: list[Array] = field(default_factory=list)

    def __call__(self, run: Run) -> Reason | None:
        """Note the iterate; stop by a reason or by raising."""
        self.iterates.append(run.W.copy())
        if len(self.iterates) < self.turns:
            return None
        if isinstance(self.stop, Reason):
            return self.stop
        raise self.stop


def some_turns(optimizer: Optimizer, objective: Objective, W: Array | None = None, **options: Any) -> Result:
    """The result of a few turns from W, or of those that a resumed run has left; no test of convergence."""
    left = options.pop("turns", TURNS)
    callbacks = [Watch(left), *options.pop("callbacks", ())]
    W = start(objective) if W is None else W
    return minimize(objective, optimizer, W, tol=0.0, callbacks=callbacks, **options)


def supports(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether the optimizer takes the objective's penalty; a refusal must be a TypeError that names it."""
    try:
        optimizer.init(objective.zeros(), objective)
    except TypeError as error:
        require(type(objective.penalty).__name__ in str(error), f"the refusal names no penalty: {error}")
        return False
    return True


def _asks_gradients(optimizer: Optimizer, objective: Objective) -> bool:
    recorder = Recorder.of(objective)
    some_turns(optimizer, recorder, turns=3)
    return any(request.gradient for request in recorder.asked[:-1])


def _converges(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether theory promises the optimum: gradients on all rows, of a loss without kinks or of its smoothings."""
    smooth = objective.loss.smooth or hasattr(optimizer, "stages")
    return smooth and not optimizer.stochastic and _asks_gradients(optimizer, objective)


@lru_cache(maxsize=8)
def optimum(objective: Objective) -> Result:
    """A solution to nine digits (five where the loss has kinks), by the optimizer that fits."""
    optimizer = choose(objective.loss, objective.penalty, objective.n_features).optimizer
    tol = 1e-9 if objective.loss.smooth else 1e-5
    result = minimize(objective, optimizer, tol=tol, max_passes=5000)
    require(result.converged, f"the reference solution was not found: {result}")
    return result


def _number(penalty: Penalty) -> str | None:
    """The field of a penalty that a member may have for itself."""
    return next((entry.name for entry in fields(penalty) if entry.name in ("strength", "radius")), None)  # pyright: ignore[reportArgumentType]


def _members(objective: Objective) -> tuple[Objective, list[Objective]]:
    """A stack of three members with different penalties, and each member alone."""
    name = _number(objective.penalty)
    if name is None:
        return objective, [objective] * len(FACTORS)
    numbers = [factor * getattr(objective.penalty, name) for factor in FACTORS]

    def with_number(number: Any) -> Objective:
        return replace(objective, penalty=replace(objective.penalty, **{name: number}))  # pyright: ignore[reportArgumentType]

    return with_number(tuple(numbers)), [with_number(number) for number in numbers]


def _same_bits(found: Array, expected: Array, what: str) -> None:
    if not np.array_equal(found, expected, equal_nan=True):
        same(found, expected, what)
        raise AssertionError(f"{what} differs in the last bits.")


@_law
def law_plain(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """An optimizer is a frozen dataclass: equal to its pickled copy, hashable."""
    check_plain(optimizer)


@_law
def law_start(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """The first question is asked at the W that was given, and that array is left alone."""
    recorder, W = Recorder.of(objective), start(objective, seed=seed)
    given = W.copy()
    W.setflags(write=False)
    some_turns(optimizer, recorder, W)
    same(recorder.asked[0].W, given, "the W of the first request", tolerance=0.0)
    same(W, given, "the caller's W after the run", tolerance=0.0)


@_law
def law_same_seed_same_bits(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run is repeated bit for bit, whatever the optimizer did before; another seed, where there is one, differs."""
    first = some_turns(optimizer, objective).W
    some_turns(optimizer, replace(objective, blocks=objective.blocks.subset(np.arange(objective.n_examples // 2))))
    _same_bits(some_turns(optimizer, objective).W, first, "W of the same run again")
    if hasattr(optimizer, "seed"):
        other: Any = replace(optimizer, seed=getattr(optimizer, "seed") + 1)  # pyright: ignore[reportArgumentType]
        differs = np.any(some_turns(other, objective).W != first)
        require(differs, "another seed gives the same W.")


@dataclass(frozen=True)
class _SeesWeights(Penalty):
    """A penalty that insists on arrays of D rows."""

    penalty: Penalty
    n_features: int

    @property
    def smooth(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.penalty.smooth

    def _checked(self, *arrays: Any) -> Sequence[Any]:
        for array in arrays:
            rows = self.n_features if np.ndim(array) < 3 else len(array)
            require(rows == self.n_features, f"the penalty was given {rows} rows for {self.n_features} features.")
        return arrays

    def value(self, W: Array) -> Array:
        return self.penalty.value(*self._checked(W))

    def gradient(self, W: Array) -> Array:
        return self.penalty.gradient(*self._checked(W))

    def prox(self, W: Array, step: Any) -> Array:
        return self.penalty.prox(*self._checked(W, step))

    def conjugate(self, dual: Array) -> Array:
        return self.penalty.conjugate(*self._checked(dual))

    def dual_scale(self, dual: Array) -> Array:
        return self.penalty.dual_scale(*self._checked(dual))

    def curvature(self, n_members: int) -> Sequence[float]:
        return self.penalty.curvature(n_members)


@_law
def law_the_bias_is_not_penalized(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """The penalty is given W[:-1], never the bias row."""
    some_turns(optimizer, replace(objective, penalty=_SeesWeights(objective.penalty, objective.n_features)))


@_law
def law_resume(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run that was stopped, pickled and resumed ends as if it had never stopped; the stopped result stays."""
    held_out = objective.blocks.subset(np.arange(0, objective.n_examples, 2))
    whole = some_turns(optimizer, objective, validation=held_out)
    for turns in (1, 4, 7):
        stopped = some_turns(optimizer, objective, turns=turns, validation=held_out)
        at_stop, left = pickle.loads(pickle.dumps(stopped)), TURNS - turns
        resumed = some_turns(optimizer, objective, turns=left, validation=held_out, resume=at_stop)
        _same_bits(at_stop.state.W, stopped.state.W, f"the iterate of the result after turn {turns}, once resumed,")
        for name in ("W", "loss", "gap", "passes"):
            found, expected = getattr(resumed, name), getattr(whole, name)
            _same_bits(found, expected, f"{name} of a run resumed after turn {turns}")
        for name in set(whole.history) - {"seconds"}:
            _same_bits(resumed.history[name], whole.history[name], f"{name} of the resumed history")


@_law
def law_a_finished_run_stays(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Resuming a run that ended by plan asks for nothing and returns the same."""
    result = minimize(objective, optimizer, start(objective), tol=0.0, max_passes=60)
    if result.state.done is not None:
        again = minimize(objective, optimizer, tol=0.0, resume=result)
        _same_bits(again.W, result.W, "W of a finished run, resumed,")
        same(again.passes, result.passes, "passes of a finished run, resumed,")


@_law
def law_stack(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Each member of a stack takes the steps that it would have taken alone, and ends where it would have ended."""
    stack, members = _members(objective)
    starts = [start(member, seed=seed + m) for m, member in enumerate(members)]
    together = np.concatenate(starts, axis=1)
    # Members wait for each other between stages of smoothing, and draws are evaluated together only for one member.
    if objective.loss.smooth and _asks_gradients(optimizer, objective):
        watch = Watch(3 * TURNS)
        minimize(stack, optimizer, together, tol=0.0, callbacks=[watch])
        for m, (member, W) in enumerate(zip(members, starts, strict=True)):
            own = Watch(TURNS)
            minimize(member, optimizer, W, tol=0.0, callbacks=[own])
            steps = list(zip(_moves(watch, m), _moves(own, 0), strict=False))
            require(len(steps) > 3, f"member {m} makes {len(steps)} moves in {3 * TURNS} turns of a stack.")
            same(*map(np.array, zip(*steps, strict=True)), f"W of member {m} after each move", tolerance=1e-7)
    tol = 1e-6 if objective.loss.smooth else 1e-3
    result = minimize(stack, optimizer, together, tol=tol, max_passes=100)
    for m, (member, W) in enumerate(zip(members, starts, strict=True)):
        alone = minimize(member, optimizer, W, tol=tol, max_passes=100)
        if result.reason is alone.reason and result.converged:
            tolerance = 1e-7 if result.reason is Reason.ALL_STEPS_TAKEN else 2 * tol
            same(result.loss[m], alone.loss[0], f"the loss of member {m} at the end", tolerance=tolerance)


def _moves(watch: Watch, member: int) -> list[Array]:
    """The iterates of one member, without the turns in which it stayed."""
    path = [W[:, member] for W in watch.iterates]
    return [W for before, W in pairwise([np.full_like(path[0], np.nan), *path]) if not np.array_equal(before, W)]


@_law
def law_descends(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """The end is no worse than the start, even if that is the optimum; steps on samples may lead away from there."""
    for W in (start(objective, seed=seed), *([] if optimizer.stochastic else [optimum(objective).W])):
        before = objective.evaluate(Request(W, gradient=False)).total
        after = minimize(objective, optimizer, W, tol=1e-4, max_passes=50).loss
        # A method without a line search may circle around the optimum at the length of its step.
        at_least(before, after, "L(W) at the start is below that at the end", tolerance=2e-2)


@_law
def law_optimum(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Methods that converge reach the same optimum, and say so by a proven bound."""
    if not _converges(optimizer, objective):
        return
    best = optimum(objective)
    result = minimize(objective, optimizer, start(objective, seed=seed), tol=1e-4, max_passes=LIMIT)
    provable = objective.certifiable(1).all()
    needed = Reason.CERTIFIED if provable else Reason.STATIONARY
    require(result.reason is needed, f"it does not converge: {result}")
    require(not provable or result.gap <= 1.0001e-4 * result.loss, f"the gap {result.gap} is above the tolerance.")
    same(result.loss, best.loss, "the optimal value", tolerance=1e-4)


@_law
def law_result(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """W of the result is the iterate, its loss that of a fresh evaluation, its gap at least the distance from min L."""
    best = optimum(objective)
    for turns in (1, 4, TURNS):
        watch = Watch(turns)
        result = minimize(objective, optimizer, start(objective, seed=seed), tol=0.0, callbacks=[watch])
        same(result.W, watch.iterates[-1], f"W of the result after turn {turns}", tolerance=0.0)
        _check_account(objective, result, best)
    _check_account(objective, minimize(objective, optimizer, tol=1e-3, max_passes=50), best)


def _check_account(objective: Objective, result: Result, best: Result) -> None:
    fresh = objective.evaluate(Request(result.W))
    same(result.loss, fresh.exact_total, "loss of the result", tolerance=1e-14)
    same(result.data_loss, fresh.exact_data, "data_loss of the result", tolerance=1e-14)
    same(result.penalty, fresh.penalty, "penalty of the result", tolerance=1e-14)
    at_least(result.gap, result.loss - best.loss, "the gap is below the distance from the optimum", tolerance=1e-12)


@_law
def law_passes(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Passes count the rows visited, half where only a value was asked for; every column has a row for each iterate."""
    recorder = Recorder.of(objective)
    result = some_turns(optimizer, recorder)
    spent = [
        len(objective.blocks.labels(request.rows)) / objective.n_examples * (1.0 if request.gradient else 0.5)
        for request in recorder.asked
    ]
    same(result.passes, sum(spent), "passes")
    at_least(np.diff(result.history["passes"]), 0.0, "the history's passes go back")
    lengths = {name: len(result.history[name]) for name in result.history}
    require(len(set(lengths.values())) == 1, f"the history's columns have {lengths} rows.")


@_law
def law_permutation(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Classes have no order: permuting them permutes W, but for methods that draw W by itself."""
    if not _asks_gradients(optimizer, objective):
        return
    order, W = np.random.default_rng(seed).permutation(objective.n_classes)[::-1], start(objective, seed=seed)
    order = np.roll(order, 1) if np.array_equal(order, np.arange(len(order))) else order
    moved = replace(objective, blocks=replace(objective.blocks, y=np.argsort(order)[objective.blocks.y]))
    found, expected = some_turns(optimizer, moved, W[:, :, order]).W, some_turns(optimizer, objective, W).W
    same(found, expected[:, :, order], f"W with classes in the order {order}", tolerance=1e-7)


@_law
def law_max_norm(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A constraint holds at every iterate and at the end."""
    tight = replace(objective, penalty=MaxNorm(0.3))
    if supports(optimizer, tight):
        watch = Watch(TURNS)
        result = minimize(tight, optimizer, tol=0.0, callbacks=[watch])
        for turn, W in enumerate([*watch.iterates, result.W]):
            longest = np.max(np.linalg.norm(W[:-1], axis=0))
            at_least(0.3, longest, f"after turn {turn} the radius is below the length of a class vector", 1e-6)


@_law
def law_exact_zeros(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Under L1 some weights are exactly 0 and the others are not."""
    steepest = np.max(np.abs(objective.evaluate(Request(objective.zeros())).gradient[:-1]))
    sparse = replace(objective, penalty=L1(0.4 * float(steepest)))
    if supports(optimizer, sparse) and _asks_gradients(optimizer, sparse):
        weights = some_turns(optimizer, sparse, sparse.zeros()).W[:-1]
        zeros = int(np.sum(weights == 0))
        require(0 < zeros < weights.size, f"{zeros} of {weights.size} weights are 0.")


@_law
def law_interrupt(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Ctrl-C ends a run with the parameters so far, from which it can go on."""
    watch = Watch(3, stop=KeyboardInterrupt)
    result = minimize(objective, optimizer, start(objective), tol=0.0, callbacks=[watch])
    require(result.reason is Reason.INTERRUPTED, f"the reason is {result.reason.name}.")
    same(result.W, watch.iterates[-1], "W after an interrupt", tolerance=0.0)
    resumed = some_turns(optimizer, objective, turns=TURNS - 3, resume=result)
    _same_bits(resumed.W, some_turns(optimizer, objective).W, "W of a run resumed after an interrupt")
