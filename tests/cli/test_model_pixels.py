"""Pixels brought to the order and the range of those that a model was trained on."""

import io
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import halfspaces
from halfspaces.cli import model_data, prediction_table
from halfspaces.cli.model_pixels import SAMPLE, Pixels
from halfspaces.features.lazy_rows import PixelRows
from tests.data_files import python3, save_image
from tests.helpers import accuracy, npz

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDES = {"binary": 32, "python": 32, "stl10": 96}
SCORES = {
    "pixels": ["--strength", "0.1"],
    "features": ["--strength", "0.1", "--features", "hue"],
    "network": ["--score", "mlp", "--hidden", "8", "--epochs", "2"],
}


def pictures(side, count=15):
    """Bright pictures whose class is their colour, with a dark stripe: every axis can be told."""
    images = np.random.default_rng(0).integers(0, 120, (count, side, side, 3), np.uint8)
    y = np.arange(count) * 3 // count
    for image, label in zip(images, y, strict=True):
        image[..., label] += 130
        image[: side // 4] //= 4
    return images, y


def encoded(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def written(folder, side):
    """The same pictures in all formats; those of the test rows are those of the training."""
    images, y = pictures(side)
    planes = images.transpose(0, 3, 1, 2)
    records = np.concatenate([y.astype(np.uint8)[:, None], planes.reshape(len(y), -1)], axis=1)
    files = {f"data_batch_{i + 1}": slice(3 * i, 3 * i + 3) for i in range(5)}
    files["test_batch"] = slice(None)
    paths = {name: folder / name for name in ("binary", "python", "stl10", "png")}
    for path in paths.values():
        path.mkdir(parents=True)
    for name, rows in files.items():
        values = planes.reshape(len(y), -1)[rows]
        (paths["binary"] / f"{name}.bin").write_bytes(records[rows].tobytes())
        (paths["python"] / name).write_bytes(python3("data", values, 4, labels=y[rows].tolist()))
    (paths["binary"] / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n")
    (paths["python"] / "batches.meta").write_bytes(
        python3("num_vis", np.zeros(1, np.uint8), 4, label_names=list(CLASSES))
    )
    for part in ("train", "test"):
        content = planes.transpose(0, 1, 3, 2).tobytes()  # columns, one after the other
        (paths["stl10"] / f"{part}_X.bin").write_bytes(content)
        (paths["stl10"] / f"{part}_y.bin").write_bytes((y + 1).astype(np.uint8).tobytes())
    for row, (image, label) in enumerate(zip(images, y, strict=True)):
        save_image(paths["png"] / CLASSES[label] / f"{row}.png", Image.fromarray(image))
    paths["first"] = npz(folder / "first.npz", X=planes, y=y)
    paths["last"] = npz(folder / "last.npz", X=images, y=y)
    paths["parquet"] = folder / "pictures.parquet"
    column = [{"bytes": encoded(image), "path": None} for image in images]
    pq.write_table(pa.table({"image": column, "label": y}), paths["parquet"])
    return {name: path for name, path in paths.items() if SIDES.get(name, side) == side}


@pytest.fixture(scope="module", params=[32, pytest.param(96, marks=pytest.mark.slow)])
def formats(request, tmp_path_factory):
    return request.param, written(tmp_path_factory.mktemp("pictures"), request.param)


@pytest.mark.parametrize("score", SCORES)
def test_the_same_pictures_have_the_same_predictions_in_all_formats(
    run, formats, score, tmp_path, cache
):
    """Models of CIFAR-10 had taken the rows of files for planes, and the reverse."""
    if score == "network":
        pytest.importorskip("torch")
    side, paths = formats
    predicted = {}
    for own, path in paths.items():
        model = tmp_path / f"{own}.safetensors"
        size = ["--image-size", side] if own in ("png", "parquet") else []
        ended = run("train", path, *SCORES[score], *size, "--out", model)
        assert ended.code == 0, ended
        classifier = halfspaces.load(model)
        for other, data in paths.items():
            X, _ = model_data.open_rows(classifier, str(data))
            dataset = model_data.open_dataset(classifier, str(data))
            rows = model_data.rows(classifier, dataset, dataset.X)
            for command, given in (("predict", X), ("evaluate", rows)):
                labels = prediction_table.labels(classifier, given)
                predicted[own, other, command] = labels.tolist()
    wrong = [
        key for key, labels in predicted.items() if labels != predicted[key[0], key[0], key[2]]
    ]
    assert wrong == []
    assert score == "network" or predicted["last", "first", "predict"] == pictures(side)[1].tolist()


# --- range ----------------------------------------------------------------------------------------


def test_pixels_up_to_1_and_up_to_255_are_brought_to_each_other(run, refused, tmp_path):
    images, y = pictures(8)
    given = {"levels": images, "unit": images / np.float32(255), "first": images / 255}
    given["first"] = given["first"].transpose(0, 3, 1, 2)
    given["floats"] = images.astype(np.float32)
    paths = {name: npz(tmp_path / f"{name}.npz", X=X, y=y) for name, X in given.items()}
    lines = {"levels": "multiplied by 255", "unit": "divided by 255"}
    for own, other in itertools.permutations(given, 2):
        model = tmp_path / f"{own}.safetensors"
        if not model.exists():
            run("train", paths[own], "--strength", "0.1", "--out", model)
        ended = run("evaluate", model, paths[other])
        assert accuracy(ended.out, "all") == 1, (own, other)
        kinds = [
            kind if kind in lines else {"first": "unit"}.get(kind, "levels")
            for kind in (own, other)
        ]
        assert (lines[kinds[0]] in ended.out) == (kinds[0] != kinds[1]), (own, other)
    normalized = npz(tmp_path / "normalized.npz", X=(images / 255 - 0.5) / 0.25, y=y)
    for command in ("evaluate", "predict"):
        refused([command, model, normalized], "holds images with values from -2 to", "prepare the")
    refused(
        ["evaluate", model, npz(tmp_path / "wide.npz", X=images.reshape(-1, 4, 16, 3), y=y)],
        "wide holds images of 4 x 16 x 3, and the model takes images of 8 x 8 x 3",
    )


def test_a_dark_picture_of_a_model_of_levels_stays_as_it_is():
    pixels = Pixels((2, 2, 1), planar=False, range=(0.0, 255.0))
    dark = np.eye(4, dtype=np.uint8)
    assert pixels.change("dark", dark).notes == ()
    assert pixels.rows("dark", dark.reshape(-1, 2, 2, 1), pixels.change("dark", dark)).base is dark


def test_rows_in_another_order_are_computed_by_block():
    images = np.broadcast_to(np.uint8(3), (10**9, 2, 2, 3))
    rows = PixelRows(images, planar=True, over=255)
    assert rows.stored is None
    assert rows[5:7].shape == (2, 12)
    assert Pixels((2, 2, 3), True, (0.0, 1.0)).change("large", images[: 9 * SAMPLE]).over == 255
