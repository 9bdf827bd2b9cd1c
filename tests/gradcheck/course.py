"""Losses as students write them, right and wrong: functions of W, X, y and reg.

Each wrong one repeats a mistake that is published in forums and solutions of courses, or a silent
bug of a library. `MISTAKES` gives the name of the hint that the doctor should find; empty where the
pattern of the errors does not tell.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Loss = Callable[..., tuple[Any, Any]]


def hinge(dtype, change=lambda slopes, margins, y: slopes, *, reg_factor=2.0, scale=1.0, power=1):
    """The multiclass hinge loss; `change` spoils the slopes of the scores."""

    def svm_loss(W, X, y, reg):
        W, X = W.astype(dtype), X.astype(dtype)
        rows = np.arange(len(y))
        scores = X @ W
        margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
        margins[rows, y] = 0
        slopes = (margins > 0).astype(dtype) if power == 1 else 2 * margins
        slopes[rows, y] = -slopes.sum(axis=1)
        value = (margins**power).sum() / len(y) + reg * (W * W).sum()
        dW = X.T @ change(slopes, margins, y) / len(y) * scale
        return value, dW + reg_factor * reg * W

    return svm_loss


def softmax(dtype, change=lambda p, scores, y: p, *, scale=1.0, penalty=None, smoothing=0.0):
    """The softmax loss; `change` spoils p before 1 is subtracted at the right classes."""

    def softmax_loss(W, X, y, reg):
        W, X = W.astype(dtype), X.astype(dtype)
        n, classes = len(y), W.shape[1]
        scores = X @ W
        scores = scores - scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        target = np.full((n, classes), smoothing / classes, dtype)
        target[np.arange(n), y] += 1 - smoothing
        value = -(target * logs).sum() / n
        slopes = change(np.exp(logs), scores, y)
        if slopes is not None:
            slopes = slopes - np.eye(classes, dtype=dtype)[y]
        else:
            slopes = np.exp(logs) - target
        if penalty is None:
            return value + reg * (W * W).sum(), X.T @ slopes / n * scale + 2 * reg * W
        extra, slope = penalty(W)
        return value + reg * extra, X.T @ slopes / n * scale + reg * slope

    return softmax_loss


def affine(dtype, change=lambda dW, db, slopes, b: (dW, db)):
    """Softmax with a bias of its own."""

    def affine_loss(W, b, X, y):
        W, b, X = W.astype(dtype), b.astype(dtype), X.astype(dtype)
        n = len(y)
        scores = X @ W + b
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        value = -np.log(p[np.arange(n), y]).mean()
        slopes = p.copy()
        slopes[np.arange(n), y] -= 1
        slopes /= n
        return value, *change(X.T @ slopes, slopes.sum(axis=0), slopes, b)

    return affine_loss


def logistic(dtype, change=lambda slopes, h: slopes, *, signs=False):
    """The logistic loss with labels 0 and 1, or −1 and 1."""

    def cost(theta, X, y):
        theta, X, y = theta.astype(dtype), X.astype(dtype), np.asarray(y, dtype)
        scores = X @ theta
        if signs:
            value = np.logaddexp(dtype(0), -y * scores).mean()
            return value, X.T @ change(-y / (1 + np.exp(y * scores)), scores) / len(y)
        h = 1 / (1 + np.exp(-scores))
        value = -(y * np.log(h) + (1 - y) * np.log(1 - h)).mean()
        return value, X.T @ change(h - y, h) / len(y)

    return cost


def network(dtype, *, relu=True, output=1.0, hidden_bias=True, activation="relu"):
    """Two layers; the parameters are a dict that is given."""

    def loss(params, X, y, reg):
        W1, b1, W2, b2 = (params[k].astype(dtype) for k in ("W1", "b1", "W2", "b2"))
        X = X.astype(dtype)
        n = len(y)
        a = X @ W1 + b1
        h = np.maximum(0, a) if activation == "relu" else np.tanh(a)
        scores = h @ W2 + b2
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        value = -np.log(p[np.arange(n), y]).mean() + reg * ((W1**2).sum() + (W2**2).sum())
        d = p.copy()
        d[np.arange(n), y] -= 1
        d /= n
        dh = output * d @ W2.T
        slope = 1 - h**2 if activation == "tanh" else 1 - h
        if activation == "relu":
            slope = (a > 0) if relu else 1
        da = dh * slope
        db1 = da.sum(axis=0) if hidden_bias else np.zeros_like(b1)
        return value, {
            "W1": X.T @ da + 2 * reg * W1,
            "b1": db1,
            "W2": h.T @ d + 2 * reg * W2,
            "b2": d.sum(axis=0),
        }

    return loss


def parameters(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "W1": rng.standard_normal((6, 8)) / 2,
        "b1": rng.standard_normal(8) / 10,
        "W2": rng.standard_normal((8, 3)) / 2,
        "b2": rng.standard_normal(3) / 10,
    }


def few_rows(seed=0):
    rng = np.random.default_rng(seed)
    return {"X": rng.standard_normal((12, 6)), "y": np.arange(12) % 3, "reg": 0.1}


class KeepsLabels:
    """The first labels are used by every later gradient (scikit-learn's array-API loss did so)."""

    def __init__(self, dtype):
        self.loss = softmax(dtype)
        self.y = None

    def __call__(self, W, X, y, reg):
        self.y = y.copy() if self.y is None or len(self.y) != len(y) else self.y
        return self.loss(W, X, y, reg)[0], self.loss(W, X, self.y, reg)[1]


class KeepsW:
    """The gradient is computed once."""

    def __init__(self, dtype):
        self.loss = softmax(dtype)
        self.slopes = None

    def __call__(self, W, X, y, reg):
        value, slopes = self.loss(W, X, y, reg)
        self.slopes = slopes if self.slopes is None else self.slopes
        return value, self.slopes


class Accumulates:
    """dW is made once and never set to 0."""

    def __init__(self, dtype):
        self.loss = softmax(dtype)
        self.buffer = np.zeros((1, 1))

    def __call__(self, W, X, y, reg):
        value, slopes = self.loss(W, X, y, reg)
        self.buffer = self.buffer + slopes
        return value, self.buffer


def _spoiled(make, change):
    def maker(dtype):
        loss = make(dtype)

        def spoiled_loss(W, X, y, reg):
            value, slopes = loss(W, X, y, reg)
            return value, change(slopes)

        return spoiled_loss

    return maker


def _set(where, value):
    """Slopes of the scores with a value at some entries."""

    def change(slopes, _, y):
        slopes = slopes.copy()
        right = np.eye(slopes.shape[1], dtype=bool)[y]
        mask = {"right": right, "others": ~right, "last": np.arange(len(y))[:, None] == len(y) - 1}
        mask["all but last"] = ~mask["last"]
        chosen = np.broadcast_to(mask[where], slopes.shape)
        return np.where(chosen, value(slopes), slopes).astype(slopes.dtype)

    return change


def _counted_at_y(slopes, _, y):
    return slopes - np.eye(slopes.shape[1], dtype=slopes.dtype)[y]


def _once(slopes, _, y):
    right = np.eye(slopes.shape[1], dtype=bool)[y]
    return np.where(right, -(slopes < 0).any(axis=1, keepdims=True).astype(slopes.dtype), slopes)


def _threshold(slopes, margins, y):
    """The mask is that of scores above −1, as if Δ were 2."""
    wrong = np.where(margins == 0, 1, 0).astype(slopes.dtype)
    wrong[np.arange(len(y)), y] = 0
    return slopes + wrong


def _over_rows(p, scores, y):
    del p, y
    e = np.exp(scores)
    return e / e.sum(axis=0)


def _unnormalized(p, scores, y):
    del p, y
    return np.exp(scores)


def _without_one(p, _, y):
    return p + np.eye(p.shape[1], dtype=p.dtype)[y]


def _squares(factor):
    return lambda W: ((W**2).sum(), factor * W)


def _absolute(W):
    return np.abs(W).sum(), 0 * W


def _elastic(factor):
    return lambda W: ((W**2).sum() + np.abs(W).sum(), factor * W + np.sign(W))


def mutates_X(dtype):
    loss = softmax(dtype)

    def centred_loss(W, X, y, reg):
        X -= X.mean(axis=0)
        return loss(W, X, y, reg)

    return centred_loss


def updates_W(dtype):
    loss = softmax(dtype)

    def trained_loss(W, X, y, reg):
        value, slopes = loss(W, X, y, reg)
        W -= 0.1 * slopes
        return value, slopes

    return trained_loss


def _not_summed(dW, db, slopes, b):
    del db, b
    return dW, slopes


# A name: a function of the type, and the hint.
MISTAKES: dict[str, tuple[Callable[[Any], Loss], str]] = {
    "hinge, j = y counted": (lambda t: hinge(t, _counted_at_y), "margin at y"),
    "hinge, x subtracted once": (lambda t: hinge(t, _once), "right class"),
    "hinge, right class added": (lambda t: hinge(t, _set("right", np.negative)), "right class"),
    "hinge, right class forgotten": (
        lambda t: hinge(t, _set("right", np.zeros_like)),
        "right class",
    ),
    "hinge, only the right class": (
        lambda t: hinge(t, _set("others", np.zeros_like)),
        "other classes",
    ),
    "hinge, another threshold": (lambda t: hinge(t, _threshold), "mask"),
    "hinge, last example left out": (lambda t: hinge(t, _set("last", np.zeros_like)), "examples"),
    "hinge, = for +=": (lambda t: hinge(t, _set("all but last", np.zeros_like)), "examples"),
    "hinge, not divided by N": (lambda t: hinge(t, scale=20), "factor N"),
    "hinge, divided by N twice": (lambda t: hinge(t, scale=1 / 20), "factor N"),
    "hinge, penalty without 2": (lambda t: hinge(t, reg_factor=1.0), "penalty"),
    "hinge, penalty forgotten": (lambda t: hinge(t, reg_factor=0.0), "penalty"),
    "hinge, penalty subtracted": (lambda t: hinge(t, reg_factor=-2.0), "penalty"),
    "squared hinge without 2": (lambda t: hinge(t, power=2, scale=0.5), "factor 2"),
    "hinge, dW.T": (_spoiled(hinge, lambda dW: dW.T), "transposed"),
    "hinge, dW flattened": (_spoiled(hinge, np.ravel), "shape"),
    "hinge, dW reshaped from its transpose": (
        _spoiled(hinge, lambda dW: dW.T.reshape(dW.shape)),
        "transposed",
    ),
    "softmax, whole numbers": (_spoiled(softmax, lambda dW: (20 * dW).astype(int)), ""),
    "softmax, array of integers": (
        _spoiled(softmax, np.trunc),
        "left out",
    ),
    "softmax, −1 forgotten": (lambda t: softmax(t, _without_one), "right class"),
    "softmax, sum over examples": (lambda t: softmax(t, _over_rows), "axis"),
    "softmax, not divided by the sum": (lambda t: softmax(t, _unnormalized), "softmax"),
    "softmax, smoothing forgotten": (lambda t: softmax(t, smoothing=0.1), ""),
    "softmax, minus forgotten": (_spoiled(softmax, np.negative), "sign"),
    "softmax, L1 forgotten": (lambda t: softmax(t, lambda *_: None, penalty=_absolute), "penalty"),
    "softmax, elastic net without 2": (
        lambda t: softmax(t, lambda *_: None, penalty=_elastic(1)),
        "penalty",
    ),
    "softmax, gradient normalized": (
        _spoiled(softmax, lambda dW: dW / np.linalg.norm(dW)),
        "normalized",
    ),
    "softmax, gradient clipped": (
        _spoiled(softmax, lambda dW: np.clip(dW, -0.02, 0.02)),
        "clipped",
    ),
    "softmax, classes shifted": (
        _spoiled(softmax, lambda dW: np.roll(dW, 1, axis=1)),
        "labels",
    ),
    "softmax, features reversed": (_spoiled(softmax, lambda dW: dW[::-1]), "order"),
    "labels are kept": (KeepsLabels, "labels"),
    "gradient of the first W": (KeepsW, "another W"),
    "buffer not set to 0": (Accumulates, "accumulates"),
    "X is centred in place": (mutates_X, "mutates data"),
    "W is updated in place": (updates_W, "mutates W"),
    "bias forgotten": (
        lambda t: affine(t, lambda dW, db, *_: (dW, 0 * db)),
        "left out",
    ),
    "bias, mean for sum": (lambda t: affine(t, lambda dW, db, *_: (dW, db / 20)), "factor N"),
    "bias not summed": (lambda t: affine(t, _not_summed), "shape"),
    "bias penalized": (
        lambda t: affine(t, lambda dW, db, _, b: (dW, db + b)),
        "penalized bias",
    ),
    "logistic, not divided by N": (
        lambda t: logistic(t, lambda slopes, _: 20 * slopes),
        "factor N",
    ),
    "logistic, y − h": (lambda t: logistic(t, lambda slopes, _: -slopes), "sign"),
    "logistic, times h(1 − h)": (lambda t: logistic(t, lambda slopes, h: slopes * h * (1 - h)), ""),
}

GIVEN: dict[str, tuple[Callable[[Any], Loss], str]] = {
    "network, no ReLU in the backward pass": (lambda t: network(t, relu=False), ""),
    "network, hidden bias forgotten": (lambda t: network(t, hidden_bias=False), "left out"),
    "network, hidden layer doubled": (lambda t: network(t, output=2.0), "factor 2"),
    "network, tanh with 1 − h": (lambda t: network(t, activation="not tanh"), ""),
}

CORRECT: dict[str, Callable[[Any], Loss]] = {
    "hinge": hinge,
    "squared hinge": lambda t: hinge(t, power=2),
    "softmax": softmax,
    "softmax with smoothing": lambda t: softmax(t, lambda *_: None, smoothing=0.1),
    "softmax with L1": lambda t: softmax(
        t, lambda *_: None, penalty=lambda W: (np.abs(W).sum(), np.sign(W))
    ),
    "softmax with an elastic net": lambda t: softmax(t, lambda *_: None, penalty=_elastic(2)),
    "softmax with ½λΣW²": lambda t: softmax(
        t, lambda *_: None, penalty=lambda W: ((W**2).sum() / 2, W)
    ),
    "softmax times 1e4": lambda t: _times(softmax(t), 1e4),
    "softmax times 1e-4": lambda t: _times(softmax(t), 1e-4),
    "affine": affine,
    "logistic": logistic,
    "logistic with signs": lambda t: logistic(t, signs=True),
}


def _times(loss, factor):
    def scaled_loss(W, X, y, reg):
        value, slopes = loss(W, X, y, reg)
        return value * factor, slopes * factor

    return scaled_loss
