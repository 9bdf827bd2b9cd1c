"""Data frames of pandas and polars: labels of their types, and names from the frame, or the file,
to the table of coefficients.
"""

import numpy as np
import pandas as pd
import pytest

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {"w": RNG.normal(size=60), "n": RNG.integers(0, 9, 60), "b": RNG.integers(0, 2, 60) > 0}
)
WORDS = pd.Series(np.where(FRAME["w"] > 0, "yes", "no"))
EXPECTED = LinearClassifier().fit(FRAME.to_numpy(float), WORDS.to_numpy(str))


def assert_expected(fitted):
    np.testing.assert_array_equal(fitted.coef_, EXPECTED.coef_)
    assert fitted.feature_names_in_.tolist() == ["w", "n", "b"]


@pytest.mark.parametrize("dtype", [object, "str", "string", "category"])
def test_labels_of_pandas(dtype):
    fitted = LinearClassifier().fit(FRAME, WORDS.astype(dtype))
    assert_expected(fitted)
    assert fitted.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_nullable_columns_and_labels(backend):
    frame = FRAME.convert_dtypes(dtype_backend=backend)
    labels = (WORDS == "yes").convert_dtypes(dtype_backend=backend)
    assert_expected(LinearClassifier().fit(frame, labels))
    frame.loc[3, "n"] = pd.NA
    with pytest.raises(ValueError, match="NaN at row 3, column 1"):
        LinearClassifier().fit(frame, labels)


ONE_HOT = pd.get_dummies(WORDS)  # columns no and yes, of truth values


@pytest.mark.parametrize("dtype", [bool, int, "Int64", "boolean", "int8[pyarrow]", object])
def test_one_hot_columns_name_the_classes(dtype):
    frame = ONE_HOT.assign(yes=ONE_HOT["yes"].astype(dtype))
    with pytest.warns(UserWarning, match="the class is the name of the column of the 1"):
        fitted = LinearClassifier().fit(FRAME, frame)
    assert_expected(fitted)
    assert fitted.classes_.tolist() == ["no", "yes"]
    with pytest.warns(UserWarning, match="one-hot"):
        assert fitted.score(FRAME, frame[["yes", "no"]]) == fitted.score(FRAME, WORDS)


def test_one_hot_columns_of_polars():
    polars = pytest.importorskip("polars")
    with pytest.warns(UserWarning, match="one-hot"):
        fitted = LinearClassifier().fit(FRAME, polars.DataFrame(ONE_HOT.to_dict("list")))
    assert fitted.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize(
    ("yes", "words"),
    [
        (pd.Series([None, *[1] * 59], dtype="Int64"), r"y\['yes'\]\[0\] is missing"),
        (WORDS, r"y has 2 columns, and 'yes' holds no numbers; give one column of labels"),
        (3, "other numbers than 0 and 1"),
        (1, "ones in row .* several labels a row"),
    ],
)
def test_columns_that_are_no_labels(yes, words):
    with pytest.raises(ValueError, match=words):
        LinearClassifier().fit(FRAME, ONE_HOT.assign(yes=yes))
    with pytest.raises(ValueError, match="the column 'no' twice"):
        LinearClassifier().fit(FRAME, pd.concat([ONE_HOT, ONE_HOT], axis=1))


def test_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(FRAME.to_dict("list"))
    words = polars.Series(WORDS.tolist())
    for labels in (words, words.cast(polars.Categorical), words == "yes"):
        fitted = LinearClassifier().fit(frame, labels)
        assert_expected(fitted)
        assert fitted.score(frame, labels) == fitted.score(FRAME, labels)
    with pytest.raises(ValueError, match=r"same order.*\n.*feature_names_in_"):
        fitted.predict(frame.select("b", "w", "n"))
    with pytest.raises(TypeError, match=r"X is a LazyFrame, .* give its collect\(\)"):
        LinearClassifier().fit(frame.lazy(), labels)
    with pytest.raises(ValueError, match=r"Column 'e' of X holds lists"):
        LinearClassifier().fit(polars.DataFrame({"e": [[1.0, 2.0]] * 60}), labels)


@pytest.mark.parametrize(
    ("values", "words"), [("a", "strings"), (pd.Timestamp(0), "dates"), ([[1, 2]] * 60, "lists")]
)
def test_columns_that_are_no_numbers(values, words):
    with pytest.raises(ValueError, match=f"Column 't' of X holds {words}"):
        LinearClassifier().fit(FRAME.assign(t=values), WORDS)


def test_other_columns_are_refused_with_the_remedy():
    fitted = LinearClassifier().fit(FRAME, WORDS)
    for frame in (FRAME[["b", "n", "w"]], FRAME.assign(z=1)):
        with pytest.raises(ValueError, match=r"Give X\[list\(classifier.feature_names_in_\)\]"):
            fitted.predict(frame)
        assert (fitted.predict(frame[list(fitted.feature_names_in_)]) == WORDS).mean() > 0.9
    with pytest.raises(ValueError, match="now missing:\n- b"):
        fitted.predict(FRAME[["w", "n"]])


def test_the_table_of_coefficients():
    y = np.arange(60) % 3
    fitted = LinearClassifierCV(cv=3).fit(FRAME, y)
    table = fitted.coef_table().to_pandas().set_index("feature")
    assert table.columns.tolist() == ["0", "1", "2"]
    np.testing.assert_array_equal(table.loc[["w", "n", "b"]].T, fitted.coef_)
    np.testing.assert_array_equal(table.loc["(intercept)"], fitted.intercept_)
    assert EXPECTED.coef_table()["feature"].to_pylist() == ["x0", "x1", "x2", "(intercept)"]


def test_names_from_the_file_to_the_table(tmp_path, run):
    FRAME.assign(label=WORDS).to_csv(tmp_path / "a.csv", index=False)
    model = tmp_path / "model.safetensors"
    assert run("train", tmp_path / "a.csv", "--out", model).code == 0
    loaded = halfspaces.load(model)
    assert loaded.feature_names_in_.tolist() == ["w", "n", "b"]
    with pytest.raises(ValueError, match="same order"):
        loaded.predict(FRAME[["b", "n", "w"]])
    lines = run("export", model, "--to", "csv").out.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        '"feature"', '"w"', '"n"', '"b"', '"(intercept)"'
    ]  # fmt: skip
    assert lines[0] == '"feature","yes"'
