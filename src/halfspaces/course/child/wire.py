"""Messages between the grader and the process of a hand-in: trees of plain values and arrays.

A message is bytes: the length of a JSON text, the text, and the bytes of the arrays. Nothing in it
is executed when it is read, whoever wrote it.
"""

import json
import math
import struct
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np

MOST_BYTES = 1 << 26  # of one message
MOST_TEXT = 2000  # characters of one text
DEEPEST = 20  # levels of lists within lists
_LENGTH = struct.Struct("<Q")
_KINDS = "biufc"  # of arrays that are sent: numbers and truth values


class Other(NamedTuple):
    """A value that is not sent: the name of its type."""

    name: str


class Callback(NamedTuple):
    """A function of the grader's, known by a number."""

    number: int


class Seed(NamedTuple):
    """A random generator, by its seed."""

    number: int


class WireError(ValueError):
    """Bytes that are no message, or one that is too long."""


def pack(value: object) -> bytes:
    """The bytes of a value.

    Values are None, truth values, numbers, texts, arrays of numbers, and lists, tuples and dicts of
    them. Anything else becomes `Other`.

    >>> unpack(pack({"W": np.eye(2), "names": ("a", None, {1})}))["names"]
    ('a', None, Other(name='set'))
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_plain(value, arrays, 0)).encode()
    parts = [array.tobytes() for array in arrays]
    message = b"".join([_LENGTH.pack(len(text)), text, *parts])
    if len(message) > MOST_BYTES:
        raise WireError(f"A message has {len(message):,} bytes; at most {MOST_BYTES:,} are sent.")
    return message


def _plain(value: object, arrays: list[np.ndarray], depth: int) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return _of_array(np.asarray(value), arrays)
    if isinstance(value, Callback | Seed | Other) or depth > DEEPEST:
        return _single(value)
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_plain(item, arrays, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[str(key), _plain(value[key], arrays, depth + 1)] for key in value]}
    return _single(value)


def _single(value: object) -> object:
    is_short = isinstance(value, int) and abs(value) < 1 << 63
    if value is None or isinstance(value, float) or is_short:
        return value
    if isinstance(value, str):
        return value[:MOST_TEXT]
    if isinstance(value, Callback | Seed | Other):
        return {type(value).__name__.lower(): value[0]}
    return {"other": type(value).__name__}


def _of_array(array: np.ndarray, arrays: list[np.ndarray]) -> object:
    if array.dtype.kind not in _KINDS or array.dtype.itemsize > 16:
        return {"other": f"array of {array.dtype}"[:MOST_TEXT]}
    array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    arrays.append(array)
    return {"array": [array.dtype.str, list(array.shape)]}


def unpack(message: bytes) -> object:
    """The value of a message; arrays are read only.

    Raises
    ------
    WireError
        If the bytes are no message.
    """
    try:
        (length,) = _LENGTH.unpack_from(message)
        start = _LENGTH.size + length
        value, end = _value(json.loads(message[_LENGTH.size : start]), message, start)
        if end != len(message):
            raise WireError("A message has bytes that belong to nothing.")
        return value
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, struct.error) as error:
        raise WireError(f"A message cannot be read: {error}") from error


def _value(plain: object, message: bytes, at: int) -> tuple[object, int]:
    if not isinstance(plain, dict):
        return plain, at
    ((kind, content),) = plain.items()
    if kind == "array":
        dtype, shape = np.dtype(content[0]), tuple(map(int, content[1]))
        if dtype.kind not in _KINDS:
            raise WireError(f"A message has an array of {dtype}.")
        count = math.prod(shape)
        array = np.frombuffer(message, dtype, count, at).reshape(shape)
        return array, at + count * dtype.itemsize
    if kind in ("list", "tuple"):
        items: list[object] = []
        for item in content:
            read, at = _value(item, message, at)
            items.append(read)
        return (items if kind == "list" else tuple(items)), at
    if kind == "dict":
        entries: dict[str, object] = {}
        for key, item in content:
            entries[key], at = _value(item, message, at)
        return entries, at
    made: dict[str, Callable[[], object]] = {
        "other": lambda: Other(str(content)),
        "callback": lambda: Callback(int(content)),
        "seed": lambda: Seed(int(content)),
    }
    return made[kind](), at


def send(stream: BinaryIO, nonce: bytes, value: object) -> None:
    """Write a message, with the nonce that shows who wrote it."""
    message = pack(value)
    stream.write(_LENGTH.pack(len(message)) + nonce + message)
    stream.flush()


def receive(stream: BinaryIO, nonce: bytes) -> object:
    """Read a message.

    Raises
    ------
    EOFError
        If the stream ends.
    WireError
        If what is read is no message with this nonce.
    """
    start = _exactly(stream, _LENGTH.size + len(nonce))
    (length,) = _LENGTH.unpack_from(start)
    if start[_LENGTH.size :] != nonce or length > MOST_BYTES:
        raise WireError("What was written is no message of the grader's.")
    return unpack(_exactly(stream, length))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if data is None or len(data) < count:
        raise EOFError
    return data
