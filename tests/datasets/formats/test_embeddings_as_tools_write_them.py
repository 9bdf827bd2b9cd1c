"""Embeddings as other tools write them: each trains with no option, or one sentence says why not.

Every input is written by another library, or in the form that its source documents.
"""

import os
import shutil
import sys

import ml_dtypes
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError
from tests.helpers import DIGITS, refuses

X, Y = DIGITS.X.astype(np.float32), DIGITS.y
PARTS = np.array_split(np.arange(len(X)), 12)  # more than ten: 10 comes after 9, not after 1


def trains(data, rows=X, labels=Y):
    """The data set has these rows and labels, and fits as they do."""
    np.testing.assert_array_equal(data.X, rows, strict=True)
    np.testing.assert_array_equal(data.y, labels)
    read, given = (
        LinearClassifier(strength=0.1, max_passes=20).fit(*each)
        for each in ((data.X, data.y), (rows, labels))
    )
    np.testing.assert_array_equal(read.coef_, given.coef_)


# --- clip-retrieval ------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path):
    """What `clip-retrieval inference` writes: README of github.com/rom1504/clip-retrieval, "the
    output folder will contain img_emb, text_emb, metadata"; its numpy writer saves float16.
    """
    folder = tmp_path / "embeddings"
    for kind in ("img_emb", "text_emb", "metadata"):
        (folder / kind).mkdir(parents=True)
    for number, part in enumerate(PARTS):
        np.save(folder / "img_emb" / f"img_emb_{number}.npy", X[part].astype(np.float16))
        np.save(folder / "text_emb" / f"text_emb_{number}.npy", -X[part].astype(np.float16))
        table = pd.DataFrame({"image_path": [f"{row}.jpg" for row in part], "caption": "a digit"})
        table["digit"] = Y[part]
        table.to_parquet(folder / "metadata" / f"metadata_{number}.parquet")
    return folder


def save_labels(folder, labels=Y, name="labels"):
    for number, part in enumerate(PARTS):
        np.save(folder / f"{name}_{number}.npy", labels[part])


@pytest.mark.parametrize("given", [".", "img_emb"])
@pytest.mark.parametrize("place", ["img_emb", ".", "labels"])
def test_shards_with_labels_beside_them(clip, given, place):
    (clip / place).mkdir(exist_ok=True)
    save_labels(clip / place)
    data = datasets.open(clip / given)
    trains(data, X.astype(np.float16))
    assert data.notes == (
        "features: img_emb_0.npy to img_emb_11.npy, 12 files; text_emb is not used",
        "label: labels_*.npy",
    )
    np.testing.assert_array_equal(datasets.open_features(clip / given), X.astype(np.float16))


def test_shards_with_labels_in_one_file_or_in_their_metadata(clip, run, tmp_path):
    refuses(clip, "img_emb_0.npy has no labels; save them as labels_0.npy", "--label", "'digit'")
    refuses(clip, "has no column 'class' in its metadata; name one of", label="class")
    trains(datasets.open(clip, label="digit"), X.astype(np.float16))
    model = tmp_path / "model.safetensors"
    options = ["--label", "digit", "--strength", "0.1", "--out", model]
    assert run("train", clip, *options).code == 0
    assert run("evaluate", model, clip).code == 0, "the model knows the column"
    np.save(clip / "labels.npy", Y)
    trains(datasets.open(clip), X.astype(np.float16))
    np.save(clip / "labels.npy", Y[1:])
    refuses(clip, "1,437 examples but y has 1,436 labels")


def test_rows_to_predict_are_named_by_the_paths_of_their_images(clip, run, tmp_path):
    save_labels(clip)
    model = tmp_path / "model.safetensors"
    assert run("train", clip, "--strength", "0.1", "--out", model).code == 0
    assert run("predict", model, clip).out.splitlines()[:2] == [
        "row,image_path,label",
        f"0,0.jpg,{Y[0]}",
    ]
    for path in (clip / "metadata").iterdir():
        pd.read_parquet(path).drop(columns=["image_path"]).to_parquet(path)
    assert run("predict", model, clip).out.splitlines()[0] == "row,label"
    shutil.rmtree(clip / "metadata")
    assert len(run("predict", model, clip).out.splitlines()) == 1 + len(X)


def test_one_shard_stays_on_disk_and_splits_are_folders(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "img_emb").mkdir(parents=True)
        np.save(tmp_path / split / "img_emb" / "img_emb_0.npy", X)
        np.save(tmp_path / split / "img_emb" / "y_0.npy", Y)
    data = datasets.open(tmp_path)
    assert isinstance(data.X, np.memmap)
    trains(data)
    np.testing.assert_array_equal(data.X_test, X)
    shutil.copytree(tmp_path / "test", tmp_path / "dev")
    np.testing.assert_array_equal(datasets.open(tmp_path).X_val, X)
    shutil.copytree(tmp_path / "test", tmp_path / "val")
    refuses(tmp_path, "are both of the split validation; keep one of them")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("labels_3.npy", Y[:4], "img_emb_3.npy has 120 rows but"),
        ("labels_3.npy", Y[PARTS[3]].astype(str), "give labels of one kind"),
        ("labels_03.npy", Y[PARTS[3]], "have the same number; remove one of them"),
        (
            "img_emb_3.npy",
            X[PARTS[3]],
            "rows of float32, shape (64,), but img_emb_0.npy",
        ),
        ("img_emb_3.npy", X[0], "has an array of shape (64,)"),
        ("img_emb_12.npy", X[:3].astype(np.float16), "add labels_12.npy"),
    ],
)
def test_shards_that_do_not_fit(clip, name, array, words):
    save_labels(clip / "img_emb")
    np.save(clip / "img_emb" / name, array)
    refuses(clip, words)


# --- .safetensors --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ml_dtypes.bfloat16])
def test_safetensors(tmp_path, dtype):
    """As in the documentation of safetensors.numpy.save_file."""
    tensors = {"features": X.astype(dtype), "labels": Y, "test_features": X[:9].astype(dtype)}
    safetensors.numpy.save_file({**tensors, "test_labels": Y[:9]}, tmp_path / "a.safetensors")
    data = datasets.open(tmp_path / "a.safetensors")
    kept = X.astype(dtype)
    trains(data, kept if dtype != ml_dtypes.bfloat16 else kept.astype(np.float32))
    assert isinstance(data.X, np.memmap) == (dtype != ml_dtypes.bfloat16)
    assert datasets.open_features(tmp_path / "a.safetensors").shape == (9, 64)


def test_safetensors_that_hold_no_data(tmp_path, run):
    path = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"fc.weight": X[:3]}, path)
    refuses(path, "holds 'fc.weight', but features, such as X, are needed")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refuses(path, "cannot be read as .safetensors", "save it again")
    assert run("train", "digits", "--strength", "1", "--overwrite", "--out", path).code == 0
    refuses(path, "is a model, not data; use it as in: halfspaces predict a.safetensors DATA.")


@pytest.mark.parametrize("name", ["emb_{}", "embeddings-{:05d}-of-00012"])
def test_safetensors_in_shards(tmp_path, name):
    """As datasets are saved in parts: save_file({"embeddings": ..., "labels": ...}) in a loop."""
    for number, part in enumerate(PARTS):
        held = {"embeddings": X[part].astype(ml_dtypes.bfloat16), "labels": Y[part]}
        safetensors.numpy.save_file(held, tmp_path / f"{name.format(number)}.safetensors")
    data = datasets.open(tmp_path)
    trains(data)
    assert data.notes[0].endswith(", 12 files")
    held = {"X": X[:9].astype(ml_dtypes.bfloat16), "y": Y[:9]}
    safetensors.numpy.save_file(held, tmp_path / "test.safetensors")
    assert datasets.open(tmp_path).y_test.tolist() == Y[:9].tolist()
    assert datasets.open_features(tmp_path).shape == (9, 64)


def test_a_model_beside_safetensors_is_no_data(tmp_path, run):
    safetensors.numpy.save_file({"X": X, "y": Y}, tmp_path / "emb_0.safetensors")
    model = tmp_path / "digits.safetensors"
    assert run("train", tmp_path, "--strength", "1", "--out", model).code == 0
    assert run("evaluate", model, tmp_path).code == 0


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"model.embed.weight": X}, "emb_1.safetensors holds 'model.embed.weight', but features"),
        ({"X": X}, "labels, such as y, are needed"),
        ({"X": X[:, 1:].copy(), "y": Y}, "rows of float32, shape (63,), but emb_0.safetensors"),
        ({"X": X, "y": Y[1:]}, "emb_1.safetensors has X of shape (1437, 64) and y of (1436,)"),
        ({"X": X, "y": np.eye(10)[Y]}, "give labels of one kind"),
        ({"X": X, "y": Y, "X_test": X}, "emb_0.safetensors has no X_test, which emb_1"),
    ],
)
def test_safetensors_in_shards_that_do_not_fit(tmp_path, held, words):
    safetensors.numpy.save_file({"X": X, "y": Y}, tmp_path / "emb_0.safetensors")
    safetensors.numpy.save_file(held, tmp_path / "emb_1.safetensors")
    refuses(tmp_path, words)


# --- .pt -----------------------------------------------------------------------------------------


def as_examples(rows, labels):
    return [{"embedding": row, "label": int(y)} for row, y in zip(rows, labels, strict=True)]


# (features, labels): torchvision's MNIST/processed/training.pt. A dictionary: the caches of
# github.com/gaopengcuhk/Tip-Adapter and others. Lists: what torch.save writes of a loop over a
# loader. Two dictionaries: splits in one file.
TORCH = {
    "dictionary": lambda rows, y: {"features": rows, "labels": y},
    "pair": lambda rows, y: (rows, y),
    "list of two": lambda rows, y: [rows, y],
    "splits": lambda rows, y: {"train": {"X": rows, "y": y}, "test": (rows, y)},
    "examples": as_examples,
    "batches": lambda rows, y: [(rows[:700], y[:700]), (rows[700:], y[700:])],
    "a list of labels": lambda rows, y: {"embeddings": rows, "targets": y.tolist()},
}


@pytest.mark.parametrize("kind", TORCH)
@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("older", [False, True])
def test_torch_files(tmp_path, kind, bfloat16, older):
    torch = pytest.importorskip("torch")
    rows = torch.tensor(X)
    path = tmp_path / "digits.pt"
    content = TORCH[kind](rows.bfloat16() if bfloat16 else rows, torch.tensor(Y))
    torch.save(content, path, _use_new_zipfile_serialization=not older)
    trains(datasets.open(path))  # whole numbers below 257 are exact in bfloat16
    assert datasets.open_features(path).shape == X.shape


@pytest.mark.parametrize("suffix", ["pt", "pth"])
@pytest.mark.parametrize("given", [".", "train_features.{}"])
def test_features_and_labels_in_two_torch_files(tmp_path, suffix, given):
    """As caches of features are saved: torch.save(features, "train_features.pt")."""
    torch = pytest.importorskip("torch")
    for split in ("train", "test"):
        torch.save(torch.tensor(X).half(), tmp_path / f"{split}_features.{suffix}")
        torch.save(torch.tensor(Y), tmp_path / f"{split}_labels.{suffix}")
    data = datasets.open(tmp_path / given.format(suffix))
    trains(data, X.astype(np.float16))
    np.testing.assert_array_equal(data.X_test, X.astype(np.float16))
    assert datasets.open_features(tmp_path / given.format(suffix)).shape == X.shape
    (tmp_path / f"test_labels.{suffix}").unlink()
    refuses(tmp_path / given.format(suffix), "has no labels beside it; save them as", "y_test")


class Touch:
    """A pickle that writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_torch_files_that_hold_something_else(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    for content, *words in {
        "a pickle": ({"X": torch.tensor(X), "y": Touch(tmp_path / "ran")}, "nothing in it is run"),
        "NumPy": ({"X": X, "y": Y}, "save tensors alone: torch.save({'X': X, 'y': y}, path)."),
        "weights": (torch.nn.Linear(3, 2).state_dict(), "holds 'bias', 'weight', but features"),
        "a module": (torch.nn.Linear(3, 2), "nothing in it is run"),
        "a tensor": (torch.tensor(X), "a.pt has no labels beside it; save them as", "y.pt"),
        "sparse": ({"X": torch.eye(9).to_sparse(), "y": Y[:9].tolist()}, "stored as sparse_coo"),
        "lengths": ((torch.tensor(X), torch.tensor(Y[1:])), "1,437 examples but y has 1,436"),
    }.values():
        torch.save(content, path)
        refuses(path, *words)
    assert not (tmp_path / "ran").exists()
    path.write_bytes(b"PK\x03\x04 and no more")
    refuses(path, "is damaged, or torch did not write it", "save it again")


def test_torch_files_without_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "a.pth").touch()
    refuses(tmp_path / "a.pth", "a.pth needs torch", "run: pip install 'halfspaces[torch]'.")


# --- .npz and .npy -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3)])
def test_medmnist(tmp_path, shape):
    """The keys and shapes of medmnist.com's files: github.com/MedMNIST/MedMNIST, dataset.py."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in {"train": 60, "val": 20, "test": 30}.items():
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 3).astype(np.uint8)[:, None]
    np.savez_compressed(tmp_path / "bloodmnist.npz", **arrays)
    data = datasets.open(tmp_path / "bloodmnist.npz")
    trains(data, arrays["train_images"].reshape(60, -1), arrays["train_labels"][:, 0])
    assert data.image_shape == (*shape, 1)[:3]
    np.testing.assert_array_equal(data.X_val, arrays["val_images"].reshape(20, -1))
    np.testing.assert_array_equal(data.y_test, arrays["test_labels"][:, 0])
    # ChestMNIST has 14 labels a row
    arrays["train_labels"] = rng.integers(0, 2, (60, 14))
    np.savez_compressed(tmp_path / "chestmnist.npz", **arrays)
    refuses(tmp_path / "chestmnist.npz", "several labels a row", "give one class a row, or train")


@pytest.mark.parametrize("write", ["npz", "npy"])
def test_one_hot_labels_and_bfloat16(tmp_path, write):
    """As keras.utils.to_categorical returns labels, and ml_dtypes' bfloat16 is saved: 2 bytes."""
    arrays = {"X": X.astype(ml_dtypes.bfloat16), "y": np.eye(10, dtype=np.float32)[Y]}
    path = tmp_path / "digits.npz"
    if write == "npz":
        np.savez(path, **arrays)
    else:
        path = tmp_path
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", array)
    data = datasets.open(path)
    trains(data)
    assert "read as bfloat16" in data.notes[0]
    assert "one-hot labels in 10 columns" in data.notes[1]
    np.testing.assert_array_equal(datasets.open_features(path), X)


@pytest.mark.parametrize("write", ["npz", "npy"])
def test_images_with_their_channels_first(tmp_path, write):
    """As torch holds images; those of CIFAR are saved so by many."""
    images = np.arange(6 * 3 * 8 * 5, dtype=np.uint16).reshape(6, 3, 8, 5).astype(np.uint8)
    path = tmp_path / "X.npy" if write == "npy" else tmp_path / "a.npz"
    if write == "npy":
        np.save(path, images)
        np.save(tmp_path / "y.npy", np.arange(6) % 2)
    else:
        np.savez(path, X=images, y=np.arange(6) % 2)
    data = datasets.open(path)
    assert (data.image_shape, data.planar) == ((8, 5, 3), True)
    upright = images.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(data.images(data.X), upright)
    np.testing.assert_array_equal(datasets.open_images(path), upright)
    assert data.notes == ("images (channels, height, width), as torch has them",)


def test_labels_that_are_no_classes(tmp_path):
    for y, words in (
        (np.zeros((len(X), 3)), "no 1 in row 0"),
        (np.full((len(X), 3), 1 / 3), "other numbers than 0 and 1; give the class of each row"),
    ):
        np.savez(tmp_path / "a.npz", X=X, y=y)
        refuses(tmp_path / "a.npz", words)
    with pytest.raises(DataError, match="several labels a row"):
        LinearClassifier().fit(X, np.ones((len(X), 3)))
