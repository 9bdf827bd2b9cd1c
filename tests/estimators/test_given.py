"""Labels and rows of every kind that callers hold: taken for what they are, or refused in words."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from halfspaces import LinearClassifier, LinearClassifierCV

X, Y = load_iris(return_X_y=True)
WORDS = np.array(["1", "2", "3"])[Y]
LABELS = {
    "Int64": (pd.Series(Y, dtype="Int64"), [0, 1, 2]),
    "int64[pyarrow]": (pd.Series(Y, dtype="int64[pyarrow]"), [0, 1, 2]),
    "boolean": (pd.Series(Y == 1, dtype="boolean"), [False, True]),
    "string": (pd.Series(WORDS, dtype="string"), ["1", "2", "3"]),
    "category": (pd.Series(WORDS, dtype="category"), ["1", "2", "3"]),
    "bytes": (WORDS.astype("S"), ["1", "2", "3"]),
    "list of bytes": ([word.encode() for word in WORDS], ["1", "2", "3"]),
    "memoryview": (memoryview(Y), [0, 1, 2]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_what_they_were(kind):
    labels, classes = LABELS[kind]
    for classifier in (LinearClassifier(), LinearClassifierCV(strengths=[0.01], cv=3)):
        classifier.fit(X, labels)
        assert classifier.classes_.tolist() == classes
        assert [type(label) for label in classifier.classes_.tolist()] == list(map(type, classes))
        assert classifier.score(X, labels) > 0.6


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "category", "object", "float64"])
def test_a_missing_label_is_named(dtype):
    labels = pd.Series(Y == 1 if dtype == "boolean" else Y).astype(dtype)
    labels[7] = np.nan if dtype in ("float64", "category") else pd.NA
    with pytest.raises(ValueError, match=r"^y\[7\] is missing .* leave such rows out"):
        LinearClassifier().fit(X, labels)


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        (WORDS, ["1", "2", "3"]),
        (WORDS.astype("S"), ["1", "2", "3"]),
        (WORDS, [b"1", b"2", b"3"]),
        (Y, [0, 1, 2]),
        (Y.astype(float), [0, 1, 2]),
        (Y, list(np.arange(3))),
    ],
)
def test_class_weight_has_the_labels_as_keys(labels, keys):
    factors = [10.0, 1.0, 2.0]
    by_class = LinearClassifier(class_weight=dict(zip(keys, factors, strict=True)))
    by_row = LinearClassifier().fit(X, labels, sample_weight=np.array(factors)[Y])
    np.testing.assert_allclose(by_class.fit(X, labels).coef_, by_row.coef_, rtol=1e-12)


REFUSED = {
    "strings": (X.astype(str), "X holds strings"),
    "bytes": (X.astype("S"), "X holds bytes"),
    "strings among objects": (X.astype(str).astype(object), "X holds strings"),
    "dates": (X.astype(int).astype("M8[D]"), "X holds dates"),
    "a column of dates": (pd.DataFrame({"a": Y, "b": pd.to_datetime(Y)}), "Column 'b' of X holds"),
    "a column of strings": (pd.DataFrame({"a": Y, "b": WORDS}), "Column 'b' of X holds strings"),
    "two sizes": ([np.ones((3, 3)), np.ones((2, 2))], r"different shapes, such as \(2, 2\) and"),
    "two lengths": ([[1, 2], [3]], r"different shapes, such as \(1,\) and \(2,\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_rows_that_are_no_numbers(kind):
    rows, words = REFUSED[kind]
    with pytest.raises(ValueError, match=words):
        LinearClassifier().fit(rows, Y)
    with pytest.raises(ValueError, match=words):
        LinearClassifier().fit(X[:, :2], Y).predict(rows)


def test_other_types_of_class_weight_name_the_key():
    with pytest.raises(ValueError, match=r"has the key 1, and the class '1' has no weight"):
        LinearClassifier(class_weight={1: 10, 2: 1, 3: 1}).fit(X, WORDS)


def test_tensors_and_bfloat16_are_the_arrays_that_they_are():
    torch = pytest.importorskip("torch")
    exact = torch.tensor(X).bfloat16().float().numpy()
    expected = LinearClassifier().fit(exact, Y)
    bfloat16 = torch.tensor(X).bfloat16()
    rows = [bfloat16, list(bfloat16), bfloat16.float().requires_grad_()]
    rows += [exact.astype(pytest.importorskip("ml_dtypes").bfloat16)]
    for each in rows:
        for labels in (torch.tensor(Y), list(torch.tensor(Y))):
            classifier = LinearClassifier().fit(each, labels)
            np.testing.assert_array_equal(classifier.coef_, expected.coef_)
            np.testing.assert_array_equal(classifier.predict(each), expected.predict(exact))
            assert classifier.score(each, labels) == expected.score(exact, Y)
    with pytest.raises(TypeError, match="X: a tensor is stored as sparse_coo; give a dense one"):
        LinearClassifier().fit(torch.tensor(X).to_sparse(), Y)


def test_one_hot_labels_are_taken_with_a_warning_and_several_a_row_refused():
    with pytest.warns(UserWarning, match=r"y has the shape \(150, 3\) of one-hot") as caught:
        classifier = LinearClassifier().fit(X, np.eye(3)[Y])
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(classifier.coef_, LinearClassifier().fit(X, Y).coef_)
    with pytest.raises(ValueError, match=r"y is of shape \(150, 2\) with 2 ones in row 0, so sev"):
        LinearClassifier().fit(X, np.ones((150, 2)))


DISPATCH = """
import sklearn, sklearn.datasets
from halfspaces import LinearClassifier, LinearClassifierCV
sklearn.set_config(array_api_dispatch=True)
X, y = sklearn.datasets.load_iris(return_X_y=True)
print(LinearClassifier(class_weight="balanced").fit(X, y.astype(str)).score(X, y.astype(str)))
print(LinearClassifierCV(strengths=[0.01], cv=3, calibrate="temperature").fit(X, y).score(X, y))
"""


@pytest.mark.slow
def test_numpy_rows_under_array_api_dispatch():
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-c", DISPATCH]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert all(float(score) > 0.9 for score in run.stdout.split())
