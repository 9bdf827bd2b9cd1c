"""Model files: what is written comes back;
everything else is refused by name, and nothing is half written.
"""

import json
import os
import struct

import numpy as np
import pytest
import safetensors.numpy
from safetensors.numpy import load_file, save

from halfspaces.files import safetensors_file
from halfspaces.files.safetensors_file import ModelFileError
from tests.fuzz import model_file as mutated_models

METADATA = {
    "loss": "softmax",
    "classes": ["cat", "Käse"],
    "strength": 1e-300,
    "passes": 17,
    "gap": None,
}
TENSORS = {
    "W": np.arange(24, dtype=np.float64).reshape(4, 2, 3),
    "mean": np.array([1, 2], np.float32),
    "count": np.array(3, np.int64),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors_file.write(path, TENSORS, METADATA)
    return path


def assert_equal(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        np.testing.assert_array_equal(tensor, expected[name], strict=True)


def test_what_is_written_comes_back(path):
    tensors, metadata = safetensors_file.read(path)
    assert metadata == METADATA
    assert_equal(tensors, TENSORS)
    assert_equal(load_file(path), TENSORS)  # any safetensors reader can
    tensors["W"] += 1  # a copy of our own: the file does not change
    assert_equal(safetensors_file.read(str(path))[0], TENSORS)


def test_same_model_same_bytes(path, tmp_path):
    safetensors_file.write(tmp_path / "again", dict(reversed(TENSORS.items())), METADATA)
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


@pytest.mark.parametrize(
    "tensor",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(4, 6)[::2, ::-3],
        np.arange(3, dtype=">f4"),
        np.zeros((0, 3), np.float16),
        np.array([True, False]),
    ],
    ids=["fortran order", "strides", "big-endian", "empty", "bool"],
)
def test_arrays_of_any_layout(tmp_path, tensor):
    safetensors_file.write(tmp_path / "m", {"W": tensor}, {})
    np.testing.assert_array_equal(
        safetensors_file.read(tmp_path / "m")[0]["W"], tensor, strict=tensor.dtype.isnative
    )


@pytest.mark.parametrize(
    ("tensors", "metadata", "words"),
    [
        ({"labels": np.array(["cat", None], object)}, {}, "'labels' has type object"),
        ({"labels": np.array(["cat"])}, {}, "'labels' has type <U3"),
        ({"W": np.zeros(1, np.complex128)}, {}, "'W' has type complex128"),
        ({"__metadata__": np.zeros(1)}, {}, "choose another"),
        ({}, {"gap": float("inf")}, "not plain JSON"),
        ({}, {"loss": object()}, "type object is not JSON serializable"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_the_file_is_touched(path, tensors, metadata, words):
    before = path.read_bytes()
    with pytest.raises(ModelFileError, match=words):
        safetensors_file.write(path, tensors, metadata)
    assert path.read_bytes() == before


def test_header_beyond_the_format_is_refused(path):
    with pytest.raises(ModelFileError, match="33,554,432 fit"):
        safetensors_file.write(path, TENSORS, {"history": "x" * 33_554_432})
    assert safetensors_file.read(path)[1] == METADATA


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (OSError(28, "No space left"), ModelFileError),
        (KeyboardInterrupt("No space left"), KeyboardInterrupt),
    ],
)
def test_failed_write_leaves_the_old_model_and_nothing_else(
    path, monkeypatch, step, failure, error
):
    def fail(*_):
        raise failure

    before = path.read_bytes()
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(error, match="No space left"):
        safetensors_file.write(path, {"W": np.zeros(5)}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_places_that_cannot_be_written(path, monkeypatch):
    with pytest.raises(ModelFileError, match=r"there is no folder .*nowhere; make it first"):
        safetensors_file.write(path.parent / "nowhere" / "m.safetensors", TENSORS, METADATA)
    (path.parent / "folder").mkdir()
    with pytest.raises(ModelFileError, match="cannot be written: Is a directory"):
        safetensors_file.write(path.parent / "folder", TENSORS, METADATA)
    with pytest.raises(ModelFileError, match="cannot be written: Not a directory"):
        safetensors_file.write(path / "m.safetensors", TENSORS, METADATA)
    assert sorted(os.listdir(path.parent)) == ["folder", path.name]


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind"
)
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ModelFileError, match="cannot be written: Permission denied"):
        safetensors_file.write(tmp_path / "m.safetensors", TENSORS, METADATA)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ModelFileError, match=r"There is no model file .*gone"):
        safetensors_file.read(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    for endless in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(
            ModelFileError, match=f"{endless} is no file on disk; give the .safetensors file itself"
        ):
            safetensors_file.read(endless)
    with pytest.raises(ModelFileError, match="is a folder"):
        safetensors_file.read(tmp_path)


def test_every_truncation_is_refused(path):
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        words = "not a safetensors file" if end < 9 else "truncated"
        with pytest.raises(ModelFileError, match=words):
            safetensors_file.read(path)


def test_every_flipped_tensor_byte_is_refused(path):
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    for place in range(start, len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ModelFileError, match="do not match their checksum"):
            safetensors_file.read(path)


def with_header(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def with_envelope(envelope) -> bytes:
    return save(
        {"W": np.zeros(2)},
        {"halfspaces": envelope if isinstance(envelope, str) else json.dumps(envelope)},
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a safetensors file"),
        (b"hello world, " * 9, "not a safetensors file"),
        (b"\x80\x04\x95" + b"pickle" * 9, "not a safetensors file"),
        (struct.pack("<Q", 2**63) + b"{}", "claims a header of 9,223,372,036,854,775,808 bytes"),
        (struct.pack("<Q", 10**6) + b"{}", "truncated: it ends at byte 10"),
        (struct.pack("<Q", 0) + b"{}", "not a safetensors file"),
        (with_header(b"{'W': 1}"), "header is not JSON"),
        (with_header(b'{"a":' * 100_000), "header is not JSON"),
        (save({"W": np.zeros(2)}), "no 'halfspaces' metadata"),
        (save({"W": np.zeros(2)}, {"format": "pt"}), "no 'halfspaces' metadata"),
        (with_header(b'{"__metadata__": 3}'), "no 'halfspaces' metadata"),
        (with_envelope({"format": 2}), "has format 2, .* up to 1; install a newer"),
        (with_envelope({"format": "1"}), "metadata cannot be read"),
        (with_envelope({"format": 1, "sha256": ""}), "metadata cannot be read"),
        (with_envelope("[]"), "metadata cannot be read"),
        (with_envelope("{"), "metadata cannot be read"),
        (with_envelope({"format": 1, "metadata": {}}), "do not match their checksum"),
        (with_envelope({"format": 1, "metadata": {}}) + b"more", "truncated or damaged"),
    ],
)
def test_what_is_not_a_model_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "given.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=words) as caught:
        safetensors_file.read(path)
    assert "given.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_headers_are_judged_before_memory_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(safetensors.numpy, "load", None)
    path, envelope = tmp_path / "given", json.dumps({"format": 1, "sha256": "", "metadata": {}})

    def refused(entry, words):
        header = json.dumps({"W": entry, "__metadata__": {"halfspaces": envelope}}).encode()
        path.write_bytes(with_header(header, bytes(8)))
        with pytest.raises(ModelFileError, match=words):
            safetensors_file.read(path)

    terabyte = 1 << 40
    whole = {"dtype": "U8", "shape": [terabyte], "data_offsets": [0, terabyte]}
    refused(whole, "its header tells of 1,099,511,627,776 bytes of tensors, it has 8")
    refused({**whole, "data_offsets": [0, 8]}, "its tensor 'W' has no place")
    refused({**whole, "shape": [1 << 32, 1 << 32]}, "its tensor 'W' has no place")
    refused({**whole, "shape": [-8]}, "its tensor 'W' has no place")
    refused(3, "its tensor 'W' has no place")
    with open(path, "wb") as stream:  # nothing but a hole
        stream.write(struct.pack("<Q", 2) + b"{}")
        stream.truncate(terabyte)
    with pytest.raises(
        ModelFileError,
        match="given is oversized: it has 1,099,511,627,776 bytes, models have up to 17,",
    ):
        safetensors_file.read(path)


@pytest.mark.slow
def test_mutants_are_models_or_refused(tmp_path):
    outcomes = mutated_models.fuzz(400, tmp_path)
    assert outcomes["refused"] > 250
    assert outcomes["model"] > 20  # of the metadata some may change


def test_foreign_tensor_type_is_refused(tmp_path):
    envelope = json.dumps({"format": 1, "sha256": "", "metadata": {}})
    tensor = {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}
    header = json.dumps({"W": tensor, "__metadata__": {"halfspaces": envelope}}).encode()
    (tmp_path / "m").write_bytes(with_header(header, bytes(8)))
    with pytest.raises(ModelFileError, match="damaged"):
        safetensors_file.read(tmp_path / "m")
