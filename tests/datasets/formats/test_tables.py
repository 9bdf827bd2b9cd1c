"""Tables that other libraries wrote: they come back as they were, and are refused by name."""

import struct
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from halfspaces import datasets
from tests.data_files import (
    SMALL,
    SMALL_LABELS,
    arrow_file,
    fixed,
    ipc,
    listed,
    parquet_lists,
    wide,
)
from tests.helpers import DIGITS, refuses

X, Y = DIGITS.X.astype(np.float32), DIGITS.y


# --- .npy ----------------------------------------------------------------------------------------


def test_parquet_header_that_lies(tmp_path):
    """Of a list longer than the file: pyarrow would make room for all of it first."""
    schema = b"\x15\x04\x19\xfc" + bytes(
        [0xA0, 0xF7, 0x36]
    )  # version 2; a list of 900,000 structs, thrift compact
    (tmp_path / "X.parquet").write_bytes(
        b"PAR1" + schema + struct.pack("<I", len(schema)) + b"PAR1"
    )
    refuses(tmp_path / "X.parquet", "Exceeded size limit")


# --- Parquet and Arrow ---------------------------------------------------------------------------


def test_arrow_of_one_batch_stays_on_disk(tmp_path):
    large = np.arange(10_000 * 256, dtype=np.float32).reshape(10_000, 256)
    ipc(tmp_path / "large.arrow", pa.table({"X": fixed(large), "y": np.arange(10_000) % 7}))
    before = pa.total_allocated_bytes()
    data = datasets.open(tmp_path / "large.arrow")
    assert pa.total_allocated_bytes() - before < 2e5
    assert not data.X.flags.owndata
    assert not data.X.flags.writeable
    np.testing.assert_array_equal(data.X, large, strict=True)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_columns_of_many_types(tmp_path, suffix):
    columns = {
        "bytes": np.arange(6, dtype=np.uint8),
        "halves": np.arange(6, dtype=np.float16),
        "truth": np.array([True, False] * 3),
        "money": pa.array(range(6), pa.decimal128(9, 2)),
        "y": pa.array(["owl", "kiwi", "owl", "kiwi", "owl", "emu"]).dictionary_encode(),
        "__index_level_0__": np.arange(6),
    }
    write = pa.parquet.write_table if suffix == "parquet" else lambda table, path: ipc(path, table)
    write(pa.table(columns), str(tmp_path / f"a.{suffix}"))
    data = datasets.open(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(data.X, [[i, i, 1 - i % 2, i] for i in range(6)])
    assert data.X.dtype == np.float64
    assert data.y.tolist() == ["owl", "kiwi", "owl", "kiwi", "owl", "emu"]
    write(
        pa.table({name: columns[name] for name in ("bytes", "truth", "y")}),
        str(tmp_path / f"a.{suffix}"),
    )
    assert datasets.open(tmp_path / f"a.{suffix}").X.dtype == np.uint8
    assert datasets.open_features(tmp_path / f"a.{suffix}").shape == (6, 2)


def test_lists_within_lists_and_columns_beside_them(tmp_path):
    images = SMALL.reshape(6, 2, 2)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(images)
    for column in (pa.array(images.tolist()), tensors):
        table = pa.table(
            {"id": list("abcdef"), "image": column, "label": SMALL_LABELS, "score": np.arange(6)}
        )
        pa.parquet.write_table(table, tmp_path / "a.parquet")
        np.testing.assert_array_equal(datasets.open(tmp_path / "a.parquet").X, SMALL)
    table = pa.table(
        {"text": [[1.0]] * 6, "embeddings": listed(SMALL, large=True), "label": SMALL_LABELS}
    )
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    np.testing.assert_array_equal(datasets.open(tmp_path / "a.parquet").X, SMALL, strict=True)


def test_the_label_by_name(tmp_path):
    pa.parquet.write_table(wide(SMALL, SMALL_LABELS, "Breed"), tmp_path / "a.parquet")
    refuses(
        tmp_path / "a.parquet",
        "columns 'f0', 'f1', 'f2', 'f3', 'Breed', and none is called label",
        "--label",
    )
    refuses(tmp_path / "a.parquet", "has no column 'bread'", "'Breed'", label="bread")
    data = datasets.open(tmp_path / "a.parquet", label="Breed")
    np.testing.assert_array_equal(data.y, SMALL_LABELS)
    np.testing.assert_array_equal(data.X, SMALL, strict=True)
    np.testing.assert_array_equal(
        datasets.open_features(tmp_path / "a.parquet", label="Breed"), SMALL
    )
    refuses("digits", "digits takes no label (--label), which is for", label="Breed")
    np.savez(tmp_path / "a.npz", X=SMALL, y=SMALL_LABELS)
    refuses(tmp_path / "a.npz", "a.npz takes no label (--label)", "leave it out", label="y")


def test_validation_shards_are_a_split_of_their_own(tmp_path):
    for name, rows in {"train-0": SMALL, "validation-0": SMALL[:3]}.items():
        pa.parquet.write_table(wide(rows, SMALL_LABELS[: len(rows)]), tmp_path / f"{name}.parquet")
    assert datasets.open(tmp_path).X_test is None
    pa.parquet.write_table(wide(SMALL[:2], SMALL_LABELS[:2]), tmp_path / "test.parquet")
    data = datasets.open(tmp_path)
    sizes = [
        len(rows)
        for rows in (data.X, data.X_test, data.X_val, data.y_val, datasets.open_features(tmp_path))
    ]
    assert sizes == [6, 2, 3, 3, 2]
    (tmp_path / "train-0.parquet").unlink()
    refuses(tmp_path, "holds 'test.parquet', 'validation-0.parquet' and no file for training")


GOOD = {"a": [1.0, 2.0], "label": [0, 1]}


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({**GOOD, "b": [None, 2.0]}, "1 missing values (null) in the column 'b'"),
        ({**GOOD, "label": [None, None]}, "2 missing values (null) in the column 'label'"),
        (
            {**GOOD, "name": ["x", "y"]},
            "has the column 'name' of type string; features are numbers",
        ),
        ({**GOOD, "when": pa.array([1, 2], pa.timestamp("s"))}, "column 'when' of type timestamp["),
        ({**GOOD, "label": [0.5, 1]}, "the column 'label' of type float64; labels are whole"),
        ({**GOOD, "label": [float("nan"), 1]}, "1 labels that are NaN in the column 'label'"),
        ({**GOOD, "label": ["x" * 5000, "y"]}, "a label of 5,000 characters in 'label'"),
        ({**GOOD, "label": [[1], [2]]}, "'label' of type list"),
        ({"label": [0, 1]}, "no column beside the label 'label'"),
        ({"x": [[1.0, 2], [1]], "label": [0, 1]}, "lists of different lengths in the column 'x'"),
        (
            {"x": [[1.0, None], [1, 2]], "label": [0, 1]},
            "1 missing values (null) in the column 'x'",
        ),
        ({"x": [[1.0], None], "label": [0, 1]}, "1 missing values (null) in the column 'x'"),
        ({"x": [["a"], ["b"]], "label": [0, 1]}, "column 'x' of type string"),
        (
            {"v": [[1]] * 2, "w": [[2]] * 2, "label": [0, 1]},
            "lists in the columns 'v', 'w'; call the one",
        ),
        (
            {"x": pa.array([[], []], pa.list_(pa.int8())), "label": [0, 1]},
            "at least one example and one feature",
        ),
        ({"x": pa.array([], pa.list_(pa.float32())), "label": pa.array([], pa.int8())}, "no rows"),
        (
            {"i": [{"bytes": b"", "path": ""}] * 2, "label": [0, 1]},
            "has row 0, which is no JPEG",
        ),
    ],
)
def test_tables_that_do_not_fit(tmp_path, suffix, columns, words):
    path = tmp_path / f"given.{suffix}"
    (pa.parquet.write_table if suffix == "parquet" else lambda table, path: ipc(path, table))(
        pa.table(columns), path
    )
    refuses(path, "given", words)


def test_missing_values_are_counted_over_all_batches(tmp_path):
    values = pa.array([None if i % 1000 == 999 else i for i in range(20_000)])
    pa.parquet.write_table(
        pa.table({"age": values, "y": np.arange(20_000) % 2}), tmp_path / "a.parquet"
    )
    refuses(tmp_path / "a.parquet", "a.parquet has 20 missing values (null) in the column 'age'")


def test_shards_that_disagree(tmp_path):
    def write(name, table):
        pa.parquet.write_table(table, tmp_path / f"{name}.parquet")

    write("train-0", wide(SMALL, SMALL_LABELS))
    write("train-1", wide(SMALL[:, :3], SMALL_LABELS))
    refuses(tmp_path, "train-1.parquet lacks the column 'f3' of", "train-0.parquet")
    write("train-1", wide(np.hstack([SMALL, SMALL[:, :1]]), SMALL_LABELS))
    refuses(tmp_path, "train-1.parquet has the column 'f4'", "train-0.parquet has not")
    write("train-1", wide(SMALL, SMALL_LABELS, "f4"))
    refuses(tmp_path, "train-1.parquet has no column 'label'")
    write("train-1", wide(SMALL.astype(float), SMALL_LABELS))
    assert datasets.open(tmp_path).X.dtype == np.float64
    write("train-0", pa.table({"x": fixed(SMALL), "y": SMALL_LABELS}))
    write("train-1", pa.table({"x": fixed(SMALL[:, :3]), "y": SMALL_LABELS}))
    refuses(tmp_path, "train-1.parquet has 3 features in a row but", "train-0.parquet has 4")


def test_damaged_tables(tmp_path):
    for write, name in ((parquet_lists, "digits.parquet"), (arrow_file, "digits.arrow")):
        write(tmp_path)
        whole = (tmp_path / name).read_bytes()
        for content in (
            b"",
            b"PAR1",
            whole[:-1],
            whole[: len(whole) // 2],
            b"hello world, this is text\n" * 9,
        ):
            (tmp_path / name).write_bytes(content)
            refuses(tmp_path / name, f"{name} cannot be read as")


def test_keys_ignored_columns_and_splits(tmp_path):
    """Keys by name or value are no features, and say so; test rows are never trained on."""
    rng = np.random.default_rng(0)
    n = 150
    signal = rng.normal(size=n)
    table = pa.table(
        {
            "Unnamed: 0": np.arange(n),
            "label_id": np.arange(n) // 50,
            "customer": rng.permutation(1000)[:n],
            "income": rng.permutation(10**6)[:n],
            "name": [f"row {i}" for i in range(n)],
            "country": ["NZ"] * n,
            "age": rng.integers(20, 60, n),
            "height": signal,
            "weight": signal**2,
            "split": np.where(np.arange(n) % 3 == 0, "Test", "train"),
            "label": np.arange(n) // 50,
        }
    )
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(table, path, row_group_size=40)
    data = datasets.open(path)
    assert data.conventions.columns == ("income", "age", "height", "weight")
    assert [len(data.y), len(data.y_test)] == [100, 50]
    np.testing.assert_array_equal(data.X_test[:, 2], signal[::3])
    (taken, left_out) = data.notes
    assert taken == "label 'label', 4 feature columns: 'income', 'age', 'height', 'weight'"
    assert left_out == (
        "left out: 'split' (the splits), 'Unnamed: 0' (a key), 'label_id' (a key),"
        " 'customer' (a key), 'name' (a key) and 1 more"
    )
    data = datasets.open(path, ignore=["age", "income", "split"], split="split")
    assert data.conventions.columns == ("height", "weight")
    refuses(path, "no column 'ages' to ignore", ignore=["ages"])
    refuses(path, "'nz' in the column 'country'", "train, validation and test", split="country")
    refuses(path, "no column 'fold' for the splits", split="fold")
    refuses(tmp_path, "no column 'fold'", split="fold")


def test_views_of_texts(tmp_path):
    """As polars' write_ipc() writes texts and categories: Arrow's "utf8 view"."""
    kinds = pa.array(["owl", "kiwi", "owl", "kiwi", "owl", "emu"] * 2, pa.string_view())
    indices = pa.array([0, 1, 0, 1, 0, 2] * 2, pa.uint32())
    names = pa.array(["owl", "kiwi", "emu"], pa.string_view())
    for column in (kinds, pa.DictionaryArray.from_arrays(indices, names)):
        texts = pa.array([f"row {i}" for i in range(12)], pa.string_view())
        ipc(tmp_path / "a.arrow", pa.table({"note": texts, "x": np.arange(12) % 5, "kind": column}))
        data = datasets.open(tmp_path / "a.arrow")
        assert data.y.tolist() == kinds.to_pylist()
        assert data.conventions.key == "note"


def test_indices_of_every_kind_are_no_features(tmp_path):
    """As pandas and polars write them: an index, that of an index, floats after a join."""
    rng = np.random.default_rng(0)
    n = 60
    species = np.sort(rng.integers(0, 3, n))
    columns = {
        "Unnamed: 0": np.arange(n),
        "Unnamed: 0.1": rng.integers(0, 99, n),
        "Unnamed: 1": rng.permutation(10**6)[:n],
        "Unnamed: 2": np.arange(n) % 40,
        "Unnamed: 3": rng.integers(0, 9, n),
        "Unnamed: 32": pa.nulls(n),
        "row_nr": np.arange(n) * 1.0,
        "member": rng.permutation(n) * 1.0,
        "idx": rng.integers(0, 9, n),
        "rounded": rng.integers(0, 50, n) * 1.0,
        "kind": np.array([7.0, 2.0, 5.0])[species],
        "label": species,
    }
    pa.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    data = datasets.open(tmp_path / "a.parquet")
    assert data.conventions.columns == ("Unnamed: 3", "rounded", "kind")
    assert "'Unnamed: 32' (empty)" in data.notes[1]
    assert data.notes[-1].startswith("'kind' has one value for each class, a copy of the label")
    for name in ("train-0", "train-1"):  # of the narrowest type of each file
        rows = slice(None, 5) if name == "train-1" else slice(None)
        kind = np.uint8 if name == "train-1" else np.int16
        shard = {key: pa.array(columns[key][rows]) for key in ("rounded", "label")}
        shard |= {"Unnamed: 0": np.arange(n, dtype=kind)[rows]}
        pa.parquet.write_table(pa.table(shard), tmp_path / f"{name}.parquet")
    (tmp_path / "a.parquet").unlink()
    assert datasets.open(tmp_path).conventions.columns == ("rounded",)
    pa.parquet.write_table(pa.table(shard).drop_columns("Unnamed: 0"), tmp_path / "train-1.parquet")
    assert datasets.open(tmp_path).conventions.columns == ("rounded",)


def test_columns_are_matched_by_name(tmp_path):
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(wide(SMALL, SMALL_LABELS), path)
    like = datasets.open(path).conventions
    names = ["extra", "label", "f3", "f1", "f0", "f2"]
    table = wide(SMALL, SMALL_LABELS).append_column("extra", pa.array(range(6))).select(names)
    pa.parquet.write_table(table, path)
    data = datasets.open(path, like=like)
    np.testing.assert_array_equal(data.X, SMALL)
    assert data.notes[-1] == "left out: 'extra' (not used in training)"
    pa.parquet.write_table(table.drop_columns(["f1", "label"]), path)
    with pytest.raises(datasets.DataError, match=r"lacks the column 'f1' of the training"):
        datasets.open_rows(path, like=like)


# --- memory --------------------------------------------------------------------------------------


PEAK = """
import resource, sys
from halfspaces import datasets
import pyarrow, pyarrow.parquet, h5py
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = datasets.open(sys.argv[1])
data.X[:10].sum()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_parquet_is_held_once(tmp_path):
    rows = np.ones((50_000, 256), np.float32)
    table = pa.table({"X": fixed(rows), "y": np.arange(50_000) % 7})
    written = {"row_group_size": 5_000, "use_dictionary": False, "compression": "none"}
    pa.parquet.write_table(table, tmp_path / "a.parquet", **written)
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "a.parquet")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) * 1024 < 1.6 * rows.nbytes
