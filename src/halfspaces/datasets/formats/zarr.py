"""Zarr groups (versions 2 and 3) with X and y, at the top or in groups called train and test: folders of chunks.

What a chunk unpacks to is known from its first bytes or found out in bounded steps before zarr unpacks it, and only
codecs that hold plain numbers are let in: one of zarr's own would unpickle. Blosc crashes on some damaged chunks, so it
works in a process of its own.

Zarr specification, https://zarr-specs.readthedocs.io
"""

import json
import math
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets import named_arrays, optional
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support import memory
from halfspaces.support.errors import DataError

ROOT, ARRAY = ("zarr.json", ".zgroup"), ("zarr.json", ".zarray")
LARGEST = 1 << 24  # bytes of JSON
LARGEST_CHUNK = 1 << 28  # bytes
SPARSEST = 200  # times what is stored, and
FREE = 1 << 28  # bytes: so much may be chunks that were left out as they are all zeros
PLAIN = {"bytes", "crc32c", "transpose", "zstd", "blosc", "gzip", "zlib", "lz4"}
PATIENCE, SLOWEST = 30.0, 1e6  # seconds for a process, and so many bytes a second beyond
READ = """
import sys, zarr
array = zarr.open_array(sys.argv[1], mode="r")
for start in range(0, array.shape[0], array.chunks[0]):
    sys.stdout.buffer.write(array[start : start + array.chunks[0]].tobytes())
"""
PACKED = {"zstd", "blosc", "gzip", "zlib", "lz4"}


def recognizes(folder: Path) -> bool:
    """Whether the folder is a group."""
    return any((folder / name).is_file() for name in ROOT)


def read(folder: Path) -> Dataset:
    """Read X and y, or features, embeddings, images, data and labels, targets, class; X_test and y_test alike.

    Splits are told by name (X_test, test_X) or by groups called train, test and validation. Raises DataError for other
    codecs than zstd, blosc, gzip, zlib and lz4, for shards, and for what is damaged or does not fit.
    """
    held = _names(folder)
    named = named_arrays.named(folder, held)
    read: dict[str, Any] = {part: _read(held[name]) for part, name in named.items()}
    image_shape = named_arrays.image_shape(folder, read)
    for part, name in named.items():
        read[part] = (named_arrays.flatten if part.startswith("X") else _labels)(
            folder, name, read[part]
        )
    return Dataset(name=folder.resolve().stem, image_shape=image_shape, **read)


def read_features(folder: Path) -> np.ndarray:
    """Read rows alone, (N, D): of the test split where there is one."""
    held = _names(folder)
    name = named_arrays.features_alone(folder, held)
    return named_arrays.flatten(folder, name, _read(held[name]))


def _names(folder: Path) -> dict[str, Path]:
    """The arrays at the top, and those in the groups of splits as split_name."""
    optional.load("zarr", "zarr", str(folder))
    groups = {word: split for split, words in named_arrays.SPLITS.items() for word in words}
    held: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if _is_array(path):
            held[path.name] = path
        elif path.is_dir() and path.name.lower() in groups:
            split = groups[path.name.lower()]
            held.update(
                {
                    f"{split}_{inner.name}": inner
                    for inner in sorted(path.iterdir())
                    if _is_array(inner)
                }
            )
    return held


def _is_array(path: Path) -> bool:
    about = next((path / name for name in ARRAY if (path / name).is_file()), None)
    return about is not None and _json(about).get("node_type", "array") == "array"


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(
                f"{path} has {path.stat().st_size:,} bytes, too many for a description; save it again."
            )
        told = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise (
            error
            if isinstance(error, DataError)
            else DataError(f"{path} is damaged; save the array again.")
        ) from error
    if not isinstance(told, dict):
        raise DataError(f"{path} holds no JSON object; save the array again.")
    return told


def _labels(folder: Path, name: str, y: np.ndarray) -> np.ndarray:
    return named_arrays.labels(
        folder, name, y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    )


def _read(path: Path) -> np.ndarray:
    """The whole array, a row of chunks at a time."""
    import zarr

    codecs = _codecs(path)
    with compressed.decoding(path, "zarr", Exception):  # zarr has errors of many kinds
        array = zarr.open_array(str(path), mode="r")
        shape, chunks, dtype = array.shape, array.chunks, np.dtype(array.dtype)
        if dtype.kind not in "biufU" or not shape or 0 in chunks:
            raise DataError(
                f"{path} has values of type {dtype}, shape {shape}; save rows of numbers, or labels."
            )
        _check_chunks(path, codecs, shape, math.prod(chunks) * dtype.itemsize)
        values = memory.empty(path, shape, dtype)
        if "blosc" in codecs:
            _read_elsewhere(path, values)
            return values
        for start in range(0, shape[0], chunks[0]):
            values[start : start + chunks[0]] = array[start : start + chunks[0]]
        return values


def _read_elsewhere(
    path: Path, values: np.ndarray, code: str = READ, patience: float = PATIENCE
) -> None:
    """Fill the array from another process."""
    left = values.reshape(-1).view(np.uint8)
    command = [sys.executable, "-P", "-c", code, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as process:
        stream: Any = process.stdout
        end = threading.Timer(patience + values.nbytes / SLOWEST, process.kill)
        end.start()
        while count := stream.readinto(left.data[: 1 << 20]):
            left = left[count:]
        end.cancel()
    if process.returncode or left.size:
        raise DataError(
            f"{path} cannot be read as zarr (its chunks are damaged); get it or save it again."
        )


def _codecs(path: Path) -> set[str]:
    """The codecs that the array's description names, all of them known to be harmless."""
    told = _json(next(path / name for name in ARRAY if (path / name).is_file()))
    lists = [told.get("codecs") or [], told.get("filters") or [], [told.get("compressor")]]
    if not all(isinstance(each, list) for each in lists):
        raise DataError(f"{path} names its codecs in no list; save the array again.")
    named = [codec for each in lists for codec in each if codec]
    names = {
        str(codec.get("name", codec.get("id"))) if isinstance(codec, dict) else str(codec)
        for codec in named
    }
    if foreign := sorted(names - PLAIN):
        raise DataError(
            f"{path} is packed with {foreign[0][:50]!r}; known are {', '.join(sorted(PACKED))}; save it so."
        )
    if told.get("storage_transformers"):
        raise DataError(f"{path} has storage transformers, which are not known; save it without.")
    return names & PACKED


def _check_chunks(path: Path, codecs: set[str], shape: tuple[int, ...], size: int) -> None:
    """Raise DataError unless every chunk unpacks to its size at most, and they can be all of the array."""
    if size > LARGEST_CHUNK:
        raise DataError(
            f"{path} has chunks of {size:,} bytes, more than {LARGEST_CHUNK:,}; save it in smaller ones."
        )
    stored = 0
    for chunk in _files(path):
        length = chunk.stat().st_size
        stored += length
        if length > size + size // 8 + 4096 or _unpacked(chunk, codecs, size) > size:
            raise DataError(
                f"{chunk} unpacks to more than the {size:,} bytes of a chunk; save the array again."
            )
    if math.prod(shape) > max(FREE, SPARSEST * stored):
        raise DataError(
            f"{path} promises shape {shape}, of which only {stored:,} bytes were written; write all of it."
        )


def _files(path: Path) -> Iterator[Path]:
    for each in path.rglob("*"):
        if each.is_symlink():
            raise DataError(f"{each} is a link, which is not followed; copy the array.")
        if each.is_file() and each.name not in (*ARRAY, ".zattrs"):
            yield each


def _unpacked(chunk: Path, codecs: set[str], most: int) -> int:
    """Bytes that the chunk unpacks to; what only unpacking tells is looked for up to `most`."""
    with chunk.open("rb") as stream:
        head = stream.read(18)
        if "blosc" in codecs:
            return struct.unpack_from("<I", head, 4)[0] if len(head) >= 8 else 0
        if "lz4" in codecs:
            return struct.unpack_from("<I", head)[0] if len(head) >= 4 else 0
        if "zstd" in codecs:
            return _zstd_size(head, most)
        if codecs & {"gzip", "zlib"}:
            stream.seek(0)
            return _inflated(stream.read(), most)
    return 0


def _zstd_size(head: bytes, most: int) -> int:
    """The size that the frame's header tells; more than `most` where it tells none (RFC 8878, section 3.1.1.1)."""
    if len(head) < 6:
        return 0  # damaged, as zarr will find
    told = head[4]
    flag, single = told >> 6, told >> 5 & 1
    start = 5 + (not single) + (0, 1, 2, 4)[told & 3]
    width = (single, 2, 4, 8)[flag]
    if width == 0:
        return most + 1
    return int.from_bytes(head[start : start + width], "little") + (256 if flag == 1 else 0)


def _inflated(content: bytes, most: int) -> int:
    total = 0
    try:
        while content and total <= most:
            unpacker = zlib.decompressobj(wbits=47)  # zlib or gzip
            total += len(unpacker.decompress(content, most + 1 - total))
            content = unpacker.unused_data
    except zlib.error:
        return total  # damaged, as zarr will find
    return total
