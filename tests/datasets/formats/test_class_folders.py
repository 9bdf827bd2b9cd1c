"""Where images lie says their class and their split."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from halfspaces import datasets
from halfspaces.datasets.formats import class_folders
from tests.data_files import save_image
from tests.helpers import refuses

pytestmark = pytest.mark.usefixtures("cache")

# --- where images lie ----------------------------------------------------------------------------


def test_splits_and_natural_order(tmp_path):
    for split, names in {"Train": ["10", "9", "b"], "valid": ["9", "10"], "test": ["b"]}.items():
        for name in names:
            save_image(
                tmp_path / "set" / split / name / "deep" / "x.png",
                Image.new("L", (2, 2), len(split) * 10 + len(name)),
            )
    data = datasets.open(tmp_path)
    assert data.class_names == ("9", "10", "b")
    assert (data.y.tolist(), data.y_val.tolist(), data.y_test.tolist()) == ([0, 1, 2], [0, 1], [2])
    assert [X[:, 0].tolist() for X in (data.X, data.X_val, data.X_test)] == [
        [51, 52, 51],
        [51, 52],
        [41],
    ]
    assert "3 examples + 2 for validation + 1 for testing, 4 features" in str(data)
    save_image(tmp_path / "set" / "test" / "zebra" / "x.png", Image.new("L", (2, 2)))
    refuses(tmp_path, "has the class zebra in test but not in train")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train_set", "test_set"),
        ("training_set", "test_set"),
        ("my-train", "my-val"),
        ("Images.Train", "Images.Test"),
    ],
)
def test_names_with_a_split_in_them(train, test):
    names = [f"{split}/{kind}/1.png" for split in (train, test) for kind in ("cat", "dog")]
    layout = class_folders.arrange(Path("pets"), names)
    assert layout.classes == ("cat", "dog")
    assert list(layout.splits) == ["train", "val" if "val" in test else "test"]
    with pytest.raises(datasets.DataError, match="has the folder other beside"):
        class_folders.arrange(Path("pets"), [*names, "other/1.png"])


@pytest.mark.parametrize("names", [("my_train", "my_test"), ("train", "test")])
def test_images_of_a_test_split_without_classes_are_left_out(names):
    """ASL's test folder had become a class beside all training images."""
    train, test = names
    files = [f"{train}/{train}/{kind}/{kind}1.jpg" for kind in "AB"]
    layout = class_folders.arrange(Path("asl"), [*files, f"{test}/{test}/A_test.jpg"])
    assert layout.splits == {"train": [(files[0], 0), (files[1], 1)]}
    (note,) = layout.notes
    assert (
        note == f"left out: 1 image lies in no folder of a class, such as {test}/{test}/A_test.jpg"
    )


def test_classes_called_like_splits():
    for classes in (["bus", "car", "train"], ["invalid", "valid"], ["test_tracks", "train_tracks"]):
        layout = class_folders.arrange(Path("set"), [f"{name}/1.png" for name in classes])
        assert list(layout.classes) == classes


def test_only_training_images_must_be_of_every_class():
    names = ["train/cat/1.png", "train/dog/1.png", "test/cat/2.png"]
    layout = class_folders.arrange(Path("pets"), names, ["test/dog", "train/cat", "train/dog"])
    assert layout.splits["test"] == [("test/cat/2.png", 0)]
    with pytest.raises(datasets.DataError, match="has the empty folder train/fish"):
        class_folders.arrange(Path("pets"), names, ["train/fish"])


def test_folders_with_the_same_folders_are_no_classes():
    names = [f"{top}/{kind}/1.png" for top in ("part A", "part B") for kind in ("cat", "dog")]
    with pytest.raises(datasets.DataError, match=r"part A and part B .* look like splits"):
        class_folders.arrange(Path("pets"), names)


def test_what_lies_around_is_left_out(pets):
    whole = datasets.open(pets).X
    for name in (
        "README.txt",
        "labels.csv",
        ".DS_Store",
        "cat/.DS_Store",
        "cat/Thumbs.db",
        "dog/desktop.ini",
        ".git/x.png",
    ):
        (pets / name).parent.mkdir(exist_ok=True)
        (pets / name).write_text("text")
    os.mkfifo(pets / "cat" / "pipe")
    (pets / "dog" / "loop").symlink_to(pets / "dog")
    np.testing.assert_array_equal(datasets.open(pets).X, whole)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["cat/1.png"], "has one class, cat; give at least two"),
        (["1.png", "cat/1.png", "dog/1.png"], "has the image 1.png outside the folders"),
        (["cat/1.png", "dog/1.png", "fish/"], "has the empty folder fish; put images"),
        (["test/cat/1.png", "test/dog/1.png"], "has test but no train"),
        (["train/cat/1.png", "train/dog/1.png", "more/1.png"], "has the folder more beside train"),
        (
            ["train/a/1.png", "train/b/1.png", "valid/a/1.png", "val/b/1.png"],
            "two are the same split",
        ),
        (["train/a/1.png", "train/b/1.png", "val/1.png"], "has the image val/1.png outside"),
        (
            ["train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg"],
            "has test1 and train, which look like splits, and no folders of classes in them; put"
            " the images of each class in a folder of its own, such as train/cat and train/dog, or",
        ),
        (["images/train/1.png", "images/val/2.png"], "has train and val, which look like splits"),
        (
            [f"{kind}/{split}/1.png" for kind in ("images", "masks") for split in ("train", "val")],
            "has train and val, which look like splits",
        ),
        (["train/1.png", "train/2.png"], "has one class, train"),
    ],
)
def test_folders_that_do_not_fit(tmp_path, names, words):
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            save_image(tmp_path / name, Image.new("L", (2, 2)))
    refuses(tmp_path, words)


# --- the whole way -------------------------------------------------------------------------------


def test_layout_of_names_alone():
    arranged = class_folders.arrange(
        Path("set"), [f"train/{name}/x.png" for name in "ba"] + ["train/a/y", "train/LICENSE"]
    )
    assert arranged.names() == ["train/a/x.png", "train/a/y", "train/b/x.png"]
    beside = ["LICENSE", "docs/a/b/c.txt", "set/LICENSE"]
    assert class_folders.arrange(
        Path("set"), [*(f"set/{name}" for name in arranged.names()), *beside]
    ).classes == ("a", "b")
    vehicles = class_folders.arrange(
        Path("set"), ["car/1.png", "train/1.png", "test/1.png"], ["car", "train", "test"]
    )
    assert vehicles.classes == ("car", "test", "train")
