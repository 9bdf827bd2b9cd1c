"""An epoch of the compiled dual steps beside plain NumPy, which computes W anew for each row."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from halfspaces.kernels.compile import run_compiled
from halfspaces.kernels.dual_loops import (
    LARGEST,
    ONE_VS_ALL,
    PAIRWISE,
    ascend,
    ascend_sparse,
    row_sizes,
    sparse_row_sizes,
)
from halfspaces.losses.base import project_onto_simplex
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.surrogates import SquaredPlus
from halfspaces.penalties.base import soft_threshold

N, D, C = 12, 4, 3
HELD, PULL, MARGIN = 0.3, 0.2, 0.8
KINDS = {
    "one-vs-all hinge": (ONE_VS_ALL, 1.0, 0.0),
    "one-vs-all squared hinge": (ONE_VS_ALL, np.inf, 0.5),
    "Huberized pairs": (PAIRWISE, 1.0, 0.3),
    "pairs": (PAIRWISE, 1.0, 0.0),
    "largest": (LARGEST, 1.0, 0.0),
    "largest, smoothed": (LARGEST, 1.0, 0.4),
}
SEED = 7
VISITS = 1 << 40  # no limit


def shuffled(n, seed):
    """The order of the first epoch."""
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        j = (seed >> 33) % (i + 1)
        order[[i, j]] = order[[j, i]]
    return order


def one_row(kind, upper, bend, a, y, s, m):
    """The dual point of a row with the label y and the scores s, after its step."""
    a, s = a.copy(), s.copy()
    right = np.arange(C) == y
    if kind == LARGEST:
        return project_onto_simplex((m * (a + right) + s + MARGIN * ~right) / (m + bend)) - right
    if kind == ONE_VS_ALL:
        sign = np.where(right, -1, 1)
        slope = sign * a
        rise = (MARGIN + sign * s - bend * slope) / (m + bend)
        return sign * np.clip(slope + rise, 0, upper)
    for j in np.flatnonzero(~right):
        rise = (MARGIN + s[j] - s[y] - bend * a[j]) / (2 * m + bend)
        change = np.clip(a[j] + rise, 0, upper) - a[j]
        a[j] += change
        a[y] -= change
        s[j] -= m * change
        s[y] += m * change
    return a


def given(kind, upper, t, means):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)) * rng.integers(0, 2, (N, D))
    y = rng.integers(C, size=N)
    omega = rng.dirichlet(np.ones(N))
    omega[3] = 0
    mean = rng.normal(size=D) if means else np.zeros(D)
    inverse = rng.uniform(0.5, 2, D)
    dual = rng.dirichlet(np.ones(C), N) * min(upper, 2)
    right = np.eye(C, dtype=bool)[y]
    if kind == ONE_VS_ALL:
        dual = np.where(right, -dual, dual)
    else:
        dual = np.where(right, 0, dual)
        dual -= right * dual.sum(axis=1, keepdims=True)
    return X, y, omega, mean, inverse, dual, np.array([0.3, -0.2, 0.1]), rng.normal(size=(D, C))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("sparse", "t", "means"),
    [
        (False, 0.0, True),
        (False, 0.2, True),
        (True, 0.0, True),
        (True, 0.0, False),
        (True, 0.2, False),
    ],
)
def test_an_epoch_is_that_of_numpy(name, sparse, t, means):
    kind, upper, bend = KINDS[name]
    X, y, omega, mean, inverse, dual, bias, near = given(kind, upper, t, means)
    Z = (X - mean) * inverse
    sizes, along = np.zeros(N), np.zeros(N)
    rows = np.delete(np.arange(N), 5)  # one row belongs to another fold
    stored = (X, rows)
    if sparse:
        S = csr_array(X)
        stored = (S.data, S.indices, S.indptr, rows)
        run_compiled(sparse_row_sizes, *stored, mean, inverse, sizes, along)
        assert np.allclose(along[rows], (X @ (mean * inverse**2))[rows])
    else:
        run_compiled(row_sizes, *stored, mean, inverse, sizes)
    assert np.allclose(sizes[rows], np.sum(Z[rows] ** 2, axis=1))
    omega[5] = 0
    dual[5] = 0
    steps = omega * (np.sum(Z**2, axis=1) / HELD + PULL)

    expected = dual.copy()
    for i in rows[shuffled(len(rows), SEED)]:
        if omega[i] > 0:
            V = near - Z.T @ (omega[:, None] * expected)
            b = bias - omega @ expected * PULL
            scores = Z[i] @ soft_threshold(V, t) / HELD + b
            expected[i] = one_row(kind, upper, bend, expected[i], y[i], scores, steps[i])

    sums = omega @ dual
    V = near - Z.T @ (omega[:, None] * dual)
    running = inverse[:, None] * (V - np.outer(mean * inverse, sums)) if sparse else V
    running = np.ascontiguousarray(running.T)
    after, reached, done = bias - sums * PULL, np.zeros(C), np.zeros((2, C), np.int64)
    numbers = np.array([HELD, t, PULL, MARGIN, upper, bend, 1e-9])
    counts = np.array([kind, 1, VISITS, SEED, 0, C])
    run_compiled(
        ascend_sparse if sparse else ascend, *stored, y, mean, inverse, omega, steps,
        *([along] if sparse else []), np.ones(C), numbers, counts,
        dual, running, after, reached, sums, done,
    )  # fmt: skip
    assert np.allclose(dual, expected, atol=1e-9)
    assert np.allclose(sums, omega @ expected)
    assert np.allclose(reached, bias - sums * PULL)
    assert np.allclose(after, reached - sums * PULL)
    V = near - Z.T @ (omega[:, None] * expected)
    expected_sum = inverse[:, None] * (V - np.outer(mean * inverse, sums)) if sparse else V
    assert np.allclose(running.T, expected_sum)
    assert done[0].sum() == (len(rows) - 1) * C
    assert not done[1].any()


LOSSES = {
    "one-vs-all hinge": OneVsAll(margin=MARGIN),
    "one-vs-all squared hinge": OneVsAll(SquaredPlus(), margin=MARGIN),
    "Huberized pairs": Hinge(MARGIN, smoothing=0.3),
    "pairs": Hinge(MARGIN),
    "largest": CrammerSinger(MARGIN),
    "largest, smoothed": CrammerSinger(MARGIN, smoothing=0.4),
}


@pytest.mark.parametrize("name", KINDS)
def test_dual_points_stay_in_their_domain_while_some_are_left_out(name):
    kind, upper, bend = KINDS[name]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.integers(C, size=N)
        X = rng.normal(size=(N, D)) + np.eye(C, D)[y]
        mean, inverse, omega = np.zeros(D), np.ones(D), np.full(N, 1 / N)
        steps = omega * (np.sum(X**2, axis=1) / HELD + PULL)
        for epochs in (2, 3, 5):
            dual, running, done = np.zeros((N, C)), np.zeros((C, D)), np.zeros((2, C), np.int64)
            bias, reached, sums = np.zeros(C), np.zeros(C), np.zeros(C)
            numbers = np.array([HELD, 0.0, PULL, MARGIN, upper, bend, 1e-12])
            counts = np.array([kind, epochs, VISITS, seed, 0, C])
            run_compiled(
                ascend, X, np.arange(N), y, mean, inverse, omega, steps, np.ones(C), numbers,
                counts, dual, running, bias, reached, sums, done,
            )  # fmt: skip
            assert np.all(np.isfinite(LOSSES[name].conjugate(dual, y)))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("sparse", [False, True])
def test_epochs_end_at_the_minimum_for_all_rows_those_left_out_too(name, sparse):
    kind, upper, bend = KINDS[name]
    rng = np.random.default_rng(1)
    n = 300
    y = rng.integers(C, size=n)
    X = rng.normal(size=(n, D)) + 1.5 * np.eye(C, D)[y]
    mean, inverse, omega = np.zeros(D), np.ones(D), np.full(n, 1 / n)
    steps = omega * (np.sum(X**2, axis=1) / HELD + PULL)
    rows = np.arange(n)
    S = csr_array(X)
    stored = (S.data, S.indices, S.indptr, rows) if sparse else (X, rows)
    dual, running = np.zeros((n, C)), np.zeros((C, D))
    bias, reached, sums, done = np.zeros(C), np.zeros(C), np.zeros(C), np.zeros((2, C), np.int64)
    accuracy, epochs = 1e-4, 3000
    numbers = np.array([HELD, 0.0, PULL, MARGIN, upper, bend, accuracy])
    run_compiled(
        ascend_sparse if sparse else ascend, *stored, y, mean, inverse, omega, steps,
        *([np.zeros(n)] if sparse else []), np.ones(C), numbers,
        np.array([kind, epochs, VISITS, SEED, 0, C]), dual, running, bias, reached, sums, done,
    )  # fmt: skip
    assert done[1].all()
    assert done[0].sum() < epochs * n * C
    scores = X @ (-X.T @ (omega[:, None] * dual)) / HELD + reached
    loss = LOSSES[name]
    values = loss.value(scores, y)
    excess = omega @ (values + loss.conjugate(dual, y) - np.vecdot(dual, scores))
    assert -1e-12 <= excess <= 3 * accuracy * (omega @ values)
    assert np.max(np.abs(sums)) <= accuracy * (omega @ values + MARGIN)


@pytest.mark.parametrize("name", KINDS)
def test_a_turn_ends_with_the_epoch_that_uses_up_its_visits(name):
    kind, upper, bend = KINDS[name]
    rng = np.random.default_rng(2)
    n, each = 50, 3
    y = rng.integers(C, size=n)
    S = csr_array(rng.normal(size=(n, D)))
    omega = np.full(n, 1 / n)
    steps = omega * S.power(2).sum(axis=1) / HELD
    dual, running, done = np.zeros((n, C)), np.zeros((C, D)), np.zeros((2, C), np.int64)
    bias, reached, sums = np.zeros(C), np.zeros(C), np.zeros(C)
    run_compiled(
        ascend_sparse, S.data, S.indices, S.indptr, np.arange(n), y, np.zeros(D), np.ones(D), omega,
        steps, np.zeros(n), np.ones(C), np.array([HELD, 0.0, 0.0, MARGIN, upper, bend, 1e-14]),
        np.array([kind, 1000, each * n, SEED, 0, C]), dual, running, bias, reached, sums, done,
    )  # fmt: skip
    visits = done[0] if kind == ONE_VS_ALL else done[0].mean(keepdims=True)
    assert np.all(each * n <= visits)
    assert np.all(visits <= (each + 1) * n)
    assert not done[1].any()
