"""The laws of losses."""

import math
from dataclasses import replace

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.proofs.tighten import tighter_bounds
from halfspaces.request import Request, Smoothing
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.testing.tolerance import OPERATIONS, rounding
from halfspaces.testing.words import (
    Law,
    at_least,
    check_plain,
    register_in,
    require,
    same,
    torch_if_installed,
)

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)


def _draw_scores(n_classes: int, seed: int) -> tuple[Array, Array, Array, np.random.Generator]:
    """Scores (B, M, C), other scores, labels (B,). The last third are whole numbers: ties and kinks."""
    rng = np.random.default_rng(seed)
    shape = (12, 2, n_classes)
    spread = np.tile([0.3, 1.0, 3.0], 4)[:, None, None]
    scores, other = spread * rng.standard_normal(shape), spread * rng.standard_normal(shape)
    scores[8:], other[8:] = np.round(scores[8:]), np.round(other[8:])
    return scores, other, rng.integers(n_classes, size=12), rng


def _inner(a: Array, b: Array) -> Array:
    return np.sum(a * b, axis=-1)


@_law
def law_plain(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A loss is a frozen dataclass: equal to its pickled copy, hashable."""
    check_plain(loss)


@_law
def law_gradient(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """The gradient is that of the value; at a kink it lies between the one-sided slopes."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    report = check_gradient(
        lambda s: loss.value_and_grad(s, y)[0].sum(),
        lambda s: loss.value_and_grad(s, y)[1],
        scores,
        samples=60,
    )
    require(report.ok, report.verdict)


@_law
def law_gradient_sums_to_zero(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Where a constant added to all scores changes nothing, the gradient over the classes sums to 0."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    if loss.shift_invariant:
        sums = loss.value_and_grad(scores, y)[1].sum(axis=-1)
        same(sums, np.zeros_like(sums), "the sum of the gradient over the classes")


@_law
def law_shift_invariance(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A constant added to all scores of an example changes nothing, not even the rounding error in float32."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    if loss.shift_invariant:
        scores = (np.round(scores * 8) / 8).astype(np.float32)  # eighths and 4096 add up exactly
        value, gradient = loss.value_and_grad(scores, y)
        shifted_value, shifted_gradient = loss.value_and_grad(scores + np.float32(4096), y)
        close = rounding(OPERATIONS * n_classes, np.float32)
        same(shifted_value, value, "the loss of scores + 4096, in float32,", tolerance=close)
        same(
            shifted_gradient,
            gradient,
            "the gradient at scores + 4096, in float32,",
            tolerance=close,
        )


@_law
def law_convexity(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """L((1 − t) a + t b) ≤ (1 − t) L(a) + t L(b)."""
    a, b, y, rng = _draw_scores(n_classes, seed)
    for spread in (0.1, 1.0, 10.0):
        t = rng.uniform(size=(*a.shape[:2], 1))
        between, _ = loss.value_and_grad(spread * ((1 - t) * a + t * b), y)
        (at_a, _), (at_b, _) = (
            loss.value_and_grad(spread * a, y),
            loss.value_and_grad(spread * b, y),
        )
        t = t[..., 0]
        at_least((1 - t) * at_a + t * at_b, between, "a chord lies below the loss")


@_law
def law_subgradient(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """L(b) ≥ L(a) + ⟨∇L(a), b − a⟩, at kinks too."""
    a, b, y, _ = _draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(a, y)
    for step in (0.01, 1.0, 100.0):
        c = a + step * (b - a)
        at_least(
            loss.value_and_grad(c, y)[0],
            value + _inner(gradient, c - a),
            "a tangent lies above the loss",
        )


@_law
def law_permutation(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Classes have no order: permuting them permutes the gradient and leaves the loss."""
    scores, _, y, rng = _draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    for _ in range(4):
        order = rng.permutation(n_classes)
        moved_value, moved_gradient = loss.value_and_grad(scores[..., order], np.argsort(order)[y])
        same(moved_value, value, f"the loss with classes in the order {order}")
        same(
            moved_gradient, gradient[..., order], f"the gradient with classes in the order {order}"
        )


@_law
def law_finite(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Scores of ±1e4 give a finite loss and gradient, in float32 and float64."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    for dtype in (np.float32, np.float64):
        value, gradient = loss.value_and_grad(np.where(scores > 0, 1e4, -1e4).astype(dtype), y)
        finite = np.isfinite(value).all() and np.isfinite(gradient).all()
        require(
            finite, f"at scores ±1e4 in {dtype.__name__} the loss or its gradient is not finite."
        )


@_law
def law_hessian(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Where a loss is smooth, `hessian` is the weighted sum of the derivatives of its gradients; it is symmetric."""
    if not loss.smooth:
        return
    scores, _, _, rng = _draw_scores(n_classes, seed)
    scores, weight = scores[:8, 0], rng.uniform(size=8)
    for label in range(n_classes):
        y = np.full(len(scores), label)
        bumps = 1e-5 * np.eye(n_classes)
        pairs = (
            [loss.value_and_grad(scores + sign * bump, y)[1] for sign in (1, -1)] for bump in bumps
        )
        expected = np.stack([weight @ (up - down) / 2e-5 for up, down in pairs])
        found = loss.hessian(scores, label, weight)
        same(found, expected, f"the Hessian of label {label}", tolerance=1e-5)
        rounded = loss.hessian(scores.astype(np.float32), label, weight.astype(np.float32))
        for each in (found, rounded):
            same(each, each.T, "the transposed Hessian", tolerance=1e-14)
            if (
                loss.shift_invariant
            ):  # to the last digits of float64: what is left would be taken for a curvature
                same(
                    each.sum(axis=1),
                    np.zeros(n_classes),
                    "the sum of the Hessian over the classes",
                    tolerance=1e-14,
                )


@_law
def law_chance_value(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """`chance_value` is the loss at zero scores."""
    value, _ = loss.value_and_grad(np.zeros((1, n_classes)), np.zeros(1, dtype=np.int64))
    same(loss.chance_value(n_classes), value[0], "chance_value")


@_law
def law_stack(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Scores (B, M, C) give what each member (B, C) gives alone, and each row alone."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    require(
        value.shape == scores.shape[:2],
        f"the loss has shape {value.shape} instead of {scores.shape[:2]}.",
    )
    dual = loss.conjugate(gradient, y)
    for member in range(scores.shape[1]):
        alone, alone_gradient = loss.value_and_grad(scores[:, member], y)
        same(value[:, member], alone, "the loss of a member in a stack")
        same(gradient[:, member], alone_gradient, "the gradient of a member in a stack")
        same(
            dual[:, member],
            loss.conjugate(alone_gradient, y),
            "the conjugate of a member in a stack",
        )
    for row in range(len(y)):
        alone, alone_gradient = loss.value_and_grad(scores[[row]], y[[row]])
        same(value[[row]], alone, "the loss of a row in a batch")
        same(gradient[[row]], alone_gradient, "the gradient of a row in a batch")


@_law
def law_no_memory(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A call leaves no trace: not in the loss, whatever labels it saw before, and not in its arguments."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    twin, changed = replace(loss), (y + 1) % n_classes  # pyright: ignore[reportArgumentType]
    for array in (scores, y, changed):
        array.setflags(write=False)
    value, gradient = loss.value_and_grad(scores, y)
    kept = value.copy(), gradient.copy()
    found, expected = loss.value_and_grad(scores, changed), twin.value_and_grad(scores, changed)
    for what, a, b in zip(("loss", "gradient"), found, expected, strict=True):
        same(a, b, f"the {what} of a second call, with other labels,")
    for what, a, b in zip(("loss", "gradient"), (value, gradient), kept, strict=True):
        same(a, b, f"the {what} of the first call, after the second,")
    require(not np.shares_memory(gradient, scores), "the gradient shares memory with the scores.")


@_law
def law_float32(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """float32 scores give float32 results, near those of float64."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    scores = scores.astype(np.float32)
    gradient = loss.value_and_grad(scores, y)[1]
    narrow = *loss.value_and_grad(scores, y), loss.conjugate(gradient, y)
    wide = (
        *loss.value_and_grad(scores.astype(np.float64), y),
        loss.conjugate(gradient.astype(np.float64), y),
    )
    close = rounding(OPERATIONS * n_classes, np.float32)
    bend = (
        max(1.0, loss.curvature(n_classes)) if loss.smooth else 1.0
    )  # by which gradients follow rounded margins
    tolerances = close, close * bend, close
    for what, a, b, tolerance in zip(
        ("the loss", "the gradient", "the conjugate"), narrow, wide, tolerances, strict=True
    ):
        require(a.dtype == np.float32, f"{what} of float32 scores is {a.dtype}.")
        same(a, b, f"{what} of float32 scores", tolerance=tolerance)


@_law
def law_curvature(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """‖∇L(a) − ∇L(b)‖ ≤ curvature · ‖a − b‖, where a loss is smooth."""
    bound = loss.curvature(n_classes)
    require(bound >= 0, f"curvature({n_classes}) is {bound}.")
    require(
        loss.smooth == math.isfinite(bound),
        f"smooth is {loss.smooth}, but curvature({n_classes}) is {bound}.",
    )
    if loss.smooth:
        found = _steepest_bend(loss, n_classes, seed)
        at_least(
            bound,
            found,
            f"curvature({n_classes}), where gradients were seen to change by more,",
            tolerance=1e-6,
        )


def _steepest_bend(loss: Loss, n_classes: int, seed: int) -> float:
    """Largest ‖∇L(a) − ∇L(b)‖/‖a − b‖ found by power iteration.

    It starts where bounds are attained: the right class leads by a little, over all others or over one of them while
    the rest are far below.
    """
    rng = np.random.default_rng(seed)
    leads = np.linspace(-2, 2, 81)
    points = np.zeros((2, leads.size, n_classes))
    points[1, :, 2:] = -30.0
    points[..., 0] = leads
    points = points.reshape(-1, n_classes)
    y = np.zeros(len(points), dtype=np.int64)
    gradient, direction, found = (
        loss.value_and_grad(points, y)[1],
        rng.standard_normal(points.shape),
        0.0,
    )
    for _ in range(15):
        direction *= 1e-3 / np.maximum(np.linalg.norm(direction, axis=-1, keepdims=True), 1e-300)
        change = loss.value_and_grad(points + direction, y)[1] - gradient
        length = np.linalg.norm(change, axis=-1, keepdims=True)
        found = max(found, float(np.max(length)) / 1e-3)
        direction = np.where(length > 0, change, rng.standard_normal(points.shape))
    return found


@_law
def law_conjugate(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Fenchel and Young: L(s) + L*(a) ≥ ⟨a, s⟩ for every a, with equality at a = ∇L(s).

    Where a lies outside the domain some far s would break the inequality, unless L*(a) is infinite.
    """
    scores, other, y, rng = _draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    same(
        value + loss.conjugate(gradient, y),
        _inner(gradient, scores),
        "L(s) + L*(∇L(s))",
        tolerance=1e-9,
    )
    elsewhere = loss.value_and_grad(other, y)[1]
    outside = [
        3 * elsewhere,
        -elsewhere,
        elsewhere + 0.5,
        elsewhere + 0.3 * rng.standard_normal(other.shape),
    ]
    axes = [sign * np.eye(n_classes)[j] for j in range(n_classes) for sign in (-1.0, 1.0)]
    far = [
        distance * direction
        for direction in (*axes, np.ones(n_classes))
        for distance in (-100.0, 100.0)
    ]
    feasible = [elsewhere, (gradient + elsewhere) / 2]
    # A domain is as wide as float32 rounding, so a point that is barely outside may break the inequality by little.
    for dual, tolerance in [(a, 1e-9) for a in feasible] + [(a, 1e-4) for a in outside]:
        conjugate = loss.conjugate(dual, y)
        for s in (scores, *(scores + shift for shift in far)):
            found = loss.value_and_grad(s, y)[0] + conjugate
            at_least(found, _inner(dual, s), "L(s) + L*(a) against ⟨a, s⟩", tolerance)


@_law
def law_certainty(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """v (π − onehot(y)) is a dual point for any class frequencies π: what a certificate is anchored to."""
    frequencies = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.3), size=20)
    for y in range(n_classes):
        anchors = loss.certainty * (frequencies - np.eye(n_classes)[y])
        require(
            np.isfinite(loss.conjugate(anchors, np.full(20, y))).all(),
            f"an anchor of class {y} is no dual point.",
        )
    require(0 < loss.certainty <= 1, f"certainty is {loss.certainty}.")


@_law
def law_smoothed(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """`smoothed(mu)` is smooth, lies below the loss by at most C·mu, and its gradients are feasible dual points."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    value, _ = loss.value_and_grad(scores, y)
    for mu in (1.0, 0.1, 1e-3):
        smooth = loss.smoothed(mu)
        require(smooth.smooth, f"smoothed({mu}) is not smooth.")
        if loss.smooth:
            continue
        below, gradient = smooth.value_and_grad(scores, y)
        at_least(value, below, f"the loss, smoothed({mu}), lies above the loss")
        at_least(
            below, value - n_classes * mu, f"the loss, smoothed({mu}), lies far below the loss"
        )
        feasible = np.isfinite(loss.conjugate(gradient, y)).all()
        require(feasible, f"gradients of smoothed({mu}) are outside the domain of the conjugate.")


@_law
def law_offsets(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Smoothed about its own gradient a loss keeps it, however large mu; offsets of 0 claim nothing."""
    scores, _, y, _ = _draw_scores(n_classes, seed)
    gradient = loss.value_and_grad(scores, y)[1]
    for mu in (10.0, 0.1):
        offsets = loss.offsets(gradient, y, mu)
        if loss.smooth or not np.any(offsets):
            continue
        kept = loss.smoothed(mu).value_and_grad(scores + offsets, y)[1]
        same(kept, gradient, f"the gradient of smoothed({mu}) about the loss's own", tolerance=1e-9)


@_law
def law_bounds(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """No bound exceeds min L, whatever dual points prove it: with folds, with L1, from a part of the rows."""
    rng = np.random.default_rng(seed)
    y, weight = (
        rng.integers(n_classes, size=60),
        rng.uniform(0, 2, size=(60, 2)) * (rng.uniform(size=(60, 2)) < 0.7),
    )
    blocks = Blocks(np.eye(n_classes, 3)[y] + rng.standard_normal((60, 3)), y, weight, n_jobs=1)
    for penalty in (L2((0.3, 0.03)), L1((0.1, 0.03))):
        objective = Objective(loss, penalty, blocks, n_classes)
        best = minimize(
            objective,
            choose_for(objective).optimizer,
            objective.zeros(2),
            tol=1e-6 if loss.smooth else 1e-4,
            max_passes=200,
        )
        proved = np.full(2, -np.inf)
        for distance in np.repeat([0.0, 0.01, 0.1, 1.0], 2):
            W = best.W + distance * rng.standard_normal(best.W.shape)
            if loss.smooth:
                request = Request(W, dual_scale=rng.uniform(size=2))
            else:
                request = Request(W, smoothing=Smoothing(rng.choice([1e-3, 0.1])))
            evaluation, length = objective.evaluate(request), rng.uniform(0, 3)
            others = tighter_bounds(
                objective, evaluation, lambda g, length=length: -length * g, parts=3
            )
            for lower in (evaluation.lower, *(lower for lower, _ in others)):
                proved = np.maximum(proved, lower)
        at_least(
            best.loss,
            proved,
            f"L(W) with {penalty} is below a bound on its minimum",
            tolerance=1e-9,
        )


@_law
def law_labels_of_any_integer_type(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Labels may be stored in the narrowest type that holds them, even if it does not hold C."""
    wide = max(n_classes, 300)
    scores = np.random.default_rng(seed).standard_normal((3, wide))
    y = np.array([0, 1, 2])
    expected = loss.value_and_grad(scores, y)
    for dtype in (np.int8, np.uint8, np.int32):
        for a, b in zip(loss.value_and_grad(scores, y.astype(dtype)), expected, strict=True):
            same(a, b, f"a result with {dtype.__name__} labels of {wide} classes")


@_law
def law_array_library(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Torch tensors give what NumPy arrays give, as tensors, on their device; no law where torch is not installed."""
    if (torch := torch_if_installed()) is None:
        return
    scores, _, y, _ = _draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    tensors = loss.value_and_grad(torch.asarray(scores), torch.asarray(y))
    tensors = *tensors, loss.conjugate(tensors[1], torch.asarray(y))
    for tensor, array in zip(tensors, (value, gradient, loss.conjugate(gradient, y)), strict=True):
        require(isinstance(tensor, torch.Tensor), f"torch tensors give {type(tensor).__name__}.")
        same(tensor.numpy(), array, "a result with torch")
    elsewhere = (
        torch.empty(scores.shape, device="meta"),
        torch.empty(y.shape, device="meta", dtype=torch.int64),
    )
    for tensor in (*loss.value_and_grad(*elsewhere), loss.conjugate(*elsewhere)):
        require(
            tensor.device.type == "meta",
            f"a result left the device of the scores for {tensor.device}.",
        )
