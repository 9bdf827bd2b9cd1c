"""Exports: the other library predicts the same labels and the same probabilities,
for every kind of model.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.calibration import Sigmoid, Temperature
from halfspaces.export import export, numpy_code, sklearn_code, to_onnx, to_sklearn, to_torch

DIGITS, Y = load_digits(return_X_y=True)
X = DIGITS.astype(np.uint8)
SHIFTED = (DIGITS + 1e5).astype(np.float32)  # needs centred rows
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "Käse"])


def fitted(loss="softmax", data=X, labels=Y, calibration=None):
    classifier = LinearClassifier(loss, strength=0.05, tol=0.05).fit(data, labels)
    classifier.calibration_ = calibration
    return classifier, data


MODELS = {
    "softmax": fitted,
    "names": lambda: fitted(labels=NAMES[Y]),
    "float64": lambda: fitted(data=DIGITS, labels=Y - 3),
    "centred": lambda: fitted(data=SHIFTED, labels=NAMES.astype(object)[Y]),
    "two classes": lambda: fitted(labels=np.where(Y > 4, "high", "low")),
    "two classes, ova": lambda: fitted("ova_logistic", labels=Y > 4),
    "two classes, centred": lambda: fitted("hinge", SHIFTED, Y > 4, Temperature(0.7)),
    "ova": lambda: fitted("ova_logistic"),
    "hinge": lambda: fitted("crammer_singer"),
    "two classes, hinge": lambda: fitted("squared_hinge", labels=Y > 4),
    "temperature": lambda: fitted("hinge", calibration=Temperature(1.7)),
    "sigmoid": lambda: fitted(
        "hinge", calibration=Sigmoid(tuple(np.linspace(0.5, 3, 10)), tuple(np.linspace(-1, 1, 10)))
    ),
    "two classes, sigmoid": lambda: fitted(
        "hinge", labels=Y > 4, calibration=Sigmoid((1.5,), (0.3,))
    ),
}


@pytest.fixture(params=MODELS)
def model(request):
    """A classifier, the rows to predict, and what it makes of them."""
    classifier, data = MODELS[request.param]()
    probabilities = classifier.predict_proba(data) if hasattr(classifier, "predict_proba") else None
    return classifier, data, probabilities


def clear(classifier, data):
    """Rows whose label does not hang on the last bit."""
    if isinstance(classifier.calibration_, Sigmoid):
        scores = classifier.predict_log_proba(data)
    else:
        scores = classifier.decision_function(data)
    ordered = (
        np.sort(scores, axis=1)
        if scores.ndim == 2
        else np.stack([np.zeros_like(scores), np.abs(scores)], axis=1)
    )
    return ordered[:, -1] - ordered[:, -2] > 1e-4 * np.abs(scores).max()


def assert_same(labels, classifier, data):
    rows = clear(classifier, data)
    assert rows.mean() > 0.99
    np.testing.assert_array_equal(np.asarray(labels)[rows], classifier.predict(data)[rows])


def test_onnx(model):
    onnxruntime = pytest.importorskip("onnxruntime")
    classifier, data, probabilities = model
    session = onnxruntime.InferenceSession(to_onnx(classifier).SerializeToString())
    (given,) = session.get_inputs()
    assert (given.type, given.shape) == (f"tensor({onnx_type(data)})", ["N", 64])
    told = dict(
        zip(
            [output.name for output in session.get_outputs()],
            session.run(None, {"X": data}),
            strict=True,
        )
    )
    probable = [] if probabilities is None else ["probabilities"]
    assert list(told) == ["label", *probable, "scores"]  # the order of sklearn-onnx
    assert_same(told["label"], classifier, data)
    tolerance = 1e-4 * np.abs(classifier.decision_function(data)).max()
    np.testing.assert_allclose(
        told["scores"], classifier.decision_function(data), atol=tolerance, strict=True
    )
    assert ("probabilities" in told) == (probabilities is not None)
    if probabilities is not None:
        np.testing.assert_allclose(told["probabilities"], probabilities, atol=1e-4, strict=True)


def onnx_type(data):
    return {"uint8": "uint8", "float32": "float", "float64": "double"}[data.dtype.name]


def test_sklearn(model):
    classifier, data, probabilities = model
    exported = to_sklearn(classifier)
    assert_same(exported.predict(data), classifier, data)
    assert hasattr(exported, "predict_proba") == (probabilities is not None)
    if probabilities is not None:
        np.testing.assert_allclose(exported.predict_proba(data), probabilities, atol=1e-4)


def test_torch(model, tmp_path):
    torch = pytest.importorskip("torch")
    classifier, data, probabilities = model
    module = to_torch(classifier)
    assert module.weight.shape == classifier.coef_.shape
    assert module.weight.dtype == (torch.float32 if classifier._center is None else torch.float64)
    with torch.no_grad():
        scores = module(torch.from_numpy(data).to(module.weight.dtype))
    binary = scores.shape[1] == 1
    best = (scores[:, 0] > 0).int() if binary else scores.argmax(dim=1)
    assert_same(classifier.classes_[best.numpy()], classifier, data)
    logistics = classifier.loss == "ova_logistic" or isinstance(classifier.calibration_, Sigmoid)
    if probabilities is not None and (binary or not logistics):
        p = torch.sigmoid(scores)[:, 0] if binary else torch.softmax(scores, dim=1)
        np.testing.assert_allclose(p, probabilities[:, 1] if binary else probabilities, atol=1e-4)
    path = tmp_path / "linear.safetensors"
    export(classifier, "torch", path)
    np.testing.assert_array_equal(load_file(path)["weight"], module.weight.detach())
    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["classes"]) == classifier.classes_.tolist()


def test_code(model, tmp_path):
    classifier, data, probabilities = model
    path = tmp_path / "a 'model'.safetensors"
    halfspaces.save(classifier, path)
    code, names = numpy_code(classifier, path), {}
    assert len(code.splitlines()) <= (10 if classifier._center is None else 11)
    exec(code, names)
    labels, worth = names["predict"](data)
    assert_same(labels, classifier, data)
    expected = classifier.decision_function(data) if probabilities is None else probabilities
    np.testing.assert_allclose(worth, expected, atol=1e-4 * max(1, np.abs(expected).max()))
    exec(sklearn_code(classifier, path), names)
    np.testing.assert_allclose(names["model"].coef_, to_sklearn(classifier).coef_, rtol=1e-6)
    assert_same(names["model"].predict(data), classifier, data)


def test_a_search_and_a_loaded_model_export_alike(tmp_path):
    searched = LinearClassifierCV(
        "squared_hinge", strengths=[0.1], cv=3, calibrate="temperature", tol=0.05
    ).fit(X, Y)
    halfspaces.save(searched, tmp_path / "model")
    loaded = halfspaces.load(tmp_path / "model")
    assert to_onnx(loaded).SerializeToString() == to_onnx(searched).SerializeToString()
    assert to_onnx(loaded, dtype="float32").graph.input[0].type.tensor_type.elem_type == 1
    np.testing.assert_array_equal(to_sklearn(loaded).coef_, to_sklearn(searched).coef_)


def test_what_cannot_be_exported(monkeypatch):
    for exporting in (to_onnx, to_sklearn, to_torch):
        with pytest.raises(ValueError, match="not fitted yet; call fit before exporting it"):
            exporting(LinearClassifier())
    classifier, _ = fitted()
    with pytest.raises(ValueError, match="dtype='int8' is not known: did you mean 'uint8'"):
        to_onnx(classifier, dtype="int8")
    with pytest.raises(ValueError, match="to='onx' is not known: did you mean 'onnx'"):
        export(classifier, "onx", "never")
    with pytest.raises(
        ValueError, match="to='numpy' reads a model file; save the classifier and give model=PATH"
    ):
        export(classifier, "numpy", "never")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs onnx; pip install 'halfspaces\[onnx\]'"):
        to_onnx(classifier)


def test_printed_code_needs_nothing_of_ours(tmp_path):
    classifier, data = fitted(labels=NAMES[Y])
    halfspaces.save(classifier, tmp_path / "model.safetensors")
    np.save(tmp_path / "X.npy", data[:5])
    code = (
        numpy_code(classifier, "model.safetensors")
        + 'import sys; print(predict(np.load("X.npy"))[0].tolist())\n'
    )
    code += 'assert not any(name.startswith(("halfspaces", "sklearn")) for name in sys.modules)\n'
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"{classifier.predict(data[:5]).tolist()}\n"
