"""`coef_` and `intercept_` are the model: whatever is written into them is what predicts, is saved,
exported and started from.
"""

import copy
import functools

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.datasets import load_digits, load_iris

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV, certify
from halfspaces.export import to_sklearn
from halfspaces.files import safetensors_file
from halfspaces.files.export.code import numpy_code
from halfspaces.files.export.onnx_model import to_onnx
from halfspaces.losses import LOSSES

IRIS = load_iris(return_X_y=True)


def fitted(*how):
    """A classifier of iris of one's own, and its rows: see `first_fitted`."""
    return copy.deepcopy(first_fitted(*how))


@functools.cache
def first_fitted(kind, n_classes, dtype, offset):
    """A classifier of iris, moved by an offset, and its rows."""
    X, y = IRIS[0][IRIS[1] < n_classes], IRIS[1][IRIS[1] < n_classes]
    X = (X + offset).astype(dtype)
    if kind == "search":
        return LinearClassifierCV(strengths=[0.1], cv=2, tol=0.1).fit(X, y), X, y
    if kind == "partial_fit":
        return LinearClassifier().partial_fit(X, y, classes=range(n_classes)), X, y
    return LinearClassifier(kind, tol=0.1).fit(X, y), X, y


def formula(classifier, X):
    """x W + b in float64, from the public arrays alone."""
    scores = X.astype(float) @ classifier.coef_.T.astype(float) + classifier.intercept_
    return scores[:, 0] if len(classifier.classes_) == 2 else scores


def edit_in_place(classifier):
    classifier.intercept_ += np.arange(len(classifier.intercept_)) + 1.0
    classifier.coef_[:, 0] *= -2


def replace(classifier):
    classifier.intercept_ = classifier.intercept_[::-1] - 3.0
    classifier.coef_ = np.zeros_like(classifier.coef_)
    classifier.coef_[0, 1] = 0.25


@pytest.mark.parametrize("edit", [edit_in_place, replace])
@pytest.mark.parametrize("offset", [0.0, 101.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ["softmax", "search", "partial_fit"])
def test_an_edit_is_what_predicts(kind, n_classes, dtype, offset, edit, tmp_path):
    classifier, X, _ = fitted(kind, n_classes, dtype, offset)
    edit(classifier)
    scores = formula(classifier, X)
    tolerance = {"rtol": 1e-5, "atol": 1e-5}
    halfspaces.save(classifier, tmp_path / "model")
    loaded = halfspaces.load(tmp_path / "model")
    own = classifier.classifier_ if kind == "search" else classifier
    for model in (classifier, own, loaded, to_sklearn(classifier), to_sklearn(loaded)):
        np.testing.assert_allclose(model.decision_function(X), scores, **tolerance)
        columns = scores if n_classes > 2 else np.stack([0 * scores, scores], axis=1)
        np.testing.assert_allclose(model.predict_proba(X), softmax(columns, axis=1), **tolerance)
        np.testing.assert_array_equal(model.predict(X), columns.argmax(axis=1))
    np.testing.assert_allclose(classifier.decision_function(csr_array(X)), scores, **tolerance)


@pytest.mark.parametrize("loss", LOSSES)
def test_zeros_score_zero_for_every_loss(loss):
    classifier, X, _ = fitted(loss, 3, np.float64, 1000.0)
    classifier.coef_ *= 0
    classifier.intercept_ *= 0
    assert not classifier.decision_function(X).any()


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_public_arrays_say_the_scores_to_the_precision_of_the_rows(dtype, offset):
    classifier, X, y = fitted("softmax", 3, dtype, offset)
    near = LinearClassifier(tol=0.1).fit((X - dtype(offset)).astype(float), y)
    scores = formula(classifier, X)
    np.testing.assert_allclose(classifier.decision_function(X), scores, rtol=1e-5, atol=1e-5)
    expected = near.decision_function((X - dtype(offset)).astype(float))
    np.testing.assert_allclose(scores, expected, atol=2e-3)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("again", ["warm start", "partial_fit", "loaded"])
def test_an_edit_is_where_the_next_fit_starts(again, offset, tmp_path):
    classifier, X, y = fitted("softmax", 3, np.float32, offset)
    edit_in_place(classifier)
    scores = formula(classifier, X)
    if again == "loaded":
        halfspaces.save(classifier, tmp_path / "model")
        classifier = halfspaces.load(tmp_path / "model")
    start = []
    classifier.set_params(warm_start=True, callbacks=[lambda run: start.append(run.W.copy())])
    objective = classifier.objective(X, y)
    if again == "partial_fit":
        objective = LinearClassifier().objective(X, y)
        start = [classifier.parameters(objective)]
    else:
        classifier.fit(X, y)
    np.testing.assert_allclose(objective.scores(start[0]), scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_an_edit_is_exported(offset, tmp_path):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    classifier, X, _ = fitted("softmax", 3, np.float32, offset)
    edit_in_place(classifier)
    scores = formula(classifier, X)
    halfspaces.save(classifier, tmp_path / "model")
    written = {}
    exec(numpy_code(classifier, tmp_path / "model"), written)
    np.testing.assert_allclose(written["predict"](X)[1], softmax(scores, axis=1), atol=1e-5)
    session = reference.ReferenceEvaluator(to_onnx(classifier))
    assert onnx is not None
    np.testing.assert_allclose(session.run(["scores"], {"X": X})[0], scores, atol=1e-4, rtol=1e-4)


def test_a_model_may_be_written_by_hand():
    classifier = LinearClassifier()
    classifier.classes_ = np.array(["no", "yes"])
    classifier.coef_ = np.array([[1.0, -1.0]])
    classifier.intercept_ = np.array([0.5])
    classifier.n_features_in_ = 2
    assert classifier.predict([[0.0, 1.0], [1.0, 0.0]]).tolist() == ["no", "yes"]
    assert classifier.decision_function([[0.0, 0.0]]).tolist() == [0.5]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("coef_", np.zeros((3, 5))),
        ("coef_", np.zeros(4)),
        ("intercept_", np.zeros(2)),
        ("intercept_", 0.0),
    ],
)
def test_arrays_of_another_shape_are_refused_in_a_sentence(name, value):
    classifier, X, _ = fitted("softmax", 3, np.float64, 0.0)
    setattr(classifier, name, value)
    shapes = r"coef_ .* and intercept_ .* need the shapes \(3, 4\) and \(3,\)"
    with pytest.raises(ValueError, match=shapes):
        classifier.predict(X)


def test_files_of_earlier_versions_keep_their_digits(tmp_path):
    classifier, X, _ = fitted("softmax", 3, np.float32, 1e6)
    halfspaces.save(classifier, tmp_path / "model")
    tensors, metadata = safetensors_file.read(tmp_path / "model")
    tensors["intercept_at_center"] = classifier._linear()[1]
    tensors["intercept"] = tensors["intercept"].astype(np.float32)
    safetensors_file.write(tmp_path / "model", tensors, metadata)
    np.testing.assert_allclose(
        halfspaces.load(tmp_path / "model").decision_function(X),
        classifier.decision_function(X),
        atol=1e-5,
    )


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_reported_loss_is_that_of_the_public_arrays(dtype, penalty, loss):
    X, y = load_digits(n_class=2, return_X_y=True)
    optimizer = "auto" if penalty == "l2" else "proximal_newton"
    for strength in (1e-2, 1e-6):
        classifier = LinearClassifier(loss, penalty, strength=strength, optimizer=optimizer)
        classifier.set_params(max_passes=20).fit(X.astype(dtype), y)
        found = certify(classifier, X.astype(dtype), y, max_passes=1).loss
        # Hinges of scores at the margin have the rounding errors of the scores.
        assert found == pytest.approx(float(classifier.result_.loss[0]), rel=1e-5, abs=1e-8)
