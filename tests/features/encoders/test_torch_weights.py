"""Files of torch's weights are read without torch, and nothing in them is run."""

import os
import pickle
import struct
from contextlib import suppress

import numpy as np
import pytest

from halfspaces.features.encoders import torch_weights
from halfspaces.system.errors import DataError

WEIGHTS = {
    "w": np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32),
    "steps": np.array(7),
}


class Call:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def written(tensors: bytes) -> bytes:
    """A file with this pickle of tensors and no storages."""
    parts = [torch_weights.MAGIC, torch_weights.VERSION, {}]
    return b"".join([*(pickle.dumps(part, 2) for part in parts), tensors, pickle.dumps([], 2)])


def by_torch(path, tensors) -> bytes:
    """The file that torch writes."""
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(array) for name, array in tensors.items()}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def by_hand() -> bytes:
    """A tensor "w" of 2 x 3 whose columns lie one after the other, as torch writes it."""
    storage = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x00aX\x03\x00\x00\x00cpuK\x06NtQ"
    )
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00K\x02K\x03\x86K\x01K\x02\x86\x89NtR"
    )
    content = written(b"\x80\x02}X\x01\x00\x00\x00w" + tensor + b"s.")
    keys = len(pickle.dumps([], 2))
    values = struct.pack("<q6f", 6, *range(6))
    return content[:-keys] + pickle.dumps(["a"], 2) + values


def refusal(path, content) -> str:
    with pytest.raises(DataError) as caught:
        torch_weights.read(path, content)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_tensors_are_those_of_torch(tmp_path):
    turned = WEIGHTS | {"turned": WEIGHTS["w"].transpose(2, 0, 1), "part": WEIGHTS["w"][1:, :2]}
    found = torch_weights.read(tmp_path, by_torch(tmp_path / "weights.pth", turned))
    assert list(found) == list(turned)
    for name, array in turned.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)


def test_a_tensor_is_a_view_of_its_storage(tmp_path):
    found = torch_weights.read(tmp_path, by_hand())
    assert found["w"].tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize(
    ("function", "named"), [(os.system, "posix.system"), (eval, "eval"), (getattr, "getattr")]
)
def test_nothing_is_run(tmp_path, protocol, function, named):
    target = tmp_path / "made"
    command = f"__import__('os').mkdir({str(target)!r})" if function is eval else f"touch {target}"
    malicious = pickle.dumps({"w": Call(function, command)}, protocol)
    for content in (written(malicious), malicious):
        assert f"{named}, which no file of weights needs" in refusal(tmp_path, content)
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",  # the format of later versions
        pickle.dumps(torch_weights.MAGIC, 2),
        written(pickle.dumps({"w": [1.0]}, 0)),
        written(pickle.dumps({"w": 1}, 2)),
        written(pickle.dumps([], 2)),
    ],
    ids=range(6),
)
def test_other_files_are_refused(tmp_path, content):
    refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (b"K\x06Nt", b"K\x07Nt"),  # a storage of another size
        (b"K\x00K\x02K\x03", b"K\x01K\x02K\x03"),  # the last element lies outside
        (b"K\x02K\x03\x86", b"K\x02K\x04\x86"),
        (b"K\x01K\x02\x86", b"K\x00K\x09\x86"),
        (b"FloatStorage", b"HalfStorage"),
        (b"X\x01\x00\x00\x00a", b"X\x01\x00\x00\x00b"),
        (b"K\x02K\x03\x86K\x01K\x02\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x00K\x00\x86"),
    ],
    ids=range(7),
)
def test_tensors_outside_their_storage_are_refused(tmp_path, place, value):
    content = by_hand()
    assert content.count(place) >= 1
    refusal(tmp_path, content.replace(place, value, 1))


def test_damaged_files_raise_data_errors_only(tmp_path):
    rng = np.random.default_rng(0)
    content = by_hand()
    for _ in range(600):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        with suppress(DataError):
            torch_weights.read(tmp_path, bytes(damaged[: rng.integers(1, len(content) + 300)]))
