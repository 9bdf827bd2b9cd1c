"""The laws of optimizers, held on a small objective that the caller may replace."""

import pickle
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from halfspaces.files.checkpoint import Checkpoint
from halfspaces.loop.result import Reason, Result
from halfspaces.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.request import Request
from halfspaces.support.types import Array
from halfspaces.testing.runs import TURNS, Recorder, Watch, optimum, some_turns, start, supports
from halfspaces.testing.words import Law, at_least, check_plain, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

LIMIT = 1500  # passes of runs that are to converge
FACTORS = (1.0, 4.0, 0.25)  # of the penalty's number, for a stack of three members


def _asks_gradients(optimizer: Optimizer, objective: Objective) -> bool:
    recorder = Recorder.of(objective)
    some_turns(optimizer, recorder, turns=3)
    return any(request.gradient for request in recorder.asked[:-1])


def _converges(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether theory promises the optimum: gradients on all rows, of a loss without kinks or of its smoothings."""
    smooth = objective.loss.smooth or hasattr(optimizer, "stages")
    return smooth and not optimizer.stochastic and _asks_gradients(optimizer, objective)


def _number(penalty: Penalty) -> str | None:
    """The field of a penalty that a member may have for itself."""
    return next(
        (entry.name for entry in fields(penalty) if entry.name in ("strength", "radius")), None
    )  # pyright: ignore[reportArgumentType]


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
    some_turns(
        optimizer,
        replace(objective, blocks=objective.blocks.subset(np.arange(objective.n_examples // 2))),
    )
    _same_bits(some_turns(optimizer, objective).W, first, "W of the same run again")
    if hasattr(optimizer, "seed"):
        other: Any = replace(optimizer, seed=optimizer.seed + 1)  # pyright: ignore
        moved = some_turns(other, objective).W
        require(np.any(moved != first), "another seed gives the same W.")


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
            require(
                rows == self.n_features,
                f"the penalty was given {rows} rows for {self.n_features} features.",
            )
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

    def thresholds(self, n_members: int) -> Sequence[float] | None:
        return self.penalty.thresholds(n_members)


@_law
def law_the_bias_is_not_penalized(
    optimizer: Optimizer, *, objective: Objective, seed: int = 0
) -> None:
    """The penalty is given W[:-1], never the bias row."""
    some_turns(
        optimizer, replace(objective, penalty=_SeesWeights(objective.penalty, objective.n_features))
    )


@_law
def law_resume(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run that was stopped, pickled and resumed ends as if it had never stopped; the stopped result stays."""
    held_out = objective.blocks.subset(np.arange(0, objective.n_examples, 2))
    whole = some_turns(optimizer, objective, validation=held_out)
    for turns in (1, 4, 7):
        stopped = some_turns(optimizer, objective, turns=turns, validation=held_out)
        at_stop, left = pickle.loads(pickle.dumps(stopped)), TURNS - turns
        resumed = some_turns(optimizer, objective, turns=left, validation=held_out, resume=at_stop)
        _same_bits(
            at_stop.state.W,
            stopped.state.W,
            f"the iterate of the result after turn {turns}, once resumed,",
        )
        for name in ("W", "loss", "gap", "passes"):
            found, expected = getattr(resumed, name), getattr(whole, name)
            _same_bits(found, expected, f"{name} of a run resumed after turn {turns}")
        for name in set(whole.history) - {"seconds"}:
            _same_bits(resumed.history[name], whole.history[name], f"{name} of the resumed history")


@_law
def law_checkpoint(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run that goes on from the file of a `Checkpoint` ends with the same bits, its rows of float64 or float32."""
    for dtype in (np.float64, np.float32):
        blocks = replace(objective.blocks, X=objective.blocks.X.astype(dtype))
        given = replace(objective, blocks=blocks)
        whole = some_turns(optimizer, given)
        for turns in (2, 5):
            with tempfile.TemporaryDirectory() as folder:
                stopped = some_turns(
                    optimizer, given, turns=turns, callbacks=[Checkpoint(folder, every=0)]
                )
                if not type(stopped.state).__module__.startswith("halfspaces."):
                    return  # files name no types of others
                kept = Checkpoint(folder).run(given, optimizer)
            require(kept is not None, f"a run of {turns} turns has no file.")
            resumed = some_turns(
                optimizer, given, turns=TURNS - turns + 1, resume=kept
            )  # not the turn that stopped it
            _same_bits(
                resumed.W,
                whole.W,
                f"W of {np.dtype(dtype)} rows, from the file of turn {turns - 1},",
            )


@_law
def law_a_finished_run_stays(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Resuming a run that ended by plan asks for nothing and returns the same."""
    if optimizer.fraction_done(optimizer.init(start(objective), objective)) is None:
        return  # no plan
    result = minimize(objective, optimizer, start(objective), tol=0.0, max_passes=60)
    if result.state.done is not None:
        again = minimize(objective, optimizer, tol=0.0, resume=result)
        _same_bits(again.W, result.W, "W of a finished run, resumed,")
        same(again.passes, result.passes, "passes of a finished run, resumed,")


@_law
def law_stack(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Each member of a stack takes the steps that it would have taken alone, or ends where it would have ended."""
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
            together_moves, own_moves = _moves(watch, m), _moves(own, 0)
            count = min(len(together_moves), len(own_moves))
            require(count > 3, f"member {m} makes {count} moves in {3 * TURNS} turns of a stack.")
            same(
                together_moves[:count],
                own_moves[:count],
                f"W of member {m} after each move",
                tolerance=1e-7,
            )
        return
    tol = 1e-6 if objective.loss.smooth else 1e-3
    result = minimize(stack, optimizer, together, tol=tol, max_passes=100)
    for m, (member, W) in enumerate(zip(members, starts, strict=True)):
        alone = minimize(member, optimizer, W, tol=tol, max_passes=100)
        if result.reason is alone.reason and result.converged:
            tolerance = 1e-7 if result.reason is Reason.ALL_STEPS_TAKEN else 2 * tol
            same(
                result.loss[m],
                alone.loss[0],
                f"the loss of member {m} at the end",
                tolerance=tolerance,
            )


def _moves(watch: Watch, member: int) -> list[Array]:
    """The iterates of one member, without the turns in which it stayed."""
    path = [W[:, member] for W in watch.iterates]
    return [
        W
        for before, W in pairwise([np.full_like(path[0], np.nan), *path])
        if not np.array_equal(before, W)
    ]


@_law
def law_moved(optimizer: Any, *, objective: Objective, seed: int = 0) -> None:
    """A state that is moved to another strength keeps the better of iterate and last trial, and finds the optimum."""
    name = _number(objective.penalty)
    begins_anew = type(optimizer).continued is Optimizer.continued
    if begins_anew or name is None or not supports(optimizer, objective):
        return
    stack, _ = _members(objective)
    weaker = [0.5 * number for number in getattr(stack.penalty, name)]
    elsewhere = replace(stack, penalty=replace(stack.penalty, **{name: tuple(weaker)}))  # pyright: ignore[reportArgumentType]
    alone = [
        replace(objective, penalty=replace(objective.penalty, **{name: number}))
        for number in weaker
    ]  # pyright: ignore[reportArgumentType]
    best = np.concatenate([optimum(member).loss for member in alone])
    for turns in (1, 2, 5, 9):
        state = some_turns(
            optimizer, stack, start(objective, len(FACTORS), seed), turns=turns
        ).state
        trial = stack.evaluate(optimizer.propose(state))
        trial = replace(
            trial, data=np.array([np.inf, *trial.data[1:]])
        )  # the first member's was much too long
        before, kept = _value(stack, state.W), state.W[:, 0].copy()
        moved = optimizer.continued(elsewhere, state, trial)
        after = _value(stack, moved.W)
        _same_bits(moved.W[:, 0], kept, "W of a member whose last trial was worse, once moved,")
        if objective.loss.smooth:  # else trials are judged by the smoothed loss
            at_least(before, after, "a member's iterate is below the one that it was moved to")
        result = minimize(elsewhere, optimizer, state=moved, tol=1e-4, max_passes=LIMIT)
        require(result.converged, f"it does not converge once moved: {result}")
        same(
            result.loss,
            best,
            "the optimal value after a move",
            tolerance=1e-4 if objective.loss.smooth else 2e-4,
        )


@_law
def law_descends(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """The end is no worse than the start, even if that is the optimum; of steps on samples, the best is."""
    if optimizer.stochastic:
        watch = Watch(50)
        minimize(objective, optimizer, start(objective, seed=seed), callbacks=[watch])
        found = [_value(objective, W) for W in watch.iterates]
        at_least(
            _value(objective, start(objective, seed=seed)),
            min(found),
            "L(W) at the start is below all others",
        )
        return
    for W in (start(objective, seed=seed), optimum(objective).W):
        result = minimize(objective, optimizer, W, tol=1e-4, max_passes=50)
        # A method without a line search may circle around the optimum at the length of its step.
        at_least(
            _value(objective, W),
            result.loss,
            "L(W) at the start is below that at the end",
            tolerance=2e-2,
        )


def _value(objective: Objective, W: Array) -> Array:
    return objective.evaluate(Request(W, gradient=False)).total


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
    require(
        not provable or result.gap <= 1.0001e-4 * result.loss,
        f"the gap {result.gap} is above the tolerance.",
    )
    same(result.loss, best.loss, "the optimal value", tolerance=1e-4)


@_law
def law_result(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """W of the result is the iterate, its loss that of a fresh evaluation, its gap at least the distance from min L."""
    best = optimum(objective)
    for turns in (1, 4, TURNS):
        watch = Watch(turns)
        result = minimize(
            objective, optimizer, start(objective, seed=seed), tol=0.0, callbacks=[watch]
        )
        same(result.W, watch.iterates[-1], f"W of the result after turn {turns}", tolerance=0.0)
        _check_account(objective, result, best)
    _check_account(objective, minimize(objective, optimizer, tol=1e-3, max_passes=50), best)


def _check_account(objective: Objective, result: Result, best: Result) -> None:
    fresh = objective.evaluate(Request(result.W))
    same(result.loss, fresh.exact_total, "loss of the result", tolerance=1e-14)
    same(result.data_loss, fresh.exact_data, "data_loss of the result", tolerance=1e-14)
    same(result.penalty, fresh.penalty, "penalty of the result", tolerance=1e-14)
    at_least(
        result.gap,
        result.loss - best.loss,
        "the gap is below the distance from the optimum",
        tolerance=1e-12,
    )


@_law
def law_passes(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Passes count the rows visited, half where only a value was asked for; every column has a row for each iterate."""
    recorder = Recorder.of(objective)
    result = some_turns(optimizer, recorder)
    spent = [
        len(objective.blocks.labels(request.rows))
        / objective.n_examples
        * (1.0 if request.gradient else 0.5)
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
    order, W = (
        np.random.default_rng(seed).permutation(objective.n_classes)[::-1],
        start(objective, seed=seed),
    )
    order = np.roll(order, 1) if np.array_equal(order, np.arange(len(order))) else order
    moved = replace(
        objective, blocks=replace(objective.blocks, y=np.argsort(order)[objective.blocks.y])
    )
    found, expected = (
        some_turns(optimizer, moved, W[:, :, order]).W,
        some_turns(optimizer, objective, W).W,
    )
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
            at_least(
                0.3,
                longest,
                f"after turn {turn} the radius is below the length of a class vector",
                1e-6,
            )


@_law
def law_exact_zeros(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Under L1 some weights are exactly 0 and the others are not."""
    steepest = np.max(np.abs(objective.evaluate(Request(objective.zeros())).gradient[:-1]))
    sparse = replace(objective, penalty=L1(0.7 * float(steepest)))
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
    _same_bits(
        resumed.W, some_turns(optimizer, objective).W, "W of a run resumed after an interrupt"
    )
