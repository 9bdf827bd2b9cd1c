"""Sparse rows: the same model as their dense copy, in memory too small for a dense copy."""

import re
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV, datasets
from halfspaces.gradcheck.sanity import check_sanity
from halfspaces.losses import LOSSES
from halfspaces.objective import Objective
from halfspaces.objective.request import Request, Smoothing
from halfspaces.optimizers import SGD, ByClass
from halfspaces.optimizers.choose import choose
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.preconditioners.gram_matrix import (
    PANEL,
    centred_gram,
    largest_eigenvalue,
    sample_rows,
)
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments

DNA = Path(__file__).parents[2] / "shared" / "data" / "libsvm" / "dna.scale"
N, D, C = 300, 12, 3


def data(n=N, d=D, seed=0):
    """Counts whose classes overlap, an empty and a full column, empty rows; some weights are 0."""
    rng = np.random.default_rng(seed)
    y = rng.integers(C, size=n)
    dense = rng.poisson(0.3 + 0.7 * rng.uniform(size=(C, d))[y] ** 4) * rng.uniform(0.5, 3, d)
    dense[::50], dense[:, 3], dense[:, 5] = 0, 0, 2 + rng.uniform(size=n)
    return dense, y, np.where(rng.uniform(size=n) < 0.1, 0.0, rng.uniform(0.5, 2, n))


DENSE, Y, WEIGHT = data()
X = csr_array(DENSE)


def fit(classifier, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(*arguments, **options)


def same(found, expected, rtol=1e-9):
    np.testing.assert_allclose(
        found, expected, rtol=rtol, atol=rtol * np.max(np.abs(expected), initial=1e-300)
    )


# --- the same formula -----------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(
    "penalty", [L2(0.05), L1(0.02), ElasticNet(0.02), MaxNorm(0.5), NoPenalty()], ids=str
)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_value_gradient_and_bound_are_those_of_the_dense_rows(loss, penalty, standardize):
    classifier = LinearClassifier(loss, penalty, standardize=standardize)
    W = 0.3 * np.random.default_rng(1).standard_normal((D + 1, 1, C))
    rows = [None, np.arange(0, N, 7), slice(1, None, 2)]
    smoothings = [0.0] if loss.smooth else [0.0, 0.1]
    for request in (
        Request(W, rows=some, smoothing=Smoothing(mu)) for some in rows for mu in smoothings
    ):
        found, expected = (
            classifier.objective(each, Y, WEIGHT).evaluate(request) for each in (X, DENSE)
        )
        for name in ("data", "exact_data", "data_gradient", "penalty", "lower", "stage_lower"):
            same(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize(
    "optimizer", ["lbfgs", "gradient_descent", "sgd", "proximal", "random_search"]
)
@pytest.mark.parametrize("options", [{}, {"standardize": False}, {"fit_intercept": False}], ids=str)
def test_every_optimizer_takes_the_same_steps(optimizer, options):
    fitted = [
        fit(LinearClassifier(optimizer=optimizer, max_passes=20, **options), each, Y)
        for each in (X, DENSE)
    ]
    same(fitted[0].coef_, fitted[1].coef_)
    same(fitted[0].decision_function(DENSE), fitted[1].decision_function(X))
    same(fitted[0].result_.gap, fitted[1].result_.gap, 1e-6)


USES = {
    "sample weights": lambda X: LinearClassifier().fit(X, Y, sample_weight=WEIGHT).coef_,
    "class weights": lambda X: LinearClassifier(class_weight="balanced").fit(X, Y).coef_,
    "two classes": lambda X: LinearClassifier().fit(X, Y > 0).predict_proba(X),
    "part held out": lambda X: (
        LinearClassifier().fit(X, Y, validation=0.2).result_.history["validation_loss"]
    ),
    "rows held out": lambda X: (
        LinearClassifier().fit(X, Y, validation=(X[:90], Y[:90])).result_.history["loss"]
    ),
    "warm start": lambda X: (
        LinearClassifier(warm_start=True, tol=1e-6)
        .fit(X, Y)
        .set_params(strength=0.1)
        .fit(X, Y)
        .coef_
    ),
    "partial_fit": lambda X: (
        LinearClassifier().partial_fit(X[:150], Y[:150], [0, 1, 2]).partial_fit(X, Y).coef_
    ),
    "strengths": lambda X: (
        LinearClassifierCV(strengths=[1.0, 0.1], cv=3, scoring="loss").fit(X, Y).scores_
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_every_use_gives_the_same(use):
    same(use(X), use(DENSE), 1e-6)


def test_sanity_checks_and_saved_models(tmp_path):
    checks, expected = (check_sanity(LinearClassifier(), each, Y) for each in (X, DENSE))
    # Rounding errors differ in their digits.
    words = [
        [re.sub(r"[\d.]+e-\d+", "little", check.words) for check in each]
        for each in (checks, expected)
    ]
    assert words[0] == words[1]
    classifier = LinearClassifier().fit(X, Y)
    halfspaces.save(classifier, tmp_path / "model.safetensors")
    loaded = halfspaces.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.decision_function(X), classifier.decision_function(X))


@pytest.mark.parametrize(
    ("loss", "penalty"),
    [*((loss, L2(0.02)) for loss in LOSSES.values() if loss.smooth), (LOSSES["softmax"], L1(0.02))],
    ids=str,
)
def test_with_a_free_bias_centring_changes_nothing(loss, penalty):
    """((x − m)/s) w + b and (x/s) w + b' have the same minimum and weights:
    b' = b − (m/s) w is as free as b.
    """
    blocks = Blocks(X[:, :5], Y)
    own = Moments.of(blocks).standardization()
    means = own.mean, np.zeros(5), np.linspace(-1, 1, 5)
    optimizer = choose(loss, penalty, D).optimizer
    expected, *others = (
        minimize(Objective(loss, penalty, blocks, C, replace(own, mean=mean)), optimizer, tol=1e-8)
        for mean in means
    )
    for result, mean in zip(others, means[1:], strict=True):
        assert result.loss == pytest.approx(expected.loss, rel=1e-8)
        np.testing.assert_allclose(result.W[:-1], expected.W[:-1], atol=2e-4)
        bias = expected.W[-1] + np.einsum(
            "d,dmc->mc", (mean - own.mean) / own.scale, expected.W[:-1]
        )
        moved = result.W[-1] - bias
        np.testing.assert_allclose(moved - moved.mean() * loss.shift_invariant, 0, atol=5e-4)


# --- sums over rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_moments(weight):
    dense = DENSE + 1e6 * (np.arange(D) == 5)
    dense[:, 7] = np.where(
        (WEIGHT > 0) | (np.arange(N) % 2 == 0), 1 / 3, 0
    )  # constant among rows of weight above 0
    found, expected = (Moments.of(Blocks(each, Y, weight)) for each in (csr_array(dense), dense))
    assert found.count == expected.count
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-14)
    np.testing.assert_allclose(found.squares, expected.squares, rtol=1e-9, atol=1e-25)
    ones = [3, 7] if weight is not None else [3]
    np.testing.assert_array_equal(found.standardization().scale[ones], 1)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("mean", ["own", "other"])
def test_the_gram_matrix_and_its_largest_eigenvalue(fit_intercept, mean):
    wide = np.tile(DENSE, (1, 1 + 2 * PANEL // D))  # two panels and a part of one
    moments = Moments.of(Blocks(wide, Y, WEIGHT)).standardization()
    standardization = (
        moments if mean == "own" else replace(moments, mean=np.linspace(-1, 1, wide.shape[1]))
    )
    sketches, values = [], []
    for each in (csr_array(wide), wide):
        blocks = Blocks(each, Y, WEIGHT, n_jobs=2)
        objective = Objective(LOSSES["softmax"], L2(0.1), blocks, C, standardization, fit_intercept)
        sketches.append(centred_gram(objective, sample_rows(objective, 200)))
        values.append((largest_eigenvalue(objective), largest_eigenvalue(objective, 16)))
    for found, expected in zip(*sketches, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    same(values[0], values[1])
    Z = np.column_stack(
        [(wide - standardization.mean) / standardization.scale, np.full(N, fit_intercept)]
    )
    exact = np.linalg.eigvalsh(Z.T * WEIGHT @ Z / WEIGHT.sum())[-1]
    largest = values[0][0] / 1.1
    assert 0.9 * exact < largest < exact * (1 + 1e-9)
    longest = np.max(WEIGHT * np.sum(Z**2, axis=1)) * np.sum(WEIGHT > 0) / WEIGHT.sum()
    assert values[0][1] / 1.1 == pytest.approx(
        largest + (longest - largest) * (N - 16) / (16 * (N - 1))
    )


@pytest.mark.parametrize("options", [{}, {"penalty": "l1"}, {"optimizer": "sgd"}], ids=str)
def test_the_same_bits_for_any_number_of_workers(options):
    rows, y = csr_array(sparse.vstack([X.astype(np.float32)] * 80)), np.tile(Y, 80)
    fitted = [
        fit(LinearClassifier(n_jobs=jobs, max_passes=5, **options), rows, y) for jobs in (1, 2, 4)
    ]
    blocks = fitted[0].objective(rows, y).blocks
    assert len(blocks._chunks(None, blocks.block_rows)) > 3
    for classifier in fitted[1:]:
        np.testing.assert_array_equal(classifier.coef_, fitted[0].coef_)
        np.testing.assert_array_equal(
            classifier.decision_function(rows), fitted[0].decision_function(rows)
        )


# --- formats, types, memory -----------------------------------------------------------------------


def untidy():
    """X in reverse order, each value in two halves, with stored zeros, as scipy's CSR allows."""
    return csr_array(
        (
            np.concatenate([np.r_[row / 2, 0.0, row / 2][::-1] for row in DENSE]),
            np.concatenate([np.r_[np.arange(D), 0, np.arange(D)][::-1] for _ in DENSE]),
            np.arange(0, N * (2 * D + 1) + 1, 2 * D + 1),
        ),
        shape=(N, D),
    )


def wide_indices():
    rows = X.copy()
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    return rows


@pytest.mark.parametrize(
    "given",
    [
        sparse.csr_matrix(X),
        X.tocoo(),
        X.tocsc(),
        sparse.lil_matrix(X),
        sparse.dok_array(X),
        untidy(),
        wide_indices(),
    ],
    ids=["csr_matrix", "coo", "csc", "lil", "dok", "untidy", "int64 indices"],
)
def test_formats(given):
    before = given.copy()
    found, expected = LinearClassifier(), LinearClassifier().fit(X, Y)
    same(found.fit(given, Y, validation=(given, Y)).coef_, expected.coef_)
    same(found.decision_function(given), expected.decision_function(X))
    assert given.nnz == before.nnz
    if given.format == "csr":
        np.testing.assert_array_equal(given.indices, before.indices)


@pytest.mark.parametrize(
    ("given", "computed"), [("f8", "f8"), ("f4", "f4"), ("i8", "f4"), ("u1", "f4"), ("?", "f4")]
)
def test_precision_follows_the_data_where_it_lies(given, computed):
    rows = X.astype(given)
    classifier = LinearClassifier().fit(rows, Y)
    assert {classifier.coef_.dtype, classifier.decision_function(rows).dtype} == {
        np.dtype(computed)
    }
    same(
        classifier.decision_function(rows),
        LinearClassifier().fit(rows.toarray(), Y).decision_function(rows),
        1e-2,
    )
    held = classifier.objective(rows, Y).blocks
    for name in ("data", "indices", "indptr"):
        assert np.shares_memory(getattr(held.X, name), getattr(rows, name))
    (block,) = held.map(lambda block: block.X)
    assert np.shares_memory(block.indices, rows.indices)


def test_large_offsets_in_float32():
    """A dense fit centres, a sparse one computes in float64; each predicts the other's rows."""
    shifted = DENSE.astype(np.float32)
    shifted[:, 5] += 1e5
    expected = (
        LinearClassifier(tol=1e-4)
        .fit(shifted.astype(np.float64), Y)
        .decision_function(shifted.astype(np.float64))
    )
    for rows in (csr_array(shifted), shifted):
        classifier = LinearClassifier(tol=1e-4).fit(rows, Y, validation=(rows, Y))
        history = classifier.result_.history
        assert history["validation_loss"][-1] == pytest.approx(
            classifier.result_.data_loss, rel=1e-3
        )
        for given in (csr_array(shifted), shifted):
            np.testing.assert_allclose(classifier.decision_function(given), expected, atol=5e-3)


def words(n, d, size=50, seed=0):
    """Rows of `size` words, few of them frequent, and a label that depends on them."""
    rng = np.random.default_rng(seed)
    columns = (d ** rng.uniform(size=n * size)).astype(np.int32)
    rows = csr_array(
        (np.ones(n * size, np.float32), columns, np.arange(0, n * size + 1, size)), shape=(n, d)
    )
    rows.sum_duplicates()
    return rows, np.argmax(rows @ rng.standard_normal((d, C)) + rng.standard_normal((n, C)), axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "d", "options", "megabytes"),
    [
        (20_000, 100_000, {}, 120),  # dense: 8,000 MB, a Gram matrix 40,000 MB
        (20_000, 100_000, {"loss": "hinge", "standardize": False}, 120),
        (20_000, 100_000, {"penalty": "l1"}, 120),
        (20_000, 100_000, {"optimizer": SGD(batch_size=2000, epochs=1)}, 120),
        (
            40_000,
            2_000,
            {"n_jobs": 1},
            60,
        ),  # dense: 320 MB, the rows for the Gram matrix 80 MB, itself 16 MB
    ],
)
def test_nothing_is_ever_filled(n, d, options, megabytes):
    rows, y = words(n, d)
    classifier = LinearClassifier(max_passes=3, **options)
    assert isinstance(LinearClassifier().objective(rows[:9], y[:9]).blocks.X, csr_array)
    tracemalloc.start()
    try:
        fit(classifier, rows, y, validation=0.1).predict(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1e6
    assert (getattr(classifier.optimizer_, "preconditioner", None) == ByClass()) == (d == 2000)


# --- what cannot be -------------------------------------------------------------------------------


def spoiled(value):
    rows = X.astype(np.float32)
    place = rows.indptr[17] + 2
    rows.data[place] = value
    return rows, rows.indices[place]


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (-np.inf, "infinity (inf)")])
def test_values_that_cannot_be(value, word):
    rows, column = spoiled(value)
    classifier = LinearClassifier().fit(X, Y)
    sentence = re.escape(f"X contains {word} at row 17, column {column}; remove or impute")
    for use in (
        lambda: classifier.fit(rows, Y),
        lambda: classifier.fit(X, Y, validation=(rows, Y)),
    ):
        with pytest.raises(ValueError, match=sentence):
            use()
    with pytest.raises(ValueError, match=sentence):
        LinearClassifier().fit(X, Y).predict(rows.tocsc())


def test_shapes_that_cannot_be():
    with pytest.raises(ValueError, match="The validation X has 3 rows and its y 2 labels"):
        LinearClassifier().fit(X, Y, validation=(X[:3], Y[:2]))
    with pytest.raises(
        ValueError, match="X has 11 features, but LinearClassifier is expecting 12 features"
    ):
        LinearClassifier().fit(X, Y).predict(X[:, 1:])
    with pytest.raises(ValueError, match=r"Blocks\(center=...\) would fill sparse rows"):
        Blocks(X, Y, center=np.ones(D))


# --- real data ------------------------------------------------------------------------------------


@pytest.mark.skipif(not DNA.exists(), reason="dna.scale is not here")
def test_dna():
    dna = datasets.open(DNA)
    classifier = LinearClassifier(tol=1e-8).fit(dna.X, dna.y)
    assert classifier.score(dna.X_test, dna.y_test) > 0.945
    dense = LinearClassifier(tol=1e-8).fit(dna.X.toarray(), dna.y)
    assert classifier.result_.loss == pytest.approx(dense.result_.loss, rel=1e-7)
    np.testing.assert_array_equal(
        classifier.predict(dna.X_test), dense.predict(dna.X_test.toarray())
    )
