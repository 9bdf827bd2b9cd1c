"""Zarr groups that zarr wrote: they come back as they were;
bombs, pickles and lies are refused by name.
"""

import gzip
import json
import os
import pickle
import struct
import sys

import ml_dtypes
import numcodecs
import numpy as np
import pytest
import zarr

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError
from halfspaces.datasets.formats import zarr as zarr_folder
from tests.helpers import refuses

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.integers(0, 9, (50, 12)).astype(np.float32), RANDOM.integers(0, 3, 50)
PACKERS = {
    2: {
        "gzip": numcodecs.GZip(),
        "zlib": numcodecs.Zlib(),
        "lz4": numcodecs.LZ4(),
        "blosc": numcodecs.Blosc(),
    },
    3: {
        "gzip": zarr.codecs.GzipCodec(),
        "zstd": zarr.codecs.ZstdCodec(),
        "blosc": zarr.codecs.BloscCodec(),
    },
}


def written(folder, version=3, packer="auto", **held):
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    for name, values in held.items():
        inside, _, last = name.rpartition("/")
        where = group.require_group(inside) if inside else group
        chunks = (16, *values.shape[1:-1], 5)[-values.ndim :]
        where.create_array(last, data=values, chunks=chunks, compressors=packer)
    return folder


@pytest.mark.parametrize(
    ("version", "packer"),
    [
        *[(version, "auto") for version in PACKERS],
        *[
            pytest.param(version, name, marks=pytest.mark.slow)
            for version in PACKERS
            for name in [None, *PACKERS[version]]
        ],
    ],
)
def test_groups_of_every_packing(tmp_path, version, packer):
    splits = {
        "labels": Y,
        "X_test": X[:7],
        "y_test": Y[:7],
        "validation/X": X[:5],
        "validation/y": Y[:5],
    }
    given = written(
        tmp_path / "a.zarr", version, PACKERS[version].get(packer, packer), X=X, **splits
    )
    data = datasets.open(given)
    for held, expected in (
        (data.X, X),
        (data.y, Y),
        (data.X_test, X[:7]),
        (data.X_val, X[:5]),
        (data.y_val, Y[:5]),
    ):
        np.testing.assert_array_equal(held, expected, strict=True)
    assert data.name == "a"
    np.testing.assert_array_equal(datasets.open_features(given), X[:7])
    assert LinearClassifier(strength=0.1).fit(data.X, data.y).n_features_in_ == 12


def test_images_and_names_of_classes(tmp_path):
    given = written(
        tmp_path / "a",
        2,
        X=X.reshape(50, 2, 2, 3).astype(np.uint8),
        y=np.array(["owl", "emu", "kiwi"])[Y],
    )
    data = datasets.open(given)
    assert (data.X.shape, data.image_shape, sorted(set(data.y))) == (
        (50, 12),
        (2, 2, 3),
        ["emu", "kiwi", "owl"],
    )
    refuses(
        written(tmp_path / "b", labels=Y), "b holds 'labels', but features, such as X, are needed"
    )
    refuses(written(tmp_path / "c", X=X), "c holds 'X', but labels, such as y, are needed")
    refuses(written(tmp_path / "d", X=X + 1j, y=Y), "X has values of type complex")
    turned = {"X": X.reshape(50, 2, 2, 3), "y": Y, "X_test": X.reshape(50, 3, 2, 2), "y_test": Y}
    refuses(
        written(tmp_path / "e", **turned),
        "e has images of 2 x 2 x 3 in X but of 3 x 2 x 2 in X_test; bring them",
    )


class Malicious:
    def __reduce__(self):
        return os.abort, ()


def changed(path, **entries):
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_what_could_run_code_is_never_asked_for(tmp_path):
    given = written(tmp_path / "a", 2, X=X, y=Y)
    changed(
        given / "y" / ".zarray",
        dtype="|O",
        filters=[{"id": "pickle", "protocol": 5}],
        compressor=None,
    )
    for chunk in (given / "y").glob("[0-9]*"):
        chunk.write_bytes(pickle.dumps(Malicious()))
    refuses(given, "y is packed with 'pickle'; known are blosc, gzip, lz4, zlib, zstd; save it so.")
    given = written(tmp_path / "b", X=X, y=Y)
    changed(given / "X" / "zarr.json", storage_transformers=[{"name": "odd"}])
    refuses(given, "X has storage transformers")
    (given / "X" / "c" / "0" / "0").unlink()
    (given / "X" / "c" / "0" / "0").symlink_to("/etc/passwd")
    changed(given / "X" / "zarr.json", storage_transformers=[])
    refuses(given, "0 is a link, which is not followed")


def bomb(packer, size):
    """What unpacks to more than a chunk."""
    if packer == "gzip":
        return gzip.compress(bytes(size))
    if packer == "blosc":
        content = bytearray(numcodecs.Blosc().encode(bytes(100)))
        content[4:8] = struct.pack("<I", size)
        return bytes(content)
    content = numcodecs.Zstd().encode(bytes(size))
    return (
        content if packer == "zstd" else b"\x28\xb5\x2f\xfd\x00\x58" + content[6:]
    )  # no size in the header


@pytest.mark.parametrize(
    ("version", "packer"), [(2, "gzip"), (2, "blosc"), (3, "gzip"), (3, "blosc"), (3, "zstd")]
)
def test_bombs_are_not_unpacked(tmp_path, version, packer):
    given = written(tmp_path / "a", version, PACKERS[version][packer], X=X, y=Y)
    chunk = given / "X" / ("c/0/0" if version == 3 else "0.0")
    for kind in [packer] + ["zstd of no size"] * (packer == "zstd"):
        chunk.write_bytes(bomb(kind, 1 << 20))
        refuses(given, f"{chunk} unpacks to more than the 320 bytes of a chunk")
    chunk.write_bytes(bytes(1 << 14))
    refuses(given, f"{chunk} unpacks to more than the 320 bytes of a chunk")
    chunk.write_bytes(b"nonsense")
    refuses(
        given, str(given / "X"), "save it again" if packer == "gzip" else "save the array again"
    )


def test_chunks_that_crash_their_codec_or_never_end(tmp_path):
    given = written(tmp_path / "a", 2, numcodecs.Blosc(), X=X, y=Y)
    for code in ("import os; os.abort()", "print('short')", "while True: pass"):
        with pytest.raises(
            DataError,
            match=r"X cannot be read as zarr \(its chunks are damaged\); get it or save it",
        ):
            zarr_folder._read_elsewhere(
                given / "X", np.empty_like(X), code, 0.5 if "while" in code else 30.0
            )


def test_headers_that_lie(tmp_path):
    given = written(tmp_path / "a", 2, X=X, y=Y)
    about = given / "X" / ".zarray"
    whole = about.read_text()
    changed(about, shape=[1 << 40, 12])
    refuses(given, "X promises shape (1099511627776, 12), of which only")
    changed(about, chunks=[1 << 40, 12])
    refuses(given, "X has chunks of 52,776,558,133,248 bytes, more than 268,435,456")
    for text in (
        "",
        "[]",
        '{"filters": 3}',
        "{",
        "{}",
        '{"shape": "x"}',
        "[" * 100_000,
        whole.replace("<f4", "<q9"),
    ):
        about.write_text(text)
        refuses(given, "")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    given = written(tmp_path / "a", X=X, y=Y)
    monkeypatch.setitem(sys.modules, "zarr", None)
    refuses(given, "a needs zarr, which is not installed; run: pip install 'halfspaces[zarr]'.")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.filterwarnings("ignore:The data type")
def test_bfloat16(tmp_path, version):
    """Zarr has no such type: 2 bytes without one are read, tensorstore's name of it is refused."""
    bits = X.astype(ml_dtypes.bfloat16).view("V2")
    given = written(tmp_path / "a.zarr", version, X=bits, y=Y)
    np.testing.assert_array_equal(datasets.open(given).X, X, strict=True)
    description = given / "X" / {2: ".zarray", 3: "zarr.json"}[version]
    about = json.loads(description.read_text())
    about[{2: "dtype", 3: "data_type"}[version]] = "bfloat16"
    description.write_text(json.dumps(about))
    refuses(given, "X has values of bfloat16, which zarr does not read; save them as float32")
