"""Checks of zarr arrays before zarr reads them: their codecs, and what their chunks unpack to.

Only codecs for plain numbers are accepted: one of zarr's own would unpickle. The size that a chunk
unpacks to is read from its first bytes, or found by unpacking it in bounded steps.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.files import json_file
from halfspaces.system import memory
from halfspaces.system.errors import DataError

DESCRIPTIONS = ("zarr.json", ".zarray")
LARGEST_DESCRIPTION = 1 << 24  # bytes of JSON
LARGEST_CHUNK = 1 << 28  # bytes
PACKERS = {"zstd", "blosc", "gzip", "zlib", "lz4"}
ACCEPTED = PACKERS | {"bytes", "crc32c", "transpose"}


def description(path: Path) -> dict[str, Any] | None:
    """The JSON that describes an array, or a group of version 3; None if there is none."""
    for name in DESCRIPTIONS:
        if (path / name).is_file():
            return json_file.read(path / name, LARGEST_DESCRIPTION)
    return None


def codecs(path: Path) -> set[str]:
    """The codecs of an array that change its size; DataError if any codec is not accepted."""
    about = description(path) or {}
    lists = [about.get("codecs") or [], about.get("filters") or [], [about.get("compressor")]]
    if not all(isinstance(each, list) for each in lists):
        raise DataError(f"{path} names its codecs in no list; save the array again.")
    names = {_codec_name(codec) for each in lists for codec in each if codec}
    if foreign := sorted(names - ACCEPTED):
        known = ", ".join(sorted(PACKERS))
        raise DataError(
            f"{path} is packed with {foreign[0][:50]!r}; known are {known}; save it so."
        )
    if about.get("storage_transformers"):
        raise DataError(f"{path} has storage transformers, which are not known; save it without.")
    return names & PACKERS


def _codec_name(codec: object) -> str:
    """The name of a codec in version 3, or its id in version 2."""
    return str(codec.get("name", codec.get("id")) if isinstance(codec, dict) else codec)


def check(
    path: Path,
    packers: set[str],
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype,
) -> None:
    """Raise DataError if a chunk is too large, or if the chunks cannot fill the array."""
    size = math.prod(chunks) * dtype.itemsize
    if size > LARGEST_CHUNK:
        raise DataError(
            f"{path} has chunks of {size:,} bytes, more than {LARGEST_CHUNK:,};"
            " save it in smaller ones."
        )
    stored = 0
    for chunk in _files(path):
        length = chunk.stat().st_size
        stored += length
        if length > size + size // 8 + 4096 or _unpacked_size(chunk, packers, size) > size:
            raise DataError(
                f"{chunk} unpacks to more than the {size:,} bytes of a chunk; save the array again."
            )
    for promised in (shape, chunks):  # chunks of zeros may be missing
        memory.check_claim(path, promised, dtype, stored)


def _files(path: Path) -> Iterator[Path]:
    """The files of chunks."""
    for each in path.rglob("*"):
        if each.is_symlink():
            raise DataError(f"{each} is a link, which is not followed; copy the array.")
        if each.is_file() and each.name not in (*DESCRIPTIONS, ".zattrs"):
            yield each


def _unpacked_size(chunk: Path, packers: set[str], most: int) -> int:
    """The number of bytes that a chunk unpacks to; any number above `most` for a larger one."""
    with chunk.open("rb") as stream:
        head = stream.read(18)
        if "blosc" in packers:
            return struct.unpack_from("<I", head, 4)[0] if len(head) >= 8 else 0
        if "lz4" in packers:
            return struct.unpack_from("<I", head)[0] if len(head) >= 4 else 0
        if "zstd" in packers:
            return _zstd_size(head, most)
        if packers & {"gzip", "zlib"}:
            stream.seek(0)
            return _inflated_size(stream.read(), most)
    return 0


def _zstd_size(head: bytes, most: int) -> int:
    """The size in the header of a frame, or more than `most` if it has none.

    RFC 8878, section 3.1.1.1.
    """
    if len(head) < 6:
        return 0  # damaged, as zarr will find
    descriptor = head[4]
    flag = descriptor >> 6
    single_segment = descriptor >> 5 & 1
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    width = (single_segment, 2, 4, 8)[flag]
    if width == 0:
        return most + 1
    return int.from_bytes(head[start : start + width], "little") + (256 if flag == 1 else 0)


def _inflated_size(content: bytes, most: int) -> int:
    size = 0
    try:
        while content and size <= most:
            unpacker = zlib.decompressobj(wbits=47)  # zlib or gzip
            size += len(unpacker.decompress(content, most + 1 - size))
            content = unpacker.unused_data
    except zlib.error:
        return size  # damaged, as zarr will find
    return size
