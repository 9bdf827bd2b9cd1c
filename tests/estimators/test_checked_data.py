"""Data that the estimator takes, of every type and order, and what it refuses, in which words."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.losses import LOSSES
from halfspaces.rows.blocks import BlockSizes
from tests.helpers import NAMES

X, Y = load_digits(return_X_y=True)
TRAIN, TEST = slice(0, 1200), slice(1200, None)

# --- types and orders of X ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "computed"),
    [("f8", "f8"), ("f4", "f4"), ("f2", "f4"), ("u1", "f4"), ("i8", "f8"), ("?", "f8")],
)
def test_precision_follows_the_data(given, computed):
    data = X.astype(given)
    classifier = LinearClassifier().fit(data, Y)
    scores, probabilities = classifier.decision_function(data), classifier.predict_proba(data)
    assert {
        classifier.coef_.dtype,
        classifier.intercept_.dtype,
        scores.dtype,
        probabilities.dtype,
    } == {np.dtype(computed)}
    assert scores.shape == probabilities.shape == (len(X), 10)
    assert classifier.score(data, Y) > 0.9


@pytest.mark.parametrize("kind", ["f8", "f4", "f2", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_these_types_are_used_where_they_lie(kind, order):
    data = np.array(X, dtype=kind, order=order)
    assert np.shares_memory(LinearClassifier().objective(data, Y).blocks.X, data)


def test_memory_map_gives_the_same_bits(tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.uint8))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    classifier, other = LinearClassifier(), LinearClassifier().fit(X.astype(np.uint8), Y)
    assert np.shares_memory(classifier.objective(mapped, Y).blocks.X, mapped)
    np.testing.assert_array_equal(classifier.fit(mapped, Y).coef_, other.coef_)
    np.testing.assert_array_equal(
        classifier.decision_function(mapped), other.decision_function(X.astype(np.uint8))
    )


def test_narrow_types_and_other_orders_give_the_same_model():
    expected = LinearClassifier(tol=1e-8).fit(X, Y).decision_function(X)
    for data in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X[::-1].copy()[::-1]):
        scores = LinearClassifier(tol=1e-8).fit(data, Y).decision_function(data)
        np.testing.assert_allclose(scores, expected, atol=1e-4)
    for kind in (np.uint8, np.float16, np.float32):
        scores = LinearClassifier(tol=1e-5).fit(X.astype(kind), Y).decision_function(X)
        np.testing.assert_allclose(scores, expected, atol=0.1)


def test_data_frame_and_series():
    frame = pd.DataFrame(X, columns=[f"pixel {column}" for column in range(64)])
    classifier = LinearClassifier().fit(frame[TRAIN], pd.Series(NAMES[Y])[TRAIN])
    assert classifier.feature_names_in_.tolist() == list(frame.columns)
    assert classifier.score(frame[TEST], NAMES[Y][TEST]) > 0.9
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame.rename(columns={"pixel 0": "other"}))


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_large_offsets_in_float32(loss):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=2000)
    shifted = (rng.standard_normal((2000, 8)) + rng.standard_normal((3, 8))[y] + 1e5).astype(
        np.float32
    )
    centred = shifted - np.float32(1e5)  # exact
    classifier, expected = (LinearClassifier(loss).fit(data, y) for data in (shifted, centred))
    assert classifier.coef_.dtype == np.float32
    np.testing.assert_array_equal(classifier.predict(shifted), expected.predict(centred))
    scores = classifier.decision_function(shifted)
    np.testing.assert_allclose(scores, expected.decision_function(centred), atol=2e-3)


# --- errors ---------------------------------------------------------------------------------------


def spoiled(value):
    data = X.copy()
    data[17, 5] = value
    return data


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (
            {"X": spoiled(np.nan)},
            ValueError,
            "X contains NaN at row 17, column 5; remove or impute",
        ),
        (
            {"X": spoiled(-np.inf).astype("f2")},
            ValueError,
            "X contains infinity (inf) at row 17, column 5",
        ),
        (
            {"y": np.full(len(X), "cat")},
            ValueError,
            "y holds one class, 'cat'; a classifier needs at least two",
        ),
        ({"y": Y[:-1]}, ValueError, "inconsistent numbers of samples: [1797, 1796]"),
        ({"y": Y + 0.5}, ValueError, "Unknown label type: continuous"),
        ({"X": X[:0], "y": Y[:0]}, ValueError, "Found array with 0 sample(s)"),
        (
            {"sample_weight": np.ones(3)},
            ValueError,
            "sample_weight has shape (3,), but X has 1797 rows",
        ),
        (
            {"sample_weight": -np.ones(len(X))},
            ValueError,
            "must be finite and at least 0 everywhere",
        ),
        (
            {"sample_weight": np.zeros(len(X))},
            ValueError,
            "sample_weight is zero everywhere; give some example",
        ),
        (
            {"validation": (X[:3], Y[:2])},
            ValueError,
            "The validation X has 3 rows and its y 2 labels",
        ),
        (
            {"validation": (X[:3, :4], Y[:3])},
            ValueError,
            "X has 4 features, but LinearClassifier is expecting 64",
        ),
        (
            {"validation": (spoiled(np.nan), Y)},
            ValueError,
            "The validation X contains NaN at row 17, column 5",
        ),
        (
            {"validation": (X[:2], [0, 77])},
            ValueError,
            "y[1] = 77 is not among the classes 0, 1, 2, 3, 4, 5, 6, 7, 8",
        ),
        ({"validation": 1.0}, ValueError, "validation must be above 0 and below 1, got 1.0."),
        (
            {"validation": "rows"},
            TypeError,
            "validation must be (X, y), (X, y, weights), a number or None, got a str.",
        ),
    ],
    ids=lambda case: next(iter(case), None) if isinstance(case, dict) else None,
)
def test_data_that_cannot_be(given, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        LinearClassifier().fit(**{"X": X, "y": Y, **given})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("copies", [1, 300], ids=["NumPy", "compiled kernels"])
@pytest.mark.parametrize("labels", [Y, Y > 4], ids=["ten classes", "two"])
def test_a_feature_without_weight_must_be_finite_all_the_same(value, copies, labels):
    classifier = LinearClassifier(strength=0.1).fit(X, labels)
    data = np.tile(X.astype(np.float32), (copies, 1))
    assert (data.size > BlockSizes().fused_from) == (copies > 1)
    classifier.coef_[:, 5] = 0  # what L1 leaves
    data[17, 5] = value
    for rows in (data, csr_array(data)) if copies == 1 else (data,):
        with pytest.raises(
            ValueError, match=r"X contains (NaN|infinity \(-?inf\)) at row 17, column 5"
        ):
            classifier.predict(rows)


def test_a_part_too_small_for_every_class_is_held_out_all_the_same():
    history = LinearClassifier().fit(X[:30], Y[:30], validation=0.1).result_.history
    assert "validation_loss" in history


def test_prediction_refuses_what_was_not_fitted():
    classifier = LinearClassifier().fit(X, Y)
    with pytest.raises(
        ValueError, match="X has 63 features, but LinearClassifier is expecting 64 features"
    ):
        classifier.predict(X[:, 1:])
    with pytest.raises(ValueError, match="X contains NaN at row 17, column 5"):
        classifier.predict(spoiled(np.nan))


# --- weights --------------------------------------------------------------------------------------

FITS = {
    "l2": LinearClassifier(max_passes=5),
    "l1": LinearClassifier(penalty="l1", max_passes=5),
    "sgd": LinearClassifier(optimizer="sgd", max_passes=5),
    "class_weight": LinearClassifier(class_weight={0: 1, 1: 4, 2: 2}, max_passes=5),
    "search": LinearClassifierCV(strengths=[0.1, 0.01], cv=2, max_passes=5),
}


def fitted(fit, loss, X, y, weight):
    """The coefficients of an estimator, or after two calls of partial_fit."""
    if fit == "partial_fit":
        model = LinearClassifier(loss)
        for half in (slice(0, None, 2), slice(1, None, 2)):
            part = None if weight is None else weight[half]
            model.partial_fit(X[half], y[half], [0, 1, 2], sample_weight=part)
        return model.coef_
    return clone(FITS[fit]).set_params(loss=loss).fit(X, y, sample_weight=weight).coef_


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fit", [*FITS, "partial_fit"])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_times_a_constant_change_no_bit(loss, fit):
    data, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).choice([1.0, 2.0, 4.0], len(y))
    constants = {"f8": (-997, 996), "f4": (-143, 122)}  # 1e±300; 1e-43 and 5e36
    for kind, powers in constants.items():
        expected = fitted(fit, loss, data.astype(kind), y, weight)
        for power in powers:
            scaled = (weight * 2.0**power).astype(kind)
            found = fitted(fit, loss, data.astype(kind), y, scaled)
            np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("constant", [1e-300, 0.3, 1e300])
def test_equal_weights_are_none(constant):
    for fit in FITS:
        expected = fitted(fit, "softmax", X[:300], Y[:300] % 3, None)
        found = fitted(fit, "softmax", X[:300], Y[:300] % 3, np.full(300, constant))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("constant", [1e-300, 1e308])
def test_equal_weights_change_no_score(constant):
    data, y = X[:300], Y[:300] % 3
    weight = np.full(300, constant)
    search = LinearClassifierCV(strengths=[0.1, 0.01], cv=3, random_state=0).fit(data, y)
    scores = search.scores_
    np.testing.assert_array_equal(search.fit(data, y, sample_weight=weight).scores_, scores)
    assert search.score(data, y, sample_weight=weight) == pytest.approx(search.score(data, y))


# --- scales ---------------------------------------------------------------------------------------

ALL = "all columns at this scale"
ONE = "one column, beside columns of size 1"


@pytest.mark.slow
@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("which", [ALL, ONE])
@pytest.mark.parametrize("make", [np.array, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_a_scale_changes_nothing_or_is_said_to_be_too_small_or_too_large(kind, make, which):
    data, y = load_iris(return_X_y=True)
    columns = slice(None) if which == ALL else [2]
    expected = LinearClassifier().fit(make(data.astype(kind)), y).result_.loss
    smallest, largest = {"f8": (1e-320, 1e300), "f4": (1e-44, 3e37)}[kind]
    for scale in np.geomspace(smallest, largest, 14):
        scaled = data.copy()
        with np.errstate(under="ignore"):
            scaled[:, columns] *= scale
            scaled = make(scaled.astype(kind))
        for model in (LinearClassifier(), LinearClassifier(standardize=False, max_passes=5)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                if np.abs(scaled).max() > {"f8": 1e100, "f4": 1e36}[kind]:
                    with pytest.raises(ValueError, match="rescale the features below 1e"):
                        model.fit(scaled, y)
                    continue
                model.fit(scaled, y)
            said = [each for each in caught if "count as constant" in str(each.message)]
            if model.standardize and not said:
                np.testing.assert_allclose(model.result_.loss, expected, rtol=1e-3)
            assert all(each.filename == __file__ for each in said)


def test_constant_columns_need_no_word():
    data, y = load_iris(return_X_y=True)
    constant = np.column_stack([data, np.zeros(150), np.full(150, 0.1), np.full(150, 1e-30)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearClassifier().fit(constant, y)
