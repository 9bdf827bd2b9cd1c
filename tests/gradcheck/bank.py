"""A bank of right and wrong gradients, as data: functions that have deceived gradient checks.

Each problem is a function of the type in which f and its gradient are computed; it returns f,
∇f and W. `WRONG` names a problem and what spoils its gradient.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.softmax import Softmax


class Problem(NamedTuple):
    f: Callable[[Any], Any]
    gradient: Any
    W: Any


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def squares(weights, W, dtype) -> Problem:
    weights = np.asarray(weights, dtype)
    return Problem(
        lambda V: (weights * V.astype(dtype) ** 2).sum(),
        lambda V: 2 * weights * V.astype(dtype),
        np.asarray(W),
    )


def scales_of_terms(dtype):
    return squares((1e4, 1.0, 1e-4), (1.0, 2.0, 3.0), dtype)


def scales_of_coordinates(dtype):
    return squares((1.0, 1.0, 1.0), (1e6, 1.0, 1e-6), dtype)


def a_tiny_term(dtype):
    return squares((1.0, 1.0, 1e-9), (1.0, -1.0, 1.0), dtype)


def many_coordinates(dtype):
    rng = np.random.default_rng(0)
    return squares(np.ones(20_000), rng.uniform(0.5, 1.5, 20_000), dtype)


def a_large_offset(dtype):
    offset = dtype(1e-4 / np.finfo(dtype).eps)  # 4.5e11 in float64
    return Problem(
        lambda V: offset + np.cosh(V.astype(dtype)).sum(dtype=dtype),
        lambda V: np.sinh(V.astype(dtype)),
        np.array([1.0, -2.0, 0.5, 1.5]),
    )


def half_precision(dtype):
    del dtype
    half = np.float16
    return Problem(
        lambda V: np.tanh(V.astype(half)).sum(),
        lambda V: (1 - np.tanh(V.astype(half)) ** 2).astype(half),
        np.array([0.5, -0.25, 1.0, -0.75, 0.3]),
    )


def logarithm_near_zero(dtype):
    return Problem(
        lambda V: np.log(V.astype(dtype)).sum(),
        lambda V: 1 / V.astype(dtype),
        np.array([1e-9, 1e-3, 1.0]),
    )


def scores_of(loss, scores, y, dtype) -> Problem:
    """A loss of the library as a function of the scores."""
    y = np.asarray(y)
    return Problem(
        lambda S: loss.value_and_grad(S.astype(dtype), y)[0].sum(),
        lambda S: loss.value_and_grad(S.astype(dtype), y)[1],
        np.asarray(scores, dtype=float)[:, None, :],
    )


def softmax_near_its_noise(dtype):
    margin = -np.log(1e3 * np.finfo(dtype).eps)  # the loss is 2e-13 in float64
    return scores_of(Softmax(), [[margin, 0.1, -0.2]], [0], dtype)


def hinge_at_kinks(dtype):
    return scores_of(Hinge(), [[2.0, 1.0, 1.0, -3.0], [0.0, 0.5, 1.0, 1.5]], [0, 2], dtype)


def squared_hinge_at_bends(dtype):
    return scores_of(SquaredHinge(), [[2.0, 1.0, 1.0, -3.0], [0.0, 0.5, 1.5, 1.0]], [0, 2], dtype)


def a_kink_nearby(dtype):
    return Problem(
        lambda V: (abs(V.astype(dtype)) + V.astype(dtype) ** 2).sum(),
        lambda V: np.sign(V.astype(dtype)) + 2 * V.astype(dtype),
        np.array([1e-6 if dtype == np.float64 else 1e-3, -0.1, 1.0]),
    )


def a_kink_between(dtype):
    distance = dtype(2.0**-10 if dtype == np.float32 else 2.0**-20)

    def gap(V):
        return V.astype(dtype) - 1

    return Problem(
        lambda V: (2 * abs(gap(V) - distance) + abs(gap(V) + distance)).sum(),
        lambda V: 2 * np.sign(gap(V) - distance) + np.sign(gap(V) + distance),
        np.array([1.0, 3.0]),
    )


def perceptron(W, rows, dtype, *, mask: Any = 1.0):
    """Σ relu(X A + b) v + c: the loss and the gradient of a network with one hidden layer."""
    rows = np.asarray(rows, dtype)

    def parts(W):
        A, b, v = (np.asarray(W[name]).astype(dtype) for name in ("A", "b", "v"))
        hidden = rows @ A + b
        active = (hidden > 0) * np.asarray(mask, dtype)
        return active, active * hidden, v

    def f(W):
        _, hidden, v = parts(W)
        return np.tanh(hidden @ v).sum()

    def gradient(W):
        active, hidden, v = parts(W)
        outer = 1 - np.tanh(hidden @ v) ** 2
        inner = outer[:, None] * v * active
        return {"A": rows.T @ inner, "b": inner.sum(axis=0), "v": hidden.T @ outer}

    return Problem(f, gradient, W)


def network(seed=0, bias=0.1) -> dict[str, np.ndarray]:
    v = 0.3 * normal(6, seed=seed + 2)
    return {"A": normal(4, 6, seed=seed), "b": bias * normal(6, seed=seed + 1), "v": v}


def kinks_in_a_network(dtype):
    rows = normal(5, 4, seed=3)
    rows[2] = 0
    rows[4] = 0
    return perceptron(network(bias=0.0), rows, dtype)


def dead_units(dtype):
    W = network()
    W["b"][:3] = -9
    rows = normal(5, 4, seed=3)
    rows[:, 0] = 0
    return perceptron(W, rows, dtype)


def a_fixed_dropout_mask(dtype):
    mask = np.random.default_rng(7).integers(2, size=(5, 6))
    return perceptron(network(), normal(5, 4, seed=3), dtype, mask=2 * mask)


def logistic(dtype, rows, W) -> Problem:
    rows = np.asarray(rows, dtype)
    y = np.where(np.arange(len(rows)) % 2, 1, -1).astype(dtype)

    def f(W):
        margins = y * (rows @ W["weights"].astype(dtype) + W["bias"].astype(dtype))
        return np.logaddexp(dtype(0), -margins).mean()

    def gradient(W):
        margins = y * (rows @ W["weights"].astype(dtype) + W["bias"].astype(dtype))
        slopes = -y / (1 + np.exp(margins)) / len(rows)
        return {"weights": rows.T @ slopes, "bias": slopes.sum()}

    return Problem(f, gradient, W)


def unscaled_features(dtype):
    W = {"weights": np.array([1e-3, -2.0, 0.5]), "bias": np.array(0.3)}
    return logistic(dtype, normal(20, 3) * (1e3, 1.0, 1e-2), W)


def zero_weights(dtype):
    return logistic(dtype, normal(20, 3) + 0.3, {"weights": np.zeros(3), "bias": np.array(0.0)})


def a_list_of_arrays(dtype):
    def gradient(W):
        A, b = (array.astype(dtype) for array in W)
        return [np.outer(A @ b, b) * 2, 2 * A.T @ (A @ b)]

    def f(W):
        A, b = (array.astype(dtype) for array in W)
        return ((A @ b) ** 2).sum()

    return Problem(f, gradient, [normal(3, 2), normal(2, seed=1)])


def a_nested_dict(dtype):
    inner = a_list_of_arrays(dtype)

    def gradient(W):
        A, b = inner.gradient((W["layers"][0]["A"], W["layers"][1]["b"]))
        return {"layers": [{"A": A}, {"b": b}], "scale": np.asarray(W["scale"], dtype) ** 2}

    def f(W):
        layers = W["layers"]
        cubes = (np.asarray(W["scale"], dtype) ** 3).sum() / 3
        return inner.f((layers[0]["A"], layers[1]["b"])) + cubes

    A, b = inner.W
    return Problem(f, gradient, {"layers": [{"A": A}, {"b": b}], "scale": np.array([2.0])})


def tensors(dtype):
    torch: Any = pytest.importorskip("torch")
    kind = torch.float32 if dtype == np.float32 else torch.float64
    X = torch.tensor(normal(8, 3), dtype=kind)
    y = torch.arange(8) % 4

    def f(W):
        return torch.nn.functional.cross_entropy(X @ W["weight"].T + W["bias"], y)

    def gradient(W):
        grads = torch.autograd.grad(f(W), list(W.values()))
        return dict(zip(W, grads, strict=True))

    weight = torch.tensor(normal(4, 3, seed=1), dtype=kind, requires_grad=True)
    bias = torch.tensor(normal(4, seed=2), dtype=kind, requires_grad=True)
    return Problem(f, gradient, {"weight": weight, "bias": bias})


def a_reused_buffer(dtype):
    buffer = np.zeros(4, dtype)

    def f(V):
        V *= 2  # undone below
        value = np.exp(V.astype(dtype) / 2).sum()
        V /= 2
        return value

    def gradient(V):
        np.exp(V.astype(dtype), out=buffer)
        return buffer

    return Problem(f, gradient, normal(4))


def complex_type(dtype):
    problem = scales_of_terms(dtype)
    return problem._replace(gradient=lambda V: problem.gradient(V) + 0j)


def fast_growth(dtype):
    return Problem(
        lambda V: np.exp(8 * V.astype(dtype)).sum(),
        lambda V: 8 * np.exp(8 * V.astype(dtype)),
        np.array([1.0, 0.9, 0.0]),
    )


def fast_waves(dtype):
    return Problem(
        lambda V: np.sin(100 * V.astype(dtype)).sum(),
        lambda V: 100 * np.cos(100 * V.astype(dtype)),
        np.array([1.0, 0.2, -0.5]),
    )


def straight(dtype):
    slopes = normal(6).astype(dtype)
    return Problem(lambda V: V.astype(dtype) @ slopes, slopes, normal(6, seed=1))


def valley(dtype):
    def f(V):
        x, y = V.astype(dtype)
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    def gradient(V):
        x, y = V.astype(dtype)
        return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])

    return Problem(f, gradient, np.array([-1.2, 1.0]))


def softmax_of_images(dtype):
    X = (normal(20, 30, seed=4) * (np.arange(30) % 3 > 0)).astype(dtype)  # ten blank pixels
    y = np.arange(20) % 5
    share = dtype(1 / 20)

    def values(W):
        return Softmax().value_and_grad((X @ W.astype(dtype))[:, None, :], y)

    return Problem(
        lambda W: values(W)[0].sum() * share,
        lambda W: X.T @ values(W)[1][:, 0] * share,
        0.3 * normal(30, 5, seed=5),
    )


def leaves_changed(tree, change, name=""):
    """The same structure with `change(name, array)` for each array."""
    if isinstance(tree, dict):
        return {key: leaves_changed(item, change, str(key)) for key, item in tree.items()}
    if isinstance(tree, list):
        return [leaves_changed(item, change, str(k)) for k, item in enumerate(tree)]
    return change(name, tree)


def spoiled(make, change):
    """The problem with a gradient that is changed by `change(name of the array, array)`."""

    def problem(dtype) -> Problem:
        f, gradient, W = make(dtype)
        if not callable(gradient):
            return Problem(f, leaves_changed(gradient, change), W)
        return Problem(f, lambda V: leaves_changed(gradient(V), change), W)

    return problem


def times(factor, only=None):
    return lambda name, array: array * factor if only in (None, name) else array


def last_times(factor):
    """Only the last entry times a factor."""

    def change(_, array):
        array = array.copy()
        array[..., -1] *= factor
        return array

    return change


def one_flipped(_, array):
    array = array.copy()
    array[7_777] *= -1
    return array


def with_gradient(make, gradient):
    return lambda dtype: make(dtype)._replace(gradient=gradient)


def without_relu(dtype):
    """The backward pass forgets the units that are off."""
    right = kinks_in_a_network(dtype)

    def gradient(W):
        slopes = right.gradient(W)
        return {**slopes, "A": np.abs(slopes["A"]) + 0.1}

    return right._replace(gradient=gradient)


def changed_by_f(dtype):
    problem = scales_of_terms(dtype)

    def f(V):
        V *= 2
        return problem.f(V / 2)

    return problem._replace(f=f)


def changed_by_the_gradient(dtype):
    def gradient(V):
        V *= 2
        return V

    return squares((1.0, 1.0, 1.0), (1.0, 2.0, 3.0), dtype)._replace(gradient=gradient)


def imaginary_parts(dtype):
    problem = scales_of_terms(dtype)
    return problem._replace(gradient=lambda V: problem.gradient(V) * (1 + 1j))


def a_redrawn_mask(slopes):
    """Dropout with a new mask at each call; the gradient is `slopes`, or that of another mask."""

    def a_redrawn_mask(dtype):
        rng = np.random.default_rng(0)

        def masked(W):
            return perceptron(W, normal(5, 4, seed=3), dtype, mask=2 * rng.integers(2, size=6))

        def gradient(W):
            right = masked(W).gradient(W)
            return right if slopes is None else leaves_changed(right, lambda _, a: 0 * a + slopes)

        return Problem(lambda W: masked(W).f(W), gradient, network())

    return a_redrawn_mask


def a_redrawn_minibatch(factor):
    """A minibatch that is drawn at each call."""

    def problem(dtype):
        rng = np.random.default_rng(0)
        X = normal(100, 3)

        def drawn(W):
            return logistic(dtype, X[rng.integers(100, size=10)], W)

        W = {"weights": np.ones(3), "bias": np.array(0.0)}
        gradient = lambda W: leaves_changed(drawn(W).gradient(W), times(factor))  # noqa: E731
        return Problem(lambda W: drawn(W).f(W), gradient, W)

    return problem


RIGHT = (
    scales_of_terms,
    scales_of_coordinates,
    a_tiny_term,
    many_coordinates,
    a_large_offset,
    half_precision,
    logarithm_near_zero,
    softmax_near_its_noise,
    hinge_at_kinks,
    squared_hinge_at_bends,
    a_kink_nearby,
    a_kink_between,
    kinks_in_a_network,
    dead_units,
    a_fixed_dropout_mask,
    unscaled_features,
    zero_weights,
    a_list_of_arrays,
    a_nested_dict,
    tensors,
    a_reused_buffer,
    complex_type,
    fast_growth,
    fast_waves,
    straight,
    valley,
    softmax_of_images,
    a_redrawn_mask(None),
)

WRONG = {
    "the last term doubled": spoiled(scales_of_terms, last_times(2)),
    "the last coordinate flipped": spoiled(scales_of_coordinates, last_times(-1)),
    "a tiny term doubled": spoiled(a_tiny_term, last_times(2)),
    "a tiny term left out": spoiled(a_tiny_term, last_times(0)),
    "one of many flipped": spoiled(many_coordinates, one_flipped),
    "beside a large offset, 0": spoiled(a_large_offset, times(0)),
    "beside a large offset, flipped": spoiled(a_large_offset, times(-1)),
    "half precision, flipped": spoiled(half_precision, times(np.float16(-1))),
    "half precision, times 3": spoiled(half_precision, times(np.float16(3))),
    "logarithm, the first left out": spoiled(logarithm_near_zero, lambda _, a: a * [0, 1, 1]),
    "small loss, times 2": spoiled(softmax_near_its_noise, times(2)),
    "small loss, flipped": spoiled(softmax_near_its_noise, times(-1)),
    "outside the kink": spoiled(hinge_at_kinks, times(1.5)),
    "bend, times 1.01": spoiled(squared_hinge_at_bends, times(1.01)),
    "beside a kink": spoiled(a_kink_nearby, times(1.5)),
    "between kinks": spoiled(a_kink_between, lambda _, a: a * [0, 1]),
    "without relu": without_relu,
    "dead units moved": spoiled(dead_units, lambda _, a: a + 0.1),
    "dropout without its scale": spoiled(a_fixed_dropout_mask, times(0.5, "A")),
    "a bias left out": spoiled(unscaled_features, times(0, "bias")),
    "a small weight flipped": spoiled(unscaled_features, lambda n, a: a * (1 - 2 * (a.size > 1))),
    "a sum for a mean": spoiled(zero_weights, times(20)),
    "a list, one array halved": spoiled(a_list_of_arrays, times(0.5, "1")),
    "a nested array doubled": spoiled(a_nested_dict, times(2, "b")),
    "tensors, one flipped": spoiled(tensors, times(-1, "bias")),
    "fast waves without their factor": spoiled(fast_waves, times(0.01)),
    "straight, times 1.05": spoiled(straight, times(1.05)),
    "valley, the last halved": spoiled(valley, last_times(0.5)),
    "images, one class flipped": spoiled(softmax_of_images, last_times(-1)),
    "f changes W": changed_by_f,
    "the gradient changes W": changed_by_the_gradient,
    "imaginary parts": imaginary_parts,
    "not a number": spoiled(straight, lambda _, a: np.where(np.arange(6) == 2, np.nan, a)),
    "a redrawn mask, 0": a_redrawn_mask(0.0),
}

# f is no function of W, and has no gradient.
NEITHER = {
    "a redrawn mask": a_redrawn_mask(None),
    "a redrawn mask, 0": a_redrawn_mask(0.0),
    "a redrawn mask, 100": a_redrawn_mask(100.0),
    "a redrawn minibatch": a_redrawn_minibatch(1.0),
    "a redrawn minibatch, flipped": a_redrawn_minibatch(-1.0),
}
