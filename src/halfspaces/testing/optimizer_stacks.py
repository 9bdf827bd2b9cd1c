"""Laws of optimizers on a stack: members are independent, and move to other strengths together."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.testing.runs import (
    MAX_PASSES,
    TURNS,
    Watch,
    asks_gradients,
    optimum,
    same_bits,
    some_turns,
    start,
    supports,
    value_at,
)
from halfspaces.testing.words import Law, at_least, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

FACTORS = (1.0, 4.0, 0.25)  # of the strength or radius, for a stack of three members


def _numbers(objective: Objective) -> Any:
    """The strength or radius of the penalty, one number or one per member; None if it has none."""
    penalty: Any = objective.penalty
    return penalty.strength if penalty.has_strength else getattr(penalty, "radius", None)


def _with_numbers(objective: Objective, numbers: Any) -> Objective:
    """The same objective with another strength or radius, one number or one per member."""
    penalty: Any = objective.penalty
    if penalty.has_strength:
        return replace(objective, penalty=penalty.with_strength(numbers))
    return replace(objective, penalty=replace(penalty, radius=numbers))


def _members(objective: Objective) -> tuple[Objective, list[Objective]]:
    """A stack of three members with different penalties, and each member alone."""
    number = _numbers(objective)
    if number is None:
        return objective, [objective] * len(FACTORS)
    numbers = tuple(factor * number for factor in FACTORS)
    return _with_numbers(objective, numbers), [_with_numbers(objective, one) for one in numbers]


@_law
def law_stack(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Each member of a stack takes the steps that it takes alone, or ends where it ends alone."""
    stack, members = _members(objective)
    starts = [start(member, seed=seed + m) for m, member in enumerate(members)]
    together = np.concatenate(starts, axis=1)
    # Members wait for each other between stages of smoothing; only one member's random draws are
    # evaluated together.
    if objective.loss.smooth and asks_gradients(optimizer, objective):
        watch = Watch(3 * TURNS)
        minimize(stack, optimizer, together, tol=0.0, callbacks=[watch])
        for m, (member, W) in enumerate(zip(members, starts, strict=True)):
            own = Watch(TURNS)
            minimize(member, optimizer, W, tol=0.0, callbacks=[own])
            found = _moves(watch, m)
            expected = _moves(own, 0)
            count = min(len(found), len(expected))
            require(count > 3, f"member {m} makes {count} moves in {3 * TURNS} turns of a stack.")
            what = f"W of member {m} after each move"
            same(found[:count], expected[:count], what, tolerance=1e-7)
        return
    tol = 1e-6 if objective.loss.smooth else 1e-3
    result = minimize(stack, optimizer, together, tol=tol, max_passes=100)
    for m, (member, W) in enumerate(zip(members, starts, strict=True)):
        alone = minimize(member, optimizer, W, tol=tol, max_passes=100)
        if result.reason is alone.reason and result.converged:
            tolerance = 1e-7 if result.reason is Reason.ALL_STEPS_TAKEN else 2 * tol
            what = f"the loss of member {m} at the end"
            same(result.loss[m], alone.loss[0], what, tolerance=tolerance)


@_law
def law_label_sets(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """Members with labels of their own end where they end alone, with gaps that are true."""
    blocks = objective.blocks
    labels = blocks.labels()
    rng = np.random.default_rng(seed)
    sets = [labels, rng.permutation(labels), labels[::-1]]
    if blocks.index is not None or not supports(optimizer, objective):
        return
    stack = replace(objective, blocks=replace(blocks, y=np.stack(sets, axis=1)))
    first = start(objective, len(sets), seed)
    try:
        optimizer.init(first.copy(), stack)
    except TypeError as error:
        require("labels" in str(error), f"the refusal names no labels: {error}")
        return
    tol = 1e-3
    result = minimize(stack, optimizer, first, tol=tol, max_passes=MAX_PASSES)
    for m, y in enumerate(sets):
        member = replace(objective, blocks=replace(blocks, y=y))
        alone = minimize(member, optimizer, first[:, :1], tol=tol, max_passes=MAX_PASSES)
        same_end = result.reason is alone.reason and result.converged
        if same_end:
            what = f"the loss of the labels {m} at the end"
            tolerance = 1e-7 if result.reason is Reason.ALL_STEPS_TAKEN else 2 * tol
            same(result.loss[m], alone.loss[0], what, tolerance=tolerance)
        what = f"labels {m}: a loss is above the bound that was proved"
        at_least(alone.loss[0], result.loss[m] - result.gap[m], f"{what} together")
        at_least(result.loss[m], alone.loss[0] - alone.gap[0], f"{what} alone")


@_law
def law_many_parameters(optimizer: Optimizer, *, objective: Objective, seed: int = 0) -> None:
    """W with more parameters than compiled update rules begin with, and in any memory order, moves
    as it does in a stack, which these do not take.
    """
    if not optimizer.can_diverge:  # only gradient methods have update rules
        return
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((4, 50_000)) / 200
    blocks = Blocks(X, np.arange(4) % objective.n_classes, n_jobs=1)
    large = Objective(objective.loss, objective.penalty, blocks, objective.n_classes)
    W = np.asfortranarray(rng.standard_normal(large.zeros().shape) / 1000)
    runs = [some_turns(optimizer, large, np.repeat(W, m, axis=1), turns=3) for m in (1, 2)]
    alone, stack = (run.history["loss"].reshape(len(run.history), -1)[:, 0] for run in runs)
    same(alone, stack, "the loss of each turn")
    same(runs[0].W[:, 0], runs[1].W[:, 0], "W")


def _moves(watch: Watch, member: int) -> list[Array]:
    """The iterates of one member, without the turns in which it did not move."""
    path = [W[:, member] for W in watch.iterates]
    pairs = pairwise([np.full_like(path[0], np.nan), *path])
    return [W for before, W in pairs if not np.array_equal(before, W)]


@_law
def law_moved(optimizer: Optimizer[Any], *, objective: Objective, seed: int = 0) -> None:
    """A state moved to another strength keeps the better of iterate and trial, and converges."""
    begins_anew = type(optimizer).continued is Optimizer.continued
    if begins_anew or _numbers(objective) is None or not supports(optimizer, objective):
        return
    stack, _ = _members(objective)
    weaker = tuple(0.5 * number for number in _numbers(stack))
    elsewhere = _with_numbers(stack, weaker)
    best = np.concatenate([optimum(_with_numbers(objective, number)).loss for number in weaker])
    first = start(objective, len(FACTORS), seed)
    for turns in (1, 2, 5, 9):
        state = some_turns(optimizer, stack, first, turns=turns).state
        trial = stack.evaluate(optimizer.propose(state))
        # As if the step of the first member were much too long.
        trial = replace(trial, data=np.array([np.inf, *trial.data[1:]]))
        before = value_at(stack, state.W)
        iterate = state.W[:, 0].copy()
        moved = optimizer.continued(elsewhere, state, trial)
        assert moved is not None
        after = value_at(stack, moved.W)
        same_bits(moved.W[:, 0], iterate, "W of a member whose last trial was worse, once moved,")
        if objective.loss.smooth:  # else trials are judged by the smoothed loss
            at_least(before, after, "a member's iterate is below the one that it was moved to")
        result = minimize(elsewhere, optimizer, state=moved, tol=1e-4, max_passes=MAX_PASSES)
        require(result.converged, f"it does not converge once moved: {result}")
        tolerance = 1e-4 if objective.loss.smooth else 2e-4
        same(result.loss, best, "the optimal value after a move", tolerance=tolerance)
