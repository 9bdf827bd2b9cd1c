"""Data sets on an engine: files that workers read, and rows that are sent to them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError
from halfspaces.datasets.fingerprint import fingerprint
from halfspaces.engines import Threads, place
from tests.helpers import DIGITS, NAMES, refuses

pytest.importorskip("fsspec")
SIZES = [600, 500, 337]


@pytest.fixture
def parts(tmp_path):
    """The digits as three files of lists that are of no fixed length, with labels and weights."""
    start = 0
    for p, size in enumerate(SIZES):
        rows = slice(start, start + size)
        lists = pa.array(list(DIGITS.X[rows].astype(np.float32)), pa.list_(pa.float32()))
        columns = {
            "x": lists,
            "label": NAMES[DIGITS.y[rows]],
            "w": np.ones(size),
            "id": [*range(size)],
        }
        pq.write_table(pa.table(columns), tmp_path / f"part-{p}.parquet")
        start += size
    return f"{tmp_path}/*.parquet"


def test_a_pattern_is_the_rows_that_were_written(parts):
    found = datasets.open(parts, engine=Threads(2), weight="w")
    assert np.array_equal(found.X[np.arange(1437)], DIGITS.X)
    assert found.X.starts.tolist() == [0, 600, 1100, 1437]
    assert found.y.tolist() == NAMES[DIGITS.y].tolist()
    assert found.weight.tolist() == [1.0] * 1437
    assert str(found).endswith("1,437 examples, 64 features (float32), 10 classes")
    assert found.notes[0] == "rows lie in 3 partitions on threads"
    here = place(DIGITS.X.astype(np.float32), Threads(1), SIZES)
    fits = [LinearClassifier().fit(X, found.y) for X in (found.X, here)]
    assert np.array_equal(fits[0].coef_, fits[1].coef_)


def test_rows_to_predict_have_the_columns_of_the_training(tmp_path):
    for p in range(2):
        table = {"b": [1.0, 2.0], "key": [f"k{p}", f"l{p}"], "a": [3, 4]}
        pq.write_table(pa.table(table), tmp_path / f"{p}.parquet")
    like = datasets.Conventions(columns=("a", "b"), key="key")
    rows = datasets.open_rows(f"{tmp_path}/*.parquet", engine=Threads(1), like=like)
    assert rows.X[[0, 3]].tolist() == [[3.0, 1.0], [4.0, 2.0]]
    assert rows.X.columns == ("a", "b")
    assert rows.keys["key"].tolist() == ["k0", "l0", "k1", "l1"]


def test_other_data_are_placed():
    found = datasets.open("digits", engine=Threads(1))
    assert found.X.dtype == np.uint8
    assert found.X_test.shape == (360, 64)
    assert np.array_equal(found.X[[5]], DIGITS.X[[5]])


def test_other_values_are_another_fingerprint():
    placed = [place(X, Threads(1), 2) for X in (np.eye(3), np.eye(3), 2 * np.eye(3))]
    digests = [fingerprint(X, np.arange(3))["digest"] for X in placed]
    assert digests[0] == digests[1] != digests[2]


def test_what_is_no_pattern_of_parquet_is_refused(parts, tmp_path):
    refuses(parts, "is a pattern of files", "--engine threads, dask or ray")
    refuses(f"{tmp_path}/*.pq", "names no file", engine=Threads(1))
    refuses("nothing://b/*.parquet", "cannot be listed", "check the address", engine=Threads(1))
    refuses(parts, "no column 'z'", engine=Threads(1), label="z")
    refuses(parts, "takes no split (--split)", engine=Threads(1), split="w")
    (tmp_path / "part-1.parquet").write_bytes(b"PAR1 damaged")
    refuses(parts, "part-1.parquet cannot be read as Parquet", engine=Threads(1))
    (tmp_path / "part-3.csv").write_text("a,label\n1,2\n")
    refuses(f"{tmp_path}/part*", "part-3.csv, and workers read Parquet files", engine=Threads(1))


def test_files_that_disagree_are_refused(parts, tmp_path):
    ragged = pa.table({"x": [[1.0], [1.0, 2.0, 3.0]], "label": ["zero", "one"]})
    pq.write_table(ragged, tmp_path / "part-0.parquet")
    with pytest.raises(DataError, match=r"part-0\.parquet has lists of different lengths"):
        LinearClassifier().fit(*_examples(datasets.open(parts, engine=Threads(1))))
    pq.write_table(pa.table({"z": [1.0], "label": ["zero"]}), tmp_path / "part-2.parquet")
    refuses(parts, "part-2.parquet lacks the column 'x'", engine=Threads(1))


def _examples(dataset):
    return dataset.X, dataset.y
