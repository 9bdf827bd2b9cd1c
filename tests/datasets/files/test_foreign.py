"""Files of other programs, and what downloads leave instead of data, are refused with a remedy."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from halfspaces import datasets
from tests.helpers import refuses

# As git-lfs writes it: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
PAGE = "\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"
FRAME = pd.DataFrame({"width": [1.5, 2, 3], "label": ["a", "b", "a"]})


@pytest.mark.parametrize("name", ["train.csv", "train.parquet", "train.jsonl", "X.npz"])
@pytest.mark.parametrize("content", [POINTER, PAGE])
def test_what_a_download_left(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    words = "`git lfs pull`" if content == POINTER else "is a web page"
    refuses(tmp_path / name, name, words)
    if name != "X.npz":
        refuses(tmp_path, name, words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.xlsx", 'pandas.read_excel("a.xlsx").to_parquet("a.parquet")'),
        ("a.json", 'pandas.read_json("a.json")'),
        ("a.pkl", 'pandas.read_pickle("a.pkl")'),
        ("a.arff", "below its line @data"),
        ("a.mat", 'scipy.io.loadmat("a.mat")'),
    ],
)
def test_files_of_other_programs(tmp_path, name, words):
    """`DataFrame.to_json()` writes one array; a workbook is a zip."""
    (tmp_path / name).write_bytes(FRAME.to_json(orient="records").encode())
    refuses(tmp_path / name, name, words)


def zipped(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def test_a_zip_of_one_table(tmp_path):
    """As Kaggle hands out large tables: train.csv.zip."""
    text = FRAME.to_csv(index=False)
    path = zipped(tmp_path / "train.csv.zip", {"train.csv": text, "__MACOSX/train.csv": "x"})
    data = datasets.open(path)
    assert (data.name, data.y.tolist()) == ("train", ["a", "b", "a"])
    path.rename(tmp_path / "test.csv.zip")
    zipped(path, {"train.csv": text})
    assert len(datasets.open(tmp_path).y_test) == 3
    refuses(zipped(path, {"a.csv": text, "b.csv": text}), "holds 'a.csv', 'b.csv'", "unpack it")
    whole = zipped(path, {"a.csv": text * 99}).read_bytes()
    path.write_bytes(whole[:40] + b"\xff" * 9 + whole[49:])
    refuses(path, "train.csv.zip")
    path.write_bytes(whole[:-30])
    refuses(path, "train.csv.zip cannot be unpacked")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_labels_in_a_file_of_their_own(tmp_path, suffix):
    """The four files that many courses write after scikit-learn's train_test_split."""
    rows = np.arange(24.0).reshape(12, 2)
    kinds = np.array(["owl", "emu", "owl"] * 4)

    def write(name, frame):
        if suffix == ".csv":
            frame.to_csv(tmp_path / f"{name}.csv")
        else:
            frame.to_parquet(tmp_path / f"{name}.parquet")

    for split, part in {"train": slice(None), "test": slice(3)}.items():
        write(f"X_{split}", pd.DataFrame(rows[part], columns=["width", "height"]))
        write(f"y_{split}", pd.DataFrame({"species": kinds[part]}))
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(data.X, rows)
    np.testing.assert_array_equal(data.X_test, rows[:3])
    assert data.y.tolist() == kinds.tolist()
    assert data.y_test.tolist() == kinds[:3].tolist()
    write("y_train", pd.DataFrame({"species": kinds[:5]}))
    refuses(tmp_path, "has 12 rows and", "5; give one label a row")
    write("y_train", pd.DataFrame({"species": kinds, "genus": kinds}))
    refuses(tmp_path, "has the columns 'species', 'genus'; keep the one")


def test_an_empty_file_says_so(tmp_path):
    (tmp_path / "empty.parquet").write_bytes(io.BytesIO().getvalue())
    refuses(tmp_path / "empty.parquet", "the file is empty")


def test_names_of_rows_without_a_name(tmp_path):
    """R's write.table(iris, "a.csv", sep=","): the header has one field less than the rows."""
    (tmp_path / "a.csv").write_text('"width","label"\n"1",2.5,"a"\n"2",3.5,"b"\n')
    refuses(tmp_path / "a.csv", "2 fields in its first line and 3 in the others", "row.names=FALSE")
