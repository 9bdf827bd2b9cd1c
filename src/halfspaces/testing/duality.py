"""The laws of losses about conjugates, smoothing and lower bounds."""

from dataclasses import replace

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request, Smoothing
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.proofs.tighten import tighter_bounds
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.testing.drawn_scores import draw_scores, inner
from halfspaces.testing.words import (
    Law,
    at_least,
    register_in,
    require,
    same,
)

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)


@_law
def law_conjugate(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Fenchel and Young: L(s) + L*(a) ≥ ⟨a, s⟩ for every a, with equality at a = ∇L(s).

    Where a lies outside the domain some far s would break the inequality, unless L*(a) is infinite.
    """
    scores, other, y, rng = draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    total = value + loss.conjugate(gradient, y)
    same(total, inner(gradient, scores), "L(s) + L*(∇L(s))", tolerance=1e-9)
    elsewhere = loss.value_and_grad(other, y)[1]
    outside = [
        3 * elsewhere,
        -elsewhere,
        elsewhere + 0.5,
        elsewhere + 0.3 * rng.standard_normal(other.shape),
    ]
    directions = [*np.eye(n_classes), np.ones(n_classes)]
    far = [100.0 * sign * direction for direction in directions for sign in (-1.0, 1.0)]
    feasible = [elsewhere, (gradient + elsewhere) / 2]
    # The domain includes points within float32 rounding, where the inequality fails by little.
    for dual, tolerance in [(a, 1e-9) for a in feasible] + [(a, 1e-4) for a in outside]:
        conjugate = loss.conjugate(dual, y)
        for s in (scores, *(scores + shift for shift in far)):
            found = loss.value_and_grad(s, y)[0] + conjugate
            at_least(found, inner(dual, s), "L(s) + L*(a) against ⟨a, s⟩", tolerance)


@_law
def law_certainty(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """v (π − onehot(y)) is a dual point for any class frequencies π."""
    frequencies = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.3), size=20)
    for y in range(n_classes):
        anchors = loss.certainty * (frequencies - np.eye(n_classes)[y])
        feasible = np.isfinite(loss.conjugate(anchors, np.full(20, y))).all()
        require(feasible, f"an anchor of class {y} is no dual point.")
    require(0 < loss.certainty <= 1, f"certainty is {loss.certainty}.")


@_law
def law_smoothed(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """`smoothed(mu)` is smooth and at most C·mu below the loss; its gradients are dual points."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    value, _ = loss.value_and_grad(scores, y)
    for mu in (1.0, 0.1, 1e-3):
        smooth = loss.smoothed(mu)
        require(smooth.smooth, f"smoothed({mu}) is not smooth.")
        if loss.smooth:
            continue
        below, gradient = smooth.value_and_grad(scores, y)
        at_least(value, below, f"the loss, smoothed({mu}), lies above the loss")
        what = f"the loss, smoothed({mu}), lies far below the loss"
        at_least(below, value - n_classes * mu, what)
        feasible = np.isfinite(loss.conjugate(gradient, y)).all()
        require(feasible, f"gradients of smoothed({mu}) are outside the domain of the conjugate.")


@_law
def law_offsets(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A loss that is smoothed about its own gradient has this gradient, however large mu is."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    gradient = loss.value_and_grad(scores, y)[1]
    for mu in (10.0, 0.1):
        offsets = loss.offsets(gradient, y, mu)
        if loss.smooth or not np.any(offsets):
            continue
        found = loss.smoothed(mu).value_and_grad(scores + offsets, y)[1]
        what = f"the gradient of smoothed({mu}) about the loss's own"
        same(found, gradient, what, tolerance=1e-9)


@_law
def law_bounds(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """No lower bound exceeds min L: with folds, with L1, from all or a part of the rows."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=60)
    weight = rng.uniform(0, 2, size=(60, 2)) * (rng.uniform(size=(60, 2)) < 0.7)
    blocks = Blocks(np.eye(n_classes, 3)[y] + rng.standard_normal((60, 3)), y, weight, n_jobs=1)
    tol = 1e-6 if loss.smooth else 1e-4
    for penalty in (L2((0.3, 0.03)), L1((0.1, 0.03))):
        objective = Objective(loss, penalty, blocks, n_classes)
        optimizer = choose_for(objective).optimizer
        best = minimize(objective, optimizer, objective.zeros(2), tol=tol, max_passes=200)
        proved = np.full(2, -np.inf)
        for distance in np.repeat([0.0, 0.01, 0.1, 1.0], 2):
            W = best.W + distance * rng.standard_normal(best.W.shape)
            if loss.smooth:
                request = Request(W, dual_scale=rng.uniform(size=2))
            else:
                request = Request(W, smoothing=Smoothing(rng.choice([1e-3, 0.1])))
            evaluation = objective.evaluate(request)
            length = rng.uniform(0, 3)

            def step_of(gradient: Array, length: float = length) -> Array:
                return -length * gradient

            others = tighter_bounds(objective, evaluation, step_of, parts=3)
            for lower in (evaluation.lower, *(lower for lower, _ in others)):
                proved = np.maximum(proved, lower)
        what = f"L(W) with {penalty} is below a bound on its minimum"
        at_least(best.loss, proved, what, tolerance=1e-9)


@_law
def law_bounds_without_examples(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """No lower bound exceeds min L where a class has no examples, or none of weight above 0."""
    rng = np.random.default_rng(seed)
    y = np.append(rng.integers(n_classes - 1, size=39), n_classes - 1)
    weight = rng.uniform(0.5, 2.0, size=(40, 2))
    weight[-1] = 0
    X = 0.3 * np.eye(n_classes, 3)[y] + rng.standard_normal((40, 3))
    for penalty in (L2((0.3, 0.03)), L1((0.1, 0.03))):
        objective = Objective(loss, penalty, Blocks(X, y, weight, n_jobs=1), n_classes)
        optimizer = choose_for(objective).optimizer
        best = minimize(objective, optimizer, objective.zeros(2), tol=1e-4, max_passes=40)
        # The bias of the class may fall forever: the minimum is a limit.
        W = best.W.copy()
        W[-1, :, -1] -= 40
        reached = np.minimum(best.loss, objective.evaluate(Request(W)).exact_total)
        for _ in range(10):
            W = best.W + rng.choice([0.1, 1.0, 5.0]) * rng.standard_normal(best.W.shape)
            requests = [Request(W, dual_scale=np.full(2, factor)) for factor in (0.03, 0.3, 0.9)]
            if not loss.smooth:
                requests = [Request(W, smoothing=Smoothing(mu)) for mu in (1e-3, 0.1)]
            for request in requests:
                lower = objective.evaluate(request).lower
                at_least(reached, lower, f"min L with {penalty}, a class without examples")


@_law
def law_bounds_after_rounding(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """No lower bound exceeds min L, however far away W lies and whatever the precision."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=60)
    exact = np.eye(n_classes, 3)[y] + rng.standard_normal((60, 3)) + [0.0, 0.0, 1e3]
    narrow = exact.astype(np.float32)
    centred = narrow.astype(np.float64) - np.mean(narrow, axis=0, dtype=np.float64)
    for penalty in (L2(1e-3), L1(1e-3), MaxNorm(0.5)):
        reference = Objective(loss, penalty, Blocks(centred, y, n_jobs=1), n_classes)
        optimizer = choose_for(reference).optimizer
        best = minimize(reference, optimizer, tol=1e-3, max_passes=60).loss
        for X in (narrow, narrow.astype(np.float64)):
            objective = replace(reference, blocks=Blocks(X, y, n_jobs=1))
            for length in 10.0 ** np.arange(-2, 18, 2):
                W = length * rng.standard_normal(objective.zeros().shape)
                W[: rng.integers(4)] = 0
                smoothings = (0.0,) if loss.smooth else (0.0, 1e-3, 0.1)
                for mu in smoothings:
                    with np.errstate(over="ignore", invalid="ignore"):
                        lower = objective.evaluate(Request(W, smoothing=Smoothing(mu))).lower
                    what = f"min L with {penalty} and {X.dtype} rows, W of length {length:g}"
                    at_least(best, np.nan_to_num(lower, nan=np.inf), what, tolerance=1e-9)
