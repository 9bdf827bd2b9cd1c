"""Every format of arrays and tables comes back as it was written, and trains alike."""

import json
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from halfspaces import LinearClassifier, datasets
from tests.data_files import arrow_file, listed, parquet_lists, parquet_shards, save_to_disk, wide
from tests.helpers import DIGITS, refuses

X, Y = DIGITS.X.astype(np.float32), DIGITS.y
X_TEST, Y_TEST = DIGITS.X_test.astype(np.float32), DIGITS.y_test

# --- the same training from everything -----------------------------------------------------------


def npy_pair(folder):
    for name, array in {"X": X, "y": Y, "X_test": X_TEST, "y_test": Y_TEST}.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def parquet_of_pandas(folder):
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)]).assign(target=Y)
    frame.iloc[::-1].iloc[::-1].to_parquet(folder / "frame.parquet", compression="zstd")
    return folder / "frame.parquet"


def feather(folder):
    pa.feather.write_feather(wide(X, Y), folder / "digits.feather", compression="lz4")
    return folder / "digits.feather"


def hugging_face(folder):
    names = {"label": {"names": list("0123456789"), "_type": "ClassLabel"}}
    table, test = (
        pa.table({"vector": listed(each), "label": y}) for each, y in ((X, Y), (X_TEST, Y_TEST))
    )
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


# --- Parquet and Arrow ---------------------------------------------------------------------------


def test_a_missing_library_is_one_line(tmp_path, monkeypatch):
    tables, file = parquet_lists(tmp_path), hdf5(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "h5py", None)
    refuses(
        tables,
        "digits.parquet needs pyarrow, which is not installed; "
        "run: pip install 'halfspaces[parquet]'.",
    )
    refuses(
        file, "digits.h5 needs h5py, which is not installed; run: pip install 'halfspaces[hdf5]'."
    )
