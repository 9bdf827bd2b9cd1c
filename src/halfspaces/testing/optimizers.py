"""Laws of optimizers, checked on a small objective that the caller may replace."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from halfspaces.loop.result import Reason, Result
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import Optimizer
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array
from halfspaces.testing.runs import (
    MAX_PASSES,
    TURNS,
    Watch,
    asks_gradients,
    optimum,
    recorded,
    same_bits,
    some_turns,
    start,
    supports,
    value_at,
)
from halfspaces.testing.words import (
    Law,
    at_least,
    check_plain,
    register_in,
    require,
    same,
)

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)


def _converges(optimizer: Optimizer, objective: Objective) -> bool:
    """Whether theory promises the optimum: gradients on all rows of a smooth or smoothed loss."""
    smooth = objective.loss.smooth or hasattr(optimizer, "stages")
    return smooth and not optimizer.stochastic and asks_gradients(optimizer, objective)


@_law
def law_plain(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """An optimizer is a frozen dataclass: equal to its pickled copy, hashable."""
    check_plain(optimizer)


@_law
def law_start(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """The first evaluation is at the given W, and that array is not changed."""
    recording, asked = recorded(objective)
    W = start(objective, seed=seed)
    given = W.copy()
    W.setflags(write=False)
    some_turns(optimizer, recording, W)
    same(asked[0].W, given, "the W of the first request", tolerance=0.0)
    same(W, given, "the caller's W after the run", tolerance=0.0)


@_law
def law_same_seed_same_bits(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """A run repeated has the same bits, whatever ran in between; another seed gives other bits."""
    first = some_turns(optimizer, objective).W
    some_turns(
        optimizer,
        replace(objective, blocks=objective.blocks.subset(np.arange(objective.n_examples // 2))),
    )
    same_bits(some_turns(optimizer, objective).W, first, "W of the same run again")
    if hasattr(optimizer, "seed"):
        other: Any = replace(optimizer, seed=optimizer.seed + 1)  # pyright: ignore
        moved = some_turns(other, objective).W
        require(np.any(moved != first), "another seed gives the same W.")


@dataclass(frozen=True)
class _SeesWeights(Penalty):
    """A penalty that requires arrays of D rows."""

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
def law_descends(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """The end is no worse than the start, even at the optimum; a stochastic run's best is."""
    if optimizer.stochastic:
        watch = Watch(50)
        minimize(objective, optimizer, start(objective, seed=seed), callbacks=[watch])
        found = [value_at(objective, W) for W in watch.iterates]
        at_least(
            value_at(objective, start(objective, seed=seed)),
            min(found),
            "L(W) at the start is below all others",
        )
        return
    for W in (start(objective, seed=seed), optimum(objective).W):
        result = minimize(objective, optimizer, W, tol=1e-4, max_passes=50)
        # A method without a line search may circle around the optimum at the length of its step.
        at_least(
            value_at(objective, W),
            result.loss,
            "L(W) at the start is below that at the end",
            tolerance=2e-2,
        )


@_law
def law_optimum(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Methods that converge reach the same optimum, with a proven bound."""
    if not _converges(optimizer, objective):
        return
    best = optimum(objective)
    result = minimize(
        objective, optimizer, start(objective, seed=seed), tol=1e-4, max_passes=MAX_PASSES
    )
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
    """The result holds the iterate, its evaluated loss, and a gap no less than L(W) − min L.

    A method that tests its steps may hold a better point that it has seen, W = 0 included.
    """
    best = optimum(objective)
    for turns in (1, 4, TURNS):
        watch = Watch(turns)
        result = minimize(
            objective, optimizer, start(objective, seed=seed), tol=0.0, callbacks=[watch]
        )
        iterate = watch.iterates[-1]
        if optimizer.recovers:
            at_least(value_at(objective, iterate), result.loss, "the iterate is better", 1e-14)
        else:
            same(result.W, iterate, f"W of the result after turn {turns}", tolerance=0.0)
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
    """Passes count visited rows, half without a gradient, and those that the optimizer took.

    Each iterate is a row of the history.
    """
    recording, asked = recorded(objective)
    result = some_turns(optimizer, recording)
    spent = [
        len(objective.blocks.labels(request.rows))
        / objective.n_examples
        * (1.0 if request.gradient else 0.5)
        + request.spent
        for request in asked
    ]
    same(result.passes, sum(spent), "passes")
    at_least(np.diff(result.history["passes"]), 0.0, "the history's passes go back")
    lengths = {name: len(result.history[name]) for name in result.history}
    require(len(set(lengths.values())) == 1, f"the history's columns have {lengths} rows.")


@_law
def law_permutation(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Permuting the classes permutes W, except for methods that draw W at random.

    A method that takes one class after another reaches the same value, and weights that lie within
    √(2 gap/ρ) of the same minimum, where the penalty has the curvature ρ.
    """
    if not asks_gradients(optimizer, objective):
        return
    order = np.random.default_rng(seed).permutation(objective.n_classes)[::-1]
    W = start(objective, seed=seed)
    order = np.roll(order, 1) if np.array_equal(order, np.arange(len(order))) else order
    moved = replace(
        objective, blocks=replace(objective.blocks, y=np.argsort(order)[objective.blocks.y])
    )
    if getattr(optimizer, "orders_classes", False):
        found, expected = (minimize(each, optimizer, tol=1e-6) for each in (moved, objective))
        what = f"the loss with classes in the order {order}"
        same(found.loss, expected.loss, what, tolerance=2e-6)
        rho = np.asarray(objective.penalty.curvature(1), float)
        far = np.sqrt(2 * found.gap) + np.sqrt(2 * expected.gap)
        apart = np.linalg.norm((found.W - expected.W[:, :, order])[:-1])
        require(
            bool(np.all(apart * np.sqrt(rho) <= far * (1 + 1e-6) + 1e-7)),
            f"{what} has weights {apart:.2g} away, beyond what the gaps allow.",
        )
        return
    found = some_turns(optimizer, moved, W[:, :, order]).W
    expected = some_turns(optimizer, objective, W).W
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
    """Under L1 some weights are exactly 0 and the others are not.

    A loss with kinks has several gradients at W = 0: some of them are less steep.
    """
    steepest = np.max(np.abs(objective.evaluate(Request(objective.zeros())).gradient[:-1]))
    part = 0.7 if objective.loss.smooth else 0.2
    sparse = replace(objective, penalty=L1(part * float(steepest)))
    if supports(optimizer, sparse) and asks_gradients(optimizer, sparse):
        weights = some_turns(optimizer, sparse, sparse.zeros()).W[:-1]
        zeros = int(np.sum(weights == 0))
        require(0 < zeros < weights.size, f"{zeros} of {weights.size} weights are 0.")
