"""The laws of penalties."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from halfspaces.gradcheck import check_gradient, prox_slack
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.proofs.minimize import minimize
from halfspaces.request import Request
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


def _numbers_per_member(penalty: Penalty) -> dict[str, tuple[float, ...]]:
    """The fields that hold one number for each member."""
    values = {f.name: getattr(penalty, f.name) for f in fields(penalty)}  # pyright: ignore[reportArgumentType]
    return {name: value for name, value in values.items() if isinstance(value, tuple)}


def _members(penalty: Penalty) -> list[Penalty]:
    """A penalty for each member alone; three members where one number serves all."""
    numbers = _numbers_per_member(penalty)
    count = max(map(len, numbers.values()), default=3)
    chosen = [{name: values[member] for name, values in numbers.items()} for member in range(count)]
    return [replace(penalty, **numbers) for numbers in chosen]  # pyright: ignore[reportArgumentType]


def _draw(penalty: Penalty, seed: int) -> tuple[Array, Array, np.random.Generator]:
    """W (D, M, C) and another, near and far from 0."""
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
    require(
        value.shape == W.shape[1:2], f"the value has shape {value.shape} instead of {W.shape[1:2]}."
    )
    at_least(value, 0.0, "the value is negative")
    same(penalty.value(0 * W), np.zeros(W.shape[1]), "the value at W = 0")


@_law
def law_convexity(penalty: Penalty, *, seed: int = 0) -> None:
    """The middle of a chord lies above R, by curvature/8 times its squared length."""
    a, b, _ = _draw(penalty, seed)
    a, b = penalty.prox(a, 1.0), penalty.prox(b, 1.0)
    excess = np.asarray(penalty.curvature(a.shape[1])) / 8 * _dot(a - b, a - b)
    chord = (penalty.value(a) + penalty.value(b)) / 2
    at_least(
        chord,
        penalty.value((a + b) / 2) + excess,
        "a chord lies below the penalty, or nearer than its curvature",
    )


@_law
def law_gradient(penalty: Penalty, *, seed: int = 0) -> None:
    """Where the penalty is smooth its gradient is that of its value, and changes no faster than its curvature."""
    W, other, _ = _draw(penalty, seed)
    if not penalty.smooth:
        return
    report = check_gradient(lambda V: penalty.value(V).sum(), penalty.gradient, W)
    require(report.ok, report.verdict)
    change, distance = penalty.gradient(W) - penalty.gradient(other), W - other
    bound = np.asarray(penalty.curvature(W.shape[1])) ** 2 * _dot(distance, distance)
    at_least(
        bound,
        _dot(change, change),
        "curvature², times a squared distance, where the gradient changes by more,",
    )


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
    """Three points: h(V) ≥ h(p) + Σ (V − p)²/(2 step) for p = prox(W, step), h(V) = Σ (V − W)²/(2 step) + λR(V)."""
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
        at_least(
            _dot(gap, a - b), _dot(gap, gap), f"⟨p − q, a − b⟩ against ‖p − q‖² with step {step}"
        )


@_law
def law_forms_of_the_step(penalty: Penalty, *, seed: int = 0) -> None:
    """A number, one number per member and one per coordinate mean the same where they are equal."""
    W, _, _ = _draw(penalty, seed)
    expected = penalty.prox(W, 0.3)
    for shape in ((W.shape[1], 1), W.shape):
        same(
            penalty.prox(W, np.full(shape, 0.3)),
            expected,
            f"prox with steps of shape {shape}",
            tolerance=1e-9,
        )


@_law
def law_projection_is_idempotent(penalty: Penalty, *, seed: int = 0) -> None:
    """The prox of a constraint lands inside, and stays there."""
    W, _, rng = _draw(penalty, seed)
    if _constraint(penalty, W):
        for form, step in _steps(W, rng).items():
            p = penalty.prox(30 * W, step)
            same(penalty.value(p), np.zeros(W.shape[1]), f"the value of a projection, with {form},")
            same(
                penalty.prox(p, step),
                p,
                f"the projection of a projection, with {form},",
                tolerance=1e-9,
            )


@_law
def law_members(penalty: Penalty, *, seed: int = 0) -> None:
    """A stack gives what each member gives alone, with its own strength and step."""
    W, _, rng = _draw(penalty, seed)
    step = rng.uniform(0.05, 1.0, size=(W.shape[1], 1))
    for m, alone in enumerate(_members(penalty)):
        one = W[:, m : m + 1]
        same(penalty.value(W)[m : m + 1], alone.value(one), f"the value of member {m}")
        same(
            penalty.prox(W, step)[:, m : m + 1],
            alone.prox(one, float(step[m, 0])),
            f"the prox of member {m}",
        )
        same(penalty.conjugate(W)[m : m + 1], alone.conjugate(one), f"the conjugate of member {m}")
        same(
            penalty.dual_scale(W)[m : m + 1], alone.dual_scale(one), f"the dual scale of member {m}"
        )
        same(
            penalty.curvature(W.shape[1])[m], alone.curvature(1)[0], f"the curvature of member {m}"
        )
        if penalty.smooth:
            same(
                penalty.gradient(W)[:, m : m + 1],
                alone.gradient(one),
                f"the gradient of member {m}",
            )


@_law
def law_strength(penalty: Penalty, *, seed: int = 0) -> None:
    """The value is λ times R: twice the strength, twice the value; no strength, no penalty."""
    W, _, _ = _draw(penalty, seed)
    if (strength := getattr(penalty, "strength", None)) is None:
        return
    for factor in (2.0, 0.0):
        scaled = (
            tuple(factor * s for s in strength)
            if isinstance(strength, tuple)
            else factor * strength
        )
        other = replace(penalty, strength=scaled)  # pyright: ignore[reportArgumentType, reportCallIssue]
        same(
            other.value(W), factor * penalty.value(W), f"the value at {factor:g} times the strength"
        )
    same(other.prox(W, 1.0), W, "the prox without strength")


@_law
def law_conjugate(penalty: Penalty, *, seed: int = 0) -> None:
    """Fenchel and Young: λR(W) + conjugate(a) ≥ ⟨a, W⟩ with equality at p = prox(W), a = (W − p)/step."""
    W, other, _ = _draw(penalty, seed)
    for step in (0.1, 1.0):
        p = penalty.prox(W, step)
        dual = (W - p) / step
        same(
            penalty.value(p) + penalty.conjugate(dual),
            _dot(p, dual),
            "value + conjugate at a prox",
            tolerance=1e-8,
        )
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
        require(
            scale.shape == W.shape[1:2],
            f"the dual scale has shape {scale.shape} instead of {W.shape[1:2]}.",
        )
        require(
            ((scale >= 0) & (scale <= 1)).all(), f"the dual scale {scale} is not between 0 and 1."
        )
        finite = np.isfinite(penalty.conjugate(scale[:, None] * dual))
        require(
            finite.all(),
            f"the conjugate is infinite at {scale} times a dual point, its dual scale.",
        )
        beyond = penalty.conjugate(1.01 * scale[:, None] * dual + 1e-6 * W)
        require(
            (np.isinf(beyond) | (scale == 1)).all(), f"the dual scale {scale} is not the largest."
        )


@_law
def law_bounds(penalty: Penalty, *, seed: int = 0) -> None:
    """No bound on min L exceeds it, whatever W it was found at and however short the dual point."""
    rng, members = np.random.default_rng(seed), len(_members(penalty))
    y = rng.integers(3, size=60)
    blocks = Blocks(
        np.eye(3)[y] + rng.standard_normal((60, 3)), y, rng.uniform(0.5, 2, size=60), n_jobs=1
    )
    objective = Objective(Softmax(), penalty, blocks, n_classes=3)
    best = minimize(
        objective,
        choose_for(objective).optimizer,
        objective.zeros(members),
        tol=1e-7,
        max_passes=1000,
    )
    for distance in np.repeat([0.0, 0.01, 0.1, 1.0], 2):
        W = best.W + distance * rng.standard_normal(best.W.shape)
        lower = objective.evaluate(Request(W, dual_scale=rng.uniform(size=members))).lower
        at_least(
            best.loss,
            lower,
            f"{distance} from the minimum L(W) is below a bound on it",
            tolerance=1e-9,
        )


@_law
def law_no_memory(penalty: Penalty, *, seed: int = 0) -> None:
    """A call leaves no trace: not in the penalty, and not in its arguments."""
    W, other, _ = _draw(penalty, seed)
    twin = replace(penalty)  # pyright: ignore[reportArgumentType]
    for array in (W, other):
        array.setflags(write=False)
    for name in ("value", "conjugate", "dual_scale", *(["gradient"] if penalty.smooth else [])):
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
    """Torch tensors give what NumPy arrays give, as tensors, on their device; no law where torch is not installed."""
    W, _, rng = _draw(penalty, seed)
    if (torch := torch_if_installed()) is None:
        return
    tensor = torch.asarray(W)
    pairs = [
        (getattr(penalty, name)(tensor), getattr(penalty, name)(W))
        for name in ("value", "conjugate", "dual_scale")
    ]
    for step in _steps(W, rng).values():
        torch_step = torch.asarray(step) if isinstance(step, np.ndarray) else step
        pairs.append((penalty.prox(tensor, torch_step), penalty.prox(W, step)))
    if penalty.smooth:
        pairs.append((penalty.gradient(tensor), penalty.gradient(W)))
    for found, expected in pairs:
        require(isinstance(found, torch.Tensor), f"torch tensors give {type(found).__name__}.")
        same(found.numpy(), expected, "a result with torch")
    elsewhere = torch.empty(W.shape, device="meta")
    for name in ("value", "conjugate", "dual_scale", *(["gradient"] if penalty.smooth else [])):
        device = getattr(penalty, name)(elsewhere).device
        require(device.type == "meta", f"{name} leaves the device of the parameters for {device}.")
    for step in (0.3, elsewhere[0, :, :1], elsewhere):
        require(
            penalty.prox(elsewhere, step).device.type == "meta",
            "prox leaves the device of the parameters.",
        )
