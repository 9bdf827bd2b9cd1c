"""Features: every law, images of every kind, memory maps and models."""

import tracemalloc

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from halfspaces import LinearClassifier, load, save
from halfspaces.features import FEATURES as KINDS
from halfspaces.features import (
    HOG,
    LBP,
    ColorHistogram,
    DenseSIFT,
    HueHistogram,
    Mixture,
    Pixels,
    parse,
)
from halfspaces.files.safetensors_file import ModelFileError
from halfspaces.testing import check_feature

FEATURES = [
    Pixels(),
    HueHistogram(),
    HueHistogram(bins=7, cell=8, weighted=False),
    ColorHistogram(),
    ColorHistogram("hsv", bins=3, cell=16),
    HOG(),
    HOG(cell=5, block=3, orientations=8, signed=True, soft=False),
    HOG(block=None),
    LBP(),
    LBP("rotation_invariant", cell=None),
    DenseSIFT(),
    DenseSIFT(step=3, cell=3, root=True, sigma=1.6),
    Mixture([HOG(), HueHistogram(), Pixels()]),
]


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_laws(feature):
    check_feature(feature)


@pytest.mark.parametrize("word", [word for word in KINDS if word != "encoder"])
def test_the_number_of_columns_is_computed_without_an_image(word):
    """An image of this shape would take 64 MB, and its rows up to 12 GB."""
    tracemalloc.start()
    columns = parse(word).columns((4000, 4000, 3))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(columns, int)
    assert peak < 1e6


# --- large and shared -----------------------------------------------------------------------------


def test_rows_come_from_and_go_to_memory_maps(photos, tmp_path):
    np.save(tmp_path / "images.npy", photos)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    feature = parse("hog+hue").fit(mapped)
    out = np.lib.format.open_memmap(
        tmp_path / "rows.npy", "w+", np.float32, feature.transform(photos).shape
    )
    assert feature.transform(mapped, out=out) is out
    np.testing.assert_array_equal(out, feature.transform(photos))
    with pytest.raises(ValueError, match=r"out must have shape \(40, 730\), got \(40, 729\)."):
        feature.transform(photos, out=out[:, 1:])


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((32, 32, 3), r"give one image as image\[None\]"),
        ((5, 32, 32, 4), r"leave the alpha channel out, images\[\.\.\., :3\]"),
        ((5, 3, 32, 32), "move the axis of the colours to the end"),
        ((5, 3072), "reshape rows of pixels"),
    ],
)
def test_what_other_shapes_are_told(shape, words):
    with pytest.raises(ValueError, match=words):
        parse("pixels").fit(np.zeros(shape, np.uint8))


def test_models_with_features_say_what_they_are_given(tmp_path, photos):
    images, y = photos[:20], np.arange(20) % 2
    pipeline = make_pipeline(HueHistogram(), LinearClassifier(strength=0.1)).fit(images, y)
    with pytest.raises(
        ModelFileError,
        match="got a Pipeline; of a pipeline give its last step, and its first as feat",
    ):
        save(pipeline, tmp_path / "model")
    save(pipeline[-1], tmp_path / "model", features=pipeline[0])
    with pytest.raises(
        ValueError, match=r"the model takes rows of hue; give features_\.transform\(images\)"
    ):
        load(tmp_path / "model").predict(images)
