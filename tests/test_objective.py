"""The objective: metamorphic laws of data, weights and types,
and the certificate that rests on it.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

from halfspaces.estimators.linear import unfolded
from halfspaces.gradcheck import WEIGHTS_AND_BIAS, Problem, check_gradient, data_loss
from halfspaces.losses import LOSSES
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.objective.request import Request, Smoothing
from halfspaces.optimizers import LBFGS, Gram, ProximalGradient
from halfspaces.optimizers.choose import choose
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.rows.moments import Moments
from halfspaces.testing.tolerance import rounding

N, D, C = 60, 5, 3
PENALTIES = [L2(0.05), L1(0.02), ElasticNet(0.02), MaxNorm(0.5)]
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def data(n=N, d=D, c=C, seed=0):
    """Classes that overlap, features of different scale and offset; weights, some of them 0."""
    rng = np.random.default_rng(seed)
    y = rng.integers(c, size=n)
    X = rng.uniform(0.5, 3, d) * (rng.standard_normal((n, d)) + np.eye(c, d)[y]) + rng.normal(
        size=d
    )
    return X, y, np.where(rng.uniform(size=n) < 0.1, 0.0, rng.uniform(0.5, 2.0, size=n))


def make(
    X,
    y,
    weight=None,
    loss=None,
    penalty=None,
    *,
    standardize=True,
    fit_intercept=True,
    n_jobs=1,
    sizes=None,
):
    """An objective, standardized and centred as the estimators do."""
    blocks = Blocks(X, y, weight, n_jobs=n_jobs, sizes=sizes or BlockSizes())
    # A standardization of several members' weights is not defined; theirs is that of the unweighted
    # rows.
    moments = Moments.of(blocks if np.ndim(weight) < 2 else Blocks(X, y, n_jobs=n_jobs))
    standardization = moments.standardization(with_mean=fit_intercept) if standardize else None
    blocks = blocks if standardization is None else standardization.without_offsets(blocks)
    return Objective(
        loss or Softmax(), penalty or L2(0.1), blocks, C, standardization, fit_intercept
    )


def parameters(members=1, d=D, scale=0.5, seed=1):
    return scale * np.random.default_rng(seed).standard_normal((d + 1, members, C))


def same_evaluation(found, expected, rtol=1e-12):
    for name in ("data", "exact_data", "penalty", "total", "gap"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=rtol, err_msg=name
        )
    scale = np.abs(expected.gradient).max()
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=rtol, atol=rtol * scale)


def evaluate(objective, W, smoothing=0.0, rows=None):
    return objective.evaluate(Request(W, rows=rows, smoothing=Smoothing(smoothing)))


# ------------------------------------------------------------------------------- the formula itself


@each_loss
def test_it_is_the_formula_on_standardized_features(loss):
    X, y, weight = data()
    W, objective = parameters(), make(X, y, weight, loss, L2(0.3))
    mean = np.average(X, axis=0, weights=weight)
    Z = (X - mean) / np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    value, gradient = data_loss(loss, Problem(Z, y, weight, W), W)
    gradient[:-1] += 2 * 0.3 * W[:-1]
    found = evaluate(objective, W)
    assert found.total == pytest.approx(value + 0.3 * np.sum(W[:-1] ** 2), rel=1e-12)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-10, atol=1e-12)
    loss_at_W, accuracy = objective.assess(W)
    assert loss_at_W == pytest.approx(found.data)
    predicted = np.argmax(Z @ W[:-1, 0] + W[-1, 0], axis=1)
    assert accuracy == pytest.approx(np.average(predicted == y, weights=weight))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", [L2((0.1, 1.0)), NoPenalty()], ids=str)
@each_loss
def test_the_gradient_is_the_slope(loss, penalty, fit_intercept):
    X, y, weight = data()
    members = np.stack([weight, np.roll(weight, 1)], axis=1)
    objective = make(X, y, members, loss, penalty, fit_intercept=fit_intercept)
    report = check_gradient(
        lambda W: objective.evaluate(Request(W, gradient=False)).total.sum(),
        lambda W: objective.evaluate(Request(W)).gradient,
        parameters(members=2),
        blocks=WEIGHTS_AND_BIAS,
        samples=8,
    )
    assert report.ok, report.verdict


@each_loss
def test_the_gradient_norm_at_start_needs_no_visit(loss):
    X, y, weight = data()
    members = np.stack([weight, np.ones(N)], axis=1)
    for fit_intercept in (True, False):
        objective = make(X, y, members, loss, NoPenalty(), fit_intercept=fit_intercept)
        gradient = evaluate(objective, objective.zeros(2)).gradient
        expected = np.linalg.norm(gradient.transpose(1, 0, 2).reshape(2, -1), axis=1)
        assert objective.gradient_norm_at_start == pytest.approx(expected, rel=1e-12)


# ---------------------------------------------------------------------------------- blocks and rows


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_blocks_equal_the_whole(smoothing):
    X, y, weight = data(n=203)
    whole = evaluate(make(X, y, weight, Hinge()), parameters(members=2), smoothing)
    sixteen = BlockSizes(bytes=1, least_rows=16)
    cut = make(X, y, weight, Hinge(), n_jobs=2, sizes=sixteen)
    assert sum(1 for _ in cut.blocks.map(lambda block: None)) == 14
    same_evaluation(evaluate(cut, parameters(members=2), smoothing), whole)


def test_batches_add_up_to_the_whole():
    X, y, weight = data()
    objective, W = make(X, y, weight), parameters()
    slices = [slice(0, 20), slice(20, None, 2), slice(21, None, 2)]
    indices = [np.arange(N)[rows] for rows in slices]
    for batches in (slices, indices):
        parts = [evaluate(objective, W, rows=rows) for rows in batches]
        assert sum(part.visited for part in parts) == pytest.approx(1)
        shares = [part.visited * part.data for part in parts]
        assert sum(shares) == pytest.approx(evaluate(objective, W).data, rel=1e-12)
        gradient = sum(part.visited * part.data_gradient for part in parts)
        np.testing.assert_allclose(gradient, evaluate(objective, W).data_gradient, atol=1e-14)
        assert all(np.isinf(part.gap).all() for part in parts), "a part of the rows proves nothing"


def wide(n_jobs):
    """Six blocks, three chunks and two panels of the Gram matrix."""
    X, y, weight = data(n=4500, d=600)
    sizes = BlockSizes(bytes=2 << 20)
    return make(X.astype(np.float32), y, weight, Softmax(), L2(0.01), n_jobs=n_jobs, sizes=sizes)


def test_results_are_the_same_bits_for_any_number_of_workers():
    def everything(n_jobs):
        objective, W = wide(n_jobs), parameters(d=600, scale=0.05)
        moments = Moments.of(objective.blocks)
        at_W = evaluate(replace(objective, loss=Hinge()), W, smoothing=0.1)
        direction = Gram().build(objective, 1)(at_W.gradient)
        fit = minimize(objective, LBFGS(preconditioner=Gram()), tol=1e-3)
        numbers = [
            moments.mean,
            moments.squares,
            at_W.data,
            at_W.gradient,
            at_W.gap,
            direction,
            fit.W,
            fit.gap,
        ]
        return [*numbers, *objective.assess(W), fit.history["loss"]]

    blocks = wide(1).blocks
    assert len(blocks._chunks(None, blocks.block_rows)) == 6
    one, two, four = (everything(n_jobs) for n_jobs in (1, 2, 4))
    for i, (a, b, c) in enumerate(zip(one, two, four, strict=True)):
        assert np.array_equal(a, b), f"number {i} differs for 2 workers"
        assert np.array_equal(a, c), f"number {i} differs for 4 workers"


# ------------------------------------------------------------------------------ weights and subsets


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row(smoothing):
    X, y, _ = data()
    counts = np.random.default_rng(2).integers(3, size=N)
    weighted = make(X, y, counts.astype(float), Hinge())
    copied = make(np.repeat(X, counts, axis=0), np.repeat(y, counts), None, Hinge())
    same_evaluation(
        evaluate(weighted, parameters(), smoothing),
        evaluate(copied, parameters(), smoothing),
        rtol=1e-10,
    )


def test_a_column_that_is_constant_among_the_rows_that_count_gets_scale_one():
    X, y, _ = data()
    weight = np.ones(N)
    weight[:7] = 0  # the rows from which deviations are first taken
    for constant in (0.0, 0.1, 3.7, 255.0):
        X[7:, 0] = constant
        standardization = Moments.of(Blocks(X, y, weight)).standardization()
        assert standardization.scale[0] == 1, f"constant {constant}"
        assert standardization.mean[0] == pytest.approx(constant, rel=1e-14)


@pytest.mark.parametrize("loss", [Softmax(), Hinge()], ids=str)
def test_weights_for_each_member_are_as_many_objectives(loss):
    X, y, weight = data()
    members = np.stack([weight, np.roll(weight, 5), np.ones(N)], axis=1)
    W, strengths = parameters(members=3), (0.1, 0.01, 1.0)
    stack = make(X, y, members, loss, L2(strengths))
    together = evaluate(stack, W, smoothing=0.1)
    for m, strength in enumerate(strengths):
        blocks = replace(stack.blocks, weight=members[:, m])
        one = evaluate(
            replace(stack, blocks=blocks, penalty=L2(strength)), W[:, m : m + 1], smoothing=0.1
        )
        np.testing.assert_allclose(
            together.gradient[:, m], one.gradient[:, 0], rtol=1e-10, atol=1e-14
        )
        for name in ("total", "exact_total", "lower", "stage_lower"):
            assert getattr(together, name)[m] == pytest.approx(getattr(one, name)[0], rel=1e-10), (
                name
            )


def test_a_subset_is_a_copy_of_the_rows():
    X, y, weight = data()
    index = np.random.default_rng(3).permutation(N)[:31]
    inner = index[[4, 30, 7, 7, 2]]  # of a subset; a row may come twice
    blocks = Blocks(X, y, weight, n_jobs=1)
    for subset, rows in (
        (blocks.subset(index), index),
        (blocks.subset(index).subset([4, 30, 7, 7, 2]), inner),
    ):
        copied = make(X[rows], y[rows], weight[rows], Hinge())
        found = replace(copied, blocks=subset)
        same_evaluation(evaluate(found, parameters()), evaluate(copied, parameters()))
        assert np.array_equal(Moments.of(subset).squares, Moments.of(copied.blocks).squares)
        batch = np.array([0, 3, 3])
        same_evaluation(
            evaluate(found, parameters(), rows=batch), evaluate(copied, parameters(), rows=batch)
        )


# ------------------------------------------------------------------------ types and standardization


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_narrow_types_give_what_float64_gives(dtype):
    rng, (_, y, weight) = np.random.default_rng(4), data(n=300)
    X = rng.integers(256, size=(300, D)).astype(dtype)
    narrow, exact = make(X, y, weight), make(X.astype(np.float64), y, weight)
    found, expected = evaluate(narrow, parameters()), evaluate(exact, parameters())
    close = rounding(D + 300, np.float32)  # the gradient adds a term a row, to scores of D terms
    assert found.data == pytest.approx(expected.data, rel=close)
    error = np.linalg.norm(found.gradient - expected.gradient) / np.linalg.norm(expected.gradient)
    assert error < close
    assert found.lower == pytest.approx(expected.lower, abs=close)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_offsets_cost_no_digits_in_float32(offset):
    rng, (_, y, weight) = np.random.default_rng(5), data(n=500)
    X = (rng.standard_normal((500, D)) + np.eye(C, D)[y] + offset).astype(np.float32)
    W, narrow = parameters(), make(X, y, weight)
    wide = X.astype(np.float64)
    mean = np.average(wide, axis=0, weights=weight)
    Z = (wide - mean) / np.sqrt(np.average((wide - mean) ** 2, axis=0, weights=weight))
    expected = evaluate(make(Z, y, weight, standardize=False), W)
    found = evaluate(narrow, W)
    close = rounding(D + 500, np.float32)
    assert found.total == pytest.approx(expected.total, rel=close)
    error = np.linalg.norm(found.gradient - expected.gradient) / np.linalg.norm(expected.gradient)
    assert error < close
    held_out = narrow.on(Blocks(X[:50], y[:50]))
    assert held_out.assess(W)[0] == pytest.approx(
        make(Z[:50], y[:50], standardize=False).assess(W)[0], rel=close
    )


def test_unfold_is_the_inverse_and_pullback_the_transpose_of_fold():
    X, y, _ = data()
    rng = np.random.default_rng(6)
    for center in (None, X.mean(axis=0) + 0.1):
        objective = make(X, y)
        linear = replace(objective, blocks=replace(objective.blocks, center=center)).linear
        W = parameters(members=2)
        V, c = linear.fold(W, np.dtype(np.float64))
        np.testing.assert_allclose(unfolded(linear, V, c).reshape(W.shape), W, atol=1e-12)
        dV, dc = rng.standard_normal(V.shape), rng.standard_normal(c.shape)
        there = np.sum(V * dV) + np.sum(c * dc)
        assert np.sum(W * linear.pullback((dV, dc), 1.0, W.shape)) == pytest.approx(
            there, rel=1e-12
        )


@pytest.mark.parametrize("penalty", [L2(0.01), L1(0.01)], ids=str)
def test_constant_and_duplicated_columns_survive(penalty):
    X, y, weight = data()
    columns = np.column_stack([X, np.full(N, 0.1), np.zeros(N), X[:, 0]])
    objective = make(columns, y, weight, penalty=penalty)
    result = minimize(
        objective, choose(objective.loss, penalty, columns.shape[1]).optimizer, tol=1e-8
    )
    assert result.reason.name == "CERTIFIED"
    assert np.abs(result.W[[D, D + 1]]).max() < 1e-12, "a constant column has no weight"
    if isinstance(penalty, L2):
        np.testing.assert_allclose(result.W[0], result.W[D + 2], atol=1e-4)


# ---------------------------------------------------------------------------------- the certificate


def descent(objective, smoothing=0.0, steps=25):
    """Points (D+1, 1, C) on the way down from a random start, by steps through the prox."""
    W, penalty = objective.penalty.prox(parameters(scale=0.3)[:-1], 1e-9), objective.penalty
    W = np.concatenate([W, parameters()[-1:] * objective.fit_intercept])
    step = 0.05
    for _ in range(steps):
        yield W
        gradient = evaluate(objective, W, smoothing).data_gradient
        W = W - step * gradient
        W[:-1] = penalty.prox(W[:-1], step)
    for shift in (
        0.0,
        0.05,
    ):  # a bias that is off by little: where a certificate without its correction lies
        yield (
            W
            + np.eye(D + 1)[-1][:, None, None]
            * shift
            * np.array([1.0, 0.0, -1.0])
            * objective.fit_intercept
        )


@pytest.mark.slow
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@each_loss
def test_no_loss_is_below_the_lower_bound(loss, penalty, fit_intercept):
    X, y, weight = data()
    objective = make(X, y, weight, loss, penalty, fit_intercept=fit_intercept)
    stages = (0.0,) if loss.smooth else (0.0, 0.3, 0.01)
    told = [(evaluate(objective, W, mu), mu) for mu in stages for W in descent(objective, mu)]
    least = min(evaluation.exact_total[0] for evaluation, _ in told)
    assert max(evaluation.lower[0] for evaluation, _ in told) <= least + 1e-12
    for mu in stages:
        own = [evaluation for evaluation, stage in told if stage == mu]
        assert max(e.stage_lower[0] for e in own) <= min(e.total[0] for e in own) + 1e-12, (
            f"stage {mu}"
        )


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@each_loss
def test_the_gap_closes_at_the_optimum(loss, penalty):
    X, y, weight = data()
    objective = make(X, y, weight, loss, penalty)
    tol = 1e-8 if loss.smooth else 1e-2
    result = minimize(objective, choose(loss, penalty, D).optimizer, tol=tol, max_passes=3000)
    assert result.reason.name == "CERTIFIED"
    assert np.all(result.gap <= tol * max(result.loss, 1e-3 * loss.chance_value(C)))


def reference(objective, penalty):
    """min L by another library: W = P − Q with P, Q ≥ 0, so that |W| is smooth;
    the max norm as a constraint.
    """
    size = objective.zeros().size

    def of(P):
        return (P[:size] - P[size:]).reshape(objective.zeros().shape)

    def value(P):
        evaluation = objective.evaluate(Request(of(P)))
        gradient = evaluation.data_gradient.copy()
        absolute = np.zeros_like(gradient)
        if not isinstance(penalty, MaxNorm):
            absolute[:-1] = getattr(penalty, "strength", 0)
        squares = penalty.strength * penalty.beta if isinstance(penalty, ElasticNet) else 0.0
        gradient[:-1] += 2 * squares * of(P)[:-1]
        total = (
            evaluation.data[0]
            + squares * np.sum(of(P)[:-1] ** 2)
            + np.tile(absolute.ravel(), 2) @ P
        )
        return total, np.concatenate([gradient.ravel(), -gradient.ravel()]) + np.tile(
            absolute.ravel(), 2
        )

    constraints = []
    if isinstance(penalty, MaxNorm):
        constraints = [
            {
                "type": "ineq",
                "fun": lambda P: penalty.radius**2 - np.sum(of(P)[:-1, 0] ** 2, axis=0),
            }
        ]
    options = {"maxiter": 1000, "ftol": 1e-13}
    method = "SLSQP" if constraints else "L-BFGS-B"
    start, bounds = np.zeros(2 * size), [(0, None)] * (2 * size)
    found = scipy_minimize(
        value,
        start,
        jac=True,
        bounds=bounds,
        constraints=constraints,
        method=method,
        options=options,
    )
    return found.fun


@pytest.mark.parametrize("penalty", [L1(0.02), ElasticNet(0.02), MaxNorm(0.5)], ids=str)
def test_another_library_finds_the_same_minimum(penalty):
    X, y, weight = data()
    objective = make(X, y, weight, Softmax(), penalty)
    result = minimize(objective, ProximalGradient(), tol=1e-9)
    assert result.loss == pytest.approx(reference(objective, penalty), rel=1e-7)


def test_softmax_with_a_free_bias_predicts_the_class_masses():
    X, y, weight = data()
    objective = make(X, y, weight, Softmax(), L2(0.5))
    W = minimize(objective, LBFGS(), tol=1e-12).W
    Z = (X - objective.linear.standardization.mean) / objective.linear.standardization.scale
    odds = np.exp(Z @ W[:-1, 0] + W[-1, 0])
    predicted = weight @ (odds / odds.sum(axis=1, keepdims=True))
    assert predicted == pytest.approx(np.bincount(y, weight), rel=1e-5)


@pytest.mark.parametrize("loss", [Softmax(), SquaredHinge()], ids=str)
def test_weights_that_fit_a_wrong_bias_are_not_certified(loss):
    X, y, weight = data()
    objective = make(X, y, weight, loss, L2(1.0))
    best = minimize(objective, LBFGS(), tol=1e-12)
    W = best.W.copy()
    W[-1, 0] += [0.05, 0.0, -0.05]
    for _ in range(200):  # the best weights for that bias
        W[:-1] -= 0.1 * evaluate(objective, W).gradient[:-1]
    evaluation = evaluate(objective, W)
    too_much = evaluation.total - best.loss
    from_weights_alone = np.sum(evaluation.gradient[:-1] ** 2) / (4 * 1.0)
    assert from_weights_alone < 1e-3 * too_much, "‖∇L‖²/(4λ) of the weights alone would be no bound"
    assert too_much < evaluation.gap


def test_without_a_strength_nothing_is_certified_but_the_trivial():
    X, y, weight = data()
    stack = make(X, y, weight, penalty=L2((0.0, 0.1)))
    assert stack.certifiable(2).tolist() == [False, True]
    assert evaluate(stack, parameters(members=2)).lower[0] == 0, "a loss is at least 0"


def test_a_value_costs_half_a_pass_and_has_no_gradient():
    X, y, weight = data()
    evaluation = make(X, y, weight).evaluate(
        Request(parameters(), rows=np.arange(15), gradient=False)
    )
    assert evaluation.visited == 0.5 * 15 / N
    with pytest.raises(ValueError, match=r"value was asked for; ask with Request\(gradient=True\)"):
        _ = evaluation.gradient
