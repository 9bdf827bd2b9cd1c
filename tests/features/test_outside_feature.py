"""A feature that is defined here, outside the package, works like one of its own."""

import sys

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import halfspaces
from halfspaces import LinearClassifier
from halfspaces.features import FEATURES, BagOfWords, Feature, LocalFeature, parse
from halfspaces.files.atomic import ModelFileError
from halfspaces.support.validation import check_number
from halfspaces.testing import check_feature
from tests.helpers import stripes


class Bands(Feature):
    """Mean grey level of `count` bands of rows, less the mean over the training images."""

    word = "bands"
    channels = "grey"

    def __init__(self, count=4, n_jobs=None):
        self.count = count
        self.n_jobs = n_jobs

    def _check(self, height, width):
        check_number("Bands(count=...)", self.count, at_least=1, integer=True)
        if self.count > height:
            raise ValueError(f"Bands: images have {height} rows; give a smaller count.")

    def _learn(self, planes, rng):
        self.mean_ = self._means(planes).mean(axis=0)

    def shapes(self, image_shape, columns):
        return {**super().shapes(image_shape, columns), "mean_": (self.count,)}

    def columns(self, image_shape):
        return self.count

    def _describe(self, planes):
        return self._means(planes) - self.mean_

    def _means(self, planes):
        bands = np.array_split(planes[:, 0], self.count, axis=1)
        return np.stack([band.mean(axis=(1, 2)) for band in bands], axis=1)


class Blocks(LocalFeature):
    """Pixels of blocks of 4 x 4, as descriptors."""

    word = "blocks"
    channels = "grey"

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def _check(self, height, width):
        if min(height, width) < 4:
            raise ValueError(f"Blocks: images of {height} x {width} pixels are too small.")

    def _local(self, planes):
        n, _, height, width = planes.shape
        cut = planes[:, 0, : height - height % 4, : width - width % 4]
        blocks = cut.reshape(n, height // 4, 4, width // 4, 4).swapaxes(2, 3)
        return np.ascontiguousarray(blocks).reshape(n, height // 4, width // 4, 16)


@pytest.fixture
def registered(monkeypatch):
    for kind in (Bands, Blocks):
        monkeypatch.setitem(FEATURES, kind.word, kind)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "feature", [Bands(), Bands(3), Blocks(), BagOfWords(Blocks(), n=5, levels=(1, 2))], ids=str
)
def test_laws(feature):
    check_feature(feature)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("text", ["bands", "bands(count=3)+hue", "words(of=blocks, n=6)"])
def test_expressions_name_it(text):
    assert str(parse(text)) == text
    with pytest.raises(
        ValueError, match=r"bands\(cout=\.\.\.\) is not known: did you mean 'count'"
    ):
        parse("bands(cout=3)")


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "text", ["bands(count=8)", "bands(count=8)+pixels", "words(of=blocks, n=6)"]
)
def test_it_is_used_in_a_pipeline_and_comes_back_from_a_model_file(text, tmp_path):
    images, y = stripes(40)
    pipeline = make_pipeline(parse(text), LinearClassifier(strength=0.1)).fit(images, y)
    path = tmp_path / "model.safetensors"
    halfspaces.save(pipeline[1], path, features=pipeline[0])
    loaded = halfspaces.load(path)
    assert str(loaded.features_) == text
    np.testing.assert_array_equal(
        make_pipeline(loaded.features_, loaded).predict(images), pipeline.predict(images)
    )


def test_a_model_file_with_a_feature_that_is_not_registered_is_refused(tmp_path, monkeypatch):
    images, y = stripes(20)
    bands = Bands().fit(images)
    classifier = LinearClassifier(strength=0.1).fit(bands.transform(images), y)
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelFileError, match=r"No expression names .*; register its class in half"):
        halfspaces.save(classifier, path, features=bands)
    with monkeypatch.context() as patched:
        patched.setitem(FEATURES, "bands", Bands)
        halfspaces.save(classifier, path, features=bands)
        halfspaces.load(path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "bands.py").write_text("raise SystemExit")
    modules = set(sys.modules)
    with pytest.raises(ModelFileError) as caught:
        halfspaces.load(path)
    assert set(sys.modules) == modules
    needed = "needs 'bands', which is not registered"
    remedy = "load the plugin that defines it first"
    assert str(caught.value) == f"The model file {path} {needed}; {remedy}."


def test_a_class_without_a_word_of_its_own_has_the_name_of_the_class():
    class Own(Bands):
        pass

    assert str(Own(count=2)) == "Own(count=2)"
