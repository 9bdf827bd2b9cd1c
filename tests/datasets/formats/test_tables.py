"""Tables and arrays that other libraries wrote: they come back as they were, train alike, and are refused by name."""

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import fuzz
from fuzz_tables import READERS
from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError

DIGITS = datasets.open("digits")
X, Y = DIGITS.X.astype(np.float32), DIGITS.y
X_TEST, Y_TEST = DIGITS.X_test.astype(np.float32), DIGITS.y_test
SMALL, LABELS = X[:6, 20:24], np.array([0, 1, 2, 0, 1, 2])


def refused(given, *words, label=None):
    """One sentence, with all of these words."""
    with pytest.raises(DataError) as caught:
        datasets.open(given, label=label)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
    assert message.endswith(".")


def fixed(X):
    """A column of lists of one size, without a copy."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(X).reshape(-1)), X.shape[1])


def listed(X, large=False):
    return pa.array(list(X), pa.large_list(pa.from_numpy_dtype(X.dtype)) if large else None)


def wide(X, y, label="label"):
    """One column a feature."""
    return pa.table({**{f"f{i}": X[:, i] for i in range(X.shape[1])}, label: y})


def ipc(path, table, *, stream=False, compression=None, rows=None):
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)


def save_to_disk(folder, table, features=None, files=1):
    """What Hugging Face's Dataset.save_to_disk writes."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{files:05d}.arrow" for i in range(files)]
    bounds = np.linspace(0, len(table), files + 1).astype(int)
    for name, start, stop in zip(names, bounds, bounds[1:], strict=False):
        ipc(folder / name, table.slice(start, stop - start), stream=True, rows=500)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_format_type": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}, "splits": None}))


# --- the same training from everything ---------------------------------------------------------------------------


def npy_pair(folder):
    for name, array in {"X": X, "y": Y, "X_test": X_TEST, "y_test": Y_TEST}.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def parquet_lists(folder):
    path = folder / "digits.parquet"
    pa.parquet.write_table(pa.table({"embedding": listed(X), "label": Y}), path, row_group_size=300)
    return path


def parquet_shards(folder):
    shards = folder / "shards"
    shards.mkdir()
    for name, rows in {"train-00000-of-00002": slice(800), "train-00001-of-00002": slice(800, None)}.items():
        pa.parquet.write_table(pa.table({"embedding": fixed(X[rows]), "label": Y[rows]}), shards / f"{name}.parquet")
    pa.parquet.write_table(pa.table({"embedding": fixed(X_TEST), "label": Y_TEST}), shards / "test-0.parquet")
    return shards


def parquet_of_pandas(folder):
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)]).assign(target=Y)
    frame.iloc[::-1].iloc[::-1].to_parquet(folder / "frame.parquet", compression="zstd")
    return folder / "frame.parquet"


def arrow_file(folder):
    ipc(folder / "digits.arrow", pa.table({"X": fixed(X), "y": Y}))
    return folder / "digits.arrow"


def feather(folder):
    pa.feather.write_feather(wide(X, Y), folder / "digits.feather", compression="lz4")
    return folder / "digits.feather"


def hugging_face(folder):
    names = {"label": {"names": list("0123456789"), "_type": "ClassLabel"}}
    table, test = (pa.table({"vector": listed(each), "label": y}) for each, y in ((X, Y), (X_TEST, Y_TEST)))
    save_to_disk(folder / "saved" / "train", table, names, files=2)
    save_to_disk(folder / "saved" / "test", test, names)
    (folder / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    return folder / "saved"


def hdf5(folder):
    with h5py.File(folder / "digits.h5", "w") as file:
        for name, array in {"X": X, "y": Y, "X_test": X_TEST, "y_test": Y_TEST}.items():
            file[name] = array
    return folder / "digits.h5"


def hdf5_groups(folder):
    with h5py.File(folder / "digits.hdf5", "w") as file:
        file.create_dataset("train/features", data=X, compression="gzip", chunks=(100, 64))
        file["train/labels"] = Y
        file.create_dataset("test/features", data=X_TEST, shuffle=True, compression="lzf")
        file["test/labels"] = Y_TEST
    return folder / "digits.hdf5"


WRITERS = [npy_pair, parquet_lists, parquet_shards, parquet_of_pandas, arrow_file, feather]
WRITERS += [hugging_face, hdf5, hdf5_groups]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_every_format_is_read_as_written_and_trains_alike(tmp_path, write):
    data = datasets.open(write(tmp_path))
    np.testing.assert_array_equal(data.X, X, strict=True)
    np.testing.assert_array_equal(data.y, Y, strict=True)
    if data.X_test is not None:
        np.testing.assert_array_equal(data.X_test, X_TEST, strict=True)
        np.testing.assert_array_equal(data.y_test, Y_TEST, strict=True)
    read, given = (LinearClassifier(strength=0.1).fit(*each) for each in ((data.X, data.y), (X, Y)))
    np.testing.assert_array_equal(read.coef_, given.coef_)
    assert read.score(X_TEST, Y_TEST) == given.score(X_TEST, Y_TEST) > 0.9


# --- .npy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("X", "y"), "X.npy"),
        (("X", "y"), "."),
        (("embeddings", "labels"), "."),
        (("X_train", "y_train"), "."),
        (("train_features", "train_labels"), "train_features.npy"),
        (("clip-vit-l14", "labels"), "clip-vit-l14.npy"),
    ],
)
def test_npy_stays_on_disk(tmp_path, dtype, names, given):
    for name, array in zip(names, (SMALL.astype(dtype), LABELS), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    data = datasets.open(tmp_path / given)
    assert isinstance(data.X, np.memmap)
    assert not data.X.flags.writeable
    np.testing.assert_array_equal(data.X, SMALL.astype(dtype), strict=True)
    np.testing.assert_array_equal(data.y, LABELS)


def test_npy_images_test_rows_and_features_alone(tmp_path):
    images = np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3)
    np.save(tmp_path / "X.npy", images)
    np.save(tmp_path / "y.npy", np.array(["a", "b", "c"] * 2))
    assert datasets.open_features(tmp_path / "X.npy").shape == (6, 12)
    (tmp_path / "alone").mkdir()
    np.save(tmp_path / "alone" / "X.npy", images[:4])
    assert datasets.open_features(tmp_path / "alone").shape == (4, 12), "rows to predict need no labels"
    (tmp_path / "alone" / "X.npy").rename(tmp_path / "alone" / "y.npy")
    with pytest.raises(DataError, match=r"has no X.npy; save the features with"):
        datasets.open_features(tmp_path / "alone")
    data = datasets.open(tmp_path)
    assert (data.X.shape, data.image_shape, data.X_test) == ((6, 12), (2, 2, 3), None)
    assert isinstance(data.X, np.memmap)
    np.save(tmp_path / "X_test.npy", images[:2])
    refused(tmp_path, "X_test.npy has no labels beside it; save them as", "y_test.npy")
    np.save(tmp_path / "y_test.npy", ["a", "b"])
    np.save(tmp_path / "X_val.npy", images[2:5])
    refused(tmp_path, "X_val.npy has no labels beside it; save them as", "y_val.npy")
    np.save(tmp_path / "y_val.npy", ["c", "a", "b"])
    for given in (tmp_path, tmp_path / "X_val.npy"):
        data = datasets.open(given)
        np.testing.assert_array_equal(data.X_val, images[2:5].reshape(3, -1), strict=True)
        assert (len(data.X), len(data.X_test), data.y_val.tolist()) == (6, 2, ["c", "a", "b"])
    np.savez(tmp_path / "all.npz", **{path.stem: np.load(path) for path in sorted(tmp_path.glob("*.npy"))})
    assert datasets.open(tmp_path / "all.npz").y_val.tolist() == ["c", "a", "b"]
    assert datasets.open(tmp_path).X_test.shape == datasets.open_features(tmp_path).shape == (2, 12)
    np.save(tmp_path / "X.npy", np.asfortranarray(images))
    refused(tmp_path, "X.npy has an array in Fortran's order; save it with")


def test_npy_that_does_not_fit(tmp_path):
    np.save(tmp_path / "y.npy", LABELS)
    refused(tmp_path, "has labels but no X.npy")
    np.save(tmp_path / "X.npy", SMALL[:5])
    refused(tmp_path, "X has 5 examples but y has 6 labels")
    np.save(tmp_path / "X.npy", SMALL[:, 0])
    refused(tmp_path, "X.npy has an array of shape (6,); rows of features")
    np.save(tmp_path / "X.npy", SMALL.astype(complex))
    refused(tmp_path, "X.npy has an array of type complex128; real numbers")
    np.save(tmp_path / "X.npy", SMALL)
    np.save(tmp_path / "y.npy", np.where(LABELS == 2, np.nan, LABELS))
    refused(tmp_path, "y.npy has 2 labels that are NaN")
    (tmp_path / "y.npy").unlink()
    refused(tmp_path, "X.npy has no labels beside it; save them as", "y.npy.")


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("name", ["X", "y"])
def test_npy_pickles_are_never_read(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", SMALL)
    np.save("y.npy", LABELS)
    np.save(f"{name}.npy", np.array([Trap()] * 6), allow_pickle=True)
    refused(tmp_path, f"{name}.npy cannot be read as .npy")
    (tmp_path / f"{name}.npy").write_bytes(pickle.dumps(Trap()))
    refused(tmp_path, f"{name}.npy cannot be read as .npy")
    assert not (tmp_path / "trapped").exists()


def test_npy_header_that_lies(tmp_path):
    np.save(tmp_path / "y.npy", LABELS)
    with (tmp_path / "X.npy").open("wb") as stream:
        fields = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50, 784)}
        np.lib.format.write_array_header_1_0(stream, fields)
    refused(tmp_path, "X.npy cannot be read as .npy")


def test_parquet_header_that_lies(tmp_path):
    """Of a list longer than the file: pyarrow would make room for all of it first."""
    schema = b"\x15\x04\x19\xfc" + bytes([0xA0, 0xF7, 0x36])  # version 2; a list of 900,000 structs, thrift compact
    (tmp_path / "X.parquet").write_bytes(b"PAR1" + schema + struct.pack("<I", len(schema)) + b"PAR1")
    refused(tmp_path / "X.parquet", "Exceeded size limit")


# --- Parquet and Arrow -------------------------------------------------------------------------------------------


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
    write(pa.table({name: columns[name] for name in ("bytes", "truth", "y")}), str(tmp_path / f"a.{suffix}"))
    assert datasets.open(tmp_path / f"a.{suffix}").X.dtype == np.uint8
    assert datasets.open_features(tmp_path / f"a.{suffix}").shape == (6, 2)


def test_lists_within_lists_and_columns_beside_them(tmp_path):
    images = SMALL.reshape(6, 2, 2)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(images)
    for column in (pa.array(images.tolist()), tensors):
        table = pa.table({"id": list("abcdef"), "image": column, "label": LABELS, "score": np.arange(6)})
        pa.parquet.write_table(table, tmp_path / "a.parquet")
        np.testing.assert_array_equal(datasets.open(tmp_path / "a.parquet").X, SMALL)
    table = pa.table({"text": [[1.0]] * 6, "embeddings": listed(SMALL, large=True), "label": LABELS})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    np.testing.assert_array_equal(datasets.open(tmp_path / "a.parquet").X, SMALL, strict=True)


def test_the_label_by_name(tmp_path):
    pa.parquet.write_table(wide(SMALL, LABELS, "Breed"), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "columns 'f0', 'f1', 'f2', 'f3', 'Breed', and none is called label", "--label")
    refused(tmp_path / "a.parquet", "has no column 'bread'", "'Breed'", label="bread")
    data = datasets.open(tmp_path / "a.parquet", label="Breed")
    np.testing.assert_array_equal(data.y, LABELS)
    np.testing.assert_array_equal(data.X, SMALL, strict=True)
    np.testing.assert_array_equal(datasets.open_features(tmp_path / "a.parquet", label="Breed"), SMALL)
    refused("digits", "'Breed' names a column of a table, and digits is none", label="Breed")
    np.savez(tmp_path / "a.npz", X=SMALL, y=LABELS)
    refused(tmp_path / "a.npz", "and", "a.npz is none", label="y")


def test_validation_shards_are_a_split_of_their_own(tmp_path):
    for name, rows in {"train-0": SMALL, "validation-0": SMALL[:3]}.items():
        pa.parquet.write_table(wide(rows, LABELS[: len(rows)]), tmp_path / f"{name}.parquet")
    assert datasets.open(tmp_path).X_test is None
    pa.parquet.write_table(wide(SMALL[:2], LABELS[:2]), tmp_path / "test.parquet")
    data = datasets.open(tmp_path)
    sizes = [len(rows) for rows in (data.X, data.X_test, data.X_val, data.y_val, datasets.open_features(tmp_path))]
    assert sizes == [6, 2, 3, 3, 2]
    (tmp_path / "train-0.parquet").unlink()
    refused(tmp_path, "holds 'test.parquet', 'validation-0.parquet' and no file for training")


GOOD = {"a": [1.0, 2.0], "label": [0, 1]}


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({**GOOD, "b": [None, 2.0]}, "1 missing values (null) in the column 'b'"),
        ({**GOOD, "label": [None, None]}, "2 missing values (null) in the column 'label'"),
        ({**GOOD, "name": ["x", "y"]}, "has the column 'name' of type string; features are numbers"),
        ({**GOOD, "when": pa.array([1, 2], pa.timestamp("s"))}, "column 'when' of type timestamp["),
        ({**GOOD, "label": [0.5, 1]}, "the column 'label' of type float64; labels are whole"),
        ({**GOOD, "label": [float("nan"), 1]}, "1 labels that are NaN in the column 'label'"),
        ({**GOOD, "label": ["x" * 5000, "y"]}, "a label of 5,000 characters in 'label'"),
        ({**GOOD, "label": [[1], [2]]}, "'label' of type list"),
        ({"label": [0, 1]}, "no column beside the label 'label'"),
        ({"x": [[1.0, 2], [1]], "label": [0, 1]}, "lists of different lengths in the column 'x'"),
        ({"x": [[1.0, None], [1, 2]], "label": [0, 1]}, "1 missing values (null) in the column 'x'"),
        ({"x": [[1.0], None], "label": [0, 1]}, "1 missing values (null) in the column 'x'"),
        ({"x": [["a"], ["b"]], "label": [0, 1]}, "column 'x' of type string"),
        ({"v": [[1]] * 2, "w": [[2]] * 2, "label": [0, 1]}, "lists in the columns 'v', 'w'; call the one"),
        ({"x": pa.array([[], []], pa.list_(pa.int8())), "label": [0, 1]}, "at least one example and one feature"),
        ({"x": pa.array([], pa.list_(pa.float32())), "label": pa.array([], pa.int8())}, "no rows"),
        ({"i": [{"bytes": b"", "path": ""}] * 2, "label": [0, 1]}, "files of images in the column 'i'"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, suffix, columns, words):
    path = tmp_path / f"given.{suffix}"
    (pa.parquet.write_table if suffix == "parquet" else lambda table, path: ipc(path, table))(pa.table(columns), path)
    refused(path, "given", words)


def test_missing_values_are_counted_over_all_batches(tmp_path):
    values = pa.array([None if i % 1000 == 999 else i for i in range(20_000)])
    pa.parquet.write_table(pa.table({"age": values, "y": np.arange(20_000) % 2}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "a.parquet has 20 missing values (null) in the column 'age'")


def test_shards_that_disagree(tmp_path):
    def write(name, table):
        pa.parquet.write_table(table, tmp_path / f"{name}.parquet")

    write("train-0", wide(SMALL, LABELS))
    write("train-1", wide(SMALL[:, :3], LABELS))
    refused(tmp_path, "train-1.parquet lacks the column 'f3' of", "train-0.parquet")
    write("train-1", wide(np.hstack([SMALL, SMALL[:, :1]]), LABELS))
    refused(tmp_path, "train-1.parquet has the column 'f4'", "train-0.parquet has not")
    write("train-1", wide(SMALL, LABELS, "f4"))
    refused(tmp_path, "train-1.parquet has no column 'label'")
    write("train-1", wide(SMALL.astype(float), LABELS))
    assert datasets.open(tmp_path).X.dtype == np.float64
    write("train-0", pa.table({"x": fixed(SMALL), "y": LABELS}))
    write("train-1", pa.table({"x": fixed(SMALL[:, :3]), "y": LABELS}))
    refused(tmp_path, "train-1.parquet has 3 features in a row but", "train-0.parquet has 4")


def test_damaged_tables(tmp_path):
    for write, name in ((parquet_lists, "digits.parquet"), (arrow_file, "digits.arrow")):
        write(tmp_path)
        whole = (tmp_path / name).read_bytes()
        for content in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"hello world, this is text\n" * 9):
            (tmp_path / name).write_bytes(content)
            refused(tmp_path / name, f"{name} cannot be read as")


def test_text_tables_are_refused_with_the_way_out(tmp_path):
    (tmp_path / "given.csv").write_text("a,b,label\n1,2,3\n")
    refused(tmp_path / "given.csv", "given.csv is text", "pandas.read_csv('given.csv').to_parquet('given.parquet')")


def test_more_than_the_memory_lies_on_disk_and_more_than_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    folder = parquet_shards(tmp_path)
    held, mapped = (datasets.open(folder, memory=memory).X for memory in (1e9, 1e4))
    assert isinstance(mapped.base, np.memmap)
    assert not isinstance(held.base, np.memmap)
    np.testing.assert_array_equal(mapped, held)
    assert list((tmp_path / "cache" / "large").iterdir()) == []
    usage = type(shutil.disk_usage(tmp_path))(1, 1, 10_000)
    monkeypatch.setattr("halfspaces.datasets.arrays.shutil.disk_usage", lambda path: usage)
    monkeypatch.setattr("halfspaces.datasets.arrays._memory", lambda: 10_000)
    refused(folder, "asks for 0.0 GiB, and", "store fewer rows or a narrower type")


def test_a_missing_library_is_one_line(tmp_path, monkeypatch):
    tables, file = parquet_lists(tmp_path), hdf5(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(tables, "digits.parquet needs pyarrow, which is not installed; run: pip install 'halfspaces[parquet]'.")
    refused(file, "digits.h5 needs h5py, which is not installed; run: pip install 'halfspaces[hdf5]'.")


# --- Hugging Face ------------------------------------------------------------------------------------------------


def test_hugging_face_names_classes(tmp_path):
    names = {"kind": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"}, "x": {"dtype": "float32"}}
    table = pa.table({"x": listed(SMALL), "kind": LABELS})
    save_to_disk(tmp_path / "pets", table, names)
    data = datasets.open(tmp_path / "pets", label="kind")
    assert str(data) == "pets: 6 examples, 4 features (float32), 3 classes"
    assert data.class_names == ("cat", "dog", "owl")
    assert datasets.open_features(tmp_path / "pets", label="kind").shape == (6, 4)
    metadata = {"huggingface": json.dumps({"info": {"features": names}})}
    pa.parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "pets.parquet")
    assert datasets.open(tmp_path / "pets.parquet", label="kind").class_names == ("cat", "dog", "owl")
    save_to_disk(tmp_path / "hidden", pa.table({"x": listed(SMALL), "kind": LABELS - 1}), names)
    refused(tmp_path / "hidden", "3 class_names but labels from -1 to 1", label="kind")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("state.json", '{"_data_files": [{"filename": "../../secret.arrow"}]}', "names the file '../../secret.arrow'"),
        ("state.json", '{"_data_files": [{"filename": "/etc/passwd"}]}', "names the file '/etc/passwd'"),
        ("state.json", '{"_data_files": [7]}', "names the file None"),
        ("state.json", '{"_data_files": []}', "names no files"),
        ("state.json", '{"_data_files": [{"filename": "gone.arrow"}]}', "gone.arrow cannot be read"),
        ("state.json", '{"_indices_data_files": [{"filename": "i.arrow"}]}', "a selection of rows"),
        ("state.json", "[" * 100_000, "cannot be read as JSON"),
        ("state.json", "7", "holds no JSON object"),
        ("dataset_dict.json", '{"splits": ["test"]}', "none is 'train'"),
    ],
)
def test_hugging_face_folders_that_do_not_fit(tmp_path, name, content, words):
    save_to_disk(tmp_path / "saved", pa.table({"x": listed(SMALL), "label": LABELS}))
    (tmp_path / "saved" / name).write_text(content)
    refused(tmp_path / "saved", words)


# --- HDF5 --------------------------------------------------------------------------------------------------------


def test_hdf5_in_one_piece_stays_on_disk(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024) as file:
        file["embeddings"], file["labels"] = SMALL.astype(np.float16), LABELS[:, None]
    data = datasets.open(tmp_path / "a.h5")
    assert isinstance(data.X, np.memmap)
    assert not data.X.flags.writeable
    np.testing.assert_array_equal(data.X, SMALL.astype(np.float16), strict=True)
    np.testing.assert_array_equal(data.y, LABELS)


def test_hdf5_of_other_kinds(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = SMALL.reshape(6, 2, 2).astype(">f4")
        file["y"] = np.array(["owl", "emu"] * 3, dtype=h5py.string_dtype())
    data = datasets.open(tmp_path / "a.h5")
    np.testing.assert_array_equal(data.X, SMALL)
    assert (data.image_shape, data.y.tolist()) == ((2, 2, 1), ["owl", "emu"] * 3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = SMALL
        refused_words = "holds 'X', but labels, such as y, are needed"
    refused(tmp_path / "a.h5", refused_words)
    assert datasets.open_features(tmp_path / "a.h5").shape == (6, 4)


def test_hdf5_never_leaves_its_file(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["X"], file["y"] = SMALL, LABELS
    (tmp_path / "raw").write_bytes(SMALL.tobytes())

    def linked(file):
        file["X"] = h5py.ExternalLink(str(secret), "/X")

    def soft(file):
        file["elsewhere"] = SMALL
        file["X"] = h5py.SoftLink("/elsewhere")

    def external(file):
        file.create_dataset("X", SMALL.shape, SMALL.dtype, external=[(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)])

    def virtual(file):
        layout = h5py.VirtualLayout(SMALL.shape, SMALL.dtype)
        layout[:] = h5py.VirtualSource(str(secret), "X", SMALL.shape)
        file.create_virtual_dataset("X", layout)

    def group(file):
        file["y_test"] = LABELS
        file["train"] = h5py.ExternalLink(str(secret), "/")

    for make, words in (
        (linked, "has X as a link"),
        (soft, "has X as a link"),
        (external, "has /X in other files"),
        (virtual, "has /X in other files"),
        (group, "has train as a link"),
    ):
        with h5py.File(tmp_path / "given.h5", "w") as file:
            file["y"] = LABELS
            make(file)
        refused(tmp_path / "given.h5", "given.h5", words)


def test_hdf5_that_does_not_fit(tmp_path):
    def write(**arrays):
        with h5py.File(tmp_path / "given.h5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return tmp_path / "given.h5"

    refused(write(), "given.h5 holds nothing, but features")
    refused(write(X=SMALL, y=LABELS[:5]), "X has 6 examples but y has 5 labels")
    refused(write(X=SMALL, y=SMALL), "/y of shape (6, 4); one label a row")
    refused(write(X=SMALL.astype(complex), y=LABELS), "/X of type complex128; real numbers")
    refused(write(X=np.array([b"a", b"b"]), y=LABELS), "given.h5 has /X of type |S1")
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file.create_dataset("X", (1 << 40, 1 << 20), np.float32, chunks=(1, 1 << 20), compression="gzip")
        file["y"] = LABELS
    refused(tmp_path / "given.h5", "has /X of shape (1099511627776, 1048576), of which only 0 bytes were ever written")
    whole = write(X=SMALL, y=LABELS).read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"hello world\n" * 99):
        (tmp_path / "given.h5").write_bytes(content)
        refused(tmp_path / "given.h5", "given.h5 cannot be read as HDF5")


# --- memory ------------------------------------------------------------------------------------------------------

PEAK = """
import resource, sys
from halfspaces import datasets
import pyarrow, pyarrow.parquet, h5py
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = datasets.open(sys.argv[1])
data.X[:10].sum()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_parquet_is_held_once(tmp_path):
    rows = np.ones((50_000, 256), np.float32)
    table = pa.table({"X": fixed(rows), "y": np.arange(50_000) % 7})
    written = {"row_group_size": 5_000, "use_dictionary": False, "compression": "none"}
    pa.parquet.write_table(table, tmp_path / "a.parquet", **written)
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "a.parquet")], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) * 1024 < 1.6 * rows.nbytes


# --- damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readers", [["hdf5 strings"], [name for name in READERS if name != "hdf5 strings"]], ids=len)
def test_damaged_files_are_refused_or_read(readers):
    """In a process of its own, so that a crash, a hang or a great memory is seen; `python tests/fuzz.py`."""
    inputs = "8" if readers == ["hdf5 strings"] else "250"
    command = [sys.executable, fuzz.__file__, "--inputs", inputs, "--seed", "1", *readers]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count(f"{inputs} inputs") == len(readers)


def test_hdf5_strings_that_never_end(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file["X"], file["y"] = SMALL, np.array(["owl", "emu"] * 3, dtype=h5py.string_dtype())
    monkeypatch.setattr("halfspaces.datasets.hdf5.READ_STRINGS", "while True: pass")
    monkeypatch.setattr("halfspaces.datasets.hdf5.PATIENCE", 0.1)
    refused(tmp_path / "given.h5", "given.h5 cannot be read as HDF5 (its strings have no end in /y)")
    monkeypatch.setattr("halfspaces.datasets.hdf5.READ_STRINGS", "import os; os.abort()")
    monkeypatch.setattr("halfspaces.datasets.hdf5.PATIENCE", 30)
    refused(tmp_path / "given.h5", "given.h5 cannot be read as HDF5 (its strings are damaged in /y)")
