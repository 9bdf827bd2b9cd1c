"""Features in model files: they come back, and damaged ones are refused in one sentence."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.pipeline import make_pipeline

import halfspaces
from halfspaces import LinearClassifier, export
from halfspaces.features import HueHistogram, Patches, Pixels, parse, serialization
from halfspaces.files import safetensors_file
from halfspaces.files.models import features_of
from halfspaces.files.safetensors_file import ModelFileError
from tests.helpers import stripes

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize(
    "words",
    ["hog(cell=4)+hue", "patches(n=6, size=3)", "pixels+patches(n=4, size=2, mirror=False)"],
)
def test_a_feature_comes_back_with_its_model(tmp_path, words):
    images, y = stripes(40)
    pipeline = make_pipeline(parse(words), LinearClassifier(strength=0.1)).fit(images, y)
    feature, classifier = pipeline[0], pipeline[1]
    path = tmp_path / "model.safetensors"
    halfspaces.save(classifier, path, features=feature)
    loaded = halfspaces.load(path)
    assert str(loaded.features_) == words
    np.testing.assert_array_equal(loaded.features_.transform(images), feature.transform(images))
    np.testing.assert_array_equal(
        make_pipeline(loaded.features_, loaded).predict(images), pipeline.predict(images)
    )
    halfspaces.save(loaded, tmp_path / "again.safetensors")
    assert load_file(tmp_path / "again.safetensors").keys() == load_file(path).keys()
    assert features_of(loaded.fit(feature.transform(images), y)) is None
    np.testing.assert_array_equal(
        export.to_sklearn(halfspaces.load(path)).predict(images), pipeline.predict(images)
    )
    for to in ("onnx", "torch", "numpy", "sklearn"):
        with pytest.raises(
            ValueError,
            match=r"which ONNX, torch and NumPy cannot compute; "
            r"use halfspaces\.export\.to_sklearn, or",
        ):
            export.exported(halfspaces.load(path), to, model=path)


def test_what_cannot_be_kept_is_refused(tmp_path):
    images, y = stripes(10)
    classifier = LinearClassifier(strength=1.0).fit(Pixels().transform(images), y)

    class Own(Pixels):
        pass

    for feature, words in (
        (Pixels(), "not fitted yet"),
        (Own().fit(images), "No expression names the feature"),
        (HueHistogram().fit(images), "makes 10 columns and the classifier takes 768"),
    ):
        with pytest.raises(ModelFileError, match=words):
            halfspaces.save(classifier, tmp_path / "model.safetensors", features=feature)
    assert list(tmp_path.iterdir()) == []


SPOILED = {
    "words": lambda tensors, metadata: metadata.update(features="hog+hues"),
    "other words": lambda tensors, metadata: metadata.update(
        features="hog(cell=4)+patches(n=6, size=3)"
    ),
    "other options": lambda tensors, metadata: metadata.update(
        features="hog+patches(n=6, size=3, grid=2)"
    ),
    "too many": lambda tensors, metadata: metadata.update(
        features="hog(orientations=900000000)+patches(n=6, size=3)"
    ),
    "many of few": lambda tensors, metadata: metadata.update(
        features="colors(bins=64, cell=1)+patches(n=6, size=3)"
    ),
    "out of range": lambda tensors, metadata: metadata.update(
        features="hog(cell=0)+patches(n=6, size=3)"
    ),
    "code": lambda tensors, metadata: metadata.update(features="__import__('os')"),
    "no words": lambda tensors, metadata: metadata.pop("features"),
    "words of another type": lambda tensors, metadata: metadata.update(features=["hog"]),
    "missing": lambda tensors, metadata: tensors.pop("features.parts_.1.patches_"),
    "another name": lambda tensors, metadata: tensors.update({"features.transform": np.zeros(3)}),
    "shape": lambda tensors, metadata: tensors.update(
        {"features.parts_.1.patches_": np.zeros((6, 3), np.float32)}
    ),
    "NaN": lambda tensors, metadata: tensors["features.mean_"].fill(np.nan),
    "type": lambda tensors, metadata: tensors.update(
        {"features.mean_": tensors["features.mean_"].astype(np.float64)}
    ),
    "scale": lambda tensors, metadata: tensors["features.scale_"].fill(0),
    "no image shape": lambda tensors, metadata: tensors.pop("features.image_shape_"),
    "image shape": lambda tensors, metadata: tensors["features.image_shape_"].fill(1 << 40),
    "image shape of a part": lambda tensors, metadata: tensors[
        "features.parts_.0.image_shape_"
    ].fill(16),
    "smaller images": lambda tensors, metadata: [
        tensors[f"features.{name}image_shape_"].fill(3) for name in ("", "parts_.0.", "parts_.1.")
    ],
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_damaged_feature_is_refused_in_one_sentence(patches_model, tmp_path, name):
    tensors, metadata = safetensors_file.read(patches_model)
    SPOILED[name](tensors, metadata)
    safetensors_file.write(tmp_path / "spoiled.safetensors", tensors, metadata)
    unregistered = name in ("words", "code")
    problem = "not registered" if unregistered else "is not one of a LinearClassifier"
    with pytest.raises(ModelFileError, match=problem) as caught:
        halfspaces.load(tmp_path / "spoiled.safetensors")
    assert "\n" not in str(caught.value)


def test_arrays_are_checked_before_a_feature_is_made():
    feature = Patches(n=6, size=3).fit(stripes(20)[0])
    words, arrays = serialization.to_state(feature)
    assert str(serialization.from_state(words, arrays, 216)) == words
    with pytest.raises(ValueError, match="makes 216 columns instead of 217"):
        serialization.from_state(words, arrays, 217)
