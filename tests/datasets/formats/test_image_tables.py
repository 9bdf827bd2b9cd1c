"""Images in Parquet and Arrow tables, as Hugging Face's `datasets` 5.2 writes them.

The schemas are those that Dataset.to_parquet, push_to_hub and save_to_disk write for
Features({"image": Image(), "label": ClassLabel(names=[...])}).
"""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from halfspaces import datasets
from tests.data_files import encoded_photo, photo, save_image, save_to_disk
from tests.helpers import refuses, trains

pytestmark = pytest.mark.usefixtures("cache")
NAMES = ["cat", "dog", "bird"]
FEATURES = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}


def hub_table(labels, size=(40, 50), image="image", features=FEATURES):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    files = [{"bytes": encoded_photo(i, size), "path": f"{i}.png"} for i in labels]
    table = pa.table({image: pa.array(files, kind), "label": pa.array(labels, pa.int64())})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return table.replace_schema_metadata(metadata)


def repository(folder):
    """A data set of the Hub, as git clones it: https://huggingface.co/docs/hub/datasets-image."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---")
    shards = {
        "train-00000-of-00002": hub_table([0, 1, 2]),
        "train-00001-of-00002": hub_table([2, 1, 0], (30, 20)),
        "test-00000-of-00001": hub_table([1, 2], (64, 64)),
    }
    for name, table in shards.items():
        pa.parquet.write_table(table, folder / "data" / f"{name}.parquet")
    return folder


def test_a_repository_of_the_hub(tmp_path, run):
    data = trains(repository(tmp_path / "pets"))
    assert data.class_names == ("cat", "dog", "bird")
    assert (data.y.tolist(), data.y_test.tolist()) == ([0, 1, 2, 2, 1, 0], [1, 2])
    assert data.image_shape == (32, 32, 3)
    assert data.notes == (
        "8 images of 3 sizes from 30 x 20 to 64 x 64, each resized whole to 32 x 32",
        "images 'image', label 'label'",
    )
    model = tmp_path / "pets.safetensors"
    assert run("train", tmp_path / "pets", "--out", model).code == 0
    ended = run("predict", model, tmp_path / "pets")
    assert [line.rpartition(",")[2] for line in ended.out.splitlines()[-2:]] == ["dog", "bird"]


def test_one_file_is_read_like_a_folder_of_the_same_files(tmp_path):
    pa.parquet.write_table(hub_table([0, 1, 2, 0]), tmp_path / "pets.parquet")
    for row, label in enumerate([0, 1, 2, 0]):
        file = tmp_path / "pets" / NAMES[label] / f"{row}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded_photo(label))
    table, folder = datasets.open(tmp_path / "pets.parquet"), datasets.open(tmp_path / "pets")
    names = [folder.class_names[label] for label in folder.y]
    assert sorted(names) == sorted(table.class_names[label] for label in table.y)
    for label, row in zip(table.y, table.X, strict=True):
        same = folder.X[folder.y == folder.class_names.index(NAMES[label])]
        assert (same == row).all()
    rows = datasets.open_rows(tmp_path / "pets.parquet")
    np.testing.assert_array_equal(rows.X, table.X)
    assert rows.keys["file"].tolist() == [f"row {i}" for i in range(4)]


def test_saved_to_disk_with_hidden_labels(tmp_path):
    """The test rows of many data sets of the Hub have −1 in place of their class."""
    for split, labels in {"train": [0, 1, 2, -1], "test": [-1, -1]}.items():
        save_to_disk(tmp_path / "saved" / split, hub_table(labels), FEATURES)
    (tmp_path / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    data = trains(tmp_path / "saved")
    assert data.y.tolist() == [0, 1, 2]
    assert data.X_test is None
    assert data.notes[2:] == (
        "left out: 1 row for training without a label",
        "left out: the rows for testing, which have no labels",
    )


def test_a_column_of_bytes_with_names_of_classes(tmp_path):
    """As pandas writes frame.assign(image=[path.read_bytes() for path in paths])."""
    columns = {
        "id": [10, 11, 12, 13],
        "image": pa.array([encoded_photo(i) for i in (0, 1, 0, 1)], pa.binary()),
        "species": ["wolf", "ant", "wolf", "ant"],
    }
    pa.parquet.write_table(pa.table(columns), tmp_path / "animals.parquet")
    data = trains(tmp_path / "animals.parquet")
    assert (data.class_names, data.y.tolist()) == (("ant", "wolf"), [1, 0, 1, 0])
    assert "images 'image', label 'species'; left out: 'id'" in data.notes


def test_images_that_are_ignored_leave_a_table_of_numbers(tmp_path):
    table = hub_table([0, 1, 0, 1]).append_column("width", pa.array([1.5, 2, 1, 3]))
    pa.parquet.write_table(table, tmp_path / "sizes.parquet")
    data = datasets.open(tmp_path / "sizes.parquet", ignore=["image"])
    assert data.X.ravel().tolist() == [1.5, 2, 1, 3]
    assert datasets.open_features(tmp_path / "sizes.parquet", ignore=["image"]).shape[0] == 4
    refuses(tmp_path / "sizes.parquet", "takes no weight", "--ignore COLUMN", weight="width")
    refuses(tmp_path / "sizes.parquet", "takes no group", "--ignore COLUMN", group="width")
    table = table.append_column("times", pa.array([2, 1, 1, 3]))
    pa.parquet.write_table(table, tmp_path / "times.parquet")
    data = datasets.open(tmp_path / "times.parquet", ignore=["image"], weight="times")
    assert (data.X.ravel().tolist(), data.weight.tolist()) == ([1.5, 2, 1, 3], [2, 1, 1, 3])
    blob = pa.table({"blob": pa.array([b"a", b"b"]), "x": [1.0, 2.0], "label": [0, 1]})
    pa.parquet.write_table(blob, tmp_path / "blob.parquet")
    refuses(tmp_path / "blob.parquet", "'blob' of type binary", "--ignore blob")


def test_what_is_not_clear_is_refused(tmp_path):
    """CIFAR-100 on the Hub has fine_label and coarse_label; rows may hold a path alone."""
    classes = {name: {"names": NAMES, "_type": "ClassLabel"} for name in ("fine", "coarse")}
    table = hub_table([0, 1, 2], image="img", features=classes)
    table = table.rename_columns(["img", "fine"]).append_column("coarse", pa.array([0, 1, 1]))
    path = tmp_path / "cifar100.parquet"
    pa.parquet.write_table(table, path)
    refuses(path, "'fine', 'coarse' beside the images", "--label COLUMN")
    assert trains(path, label="coarse").y.tolist() == [0, 1, 1]
    linked = hub_table([0, 1, 2]).to_pylist()
    linked[1]["image"] = {"bytes": None, "path": "/etc/passwd"}
    table = pa.Table.from_pylist(linked, hub_table([0]).schema)
    pa.parquet.write_table(table, tmp_path / "linked.parquet")
    refuses(tmp_path / "linked.parquet", "has row 1, which has no bytes of an image", "--skip-bad")
    refuses(tmp_path / "linked.parquet", "has no image of dog that can be decoded", skip_bad=True)


def test_every_kind_of_image_is_decoded_as_in_a_folder(tmp_path):
    """16 bits of a camera of 12, CMYK of Adobe, transparency, EXIF's orientation, AVIF."""
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = np.linspace(0, 4095, 40 * 50).reshape(40, 50).astype(np.uint16)
    kinds = [
        (Image.fromarray(deep), "png", {}),
        (photo(1).convert("CMYK"), "jpg", {}),
        (photo(2).convert("RGBA").rotate(45), "png", {}),
        (photo(0), "jpg", {"exif": exif}),
        (photo(1), "avif", {}),
        (photo(2).convert("P"), "gif", {}),
    ]
    files = []
    for row, (image, suffix, options) in enumerate(kinds):
        path = tmp_path / "folder" / "ab"[row % 2] / f"{row}.{suffix}"
        save_image(path, image, **options)
        files.append(path.read_bytes())
    table = pa.table({"image": pa.array(files, pa.binary()), "label": list("ababab")})
    pa.parquet.write_table(table, tmp_path / "table.parquet")
    read, folder = datasets.open(tmp_path / "table.parquet"), datasets.open(tmp_path / "folder")
    np.testing.assert_array_equal(read.X[[0, 2, 4, 1, 3, 5]], folder.X)
    assert read.conventions.bits == folder.conventions.bits == 12
