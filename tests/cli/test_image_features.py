"""Features from end to end: train --features, the run file, raw images in, pictures out."""

import csv

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import halfspaces
from halfspaces import LinearClassifier, datasets
from halfspaces.cli import fold_features, image_features, model_data, prediction_table
from halfspaces.cli.prediction_table import Limits
from halfspaces.datasets.files import decoded_cache
from halfspaces.features import (
    FEATURES,
    HOG,
    Augmentation,
    Described,
    Mixture,
    parse,
)
from halfspaces.features.union import learns
from halfspaces.tuning.folds import make_folds
from tests.helpers import accuracy, real, stripes

CHEAP = ("--strengths", "1,0.1", "--tol", "0.05")

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(tmp_path):
    """Images as PNG, in one folder a class, for training and for testing."""
    for split, count in (("train", 60), ("test", 20)):
        for row, (image, label) in enumerate(zip(*stripes(count, seed=count), strict=True)):
            path = tmp_path / "stripes" / split / ("upright", "lying")[label] / f"{row:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path / "stripes"


def labels_in(path):
    return [row["label"] for row in csv.DictReader(path.open())]


@pytest.mark.slow
def test_trained_evaluated_and_predicted_on_raw_images(run, folder, tmp_path):
    model, table = tmp_path / "model.safetensors", tmp_path / "table.csv"
    ended = run("train", folder, "--features", "hog(cell=4)+hue", *CHEAP, "--out", model)
    assert ended.code == 0, ended
    assert "features    hog(cell=4)+hue: 334 columns of 16 x 16 x 3 pixels, " in ended.out
    assert accuracy(ended.out, "test") == 1
    assert (
        "features    hog(cell=4)+hue: 334 columns of 16 x 16 x 3 pixels" in run("info", model).out
    )
    assert accuracy(run("evaluate", model, folder).out, "test") == 1

    data = datasets.open(folder)
    loaded = halfspaces.load(model)
    rows = loaded.features_.transform(data.images(data.X_test))
    expected = np.array(data.class_names)[loaded.predict(rows)].tolist()
    assert run("predict", model, folder, "--out", table).code == 0
    assert labels_in(table) == expected

    flat = tmp_path / "flat"
    flat.mkdir()
    names = sorted((folder / "test").rglob("*.png"), key=lambda path: path.name)
    for path in names:
        Image.open(path).save(flat / path.name)
    assert run("predict", model, flat, "--out", table, "--overwrite").code == 0
    assert labels_in(table) == [path.parent.name for path in names]
    one = run("predict", model, names[3])
    assert one.out.split() == ["row,file,label", f"0,{names[3]},{names[3].parent.name}"]
    ended = run("predict", model, flat, names[3])
    assert [line.split(",")[:2] for line in ended.out.splitlines()[1:]] == [
        *([str(row), str(flat / path.name)] for row, path in enumerate(names)),
        [str(len(names)), str(names[3])],
    ]
    np.save(tmp_path / "X.npy", np.stack([np.asarray(Image.open(path)) for path in names]))
    assert run("predict", model, tmp_path / "X.npy", "--out", table, "--overwrite").code == 0
    assert labels_in(table) == [path.parent.name for path in names]

    again = tmp_path / "again.safetensors"
    assert run("train", "--run", tmp_path / "model.run.toml", "--out", again).code == 0
    first, second = load_file(model), load_file(again)
    assert {name: array.tobytes() for name, array in first.items()} == {
        n: a.tobytes() for n, a in second.items()
    }
    assert "features.parts_.0.image_shape_" in first


def test_predicting_describes_some_images_at_a_time(run, folder, tmp_path, monkeypatch):
    model = tmp_path / "model.safetensors"
    run("train", folder, "--features", "hog", "--strength", "1", "--out", model)
    whole = run("predict", model, folder, "--top", "2").out
    sizes, fill = [], HOG._fill
    monkeypatch.setattr(
        HOG, "_fill", lambda self, out, *rest: (sizes.append(len(out)), fill(self, out, *rest))
    )
    eight, classifier = Limits(images=8), halfspaces.load(model)
    X, read = model_data.open_rows(classifier, str(folder))
    columns = prediction_table.Columns(classifier, top=2)
    source = prediction_table.Source(X, read.keys)
    prediction_table.write_all(columns, [source], tmp_path / "blocks.csv", eight)
    assert (tmp_path / "blocks.csv").read_bytes().decode() == whole
    labels = prediction_table.labels(classifier, X, eight)
    assert max(sizes) <= 10
    assert sum(sizes) >= 2 * 20
    assert np.array_equal(labels, classifier.predict(X[:20]))


def test_images_without_classes(run, refused, folder, tmp_path):
    model, flat = tmp_path / "model.safetensors", tmp_path / "flat"
    run("train", folder, "--features", "hog", "--strength", "1", "--out", model)
    flat.mkdir()
    for name, side in (("10.png", 16), ("9.png", 40), ("note.txt", 0)):
        if side:
            Image.fromarray(stripes(1, side=side)[0][0]).convert("L").save(flat / name)
        else:
            (flat / name).write_text("no image")
    ended = run("predict", model, flat)
    assert ended.out.splitlines() == ["row,file,label", "0,9.png,upright", "1,10.png,upright"]
    assert ended.err == "1 file is left out: note.txt is not named like an image\n"
    (flat / "8.png").write_text("no image")
    refused(f"predict {model} {flat}", "8.png, which is no JPEG")
    refused(f"predict {model} {flat / '8.png'}", "8.png is no JPEG")
    assert len(datasets.open_features(flat, skip_bad=True)) == 2
    ended = run("predict", model, flat, "--skip-bad")
    assert [line.split(",")[1] for line in ended.out.splitlines()[1:]] == ["9.png", "10.png"]
    assert (
        "2 files are left out: note.txt is not named like an image, 8.png is no JPEG" in ended.err
    )


@pytest.mark.long
def test_a_part_of_cifar_gives_in_memory_what_the_command_line_gives(run, tmp_path):
    data = datasets.open(real("cifar-10-batches-bin"))
    images, test = data.images(data.X[:600]), data.images(data.X_test[:50])
    np.savez(tmp_path / "part.npz", X=images, y=data.y[:600], X_test=test, y_test=data.y_test[:50])
    model = tmp_path / "model.safetensors"
    ended = run(
        "train", tmp_path / "part.npz", "--features", "hog+hue", "--strength", "0.1", "--out", model
    )
    assert ended.code == 0, ended
    feature = parse("hog+hue").fit(images)
    classifier = LinearClassifier(strength=0.1, tol=1e-3).fit(
        feature.transform(images), data.y[:600]
    )
    loaded = halfspaces.load(model)
    np.testing.assert_array_equal(loaded.coef_, classifier.coef_)
    rows = Described(loaded.features_, test)
    np.testing.assert_array_equal(rows[10:30], feature.transform(test)[10:30])
    for at in range(3):
        Image.fromarray(test[at]).save(tmp_path / f"{at}.png")
        shown = run("predict", model, tmp_path / f"{at}.png").out.split()[1]
        (label,) = classifier.predict(feature.transform(test[at : at + 1]))
        assert shown == f"0,{tmp_path / f'{at}.png'},{label}"


# --- what is learned from -------------------------------------------------------------------------


def test_copies_on_the_command_line(run, folder, tmp_path):
    model = tmp_path / "model.safetensors"
    ended = run(
        "train", folder, "--features", "hog(cell=4)", "--flip", *CHEAP, "--folds", 3, "--out", model
    )
    assert ended.code == 0, ended
    assert "copies      60 images, mirrored, are trained on, too, 120 rows in all" in ended.out
    again = run("train", "--run", model, "--features", "hue", "--shift", "1", "--out", model).out
    assert (
        "flip        hue is the same for an image and its mirror image, so none is mirrored"
        in again
    )
    assert (
        "copies      60 images, moved by up to 1 pixel, are trained on, too, 120 rows in all"
        in again
    )
    assert "shift = 1\n" in (tmp_path / "model.run.toml").read_text()
    first = load_file(model)["coef"]
    assert run("train", "--run", tmp_path / "model.run.toml", "--out", model).code == 0
    np.testing.assert_array_equal(load_file(model)["coef"], first)


def test_rows_are_kept_on_disk_when_asked(run, folder, monkeypatch):
    arguments = ("train", folder, "--features", "hog+hue", *CHEAP)
    plain = run(*arguments)
    assert len(decoded_cache.cached_sets()) == 1
    first = run(*arguments, "--cache-features")
    assert first.code == 0, first
    assert len(decoded_cache.cached_sets()) == 3
    assert "hog+hue of stripes" in run("data", "cache").out
    described_images = []
    monkeypatch.setattr(Mixture, "_fill", lambda *given: described_images.append(given))
    again = run(*arguments, "--cache-features")

    def told(ended):
        return [
            line for line in ended.out.splitlines() if line.startswith(("loss", "accuracy", "gap"))
        ]

    assert told(again) == told(first) == told(plain)
    assert described_images == []
    assert run("data", "cache", "--keep", "0").code == 0
    assert decoded_cache.cached_sets() == []


# --- what is refused ------------------------------------------------------------------------------


def test_bad_input_is_one_sentence(refused, run, folder, tmp_path):
    np.savez(tmp_path / "rows.npz", X=np.random.default_rng(0).random((10, 5)), y=np.arange(10) % 2)
    rows = tmp_path / "rows.npz"
    refused(
        f"train {rows} --features hog",
        "--features hog describes images, and rows",
        "leave --features out",
    )
    np.savez(tmp_path / "one.npz", X=np.zeros((20, 8, 8, 3), np.uint8), y=np.zeros(20, int))
    ended = refused(f"train {tmp_path / 'one.npz'} --features pixels", "y holds one class, 0")
    assert "\nfeatures " not in ended.out, "nothing is described"
    refused(f"train {folder} --features hgo", "feature='hgo' is not known", "hog")
    for option in ("--shift 1", "--flip"):
        refused(f"train {rows} {option}", f"{option.split()[0]} belongs to images, and rows")
    refused("train digits --features pixels --shift 0", "--shift must be at least 1, got 0")
    refused(
        "train digits --features pixels --shift 8",
        "shift=8 moves images of 8 x 8 pixels out of sight",
    )
    refused("train digits --cache-features --features pixels", "--cache-features stores computed")
    refused(
        "train digits --features hue", "HueHistogram needs colour, got grey images of 8 x 8 pixels"
    )
    refused("train digits --features hog(cell=16)", "give a smaller")
    model = tmp_path / "model.safetensors"
    assert (
        run("train", folder, "--features", "hog+hue", "--strength", "1", "--out", model).code == 0
    )
    refused(f"predict {model} {rows}", "holds no images: it has rows (10, 5)")
    refused(
        f"evaluate {model} {rows}",
        "plain rows of numbers, and the model takes images of 16 x 16 x 3; give images",
    )
    refused(f"predict {model} digits", "fitted to images of 16 x 16 x 3, got 8 x 8 x 3")
    refused(f"export {model} --to onnx", "which ONNX, torch and NumPy cannot compute")
    refused(f"train {next(folder.rglob('*.png'))}", "is one image, which belongs to no class")
    refused(f"features show {model} --out {tmp_path / 'p.png'}", "has learned no patches")
    refused(
        f"features show {next(folder.rglob('*.png'))} --out {tmp_path / 'p.gif'}",
        "must end in .png, .svg or .pdf",
    )
    image = next(folder.rglob("*.png"))
    refused(
        f"features show {image} --features patches --out {tmp_path / 'p.png'}",
        "no picture of",
    )
    assert not (tmp_path / "p.png").exists()


@pytest.mark.slow
def test_features_are_listed_and_drawn(run, folder, patches_model, tmp_path):
    listed = run("features", "list").out.splitlines()
    assert [line.split()[0] for line in listed[:-1]] == list(FEATURES)
    words = "hog(cell=4)+hue+hue(cell=4)+colors(space='hsv')+lbp+pixels+words(of=raw, n=4)"
    drawn = [
        ("--features", words, next(folder.rglob("*.png"))),
        ("--features", "hog", patches_model),
    ]
    for at, arguments in enumerate(drawn):
        path = tmp_path / f"{at}.png"
        ended = run("features", "show", *arguments, "--out", path)
        assert (ended.code, ended.out) == (0, f"plot        {path}\n")
        picture = np.asarray(Image.open(path).convert("L"))
        assert min(picture.shape) > 300
        assert picture.std() > 10


def test_a_mixture_of_parts_that_learn_nothing_may_have_folds():
    assert not learns(parse("hog+hue"), standardized=True)
    assert learns(parse("hog+hue"), standardized=False)
    assert learns(parse("hog+patches"), standardized=True)


@pytest.mark.slow
def test_features_that_learn_are_learned_anew_in_each_fold():
    images, y = stripes(30)
    data = datasets.Dataset("stripes", images.reshape(30, -1), y, image_shape=images.shape[1:])
    words = "hog(cell=4)+patches(n=8, size=3)"
    feature = parse(words)
    describing = image_features.Describing(feature, Augmentation(flip=True), False, None)
    folds = make_folds(3, y, y)
    rows = describing.rows(data, folds, standardized=True)
    assert rows.anew
    found = list(fold_features._described(describing, data, rows))
    for fold, given in zip(folds, found, strict=True):
        alone = parse(words).fit(images[fold.train])
        np.testing.assert_array_equal(given.X_held_out, alone.transform(images[fold.test]))
        np.testing.assert_array_equal(given.y_held_out, y[fold.test])
        count = len(fold.train)
        assert len(given.X) == 2 * count, "training images and their mirror images"
        np.testing.assert_array_equal(given.X[:count], alone.transform(images[fold.train]))


@pytest.mark.parametrize("asked", [(), ("--folds", "3"), ("--calibrate", "temperature")])
@pytest.mark.slow
def test_few_images_and_a_feature_that_learns(run, folder, tmp_path, asked):
    model = tmp_path / "model.safetensors"
    ended = run(
        "train", folder, "--features", "patches(n=8, size=3)", *CHEAP, *asked, "--out", model
    )
    assert ended.code == 0, ended
    assert ("(3 folds)" if "--folds" in asked else "(5 folds, 3 times, of few rows)") in ended.out
    assert accuracy(ended.out, "validation") > 0.8
    assert accuracy(ended.out, "test") > 0.8
    assert ("calibrated " in ended.out) == ("--calibrate" in asked)
