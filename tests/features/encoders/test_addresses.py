"""Networks at an address: downloaded once, resumed, and refused with another checksum."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from halfspaces.features import Encoder, parse
from halfspaces.features.serialization import from_state, to_state
from tests.features.test_encoder import network, of_formula

pytest.importorskip("pooch")
IMAGES = np.random.default_rng(1).integers(0, 256, (20, 12, 10, 3), np.uint8)


@pytest.fixture
def published(server, tmp_path, cache):
    """The address of a network, and the SHA-256 of its file."""
    path = network(tmp_path / "given.onnx", ["N", 3, "H", "W"])
    content = Path(path).read_bytes()
    server.files["nets/my%20net.onnx"] = content
    return f"{server.url}/nets/my%20net.onnx", hashlib.sha256(content).hexdigest()


def test_a_cut_download_is_resumed_and_done_once(server, published):
    address, sha256 = published
    server.faults["nets/my%20net.onnx"] = [None, "cut"]
    feature = Encoder(path=address, sha256=sha256)
    np.testing.assert_allclose(feature.fit_transform(IMAGES), of_formula(IMAGES), rtol=1e-4)
    asked = [range_ for _, range_ in server.requests]
    assert asked[:2] == [None, None]
    assert asked[2].startswith("bytes=")
    server.requests.clear()
    text, arrays = to_state(feature)
    assert from_state(text, arrays, 4).transform(IMAGES).shape == (20, 4)
    assert server.requests == []


def test_a_model_file_starts_no_download(server, published, cache, monkeypatch):
    address, sha256 = published
    feature = Encoder(path=address, sha256=sha256).fit(IMAGES)
    text, arrays = to_state(feature)
    server.requests.clear()
    monkeypatch.setenv("HALFSPACES_CACHE", str(cache / "empty"))
    with pytest.raises(ValueError, match=r"a model file starts no download; .*fetch\(\)"):
        from_state(text, arrays, 4)
    assert server.requests == []
    assert parse(text).fetch().is_file()
    from_state(text, arrays, 4)


@pytest.mark.parametrize(
    ("fault", "told"),
    [("changed", "another checksum"), (404, "404"), ("longer", "longer|checksum")],
)
def test_what_is_not_the_file_is_refused(server, published, fault, told):
    address, sha256 = published
    server.faults["nets/my%20net.onnx"] = [None, fault] if fault != 404 else [404]
    with pytest.raises(ValueError, match=told) as caught:
        Encoder(path=address, sha256=sha256).fit(IMAGES)
    assert "\n" not in str(caught.value)


def test_an_address_needs_a_checksum(published, tmp_path):
    address, sha256 = published
    with pytest.raises(ValueError, match=r"Encoder\(sha256=...\) is needed for http://"):
        Encoder(path=address).fit(IMAGES)
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        Encoder(path=address, sha256="../" + sha256).fit(IMAGES)
    given = str(tmp_path / "given.onnx")
    Encoder(path=given, sha256=sha256).fit(IMAGES)
    with pytest.raises(ValueError, match=f"has the SHA-256 {sha256} instead of 000"):
        Encoder(path=given, sha256="0" * 64).fit(IMAGES)
