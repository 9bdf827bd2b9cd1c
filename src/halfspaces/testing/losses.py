"""The laws of losses."""

import math
from copy import copy

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.losses.base import Loss
from halfspaces.testing.drawn_scores import draw_scores, inner
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


@_law
def law_plain(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A loss is a frozen dataclass: equal to its pickled copy, hashable."""
    check_plain(loss)


@_law
def law_gradient(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """The gradient is that of the value; at a kink it lies between the one-sided slopes."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    report = check_gradient(
        lambda s: loss.value_and_grad(s, y)[0].sum(),
        lambda s: loss.value_and_grad(s, y)[1],
        scores,
        samples=60,
    )
    require(report.ok, report.verdict)


@_law
def law_gradient_sums_to_zero(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """The gradient of a shift-invariant loss sums to 0 over the classes."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    if loss.shift_invariant:
        sums = loss.value_and_grad(scores, y)[1].sum(axis=-1)
        same(sums, np.zeros_like(sums), "the sum of the gradient over the classes")


@_law
def law_shift_invariance(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A constant added to all scores of an example changes only the rounding errors."""
    scores, _, y, _ = draw_scores(n_classes, seed)
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
def law_labels_of_members(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Members with labels of their own have the losses and conjugates that they have alone."""
    scores, other, y, rng = draw_scores(n_classes, seed)
    labels = np.stack([y, rng.permutation(y)], axis=1)
    dual = loss.value_and_grad(other, labels)[1]
    together = (*loss.value_and_grad(scores, labels), loss.conjugate(dual, labels))
    for m in range(2):
        own = labels[:, m]
        alone = (*loss.value_and_grad(scores[:, m], own), loss.conjugate(dual[:, m], own))
        for found, expected in zip(together, alone, strict=True):
            same(found[:, m], expected, f"a value of member {m} with labels of its own")


@_law
def law_separable(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A separable loss is a sum over the scores, and L* one over the dual point, to a constant."""
    if not loss.separable:
        return
    scores, other, y, _ = draw_scores(n_classes, seed)
    require(not loss.shift_invariant, "no sum of functions of one score is shift-invariant.")
    at_zero = loss.value_and_grad(np.zeros_like(scores), y)[0]
    dual = loss.value_and_grad(other, y)[1]
    conjugate_at_zero = loss.conjugate(np.zeros_like(dual), y)
    value, conjugate = at_zero, conjugate_at_zero
    for one in np.eye(n_classes):
        value = value + loss.value_and_grad(one * scores, y)[0] - at_zero
        conjugate = conjugate + loss.conjugate(one * dual, y) - conjugate_at_zero
    same(loss.value_and_grad(scores, y)[0], value, "the loss as a sum over the scores")
    same(loss.conjugate(dual, y), conjugate, "L* as a sum over the classes")


@_law
def law_convexity(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """L((1 − t) a + t b) ≤ (1 − t) L(a) + t L(b)."""
    a, b, y, rng = draw_scores(n_classes, seed)
    for spread in (0.1, 1.0, 10.0):
        t = rng.uniform(size=(*a.shape[:2], 1))
        between, _ = loss.value_and_grad(spread * ((1 - t) * a + t * b), y)
        at_a, _ = loss.value_and_grad(spread * a, y)
        at_b, _ = loss.value_and_grad(spread * b, y)
        t = t[..., 0]
        at_least((1 - t) * at_a + t * at_b, between, "a chord lies below the loss")


@_law
def law_subgradient(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """L(b) ≥ L(a) + ⟨∇L(a), b − a⟩, at kinks too."""
    a, b, y, _ = draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(a, y)
    for step in (0.01, 1.0, 100.0):
        c = a + step * (b - a)
        tangent = value + inner(gradient, c - a)
        at_least(loss.value_and_grad(c, y)[0], tangent, "a tangent lies above the loss")


@_law
def law_permutation(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Classes have no order: permuting them permutes the gradient and leaves the loss."""
    scores, _, y, rng = draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    for _ in range(4):
        order = rng.permutation(n_classes)
        moved_value, moved_gradient = loss.value_and_grad(scores[..., order], np.argsort(order)[y])
        same(moved_value, value, f"the loss with classes in the order {order}")
        what = f"the gradient with classes in the order {order}"
        same(moved_gradient, gradient[..., order], what)


@_law
def law_finite(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Scores of ±1e4 give a finite loss and gradient, in float32 and float64."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    for dtype in (np.float32, np.float64):
        value, gradient = loss.value_and_grad(np.where(scores > 0, 1e4, -1e4).astype(dtype), y)
        finite = np.isfinite(value).all() and np.isfinite(gradient).all()
        what = f"at scores ±1e4 in {dtype.__name__} the loss or its gradient is not finite."
        require(finite, what)


@_law
def law_hessian(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """`hessian` of a smooth loss is the weighted sum of the derivatives of its gradients."""
    if not loss.smooth:
        return
    scores, _, _, rng = draw_scores(n_classes, seed)
    scores = scores[:8, 0]
    weight = rng.uniform(size=8)
    for label in range(n_classes):
        y = np.full(len(scores), label)
        bumps = 1e-5 * np.eye(n_classes)
        pairs = (
            [loss.value_and_grad(scores + sign * bump, y)[1] for sign in (1, -1)] for bump in bumps
        )
        expected = np.stack([weight @ (up - down) / 2e-5 for up, down in pairs])
        found = loss.hessian(scores, y, weight)
        same(found, expected, f"the Hessian of label {label}", tolerance=1e-5)
        rounded = loss.hessian(scores.astype(np.float32), y, weight.astype(np.float32))
        for each in (found, rounded):
            same(each, each.T, "the transposed Hessian", tolerance=1e-14)
            if loss.shift_invariant:  # to the last digits: a remainder would act as a curvature
                what = "the sum of the Hessian over the classes"
                same(each.sum(axis=1), np.zeros(n_classes), what, tolerance=1e-14)


@_law
def law_curvatures(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """`curvatures` of a smooth loss are the derivatives of its gradients, and sum to `hessian`."""
    if not loss.smooth:
        return
    scores, _, y, rng = draw_scores(n_classes, seed)
    scores = scores[:8]
    y = y[:8]
    bumps = 1e-5 * np.eye(n_classes)
    slopes = [
        loss.value_and_grad(scores + bump, y)[1] - loss.value_and_grad(scores - bump, y)[1]
        for bump in bumps
    ]
    expected = np.stack(slopes, axis=-1) / 2e-5
    found = loss.curvatures(scores, y)
    alone = loss.curvatures(scores[:, 0], y)
    weight = rng.uniform(size=8)
    total = np.tensordot(weight, alone, 1)
    if loss.separable:
        off_diagonal = expected * (1 - np.eye(n_classes))
        same(off_diagonal, 0 * off_diagonal, "what classes share of a separable loss")
        expected = np.diagonal(expected, axis1=-2, axis2=-1)
        total = np.diag(total)
    require(found.shape == expected.shape, f"curvatures have shape {found.shape}.")
    same(found, expected, "the Hessian of each example", tolerance=1e-5)
    same(alone, found[:, 0], "the Hessian of each example of one member")
    together = loss.hessian(scores[:, 0], y, weight)
    same(total, together, "the sum of the Hessians of all examples")


@_law
def law_chance_value(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """`chance_value` is the loss at zero scores."""
    value, _ = loss.value_and_grad(np.zeros((1, n_classes)), np.zeros(1, dtype=np.int64))
    same(loss.chance_value(n_classes), value[0], "chance_value")


@_law
def law_stack(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Each member and each row of scores (B, M, C) has the results that it has alone."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    value, gradient = loss.value_and_grad(scores, y)
    shape = scores.shape[:2]
    require(value.shape == shape, f"the loss has shape {value.shape} instead of {shape}.")
    dual = loss.conjugate(gradient, y)
    for member in range(scores.shape[1]):
        alone, alone_gradient = loss.value_and_grad(scores[:, member], y)
        same(value[:, member], alone, "the loss of a member in a stack")
        same(gradient[:, member], alone_gradient, "the gradient of a member in a stack")
        conjugate = loss.conjugate(alone_gradient, y)
        same(dual[:, member], conjugate, "the conjugate of a member in a stack")
    for row in range(len(y)):
        alone, alone_gradient = loss.value_and_grad(scores[[row]], y[[row]])
        same(value[[row]], alone, "the loss of a row in a batch")
        same(gradient[[row]], alone_gradient, "the gradient of a row in a batch")


@_law
def law_no_memory(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A call changes neither the loss nor its arguments, whatever the labels were before."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    twin = copy(loss)
    changed = (y + 1) % n_classes
    for array in (scores, y, changed):
        array.setflags(write=False)
    value, gradient = loss.value_and_grad(scores, y)
    first = (value.copy(), gradient.copy())
    found = loss.value_and_grad(scores, changed)
    expected = twin.value_and_grad(scores, changed)
    for what, a, b in zip(("loss", "gradient"), found, expected, strict=True):
        same(a, b, f"the {what} of a second call, with other labels,")
    for what, a, b in zip(("loss", "gradient"), (value, gradient), first, strict=True):
        same(a, b, f"the {what} of the first call, after the second,")
    require(not np.shares_memory(gradient, scores), "the gradient shares memory with the scores.")


@_law
def law_float32(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """float32 scores give float32 results, near those of float64."""
    scores, _, y, _ = draw_scores(n_classes, seed)
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
def law_small_losses(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """A loss near 0 has as many digits in float32 as a large one, and so have slope and L*."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    onehot = np.eye(n_classes)[y][:, None]
    close = rounding(OPERATIONS * n_classes, np.float32)
    for distance in (5.0, 10.0, 20.0, 50.0):
        narrow = (scores + distance * (2 * onehot - 1)).astype(np.float32)
        wide = narrow.astype(np.float64)
        value, gradient = loss.value_and_grad(narrow, y)
        exact, exact_gradient = loss.value_and_grad(wide, y)
        size = np.abs(wide).max()
        what = f"of float32 scores, the right one {distance:g} above,"
        error = np.abs(gradient - exact_gradient)
        at_least(close * size * np.abs(exact_gradient), error, f"the gradient {what}", 1e-30)
        sizes = np.abs(exact) + size * np.abs(exact_gradient).sum(axis=-1)
        at_least(close * sizes, np.abs(value - exact), f"the loss {what}", 1e-30)
        dual = loss.conjugate(gradient.astype(np.float64), y)
        error = np.abs(loss.conjugate(gradient, y) - dual)
        at_least(close * sizes, error, f"L* at the gradient {what}", 1e-30)


@_law
def law_curvature(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """‖∇L(a) − ∇L(b)‖ ≤ curvature · ‖a − b‖ for a smooth loss."""
    bound = loss.curvature(n_classes)
    require(bound >= 0, f"curvature({n_classes}) is {bound}.")
    words = f"smooth is {loss.smooth}, but curvature({n_classes}) is {bound}."
    require(loss.smooth == math.isfinite(bound), words)
    if loss.smooth:
        found = _steepest_bend(loss, n_classes, seed)
        what = f"curvature({n_classes}), where gradients were seen to change by more,"
        at_least(bound, found, what, tolerance=1e-6)


def _steepest_bend(loss: Loss, n_classes: int, seed: int) -> float:
    """Largest ‖∇L(a) − ∇L(b)‖/‖a − b‖ found by power iteration.

    It starts where bounds are attained: the right class leads by a little, over all other classes
    or over one of them while the rest are far below.
    """
    rng = np.random.default_rng(seed)
    leads = np.linspace(-2, 2, 81)
    points = np.zeros((2, leads.size, n_classes))
    points[1, :, 2:] = -30.0
    points[..., 0] = leads
    points = points.reshape(-1, n_classes)
    y = np.zeros(len(points), dtype=np.int64)
    gradient = loss.value_and_grad(points, y)[1]
    direction = rng.standard_normal(points.shape)
    found = 0.0
    for _ in range(15):
        direction *= 1e-3 / np.maximum(np.linalg.norm(direction, axis=-1, keepdims=True), 1e-300)
        change = loss.value_and_grad(points + direction, y)[1] - gradient
        length = np.linalg.norm(change, axis=-1, keepdims=True)
        found = max(found, float(np.max(length)) / 1e-3)
        direction = np.where(length > 0, change, rng.standard_normal(points.shape))
    return found


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
    """Torch tensors give the results of NumPy arrays, as tensors on the same device.

    Without torch there is nothing to check.
    """
    if (torch := torch_if_installed()) is None:
        return
    scores, _, y, _ = draw_scores(n_classes, seed)
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
    # These labels have no values that could be checked.
    for tensor in (*loss.formula(*elsewhere), loss.conjugate(*elsewhere)):
        words = f"a result left the device of the scores for {tensor.device}."
        require(tensor.device.type == "meta", words)


@_law
def law_by_hand(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Lists and one example's scores (C,) give the same; other labels than 0 to C−1 are refused."""
    scores, _, y, _ = draw_scores(n_classes, seed)
    rows = scores[:, 0]
    value, gradient = loss.value_and_grad(rows, y)
    for given, labels, at in ((rows.tolist(), y.tolist(), ...), (rows[0], y[0], 0)):
        same(loss.value(given, labels), value[at], "the loss of lists, or of one example")
        same(loss.grad(given, labels), gradient[at], "the gradient of lists, or of one example")
    for label in (-1, n_classes, 0.5, "0", None):
        try:
            found = loss.value(rows[:1], [label])
        except ValueError:
            continue
        raise AssertionError(f"the label {label!r} of {n_classes} classes gives a loss, {found}.")
