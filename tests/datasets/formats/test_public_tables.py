"""Tables as people have them: each is read as it was meant, or refused in a sentence that says what
to do. The rows are the first ones of public files, or in the form of their exports.
"""

import csv
import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from halfspaces import datasets
from tests.helpers import refuses

# Kaggle, "Titanic - Machine Learning from Disaster", train.csv: https://www.kaggle.com/c/titanic
TITANIC = """PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked
1,0,3,"Braund, Mr. Owen Harris",male,22,1,0,A/5 21171,7.25,,S
2,1,1,"Cumings, Mrs. John Bradley (Florence Briggs Thayer)",female,38,1,0,PC 17599,71.2833,C85,C
6,0,3,"Moran, Mr. James",male,,0,0,330877,8.4583,,Q
"""
# UCI, "Wine Quality", winequality-red.csv: https://archive.ics.uci.edu/dataset/186
WINE = '"fixed acidity";"citric acid";"quality"\n7.4;0;5\n7.8;0.04;5\n11.2;0.56;6\n'
# UCI, "Iris", iris.data, which has no header and ends in an empty line.
IRIS = (
    "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-virginica\n\n"
)
TEXTS = ("Name", "Sex", "Ticket", "Cabin", "Embarked")
FRAME = pd.DataFrame({"width": [1.5, 2, 3], "count": [4, 5, 4], "kind": ["a", "b", "a"]})
NUMBERS = [[1.5, 4], [2, 5], [3, 4]]


def test_titanic(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(TITANIC)
    refuses(path, "'PassengerId', 'Survived', 'Pclass'", "--label COLUMN")
    ignored = " ".join(f"--ignore {name}" for name in TEXTS)
    refuses(path, "'Name' of type string", f"leave it out by {ignored}", label="Survived")
    refuses(path, "1 missing values", "'Age'", label="Survived", ignore=TEXTS)
    data = datasets.open(path, label="Survived", ignore=[*TEXTS, "Age"])
    assert data.X.tolist() == [[3, 1, 0, 7.25], [1, 1, 0, 71.2833], [3, 0, 0, 8.4583]]
    assert data.y.tolist() == [0, 1, 0]
    assert data.conventions.columns == ("Pclass", "SibSp", "Parch", "Fare")


def test_wine_quality(tmp_path):
    path = tmp_path / "winequality-red.csv"
    path.write_text(WINE)
    data = datasets.open(path, label="quality")
    assert data.X.tolist() == [[7.4, 0], [7.8, 0.04], [11.2, 0.56]]
    assert data.y.tolist() == [5, 5, 6]
    assert data.conventions.columns == ("fixed acidity", "citric acid")


def test_iris_without_a_header(tmp_path):
    path = tmp_path / "iris.csv"
    path.write_text(IRIS)
    data = datasets.open(path)
    assert data.X[2].tolist() == [7.0, 3.2, 4.7, 1.4]
    assert data.y.tolist() == ["Iris-setosa", "Iris-setosa", "Iris-virginica"]


ONLY_TEXTS = {  # by public file: columns, rows, the other column that may be the label
    "Social_Network_Ads": (
        "Gender,Age,Purchased",
        "Male,19,0\nFemale,35,1\nMale,26,0",
        "Purchased",
    ),
    "indian_liver_patient": ("Age,Gender,TB,Dataset", "65,Female,0.7,1\n62,Male,9.9,2", "Dataset"),
    "wine": ("pH,quality,color", "3.5,5,red\n3.2,6,red\n3.3,7,white", "quality"),
    "fer2013": ("emotion,Usage", "0,Training\n2,Training\n4,PublicTest", "emotion"),
    "adult": ("age,sex,hours", "39,Male,40\n50,Male,13\n38,Female,41", ""),
    "amounts": ("age,price", '39,"4,000"\n50,"4,000"\n38,"5,000"', ""),
    "shares": ("age,share", "39,12%\n50,12%\n38,5%", ""),
    "days": ("age,day", "39,2024-01-31\n50,2024-01-31\n38,2024-02-01", ""),
}


@pytest.mark.parametrize("name", ONLY_TEXTS)
def test_the_only_texts_may_be_no_classes(tmp_path, name):
    header, rows, other = ONLY_TEXTS[name]
    (tmp_path / f"{name}.csv").write_text(f"{header}\n{rows}\n")
    words = [f", as {other!r} may, is not clear"] if other else ["classes, is not clear"]
    refuses(tmp_path / f"{name}.csv", *words, "--label COLUMN")


@pytest.mark.parametrize(
    ("header", "rows", "label"),
    [
        ("id,diagnosis,radius,smooth", "842,M,17.9,1\n843,B,20.5,0\n844,M,19.6,1", "diagnosis"),
        ("lettr,x-box,y-box", "T,2,8\nI,5,12\nT,4,11\nI,2,8", "lettr"),  # Letter Recognition
        ("class name,a,b", "L,1,5\nR,5,1\nL,3,4", "class name"),  # Balance Scale
        ("8423,M,17.9,1.5", "\n".join(f"{97 * i},{'MB'[i % 2]},{i}.5,1" for i in range(20)), "2"),
        ("species,width,label_num", "owl,2.5,1\nemu,3.5,0\nowl,2,1", "species"),  # Kaggle
    ],
)
def test_the_only_texts_where_they_are_the_label(tmp_path, header, rows, label):
    """Of UCI's repository, and of Kaggle's copies."""
    (tmp_path / "a.csv").write_text(f"{header}\n{rows}\n")
    assert datasets.open(tmp_path / "a.csv").conventions.label == label


def by_csv_module(path):
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, dialect="excel", quoting=csv.QUOTE_ALL)
        writer.writerows([FRAME.columns, *FRAME.itertuples(index=False)])


def by_json(path):
    with path.open("w") as stream:
        for row in FRAME.to_dict("records"):
            stream.write(json.dumps(row) + "\n")


WRITERS = {  # by other libraries; Excel writes a byte-order mark and semicolons in German
    "pandas with its index.csv": FRAME.to_csv,
    "pandas.tsv.gz": lambda path: FRAME.to_csv(path, sep="\t", index=False),
    "excel.csv": lambda path: FRAME.to_csv(
        path, sep=";", decimal=",", index=False, encoding="utf-8-sig", lineterminator="\r\n"
    ),
    "quoted by csv.csv": by_csv_module,
    "pyarrow.csv": lambda path: pa.csv.write_csv(pa.Table.from_pandas(FRAME), path),
    "pandas.parquet": FRAME.to_parquet,
    "pandas.feather": FRAME.to_feather,
    "pandas.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "pandas.ndjson.gz": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "json.jsonl": by_json,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_by_other_libraries(tmp_path, name):
    WRITERS[name](tmp_path / name)
    data = datasets.open(tmp_path / name)
    assert data.X.tolist() == NUMBERS
    assert data.y.tolist() == ["a", "b", "a"]
    assert data.conventions.columns == ("width", "count")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl", ".ipc"])
def test_the_same_rows_by_polars(tmp_path, suffix):
    polars = pytest.importorskip("polars")
    path = tmp_path / f"polars{suffix}"
    frame = polars.DataFrame(FRAME.to_dict("list"))
    by_suffix = {".jsonl": "write_ndjson"}
    getattr(frame, by_suffix.get(suffix, f"write_{suffix[1:]}"))(path)
    data = datasets.open(path)
    assert data.X.tolist() == NUMBERS
    assert data.y.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["Yes", "No", "Yes"], ["No", "Yes"]),  # Kaggle, "Telco Customer Churn"
        (["0.0", "1.0", "0.0"], [0, 1]),  # pandas, after a merge with missing rows
        (["True", "False", "True"], [False, True]),
        (["M", "B", "M"], ["B", "M"]),  # UCI, "Breast Cancer Wisconsin (Diagnostic)"
        (["007", "010", "7"], ["007", "010", "7"]),  # US Census, codes of states and counties
        (
            ["None", "Insomnia", "None"],
            ["Insomnia", "None"],
        ),  # Kaggle, "Sleep Health"
    ],
)
def test_labels(tmp_path, labels, classes):
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(labels))
    (tmp_path / "a.csv").write_text(f"x,target\n{rows}")
    assert np.unique(datasets.open(tmp_path / "a.csv").y).tolist() == classes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1,200", "900", "15"], ["('1,200' is no number)", "without marks of thousands"]),
        (["1.200,50", "2.300,10", "1"], ["without marks of thousands", "--ignore x"]),
        (["2024-01-31", "2024-02-01", "2024-02-01"], ["('2024-01-31' is no number)"]),
        (["5%", "6%", "6%"], ["('5%' is no number)", "--ignore x"]),
        (["$5", "$6.50", "7"], ["('$5' is no number)"]),
        (["#DIV/0!", "2", "3"], ["('#DIV/0!' is no number)"]),  # Excel
        (["Yes", "No", "No"], ["'x' of type string", "--ignore x"]),
        (["0.5", "", "NA"], ["2 missing values (null) in the column 'x'"]),
    ],
)
def test_values_that_are_no_numbers(tmp_path, values, words):
    rows = "".join(f'"{value}",{i % 2},{i % 3}\n' for i, value in enumerate(values))
    (tmp_path / "a.csv").write_text(f"x,other,label\n{rows}")
    refuses(tmp_path / "a.csv", *words)


@pytest.mark.parametrize("line", ["sep=,", "# exported by the laboratory", "Report of May"])
def test_a_line_above_the_header(tmp_path, line):
    (tmp_path / "a.csv").write_text(f"{line}\nx,w,label\n1,2,a\n2,3,b\n")
    refuses(tmp_path / "a.csv", "begins with the line", "remove it")


def test_real_numbers_are_no_classes(tmp_path):
    """A regression: scikit-learn's diabetes, whose target is a measure."""
    (tmp_path / "diabetes.csv").write_text("bmi,target\n0.06,151.5\n-0.05,75.2\n0.04,141.1\n")
    refuses(tmp_path / "diabetes.csv", "'target' of type float64", "labels are whole numbers")


def test_embeddings_as_nested_lists(tmp_path):
    """As the OpenAI cookbook and sentence-transformers' users write them, one object a line."""
    lines = [
        {"text": f"t{i}", "embedding": [i % 3, 0.5 if i else 2], "label": "pn"[i % 2]}
        for i in range(12)
    ]
    path = tmp_path / "embeddings.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    data = datasets.open(path)
    assert data.X.tolist() == [line["embedding"] for line in lines]
    assert "'text' (no list)" in data.notes[-1]


@pytest.mark.parametrize(
    "other",
    ["adult_test.csv", "testSet.csv", "adult-dev.csv", "dev.csv", "Adult.Validation.1.csv"],
)
def test_splits_are_words_of_the_names_of_files(tmp_path, other):
    """As competitions and the UCI repository call them: adult_train.csv beside adult_test.csv."""
    for name in ("adult_train.csv", other):
        rows = (f"{i},{(7 * i) % 5},{'ab'[i % 2]}\n" for i in range(20))
        (tmp_path / name).write_text("width,height,label\n" + "".join(rows))
    data = datasets.open(tmp_path)
    X = data.X_test if "test" in other else data.X_val
    assert (len(data.y), len(X)) == (20, 20)
    (tmp_path / "adult_train.csv").unlink()
    refuses(tmp_path, "no file for training", "name it train.csv")


def test_data_of_other_kinds_beside_a_table_are_named(tmp_path):
    FRAME.to_csv(tmp_path / "labels.csv", index=False)
    FRAME.to_json(tmp_path / "test.jsonl", orient="records", lines=True)
    np.save(tmp_path / "clip.npy", np.eye(3))
    (tmp_path / "README.md").write_text("about")
    assert "not used: 'clip.npy', 'test.jsonl'" in datasets.open(tmp_path).notes
