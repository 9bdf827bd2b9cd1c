"""A stream of comma-separated values as blocks of whole rows, each of which may be parsed alone.

pyarrow parses a block with all cores, a stream with one. A line break within quotes ends no row.
Which quotes open and close a field is known where all of them are written by the rule of RFC 4180;
from the first block on where they are not, the rest of the stream is left to pyarrow's own reader.
"""

import codecs
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, NamedTuple

import numpy as np

QUOTE = ord('"')
BREAK = ord("\n")


class Block(NamedTuple):
    """Whole rows; with `breaks`, fields of them may hold line breaks."""

    rows: bytes
    breaks: bool


class Rest(NamedTuple):
    """The rest of a stream, from the beginning of a row on."""

    stream: BinaryIO


def blocks(stream: BinaryIO, encoding: str, delimiter: str, size: int) -> Iterator[Block | Rest]:
    r"""The rows in blocks of about `size` bytes of UTF-8.

    >>> stream = io.BytesIO(b'1,"a\nb"\n2,c\n3,"d')
    >>> [block.rows for block in blocks(stream, "utf-8", ",", 10)]
    [b'1,"a\nb"\n', b'2,c\n', b'3,"d']
    """
    stream = _as_utf8(stream, encoding)
    pending = b""
    while more := stream.read(size):
        pending += more
        quotes = np.flatnonzero(np.frombuffer(pending, np.uint8) == QUOTE)
        end = _end_of_rows(pending, quotes)
        rows = pending[:end]
        if not rows or not _are_regular(rows, quotes[quotes < end], delimiter):
            yield Rest(io.BufferedReader(_Joined(pending, stream), size))
            return
        yield Block(rows, _breaks_within(rows, quotes))
        pending = pending[end:]
    if pending:
        yield Block(pending, breaks=True)


def ahead(found: Iterator[Block | Rest]) -> Iterator[Block | Rest]:
    r"""Yield the blocks; while one is used, a thread reads the next.

    >>> list(ahead(iter([Block(b"1\n", breaks=False)])))
    [Block(rows=b'1\n', breaks=False)]
    """
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, found, None)
        while (block := waiting.result()) is not None:
            waiting = pool.submit(next, found, None)
            yield block


def _as_utf8(stream: BinaryIO, encoding: str) -> BinaryIO:
    if encoding == "utf-8-sig":
        stream.read(len(codecs.BOM_UTF8))
    if encoding.startswith("utf-8"):
        return stream
    recoded: Any = codecs.EncodedFile(stream, "utf-8", encoding)
    return recoded


def _end_of_rows(text: bytes, quotes: np.ndarray) -> int:
    """The end of the last line break outside quotes; 0 if there is none."""
    end = text.rfind(b"\n")
    while end >= 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            return end + 1
        end = text.rfind(b"\n", 0, int(quotes[before - 1]))
    return 0


def _are_regular(rows: bytes, quotes: np.ndarray, delimiter: str) -> bool:
    """Whether each quote opens or closes a field, or is one of two within a field."""
    around = np.frombuffer(f'\n\r"{delimiter}'.encode(), np.uint8)
    text = np.frombuffer(rows, np.uint8)
    opening = quotes[::2]
    closing = quotes[1::2]
    before = text[opening[opening > 0] - 1]
    after = text[closing + 1]  # a line break ends the rows
    return bool(np.isin(before, around).all() and np.isin(after, around).all())


def _breaks_within(rows: bytes, quotes: np.ndarray) -> bool:
    """Whether a line break lies between quotes."""
    if not len(quotes):
        return False
    breaks = np.flatnonzero(np.frombuffer(rows, np.uint8) == BREAK)
    return bool((np.searchsorted(quotes, breaks) % 2).any())


class _Joined(io.RawIOBase):
    """What was read from a stream and not used, then the stream."""

    def __init__(self, pending: bytes, stream: BinaryIO) -> None:
        self.pending = pending
        self.stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        if not self.pending:
            self.pending = self.stream.read(size)
        part = self.pending[:size]
        self.pending = self.pending[size:]
        buffer[: len(part)] = part
        return len(part)
