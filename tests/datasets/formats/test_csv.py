"""Comma-separated values in every dialect become the same data set; words among numbers, missing
values and ragged rows are refused by name.
"""

import codecs
import gzip
import lzma

import numpy as np
import pandas as pd
import pytest

from halfspaces import datasets
from tests.helpers import refuses

ROWS = 60
WIDTH = np.round(np.random.default_rng(0).normal(3, 1, ROWS), 3)
COUNT = np.arange(ROWS) % 7 * 50
KIND = np.array(["émeu", "kiwi, brown", 'the "owl"'])[np.arange(ROWS) % 3]
FRAME = pd.DataFrame({"width": WIDTH, "count": COUNT, "kind": KIND})

DIALECTS = {
    "comma": {"index": False},
    "index of pandas": {},
    "semicolon, decimal comma": {"index": False, "sep": ";", "decimal": ","},
    "tab": {"index": False, "sep": "\t"},
    "no header": {"index": False, "header": False},
    "all quoted": {"index": False, "quoting": 1},
    "windows": {"index": False, "lineterminator": "\r\n"},
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_the_same_data_set(tmp_path, dialect, encoding):
    path = tmp_path / "birds.csv"
    path.write_bytes(FRAME.to_csv(**DIALECTS[dialect]).encode(encoding))
    data = datasets.open(path)
    np.testing.assert_array_equal(data.X, np.column_stack([WIDTH, COUNT]), strict=True)
    assert data.y.tolist() == KIND.tolist()
    said = {"comma": "commas, a header", "tab": "tabs", "no header": "no header"}
    assert said.get(dialect, "") in data.notes[0]
    assert (encoding in data.notes[0]) == (encoding in ("utf-16", "cp1252"))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed(tmp_path, pack):
    name = f"birds.tsv.{'gz' if pack is gzip.compress else 'xz'}"
    (tmp_path / name).write_bytes(pack(FRAME.to_csv(sep="\t", index=False).encode()))
    data = datasets.open(tmp_path / name)
    assert str(data) == "birds: 60 examples, 2 features (float64), 3 classes"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 255, 3], np.uint8),
        ([0, 256, 3], np.int16),
        ([-1, 40_000, 3], np.int32),
        ([0, 1 << 40, 3], np.int64),
        ([1, 2.5, 3], np.float64),
        (["1e3", "-2", " 7 "], np.float64),
        (["true", "False", "true"], np.uint8),
    ],
)
def test_the_narrowest_type_of_all_rows(tmp_path, values, dtype):
    rows = "".join(f"{value},{i % 2}\n" for i, value in enumerate(values))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}")
    data = datasets.open(tmp_path / "a.csv")
    assert data.X.dtype == dtype
    assert data.X[:, 0].tolist() == [
        float(value) if value not in ("true", "False") else value == "true" for value in values
    ]


def test_a_type_that_later_blocks_widen(tmp_path, monkeypatch):
    """Whole numbers for many blocks, then one that is none."""
    monkeypatch.setattr("halfspaces.datasets.formats.csv.BLOCK", 1000)
    values = np.arange(5_000) % 9 * 1.0
    values[-1] = 0.5
    rows = "".join(f"{value:g},{i % 2}\n" for i, value in enumerate(values))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}")
    np.testing.assert_array_equal(datasets.open(tmp_path / "a.csv").X[:, 0], values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n1,0\nmany,1\n3,0\n", ["column 'x' of type string ('many' is no number)"]),
        ("x,y\n1,0\n,1\n?,0\n", ["2 missing values (null) in the column 'x'"]),
        ("x,y\n1,cat\n2,\n3,dog\n", ["1 missing values (null) in the column 'y'"]),
        ("x,y\n1,0\n2\n3,0\n", ["cannot be read as CSV", "Expected 2 columns, got 1"]),
        ("x,x\n1,0\n", ["has the column 'x' twice"]),
        ("x,y\n", ["columns but no rows"]),
        ("", ["holds no rows"]),
        ("x,y\n1,\0\n", ["is no text"]),
        ("a,b\n1,2\n3,4\n", ["none is called label", "--label COLUMN"]),
        ("1,2\n3,4\n5,6\n", ["columns '1', '2'", "--label COLUMN"]),
    ],
)
def test_what_is_no_table(tmp_path, text, words):
    (tmp_path / "given.csv").write_text(text)
    refuses(tmp_path / "given.csv", "given.csv", *words)


def test_files_of_splits_and_keys(tmp_path):
    FRAME.assign(id=range(ROWS)).to_csv(tmp_path / "train.csv", index=False)
    FRAME[:9].assign(id=list("abcdefghi")).to_csv(tmp_path / "test.csv", index=False)
    data = datasets.open(tmp_path)
    assert [len(data.y), len(data.y_test)] == [ROWS, 9]
    rows = datasets.open_rows(tmp_path / "test.csv")
    assert rows.keys["id"].tolist() == list("abcdefghi")
    np.testing.assert_array_equal(rows.X, data.X_test)


def test_a_header_of_numbers(tmp_path):
    FRAME.rename(columns={"width": "0", "count": "1", "kind": "label"}).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert datasets.open(tmp_path / "a.csv").conventions.columns == ("0", "1")


HEADERS = {
    "pandas without names": ("0,1,2,species", True),
    "R's write.csv of a matrix": ("1,2,3,4", True),
    "pandas without names, whole numbers": ("0,1,2,3", True),
    "wavelengths of spectra": ("400.5,402.5,404.5,label", True),
    "a class that is called y": ("5.1,3.5,1.4,y", False),
    "a row of numbers": ("1,2,4,3", False),
    "a row that counts": ("1,2,3,n", False),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_whether_a_first_line_of_numbers_is_a_header(tmp_path, kind):
    """The index of a frame without names, https://pandas.pydata.org/docs, and UCI's data files."""
    first, is_header = HEADERS[kind]
    rows = [f"{i % 3}.{i},{i % 5},{7 - i % 4},{'yn'[i % 2]}" for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join([first, *rows]))
    names = tuple(first.split(",")) if is_header else ("1", "2", "3", "4")
    data = datasets.open(tmp_path / "a.csv", label=names[-1])
    assert len(data.y) == 20 + (not is_header)
    assert data.conventions.columns == names[:-1]


def test_a_mark_of_utf_16_without_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(codecs.BOM_UTF16_LE)
    refuses(tmp_path / "a.csv", "holds no rows")
