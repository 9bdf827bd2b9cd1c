"""Preconditioners by the side of the rows:
the same map as by the features, in fewer passes than none.
"""

from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
from scipy.sparse import csr_array

from halfspaces import LinearClassifier
from halfspaces.loop.result import Reason
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.optimizers import LBFGS, ByClass, Gram, LowRank
from halfspaces.optimizers.choose import choose
from halfspaces.penalties.l2 import L2
from halfspaces.preconditioners.gram_matrix import sample_rows
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments

C = 3


def rows_of(n, d, *, zeros=0.0, seed=0):
    """Correlated features; column 3 is constant and columns 5, 6 and 7 are equal."""
    rng = np.random.default_rng(seed)
    X = (
        rng.standard_normal((n, d)) @ (rng.standard_normal((d, d)) * np.arange(1, d + 1) ** -1.0)
        + 1
    )
    X[rng.uniform(size=(n, d)) < zeros] = 0
    X[:, 3], X[:, 6], X[:, 7] = 2.0, X[:, 5], X[:, 5]
    return X


def objective_on(
    X, strength=0.01, *, weight=None, standardize=True, fit_intercept=True, n_jobs=None
):
    y = np.random.default_rng(1).integers(C, size=X.shape[0])
    blocks = Blocks(X, y, weight, n_jobs=n_jobs)
    units = Moments.of(blocks).standardization(with_mean=fit_intercept) if standardize else None
    return Objective(Softmax(), L2(strength), blocks, C, units, fit_intercept)


def hessian(objective, rows, curvature, ridge):
    """curvature · [z, 1]ᵀ[z, 1] of some standardized rows + ridge on all but the bias."""
    blocks, units = objective.blocks, objective.linear.standardization
    X = blocks.X if isinstance(blocks.X, np.ndarray) else blocks.X.toarray()
    weight = blocks.weights().reshape(len(X), -1).mean(axis=1)[rows]
    Z = ((X - units.mean) / units.scale)[rows]
    ridges = np.full(Z.shape[1], ridge)
    if objective.fit_intercept:
        Z, ridges = np.column_stack([Z, np.ones(len(Z))]), np.append(ridges, 0.0)
    return curvature * Z.T @ (weight[:, None] * Z) / weight.sum() + np.diag(ridges)


def gradient_for(objective, members=1):
    gradient = np.random.default_rng(2).standard_normal((objective.n_features + 1, members, C))
    gradient[-1] *= objective.fit_intercept
    return gradient


@pytest.mark.parametrize("strength", [0.01, (0.3, 1e-3)], ids=["one", "stack"])
@pytest.mark.parametrize(
    "options", [{}, {"standardize": False}, {"fit_intercept": False}, {"weight": None}], ids=str
)
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("sketch", [LowRank(rank=30, curvature=0.7), Gram(curvature=0.7)], ids=str)
def test_all_rows_give_the_exact_inverse(sketch, form, options, strength):
    members = np.size(strength)
    if "weight" in options:
        weights = np.random.default_rng(3).uniform(size=(30, members))
        weights[::4] = 0
        options = (
            {"weight": weights, "standardize": False} if members > 1 else {"weight": weights[:, 0]}
        )
    objective = objective_on(form(rows_of(30, 70, zeros=0.3)), strength, **options)
    gradient = gradient_for(objective, members)
    step = sketch.build(objective, members)(gradient)
    for m, ridge in enumerate(np.broadcast_to(strength, members)):
        matrix = hessian(objective, np.arange(30), 0.7, 2 * ridge)
        np.testing.assert_allclose(
            step[: len(matrix), m], np.linalg.solve(matrix, gradient[: len(matrix), m]), 1e-7
        )


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "sparse"])
def test_fewer_rows_are_damped_where_they_tell_little(form):
    objective, n = objective_on(form(rows_of(300, 40))), 24
    rows = sample_rows(objective, n)
    eigenvalues = np.linalg.eigvalsh(
        np.cov(Z := standardized(objective)[rows], rowvar=False, bias=True)
    )
    assert Z.shape == (n, 40)
    gradient = gradient_for(objective)
    step = LowRank(rank=n, curvature=0.7).build(objective, 1)(gradient)
    taus = np.geomspace(1e-6, 1e3, 20_001)
    tau = taus[
        np.searchsorted([-np.sum(eigenvalues / (eigenvalues + tau)) for tau in taus], -n / 4)
    ]
    expected = np.linalg.solve(hessian(objective, rows, 0.7, 0.02 + 0.7 * tau), gradient[:, 0])
    np.testing.assert_allclose(step[:, 0], expected, rtol=0.01, atol=0.01 * np.abs(expected).max())


def standardized(objective):
    X, units = objective.blocks.X, objective.linear.standardization
    return ((X if isinstance(X, np.ndarray) else X.toarray()) - units.mean) / units.scale


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "u1"])
@pytest.mark.parametrize("sketch", [LowRank(rank=25), LowRank(rank=60), Gram()], ids=str)
def test_positive_definite_with_constant_and_equal_columns_and_next_to_no_ridge(sketch, dtype):
    X = rows_of(60, 130) * 10 + 100
    objective = objective_on(X.astype(dtype), 1e-10)
    matrix = sketch.build(objective, 131)(np.eye(131)[:, :, None] * np.ones(C))[:, :, 0]
    assert np.all(np.isfinite(matrix))
    scale = 1 / np.sqrt(np.diag(matrix))
    matrix = matrix * np.outer(scale, scale)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-2)
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2).min() > 0


def test_a_stack_is_its_members():
    strengths = (1.0, 1e-2, 1e-5)
    objective = objective_on(rows_of(300, 100), strengths)
    gradient = gradient_for(objective, 3)
    together = LowRank(rank=50).build(objective, 3)(gradient)
    for m, strength in enumerate(strengths):
        alone = LowRank(rank=50).build(replace(objective, penalty=L2(strength)), 1)(
            gradient[:, [m]]
        )
        np.testing.assert_allclose(together[:, [m]], alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "sparse"])
def test_the_same_bits_for_any_number_of_workers(form):
    X = form(rows_of(900, 600, zeros=0.3).astype(np.float32))
    steps = []
    for n_jobs in (1, 2, 5):
        objective = objective_on(X, n_jobs=n_jobs)
        steps.append(LowRank(rank=400).build(objective, 1)(gradient_for(objective)))
    np.testing.assert_array_equal(steps[0], steps[1])
    np.testing.assert_array_equal(steps[0], steps[2])


def test_a_subset_takes_its_own_rows_and_offsets_cost_no_digits():
    X, index = rows_of(200, 90), np.arange(1, 200, 2)
    objective = objective_on(X)
    alone = replace(objective, blocks=Blocks(X[index], objective.blocks.labels()[index]))
    part = replace(objective, blocks=objective.blocks.subset(index))
    gradient = gradient_for(objective)
    expected = LowRank(rank=40).build(alone, 1)(gradient)
    np.testing.assert_array_equal(LowRank(rank=40).build(part, 1)(gradient), expected)
    far = (X + 1e4).astype(np.float32)
    units = Moments.of(Blocks(far.astype(np.float64), objective.blocks.y)).standardization()
    blocks = units.without_offsets(Blocks(far, objective.blocks.y).subset(index))
    assert blocks.center is not None
    shifted = LowRank(rank=40).build(replace(objective, blocks=blocks, standardization=units), 1)(
        gradient
    )
    weights = np.linalg.norm(expected[:-1])
    assert (
        np.linalg.norm((shifted - expected)[:-1]) < 0.02 * weights
    )  # far itself is rounded to 1e-3


# --- what it is for -------------------------------------------------------------------------------


def wide(n=600, d=16_000):
    """Features whose covariance has eigenvalues like k^-1.6,
    and labels that depend on the leading ones.
    """
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((n, d), dtype=np.float32) * (np.arange(1, d + 1) ** -0.8).astype(
        np.float32
    )
    scores = hidden[:, :100] @ rng.standard_normal((100, C)) + 2 * rng.gumbel(size=(n, C))
    return scipy.fft.dct(
        hidden * rng.choice([-1, 1], d).astype(np.float32), norm="ortho"
    ), np.argmax(scores, axis=1)


@pytest.mark.long
def test_sixteen_thousand_features_take_a_fraction_of_the_passes():
    X, y = wide()
    classifier = LinearClassifier(strength=1e-3, tol=1e-3)
    objective = classifier.objective(X, y)
    result = minimize(objective, LBFGS(preconditioner=LowRank()), tol=1e-3)
    assert result.reason is Reason.CERTIFIED
    plain = minimize(objective, LBFGS(), tol=1e-3, max_passes=3 * result.passes)
    assert plain.reason is Reason.MAX_PASSES


def test_choice():
    assert choose(Softmax(), L2(0.1), 4096).optimizer == LBFGS(preconditioner=ByClass())
    assert choose(Softmax(), L2(0.1), 4096, small=True).optimizer == LBFGS(preconditioner=Gram())
    many = choose(Softmax(), L2(0.1), 4097)
    assert many.optimizer == LBFGS(preconditioner=LowRank())
    assert (
        many.why
        == "L-BFGS preconditioned by a Gram matrix of low rank: loss and penalty have gradients"
    )
    assert choose(Softmax(), L2(0.1), 4097, uncorrelated=True).optimizer == LBFGS()
    X = csr_array(np.tile(np.eye(40), 125))  # 5,000 columns, none of them empty
    y = np.arange(40) % C
    chosen = [
        LinearClassifier(standardize=each, tol=0.5).fit(X, y).optimizer_ for each in (True, False)
    ]
    assert chosen == [LBFGS(), LBFGS(preconditioner=LowRank())]


@pytest.mark.parametrize("options", [{"rank": 0}, {"rank": 2.5}, {"curvature": 0.0}], ids=str)
def test_numbers_out_of_range(options):
    with pytest.raises(
        (ValueError, TypeError), match=r"LowRank\((rank|curvature)=\.\.\.\) must be"
    ):
        LowRank(**options)
