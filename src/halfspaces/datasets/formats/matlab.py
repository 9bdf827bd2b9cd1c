"""Arrays of numbers from MATLAB files of version 5, as `save` and scipy.io.savemat write them.

scipy's own reader crashes on some damaged files (scipy 1.17: a segmentation fault ends the
process), so files of unknown origin are not given to it. MathWorks, "MAT-File Format",
https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import struct
import zlib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from halfspaces.datasets.files import compressed

HEADER = 128  # bytes
COMPRESSED = 15  # types of elements
MATRIX = 14
DTYPES = {
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
NUMERIC_CLASSES = range(6, 16)  # of arrays, from double to uint64
HIGHEST_RATIO = 1032  # bytes that one byte of deflate can stand for


class _Element(NamedTuple):
    kind: int
    content: memoryview


def read(path: Path, names: Container[str]) -> dict[str, np.ndarray]:
    """The arrays of these names; others are not read. Raises DataError for damaged files."""
    with (
        compressed.reading(path) as stream,
        compressed.decoding(path, "a MATLAB file", struct.error, zlib.error, ValueError),
    ):
        content = memoryview(stream.read())
        if bytes(content[126:128]) != b"IM":
            raise ValueError("it has no header of version 5 in little-endian order")
        arrays = {}
        for kind, element in map(_decompressed, _elements(content[HEADER:])):
            if kind == MATRIX and (matrix := _matrix(element, names)) is not None:
                name, array = matrix
                arrays[name] = array
        return arrays


def _decompressed(element: _Element) -> _Element:
    """The element inside a compressed one."""
    if element.kind != COMPRESSED:
        return element
    most = HIGHEST_RATIO * len(element.content)
    content = zlib.decompressobj().decompress(element.content, most)
    return next(_elements(memoryview(content)), element)


def _elements(content: memoryview) -> Iterator[_Element]:
    """The elements one after the other; a short one has its content within its tag."""
    start = 0
    while start + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, start)
        if short_size := kind >> 16:
            kind &= 0xFFFF
            size = short_size
            first = start + 4
            start += 8
        else:
            first = start + 8
            padded = size if kind == COMPRESSED else -(-size // 8) * 8
            start = first + padded
        if first + size > len(content):
            raise ValueError(
                f"an element of {size:,} bytes starts at byte {first:,} of {len(content):,}"
            )
        yield _Element(kind, content[first : first + size])


def _matrix(element: memoryview, names: Container[str]) -> tuple[str, np.ndarray] | None:
    """The name and the array of an element; None unless it has a wanted name and numbers."""
    parts = [part for _, part in zip(range(4), _elements(element), strict=False)]
    if len(parts) < 4 or len(parts[0].content) < 1:
        return None
    flags, sizes, name_part, values = parts
    name = bytes(name_part.content).decode("latin-1")
    if name not in names or flags.content[0] not in NUMERIC_CLASSES or values.kind not in DTYPES:
        return None
    shape = np.frombuffer(sizes.content, "<i4").tolist()
    array = np.frombuffer(values.content, DTYPES[values.kind])
    if min(shape, default=0) < 0 or math.prod(shape) != array.size:
        raise ValueError(f"{name} has {array.size:,} values, but its shape is {tuple(shape)}")
    return name, array.reshape(shape, order="F")
