"""Features from end to end: train --features, the model file, the run file, raw images in, pictures out."""

import csv

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from sklearn.pipeline import make_pipeline

import halfspaces
from halfspaces import LinearClassifier, datasets, export, model_file
from halfspaces.cli import describing, predictions
from halfspaces.cli.describing import Describing, folds_of
from halfspaces.datasets import Dataset, store
from halfspaces.features import (
    FEATURES,
    HOG,
    Augmentation,
    Described,
    HueHistogram,
    Mixture,
    Patches,
    Pixels,
    keeping,
    parse,
)
from halfspaces.features.augmentation import _Copies
from halfspaces.model_file import ModelFileError
from halfspaces.saved import features_of
from tests.helpers import DATA, accuracy

CHEAP = ("--strengths", "1,0.1", "--tol", "0.05")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / ".cache"))


def images_of(count, seed=0, side=16):
    """Images (N, S, S, 3) of stripes, upright or lying, in colours of all kinds, and the class of each."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    line = 40 * (np.arange(side) // 4 % 2)
    stripes = np.where(y[:, None, None] == 0, line[None, :], line[:, None])[..., None]
    return (rng.integers(0, 120, (count, 1, 1, 3)) + stripes + rng.integers(0, 30, (count, side, side, 3))).astype(
        np.uint8
    ), y


@pytest.fixture
def folder(tmp_path):
    """Images as PNG, in one folder a class, for training and for testing."""
    for split, count in (("train", 60), ("test", 20)):
        for row, (image, label) in enumerate(zip(*images_of(count, seed=count), strict=True)):
            path = tmp_path / "stripes" / split / ("upright", "lying")[label] / f"{row:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path / "stripes"


def labels_in(path):
    return [row["label"] for row in csv.DictReader(path.open())]


def test_trained_evaluated_and_predicted_on_raw_images(run, folder, tmp_path):
    model, table = tmp_path / "model.safetensors", tmp_path / "table.csv"
    ended = run("train", folder, "--features", "hog(cell=4)+hue", *CHEAP, "--out", model)
    assert ended.code == 0, ended
    assert "features    hog(cell=4)+hue: 334 columns of 16 x 16 x 3 pixels, " in ended.out
    assert accuracy(ended.out, "test") == 1
    assert "features    hog(cell=4)+hue: 334 columns of 16 x 16 x 3 pixels" in run("info", model).out
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
    assert run("predict", model, flat, "--out", table).code == 0
    assert labels_in(table) == [path.parent.name for path in names]
    one = run("predict", model, names[3])
    assert one.out.split() == ["row,label", f"0,{names[3].parent.name}"]
    np.save(tmp_path / "X.npy", np.stack([np.asarray(Image.open(path)) for path in names]))
    assert run("predict", model, tmp_path / "X.npy", "--out", table).code == 0
    assert labels_in(table) == [path.parent.name for path in names]

    again = tmp_path / "again.safetensors"
    assert run("train", "--run", tmp_path / "model.run.toml", "--out", again).code == 0
    first, second = load_file(model), load_file(again)
    assert {name: array.tobytes() for name, array in first.items()} == {n: a.tobytes() for n, a in second.items()}
    assert "features.parts_.0.image_shape_" in first


def test_predicting_describes_some_images_at_a_time(run, folder, tmp_path, monkeypatch):
    model = tmp_path / "model.safetensors"
    run("train", folder, "--features", "hog", "--strength", "1", "--out", model)
    whole = run("predict", model, folder, "--top", "2").out
    monkeypatch.setattr(predictions, "BLOCK_IMAGES", 8)
    sizes, fill = [], HOG._fill
    monkeypatch.setattr(HOG, "_fill", lambda self, out, *rest: (sizes.append(len(out)), fill(self, out, *rest)))
    assert run("predict", model, folder, "--top", "2").out == whole
    assert max(sizes) <= 10
    assert sum(sizes) >= 20
    assert accuracy(run("evaluate", model, folder).out, "test") == 1
    assert max(sizes) <= 10


def test_images_without_classes(run, refused, folder, tmp_path):
    model, flat = tmp_path / "model.safetensors", tmp_path / "flat"
    run("train", folder, "--features", "hog", "--strength", "1", "--out", model)
    flat.mkdir()
    for name, side in (("10.png", 16), ("9.png", 40), ("note.txt", 0)):
        if side:
            Image.fromarray(images_of(1, side=side)[0][0]).convert("L").save(flat / name)
        else:
            (flat / name).write_text("no image")
    assert run("predict", model, flat).out.splitlines()[1:] == ["0,upright", "1,upright"]
    (flat / "8.png").write_text("no image")
    refused(f"predict {model} {flat}", "8.png, which is no JPEG")
    refused(f"predict {model} {flat / '8.png'}", "8.png, which is no JPEG")
    assert len(datasets.open_features(flat, skip_bad=True)) == 2


def test_a_part_of_cifar_gives_in_memory_what_the_command_line_gives(run, tmp_path):
    if not (DATA / "cifar-10-batches-bin").is_dir():
        pytest.skip("needs the shared data")
    data = datasets.open(DATA / "cifar-10-batches-bin")
    images, test = data.images(data.X[:600]), data.images(data.X_test[:50])
    np.savez(tmp_path / "part.npz", X=images, y=data.y[:600], X_test=test, y_test=data.y_test[:50])
    model = tmp_path / "model.safetensors"
    ended = run("train", tmp_path / "part.npz", "--features", "hog+hue", "--strength", "0.1", "--out", model)
    assert ended.code == 0, ended
    feature = parse("hog+hue").fit(images)
    classifier = LinearClassifier(strength=0.1, tol=1e-3).fit(feature.transform(images), data.y[:600])
    loaded = halfspaces.load(model)
    np.testing.assert_array_equal(loaded.coef_, classifier.coef_)
    rows = Described(loaded.features_, test)
    np.testing.assert_array_equal(rows[10:30], feature.transform(test)[10:30])
    for at in range(3):
        Image.fromarray(test[at]).save(tmp_path / f"{at}.png")
        shown = run("predict", model, tmp_path / f"{at}.png").out.split()[1]
        assert shown == f"0,{classifier.predict(feature.transform(test[at : at + 1]))[0]}"


# --- what is learned from ----------------------------------------------------------------------------------------


def dataset_of(count=40, **parts):
    images, y = images_of(count)
    return Dataset("stripes", images.reshape(count, -1), y, image_shape=images.shape[1:], **parts)


def described(words, data, folds, augmentation=Augmentation(), *, cached=False):  # noqa: B008  (frozen)
    return Describing(parse(words), augmentation, cached, None).rows(data, folds, standardized=True)


def test_held_out_rows_are_not_learned_from():
    data = dataset_of()
    (fold,) = folds = folds_of(data.y, None, 0.25, 0)
    images = data.images(data.X)
    rows = described("hog+patches(n=8, size=3)", data, folds)
    for array, own in zip(
        rows.feature.arrays().values(),
        parse("hog+patches(n=8, size=3)").fit(images[fold.train]).arrays().values(),
        strict=True,
    ):
        np.testing.assert_array_equal(array, own)
    changed = data.X.copy()
    changed[fold.test] = 255 - changed[fold.test]
    other = described(
        "hog+patches(n=8, size=3)", Dataset("other", changed, data.y, image_shape=data.image_shape), folds
    )
    np.testing.assert_array_equal(other.dataset.X[fold.train], rows.dataset.X[fold.train])


@pytest.mark.parametrize(
    "augmentation", [Augmentation(flip=True), Augmentation(shift=2), Augmentation(True, 1, 5)], ids=str
)
def test_copies_are_trained_on_and_never_held_out(augmentation):
    data = dataset_of()
    images = data.images(data.X)
    for folds in (folds_of(data.y, None, 0.25, 0), folds_of(data.y, 4, None, 0)):
        rows = described("hog+hue", data, folds, augmentation)
        assert rows.augmentation == augmentation
        changed = changed_by_hand(images, augmentation)
        np.testing.assert_array_equal(rows.dataset.X[:40], rows.feature.transform(images))
        np.testing.assert_array_equal(rows.dataset.X[40:], rows.feature.transform(changed))
        np.testing.assert_array_equal(rows.dataset.y, np.tile(data.y, 2))
        assert len(rows.as_given.y) == 40
        for fold in rows.folds:
            assert set(fold.train % 40).isdisjoint(fold.test)
            assert set(fold.train) == {*np.unique(fold.train % 40), *(np.unique(fold.train % 40) + 40)}
            assert fold.test.max() < 40


def changed_by_hand(images, augmentation):
    """Copies as the class's docstring has them."""
    s, side = augmentation.shift, images.shape[1]
    copies = []
    images = images[:, :, ::-1] if augmentation.flip else images
    for image, (down, right) in zip(images, augmentation._moves(len(images)), strict=True):
        copies.append(np.pad(image, ((s, s), (s, s), (0, 0)), mode="edge")[s - down :, s - right :][:side, :side])
    return np.stack(copies)


def test_moves_are_all_but_none_as_often_as_each_other():
    moves = Augmentation(shift=2)._moves(24_000)
    found, counts = np.unique(moves, axis=0, return_counts=True)
    assert {tuple(move) for move in found} == {(y, x) for y in range(-2, 3) for x in range(-2, 3)} - {(0, 0)}
    assert abs(counts - 1000).max() < 150
    np.testing.assert_array_equal(Augmentation(shift=2)._moves(30), moves[:30])
    assert (Augmentation(shift=2, random_state=1)._moves(30) != moves[:30]).any()
    image = np.arange(25, dtype=np.uint8).reshape(1, 5, 5)
    for down, right in ((1, 0), (0, -2)):
        (copy,) = _Copies(image, False, 2, np.array([[down, right]])).planes(slice(0, 1))[0]
        assert copy[2 + down, 2 + right] == image[0, 2, 2]


def test_what_a_feature_does_not_see_is_not_copied():
    for words in ("hue", "patches(n=4, size=3)+hue"):
        rows = described(words, dataset_of(), [], Augmentation(flip=True))
        assert (bool(rows.augmentation), len(rows.dataset.y)) == (False, 40)
        assert described(words, dataset_of(), [], Augmentation(True, 1)).augmentation == Augmentation(False, 1)


def test_copies_on_the_command_line(run, folder, tmp_path):
    model = tmp_path / "model.safetensors"
    ended = run("train", folder, "--features", "hog(cell=4)", "--flip", *CHEAP, "--folds", 3, "--out", model)
    assert ended.code == 0, ended
    assert "copies      60 images, mirrored, are trained on, too, 120 rows in all" in ended.out
    again = run("train", "--run", model, "--features", "hue", "--shift", "1", "--out", model).out
    assert "flip        hue is the same for an image and its mirror image, so none is mirrored" in again
    assert "copies      60 images, moved by up to 1 pixel, are trained on, too, 120 rows in all" in again
    assert "shift = 1\n" in (tmp_path / "model.run.toml").read_text()
    first = load_file(model)["coef"]
    assert run("train", "--run", tmp_path / "model.run.toml", "--out", model).code == 0
    np.testing.assert_array_equal(load_file(model)["coef"], first)


def test_rows_are_kept_on_disk_when_asked(run, folder, monkeypatch):
    arguments = ("train", folder, "--features", "hog+hue", *CHEAP)
    plain = run(*arguments)
    assert len(store.kept()) == 1
    first = run(*arguments, "--cache-features")
    assert first.code == 0, first
    assert len(store.kept()) == 3
    assert "hog+hue of stripes" in run("data", "cache").out
    described_images = []
    monkeypatch.setattr(Mixture, "_fill", lambda *given: described_images.append(given))
    again = run(*arguments, "--cache-features")

    def told(ended):
        return [line for line in ended.out.splitlines() if line.startswith(("loss", "accuracy", "gap"))]

    assert told(again) == told(first) == told(plain)
    assert described_images == []
    assert run("data", "cache", "--keep", "0").code == 0
    assert store.kept() == []


def test_a_damaged_set_of_rows_is_made_again(tmp_path):
    made = []

    def fill(out):
        made.append(1)
        out[:] = 7

    for _ in range(2):
        assert store.rows("0" * 32, (3, 4), "source", fill).tolist() == [[7.0] * 4] * 3
    assert made == [1]
    path = store.folder() / f"{'0' * 32}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert store.rows("0" * 32, (3, 4), "source", fill).tolist() == [[7.0] * 4] * 3
    assert made == [1, 1]
    with pytest.raises(KeyboardInterrupt):
        store.rows("1" * 32, (3, 4), "source", lambda out: (_ for _ in ()).throw(KeyboardInterrupt))
    assert len(list(store.folder().iterdir())) == 2


# --- model files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["hog(cell=4)+hue", "patches(n=6, size=3)", "pixels+patches(n=4, size=2, mirror=False)"]
)
def test_a_feature_comes_back_with_its_model(tmp_path, words):
    images, y = images_of(40)
    pipeline = make_pipeline(parse(words), LinearClassifier(strength=0.1)).fit(images, y)
    feature, classifier = pipeline[0], pipeline[1]
    path = tmp_path / "model.safetensors"
    halfspaces.save(classifier, path, features=feature)
    loaded = halfspaces.load(path)
    assert str(loaded.features_) == words
    np.testing.assert_array_equal(loaded.features_.transform(images), feature.transform(images))
    np.testing.assert_array_equal(make_pipeline(loaded.features_, loaded).predict(images), pipeline.predict(images))
    halfspaces.save(loaded, tmp_path / "again.safetensors")
    assert load_file(tmp_path / "again.safetensors").keys() == load_file(path).keys()
    assert features_of(loaded.fit(feature.transform(images), y)) is None
    np.testing.assert_array_equal(export.to_sklearn(halfspaces.load(path)).predict(images), pipeline.predict(images))
    for to in ("onnx", "torch", "numpy", "sklearn"):
        with pytest.raises(
            ValueError, match=r"which ONNX, torch and NumPy cannot compute; use halfspaces\.export\.to_sklearn, or"
        ):
            export.exported(halfspaces.load(path), to, model=path)


def test_what_cannot_be_kept_is_refused(tmp_path):
    images, y = images_of(10)
    classifier = LinearClassifier(strength=1.0).fit(Pixels().transform(images), y)

    class Own(Pixels):
        pass

    for feature, words in (
        (Pixels(), "not fitted yet"),
        (Own().fit(images), "no words of its own"),
        (HueHistogram().fit(images), "makes 10 columns and the classifier takes 768"),
    ):
        with pytest.raises(ModelFileError, match=words):
            halfspaces.save(classifier, tmp_path / "model.safetensors", features=feature)
    assert list(tmp_path.iterdir()) == []


SPOILED = {
    "words": lambda tensors, metadata: metadata.update(features="hog+hues"),
    "other words": lambda tensors, metadata: metadata.update(features="hog(cell=4)+patches(n=6, size=3)"),
    "other options": lambda tensors, metadata: metadata.update(features="hog+patches(n=6, size=3, grid=2)"),
    "too many": lambda tensors, metadata: metadata.update(features="hog(orientations=900000000)+patches(n=6, size=3)"),
    "many of few": lambda tensors, metadata: metadata.update(features="colors(bins=64, cell=1)+patches(n=6, size=3)"),
    "out of range": lambda tensors, metadata: metadata.update(features="hog(cell=0)+patches(n=6, size=3)"),
    "code": lambda tensors, metadata: metadata.update(features="__import__('os')"),
    "no words": lambda tensors, metadata: metadata.pop("features"),
    "words of another type": lambda tensors, metadata: metadata.update(features=["hog"]),
    "missing": lambda tensors, metadata: tensors.pop("features.parts_.1.patches_"),
    "another name": lambda tensors, metadata: tensors.update({"features.transform": np.zeros(3)}),
    "shape": lambda tensors, metadata: tensors.update({"features.parts_.1.patches_": np.zeros((6, 3), np.float32)}),
    "NaN": lambda tensors, metadata: tensors["features.mean_"].fill(np.nan),
    "type": lambda tensors, metadata: tensors.update({"features.mean_": tensors["features.mean_"].astype(np.float64)}),
    "scale": lambda tensors, metadata: tensors["features.scale_"].fill(0),
    "no image shape": lambda tensors, metadata: tensors.pop("features.image_shape_"),
    "image shape": lambda tensors, metadata: tensors["features.image_shape_"].fill(1 << 40),
    "image shape of a part": lambda tensors, metadata: tensors["features.parts_.0.image_shape_"].fill(16),
    "smaller images": lambda tensors, metadata: [
        tensors[f"features.{name}image_shape_"].fill(3) for name in ("", "parts_.0.", "parts_.1.")
    ],
}


@pytest.fixture(scope="module")
def parts_of_a_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    images, y = images_of(30)
    feature = parse("hog+patches(n=6, size=3)").fit(images)
    halfspaces.save(LinearClassifier(strength=0.1).fit(feature.transform(images), y), path, features=feature)
    return path


@pytest.mark.parametrize("name", SPOILED)
def test_a_damaged_feature_is_refused_in_one_sentence(parts_of_a_model, tmp_path, name):
    tensors, metadata = model_file.read(parts_of_a_model)
    SPOILED[name](tensors, metadata)
    model_file.write(tmp_path / "spoiled.safetensors", tensors, metadata)
    with pytest.raises(ModelFileError, match="is not one of a LinearClassifier") as caught:
        halfspaces.load(tmp_path / "spoiled.safetensors")
    assert "\n" not in str(caught.value)


def test_arrays_are_checked_before_a_feature_is_made():
    feature = Patches(n=6, size=3).fit(images_of(20)[0])
    words, arrays = keeping.kept(feature)
    assert str(keeping.restored(words, arrays, 216)) == words
    with pytest.raises(ValueError, match="makes 216 columns instead of 217"):
        keeping.restored(words, arrays, 217)


# --- what is refused ---------------------------------------------------------------------------------------------


def test_bad_input_is_one_sentence(refused, run, folder, tmp_path):
    np.savez(tmp_path / "rows.npz", X=np.random.default_rng(0).random((10, 5)), y=np.arange(10) % 2)
    rows = tmp_path / "rows.npz"
    refused(f"train {rows} --features hog", "--features hog describes images, and rows", "leave --features out")
    np.savez(tmp_path / "one.npz", X=np.zeros((20, 8, 8, 3), np.uint8), y=np.zeros(20, int))
    assert "features " not in refused(f"train {tmp_path / 'one.npz'} --features pixels", "y holds one class, 0").out
    refused(f"train {folder} --features hgo", "feature='hgo' is not known", "hog")
    refused("train digits --flip", "--flip belongs to --features")
    refused("train digits --shift 1", "--shift belongs to --features")
    refused("train digits --features pixels --shift 0", "--shift must be at least 1, got 0")
    refused("train digits --features pixels --shift 8", "shift=8 moves images of 8 x 8 pixels out of sight")
    refused("train digits --cache-features", "--cache-features belongs to --features")
    refused("train digits --features hue", "HueHistogram needs colour, got grey images of 8 x 8 pixels")
    refused("train digits --features hog(cell=16)", "give a smaller")
    learned = ["--features", "patches(n=4,size=3)", "--folds", "3"]
    refused(["train", "digits", *learned], "learns from images, and 3 folds hold out all", "--validation")
    refused(["train", "digits", "--features", "lbp+pixels", "--folds", "3", "--no-standardize"], "learns from images")
    model = tmp_path / "model.safetensors"
    assert run("train", folder, "--features", "hog+hue", "--strength", "1", "--out", model).code == 0
    refused(f"predict {model} {rows}", "holds no images: it has rows (10, 5)")
    refused(f"evaluate {model} {rows}", "plain rows of numbers, and the model takes images of 16 x 16 x 3; give images")
    refused(f"predict {model} digits", "fitted to images of 16 x 16 x 3, got 8 x 8 x 3")
    refused(f"export {model} --to onnx", "which ONNX, torch and NumPy cannot compute")
    refused(f"train {next(folder.rglob('*.png'))}", "is one image, which belongs to no class")
    refused(f"features show {model} --out {tmp_path / 'p.png'}", "has learned no patches")
    refused(f"features show {next(folder.rglob('*.png'))} --out {tmp_path / 'p.gif'}", "must end in .png, .svg or .pdf")
    refused(f"features show {next(folder.rglob('*.png'))} --features sift --out {tmp_path / 'p.png'}", "no picture of")
    assert not (tmp_path / "p.png").exists()


def test_features_are_listed_and_drawn(run, folder, parts_of_a_model, tmp_path):
    listed = run("features", "list").out.splitlines()
    assert [line.split()[0] for line in listed[:-1]] == list(FEATURES)
    words = "hog(cell=4)+hue+hue(cell=4)+colors(space='hsv')+lbp+pixels+words(of=raw, n=4)"
    drawn = [("--features", words, next(folder.rglob("*.png"))), ("--features", "hog", parts_of_a_model)]
    for at, arguments in enumerate(drawn):
        path = tmp_path / f"{at}.png"
        ended = run("features", "show", *arguments, "--out", path)
        assert (ended.code, ended.out) == (0, f"plot        {path}\n")
        picture = np.asarray(Image.open(path).convert("L"))
        assert min(picture.shape) > 300
        assert picture.std() > 10


def test_a_mixture_of_parts_that_learn_nothing_may_have_folds():
    assert not describing.learns(parse("hog+hue"), standardized=True)
    assert describing.learns(parse("hog+hue"), standardized=False)
    assert describing.learns(parse("hog+patches"), standardized=True)
