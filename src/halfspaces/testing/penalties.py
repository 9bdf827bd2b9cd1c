"""The laws of penalties."""

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.components import prox_slack
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.proofs.minimize import minimize
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


def _numbers_per_member(penalty: Any) -> dict[str, tuple[float, ...]]:
    """The fields that hold one number for each member."""
    values = {name: getattr(penalty, name) for name in penalty.__dataclass_fields__}
    return {name: value for name, value in values.items() if isinstance(value, tuple)}


def _members(penalty: Any) -> list[Penalty]:
    """The penalty of each member alone; three members if they all have the same numbers."""
    numbers = _numbers_per_member(penalty)
    count = max(map(len, numbers.values()), default=3)
    chosen = [{name: values[member] for name, values in numbers.items()} for member in range(count)]
    return [replace(penalty, **own) for own in chosen]


def _draw(penalty: Penalty, seed: int) -> tuple[Array, Array, np.random.Generator]:
    """Two parameters W (D, M, C), near and far from 0, and the generator."""
    rng = np.random.default_rng(seed)
    shape = (5, len(_members(penalty)), 4)
    spread = np.array([0.01, 0.3, 1.0, 3.0])
    return spread * rng.standard_normal(shape), spread * rng.standard_normal(shape), rng


def _steps(W: Array, rng: np.random.Generator) -> dict[str, Any]:
    """A step of each form that a prox must take."""
    shapes = {"one step per member": (W.shape[1], 1), "one step per coordinate": W.shape}
    return {"one step": 0.3} | {
        form: rng.uniform(0.05, 1.0, size=shape) for form, shape in shapes.items()
    }


def _functions(penalty: Penalty) -> list[str]:
    """The functions of W or a dual point alone."""
    return ["value", "conjugate", "dual_scale"] + (["gradient"] if penalty.smooth else [])


def _dot(a: Array, b: Array) -> Array:
    return np.sum(a * b, axis=(0, 2))


def _constraint(penalty: Penalty, W: Array) -> bool:
    """Whether the penalty is a set: 0 inside, infinite outside."""
    return bool(np.isinf(penalty.value(1e6 * W)).any())


@_law
def law_plain(penalty: Penalty, *, seed: int = 0) -> None:
    """A penalty is a frozen dataclass: equal to its pickled copy, hashable."""
    check_plain(penalty)


@_law
def law_value(penalty: Penalty, *, seed: int = 0) -> None:
    """λR is one number for each member, at least 0, and 0 at W = 0."""
    W, _, _ = _draw(penalty, seed)
    value = penalty.value(W)
    expected = W.shape[1:2]
    require(value.shape == expected, f"the value has shape {value.shape} instead of {expected}.")
    at_least(value, 0.0, "the value is negative")
    same(penalty.value(0 * W), np.zeros(W.shape[1]), "the value at W = 0")


@_law
def law_convexity(penalty: Penalty, *, seed: int = 0) -> None:
    """The middle of a chord lies above R, by curvature/8 times its squared length."""
    first, second, _ = _draw(penalty, seed)
    a = penalty.prox(first, 1.0)
    b = penalty.prox(second, 1.0)
    excess = np.asarray(penalty.curvature(a.shape[1])) / 8 * _dot(a - b, a - b)
    chord = (penalty.value(a) + penalty.value(b)) / 2
    bound = penalty.value((a + b) / 2) + excess
    at_least(chord, bound, "a chord lies below the penalty, or nearer than its curvature")


@_law
def law_gradient(penalty: Penalty, *, seed: int = 0) -> None:
    """A smooth penalty has the gradient of its value; its curvature bounds the change of it."""
    W, other, _ = _draw(penalty, seed)
    if not penalty.smooth:
        return
    report = check_gradient(lambda V: penalty.value(V).sum(), penalty.gradient, W)
    require(report.ok, report.verdict)
    change = penalty.gradient(W) - penalty.gradient(other)
    distance = W - other
    bound = np.asarray(penalty.curvature(W.shape[1])) ** 2 * _dot(distance, distance)
    what = "curvature², times a squared distance, where the gradient changes by more,"
    at_least(bound, _dot(change, change), what)


@_law
def law_no_gradient_at_kinks(penalty: Penalty, *, seed: int = 0) -> None:
    """A penalty that is not smooth refuses to give a gradient, with a TypeError."""
    W, _, _ = _draw(penalty, seed)
    if not penalty.smooth:
        try:
            penalty.gradient(W)
        except TypeError:
            return
        raise AssertionError("it is not smooth, and gives a gradient.")


@_law
def law_prox_is_the_minimum(penalty: Penalty, *, seed: int = 0) -> None:
    """The three-point inequality: h(V) ≥ h(p) + Σ (V − p)²/(2 step) for p = prox(W, step).

    h(V) = Σ (V − W)²/(2 step) + λR(V) is the objective of the prox.
    """
    W, other, rng = _draw(penalty, seed)
    for form, step in _steps(W, rng).items():
        p = penalty.prox(W, step)
        moved = (p + distance * rng.standard_normal(W.shape) for distance in np.logspace(-4, 1, 40))
        for V in (0 * W, W, other, *moved):
            feasible = penalty.prox(V, 1e-3)
            slack = prox_slack(penalty, W, step, feasible)
            at_least(slack, 0.0, f"with {form}, what a point has more than the prox", 1e-8)


@_law
def law_prox_is_firm(penalty: Penalty, *, seed: int = 0) -> None:
    """Firmly nonexpansive: ‖p − q‖² ≤ ⟨p − q, a − b⟩ for p = prox(a), q = prox(b)."""
    a, b, _ = _draw(penalty, seed)
    for step in (0.01, 0.3, 10.0):
        gap = penalty.prox(a, step) - penalty.prox(b, step)
        what = f"⟨p − q, a − b⟩ against ‖p − q‖² with step {step}"
        at_least(_dot(gap, a - b), _dot(gap, gap), what)


@_law
def law_forms_of_the_step(penalty: Penalty, *, seed: int = 0) -> None:
    """A number, one number per member and one per coordinate mean the same where they are equal."""
    W, _, _ = _draw(penalty, seed)
    expected = penalty.prox(W, 0.3)
    for shape in ((W.shape[1], 1), W.shape):
        found = penalty.prox(W, np.full(shape, 0.3))
        same(found, expected, f"prox with steps of shape {shape}", tolerance=1e-9)


@_law
def law_projection_is_idempotent(penalty: Penalty, *, seed: int = 0) -> None:
    """The prox of a constraint lands inside, and stays there."""
    W, _, rng = _draw(penalty, seed)
    if _constraint(penalty, W):
        for form, step in _steps(W, rng).items():
            p = penalty.prox(30 * W, step)
            same(penalty.value(p), np.zeros(W.shape[1]), f"the value of a projection, with {form},")
            twice = penalty.prox(p, step)
            same(twice, p, f"the projection of a projection, with {form},", tolerance=1e-9)


@_law
def law_members(penalty: Penalty, *, seed: int = 0) -> None:
    """A stack gives what each member gives alone, with its own strength and step."""
    W, _, rng = _draw(penalty, seed)
    step = rng.uniform(0.05, 1.0, size=(W.shape[1], 1))
    for m, alone in enumerate(_members(penalty)):
        of_member = slice(m, m + 1)
        one = W[:, of_member]
        for name in ("value", "conjugate", "dual_scale"):
            found = getattr(penalty, name)(W)[of_member]
            same(found, getattr(alone, name)(one), f"{name} of member {m}")
        prox = alone.prox(one, float(step[m, 0]))
        same(penalty.prox(W, step)[:, of_member], prox, f"the prox of member {m}")
        curvature = penalty.curvature(W.shape[1])[m]
        same(curvature, alone.curvature(1)[0], f"the curvature of member {m}")
        if penalty.smooth:
            found = penalty.gradient(W)[:, of_member]
            same(found, alone.gradient(one), f"the gradient of member {m}")


@_law
def law_strength(penalty: Penalty, *, seed: int = 0) -> None:
    """The value is λ times R, with one λ or one per member; a penalty without a λ refuses one."""
    W, _, _ = _draw(penalty, seed)
    if not penalty.has_strength:
        _require_refusal(penalty)
        return
    unit = penalty.with_strength(1.0).value(W)
    for strength in (0.5, 2.0, 0.0):
        value = penalty.with_strength(strength).value(W)
        same(value, strength * unit, f"the value with the strength {strength:g}")
    strengths = np.linspace(0.1, 2.0, W.shape[1])
    value = penalty.with_strength(tuple(strengths.tolist())).value(W)
    same(value, strengths * unit, "the value with a strength for each member")
    same(penalty.with_strength(0.0).prox(W, 1.0), W, "the prox with the strength 0")
    own = getattr(penalty, "strength", None)
    require(
        own is not None and penalty.with_strength(own) == penalty,
        f"with its own strength {own} it is another penalty.",
    )


def _require_refusal(penalty: Penalty) -> None:
    """Require a TypeError of one sentence for a strength."""
    try:
        other = penalty.with_strength(1.0)
    except TypeError as error:
        message = str(error)
        is_one_sentence = message.endswith(".") and ". " not in message
        require(is_one_sentence, f"a strength is refused, but not in one sentence: {message!r}")
        return
    raise AssertionError(f"has_strength is False, but with_strength(1.0) returns {other}.")


@_law
def law_conjugate(penalty: Penalty, *, seed: int = 0) -> None:
    """Fenchel: λR(W) + conjugate(a) ≥ ⟨a, W⟩, with equality at p = prox(W), a = (W − p)/step."""
    W, other, _ = _draw(penalty, seed)
    for step in (0.1, 1.0):
        p = penalty.prox(W, step)
        dual = (W - p) / step
        total = penalty.value(p) + penalty.conjugate(dual)
        same(total, _dot(p, dual), "value + conjugate at a prox", tolerance=1e-8)
    for dual in (0.01 * other, other, 100 * other):
        for size in (0.01, 1.0, 100.0):
            for V in (size * W, size * dual, size * np.sign(dual)):
                inside = penalty.prox(V, 1e-3)
                total = penalty.value(inside) + penalty.conjugate(dual)
                at_least(total, _dot(dual, inside), "value + conjugate against ⟨a, W⟩")


@_law
def law_dual_scale(penalty: Penalty, *, seed: int = 0) -> None:
    """`dual_scale` is the largest factor up to 1 that makes the conjugate finite."""
    W, _, _ = _draw(penalty, seed)
    for dual in (0 * W, 1e-3 * W, W, 100 * W):
        scale = penalty.dual_scale(dual)
        shape = W.shape[1:2]
        require(scale.shape == shape, f"the dual scale has shape {scale.shape}, not {shape}.")
        inside = ((scale >= 0) & (scale <= 1)).all()
        require(inside, f"the dual scale {scale} is not between 0 and 1.")
        finite = np.isfinite(penalty.conjugate(scale[:, None] * dual)).all()
        require(finite, f"the conjugate is infinite at {scale} (its scale) times a dual point.")
        beyond = penalty.conjugate(1.01 * scale[:, None] * dual + 1e-6 * W)
        is_largest = (np.isinf(beyond) | (scale == 1)).all()
        require(is_largest, f"the dual scale {scale} is not the largest.")


@_law
def law_bounds(penalty: Penalty, *, seed: int = 0) -> None:
    """No lower bound exceeds min L, at any W and with any shortened dual point."""
    rng = np.random.default_rng(seed)
    members = len(_members(penalty))
    y = rng.integers(3, size=60)
    X = np.eye(3)[y] + rng.standard_normal((60, 3))
    blocks = Blocks(X, y, rng.uniform(0.5, 2, size=60), n_jobs=1)
    objective = Objective(Softmax(), penalty, blocks, n_classes=3)
    optimizer = choose_for(objective).optimizer
    best = minimize(objective, optimizer, objective.zeros(members), tol=1e-7, max_passes=1000)
    for distance in np.repeat([0.0, 0.01, 0.1, 1.0], 2):
        W = best.W + distance * rng.standard_normal(best.W.shape)
        lower = objective.evaluate(Request(W, dual_scale=rng.uniform(size=members))).lower
        what = f"{distance} from the minimum L(W) is below a bound on it"
        at_least(best.loss, lower, what, tolerance=1e-9)


@_law
def law_no_memory(penalty: Penalty, *, seed: int = 0) -> None:
    """A call leaves no trace: not in the penalty, and not in its arguments."""
    W, other, _ = _draw(penalty, seed)
    twin = copy(penalty)
    for array in (W, other):
        array.setflags(write=False)
    for name in _functions(penalty):
        getattr(penalty, name)(other)
        same(getattr(penalty, name)(W), getattr(twin, name)(W), f"{name} on a second call")
    penalty.prox(other, 0.7)
    same(penalty.prox(W, 0.3), twin.prox(W, 0.3), "prox on a second call")


@_law
def law_float32(penalty: Penalty, *, seed: int = 0) -> None:
    """float32 parameters give float32 results, near those of float64."""
    W = _draw(penalty, seed)[0].astype(np.float32)
    wide = W.astype(np.float64)
    close = rounding(OPERATIONS * W.shape[0] * W.shape[2], np.float32)
    for what, narrow, expected in (
        ("the value", penalty.value(penalty.prox(W, 0.3)), penalty.value(penalty.prox(wide, 0.3))),
        ("the prox", penalty.prox(W, 0.3), penalty.prox(wide, 0.3)),
        (
            "the gradient",
            *((penalty.gradient(W), penalty.gradient(wide)) if penalty.smooth else (W, wide)),
        ),
    ):
        require(narrow.dtype == np.float32, f"{what} of float32 parameters is {narrow.dtype}.")
        same(narrow, expected, f"{what} of float32 parameters", tolerance=close)


@_law
def law_array_library(penalty: Penalty, *, seed: int = 0) -> None:
    """Torch tensors give the results of NumPy arrays, as tensors on the same device.

    Without torch there is nothing to check.
    """
    W, _, rng = _draw(penalty, seed)
    if (torch := torch_if_installed()) is None:
        return
    tensor = torch.asarray(W)
    functions = [getattr(penalty, name) for name in _functions(penalty)]
    pairs = [(function(tensor), function(W)) for function in functions]
    for step in _steps(W, rng).values():
        torch_step = torch.asarray(step) if isinstance(step, np.ndarray) else step
        pairs.append((penalty.prox(tensor, torch_step), penalty.prox(W, step)))
    for found, expected in pairs:
        require(isinstance(found, torch.Tensor), f"torch tensors give {type(found).__name__}.")
        same(found.numpy(), expected, "a result with torch")
    elsewhere = torch.empty(W.shape, device="meta")
    for name in _functions(penalty):
        device = getattr(penalty, name)(elsewhere).device
        require(device.type == "meta", f"{name} leaves the device of the parameters for {device}.")
    for step in (0.3, elsewhere[0, :, :1], elsewhere):
        device = penalty.prox(elsewhere, step).device
        require(device.type == "meta", "prox leaves the device of the parameters.")


@_law
def law_by_hand(penalty: Penalty, *, seed: int = 0) -> None:
    """Weights (D, C) and (D,) of one member give a number, or an array of their shape."""
    stack, _, _ = _draw(penalty, seed)
    alone = _members(penalty)[0]
    for weights in (stack[:, 0], stack[:, 0, 0]):
        member = weights.reshape(len(weights), 1, -1)
        for name in ("value", "conjugate", *(["gradient"] if alone.smooth else [])):
            function = getattr(alone, name)
            expected = function(member).reshape(() if name != "gradient" else weights.shape)
            same(function(weights.tolist()), expected, f"{name} of {weights.ndim} axes")
        for step in (0.3, np.full(weights.shape, 0.3)):
            expected = alone.prox(member, 0.3).reshape(weights.shape)
            same(alone.prox(weights, step=step), expected, f"the prox of {weights.ndim} axes", 1e-8)
