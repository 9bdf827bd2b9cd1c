"""Numeric arrays from MATLAB files of version 5, as `save` and scipy.io.savemat write them.

scipy's own reader ends the whole process on some damaged files (scipy 1.17: a segmentation fault), so files from
anywhere are not given to it. MathWorks, "MAT-File Format", https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import struct
import zlib
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np

from halfspaces.datasets.files import compressed

HEADER = 128
COMPRESSED, MATRIX = 15, 14
TYPES = {
    1: "i1",
    2: "u1",
    3: "<i2",
    4: "<u2",
    5: "<i4",
    6: "<u4",
    7: "<f4",
    9: "<f8",
    12: "<i8",
    13: "<u8",
}
NUMERIC = range(6, 16)  # the classes of arrays of numbers, from double to uint64
TIGHTEST = 1032  # bytes that one byte of deflate can stand for

_Element = tuple[int, memoryview]  # its type and its bytes


def read(path: Path, names: Container[str]) -> dict[str, np.ndarray]:
    """Read the arrays of these names; others are left alone. Raises DataError for damaged and other files."""
    with (
        compressed.reading(path) as stream,
        compressed.decoding(path, "a MATLAB file", struct.error, zlib.error, ValueError),
    ):
        content = memoryview(stream.read())
        if bytes(content[126:128]) != b"IM":
            raise ValueError("it has no header of version 5 in little-endian order")
        found = {}
        for kind, element in map(_unpacked, _elements(content[HEADER:])):
            if kind == MATRIX and (named := _matrix(element, names)) is not None:
                found[named[0]] = named[1]
        return found


def _unpacked(typed: _Element) -> _Element:
    """The element that is compressed in another."""
    kind, element = typed
    if kind != COMPRESSED:
        return typed
    unpacked = zlib.decompressobj().decompress(element, TIGHTEST * len(element))
    return next(_elements(memoryview(unpacked)), typed)


def _elements(content: memoryview) -> Iterator[_Element]:
    """The type and the bytes of each element; a short one has its bytes within its tag."""
    start = 0
    while start + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, start)
        if short := kind >> 16:
            kind, size, first, start = kind & 0xFFFF, short, start + 4, start + 8
        else:
            first = start + 8
            start = first + (size if kind == COMPRESSED else -(-size // 8) * 8)
        if first + size > len(content):
            raise ValueError(
                f"an element of {size:,} bytes starts at byte {first:,} of {len(content):,}"
            )
        yield kind, content[first : first + size]


def _matrix(element: memoryview, names: Container[str]) -> tuple[str, np.ndarray] | None:
    """The name and the array, if it is one of numbers and wanted."""
    parts = [part for _, part in zip(range(4), _elements(element), strict=False)]
    if len(parts) < 4 or len(parts[0][1]) < 1:
        return None
    (_, flags), (_, sizes), (_, name), (kind, values) = parts
    wanted = bytes(name).decode("latin-1")
    if wanted not in names or flags[0] not in NUMERIC or kind not in TYPES:
        return None
    shape = np.frombuffer(sizes, "<i4").tolist()
    array = np.frombuffer(values, TYPES[kind])
    if min(shape, default=0) < 0 or math.prod(shape) != array.size:
        raise ValueError(f"{wanted} has {array.size:,} values, but its shape is {tuple(shape)}")
    return wanted, array.reshape(shape, order="F")
