"""HDF5: what other libraries wrote comes back; links out of the file and damage are refused."""

import h5py
import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets import DataError
from halfspaces.datasets.formats import hdf5
from tests.data_files import SMALL, SMALL_LABELS
from tests.helpers import DIGITS, assert_one_sentence, refuses

X, Y = DIGITS.X.astype(np.float32), DIGITS.y


# --- HDF5 ----------------------------------------------------------------------------------------


def test_hdf5_in_one_piece_stays_on_disk(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024) as file:
        file["embeddings"], file["labels"] = SMALL.astype(np.float16), SMALL_LABELS[:, None]
    data = datasets.open(tmp_path / "a.h5")
    assert isinstance(data.X, np.memmap)
    assert not data.X.flags.writeable
    np.testing.assert_array_equal(data.X, SMALL.astype(np.float16), strict=True)
    np.testing.assert_array_equal(data.y, SMALL_LABELS)


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
    refuses(tmp_path / "a.h5", refused_words)
    assert datasets.open_features(tmp_path / "a.h5").shape == (6, 4)


def test_hdf5_never_leaves_its_file(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["X"], file["y"] = SMALL, SMALL_LABELS
    (tmp_path / "raw").write_bytes(SMALL.tobytes())

    def linked(file):
        file["X"] = h5py.ExternalLink(str(secret), "/X")

    def soft(file):
        file["elsewhere"] = SMALL
        file["X"] = h5py.SoftLink("/elsewhere")

    def external(file):
        file.create_dataset(
            "X", SMALL.shape, SMALL.dtype, external=[(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        )

    def virtual(file):
        layout = h5py.VirtualLayout(SMALL.shape, SMALL.dtype)
        layout[:] = h5py.VirtualSource(str(secret), "X", SMALL.shape)
        file.create_virtual_dataset("X", layout)

    def group(file):
        file["y_test"] = SMALL_LABELS
        file["train"] = h5py.ExternalLink(str(secret), "/")

    for make, words in (
        (linked, "has X as a link"),
        (soft, "has X as a link"),
        (external, "has /X in other files"),
        (virtual, "has /X in other files"),
        (group, "has train as a link"),
    ):
        with h5py.File(tmp_path / "given.h5", "w") as file:
            file["y"] = SMALL_LABELS
            make(file)
        refuses(tmp_path / "given.h5", "given.h5", words)


def test_hdf5_that_does_not_fit(tmp_path):
    def write(**arrays):
        with h5py.File(tmp_path / "given.h5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return tmp_path / "given.h5"

    refuses(write(), "given.h5 holds nothing, but features")
    refuses(write(X=SMALL, y=SMALL_LABELS[:5]), "X has 6 examples but y has 5 labels")
    refuses(write(X=SMALL, y=SMALL), "/y of shape (6, 4) with other numbers than 0 and 1")
    refuses(write(X=SMALL.astype(complex), y=SMALL_LABELS), "/X of type complex128; real numbers")
    refuses(write(X=np.array([b"a", b"b"]), y=SMALL_LABELS), "given.h5 has /X of type |S1")
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file.create_dataset(
            "X", (1 << 40, 1 << 20), np.float32, chunks=(1, 1 << 20), compression="gzip"
        )
        file["y"] = SMALL_LABELS
    refuses(
        tmp_path / "given.h5",
        "has /X of shape (1099511627776, 1048576), of which only 0 bytes were ever written",
    )
    whole = write(X=SMALL, y=SMALL_LABELS).read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"hello world\n" * 99):
        (tmp_path / "given.h5").write_bytes(content)
        refuses(tmp_path / "given.h5", "given.h5 cannot be read as HDF5")


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "patience", "words"),
    [
        ("while True: pass", 0.1, "its strings have no end"),
        ("import os; os.abort()", 30, "its strings are damaged"),
    ],
)
def test_hdf5_strings_that_never_end(tmp_path, code, patience, words):
    path = tmp_path / "given.h5"
    with h5py.File(path, "w") as file:
        file["y"] = np.array(["owl", "emu"] * 3, dtype=h5py.string_dtype())
    with h5py.File(path) as file, pytest.raises(DataError) as caught:
        hdf5._strings(path, file["y"], code, patience)
    assert_one_sentence(str(caught.value), (f"given.h5 cannot be read as HDF5 ({words} in /y)",))
