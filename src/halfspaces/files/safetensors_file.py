"""One .safetensors file with JSON metadata: how models are stored. No pickle, never half a file.

The metadata is one JSON string under the key "halfspaces": {"format": 1, "sha256": ..., "metadata":
{...}}. Any safetensors reader can open the file: https://github.com/huggingface/safetensors#format
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from halfspaces.files.reading import reading
from halfspaces.system.atomic import FileError, brief, write_whole

SUFFIX = ".safetensors"
KEY = "halfspaces"
FORMAT = 1
NUMERIC = frozenset(np.dtype(code).name for code in "?bhilqBHILQefdF")  # what safetensors can hold
LONGEST_HEADER = 1 << 25  # bytes; read as JSON it takes up to twenty times as many
LARGEST_FILE = 1 << 34  # bytes: 16 GiB, far above any model
ITEM_BYTES = {
    "BOOL": 1,
    "I8": 1,
    "U8": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
}
ITEM_BYTES |= {"I64": 8, "U64": 8, "F64": 8}


class ModelFileError(FileError):
    """A model file that cannot be written or read; the message says what to do."""


def write(
    path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> None:
    """Write `tensors` and `metadata` as one file, whole or not at all: an earlier file stays until
    the new one is safe.

    `tensors` are numeric arrays of any shape; `metadata` is plain JSON (so tuples come back as
    lists). Raises ModelFileError for other arrays, other metadata and a place that cannot be
    written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/model.safetensors", {"W": np.eye(2)}, {"loss": "softmax"})
    ...     tensors, metadata = read(f"{folder}/model.safetensors")
    >>> metadata, tensors["W"].tolist()
    ({'loss': 'softmax'}, [[1.0, 0.0], [0.0, 1.0]])
    """
    arrays = {name: _plain(name, tensor) for name, tensor in tensors.items()}
    envelope = {"format": FORMAT, "sha256": _checksum(arrays), "metadata": dict(metadata)}
    try:
        text = json.dumps(envelope, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"The metadata is not plain JSON ({error}); use str, finite numbers, list, dict."
        ) from error
    content = safetensors.numpy.save(arrays, {KEY: text})
    length = int.from_bytes(content[:8], "little")
    if length > LONGEST_HEADER:
        raise ModelFileError(
            f"The metadata take {length:,} bytes, {LONGEST_HEADER:,} fit; "
            "move arrays to the tensors."
        )
    write_whole(Path(path), content, ModelFileError)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write` wrote: the tensors and the metadata.

    Raises ModelFileError for a missing, cut, damaged, foreign, newer or oversized file, before its
    tensors are read wherever the header tells.
    """
    path = Path(path)
    with reading(path, "model file", ".safetensors", ModelFileError) as stream:
        header = _header(path, stream)
        envelope = _envelope(path, header)
        _check_extent(path, header, stream)
        stream.seek(0)
        try:
            tensors = safetensors.numpy.load(stream.read())
        except (
            safetensors.SafetensorError,
            LookupError,
            ValueError,
            TypeError,
            OverflowError,
        ) as error:
            raise ModelFileError(
                f"{path} is truncated or damaged ({brief(error)}); save the model again."
            ) from error
        except MemoryError as error:
            size = f"{os.fstat(stream.fileno()).st_size:,} bytes"
            raise ModelFileError(
                f"{path} does not fit into memory with its {size}; load it where it does."
            ) from error
    if _checksum(tensors) != envelope.get("sha256"):
        raise ModelFileError(
            f"{path} is damaged: its tensors do not match their checksum; save the model again."
        )
    return tensors, envelope["metadata"]


def model_path(path: str | os.PathLike[str]) -> Path:
    """`path`, or `path`.safetensors where only that exists: `train --out k` writes it."""
    path = Path(path)
    named = path.with_name(f"{path.name}{SUFFIX}") if path.name else path
    return named if named.is_file() and not path.exists() else path


def metadata_of(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The metadata of a file that `write` wrote, read from its header; None for any other file."""
    path = Path(path)
    try:
        with reading(path, "model file", ".safetensors", ModelFileError) as stream:
            return _envelope(path, _header(path, stream))["metadata"]
    except ModelFileError:
        return None


def _plain(name: str, tensor: np.ndarray) -> np.ndarray:
    """Return a contiguous little-endian array: safetensors takes the memory as it lies, whatever
    the strides.
    """
    if name == "__metadata__":
        raise ModelFileError(
            "A tensor cannot be called '__metadata__', safetensors keeps that name; choose another."
        )
    array = np.asarray(tensor)
    if array.dtype.name not in NUMERIC:
        raise ModelFileError(
            f"The tensor {name!r} has type {array.dtype}; "
            "tensors are numbers, the rest is metadata."
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _checksum(tensors: Mapping[str, np.ndarray]) -> str:
    """Return the sha256 of all names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, tensor.dtype.name, tensor.shape]).encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _header(path: Path, stream: BinaryIO) -> dict[str, Any]:
    """Return the file's JSON header, asking for no more memory than the file has bytes."""
    size = os.fstat(stream.fileno()).st_size
    start = stream.read(9)
    length = int.from_bytes(start[:8], "little")
    if start[8:] != b"{":
        raise ModelFileError(
            f"{path} is not a safetensors file: its {size:,} bytes hold no header; give another."
        )
    if size > LARGEST_FILE:
        raise ModelFileError(
            f"{path} is oversized: it has {size:,} bytes, models have up to {LARGEST_FILE:,}."
        )
    if length > LONGEST_HEADER:
        claim = f"it claims a header of {length:,} bytes, {LONGEST_HEADER:,} are allowed"
        raise ModelFileError(f"{path} is damaged or oversized: {claim}; save the model again.")
    if 8 + length > size:
        end = f"byte {size:,}, inside its header of {length:,} bytes"
        raise ModelFileError(f"{path} is truncated: it ends at {end}; save the model again.")
    stream.seek(8)
    header = _json_object(stream.read(length))
    if header is None:
        raise ModelFileError(
            f"{path} is not a safetensors file: its header is not JSON; give another."
        )
    return header


def _check_extent(path: Path, header: dict[str, Any], stream: BinaryIO) -> None:
    """Raise, before allocating, unless the file has the number of bytes that its header states."""
    claimed = 0
    for name, entry in header.items():
        if name != "__metadata__":
            size = _claimed_bytes(entry)
            if size is None:
                tensor = brief(repr(name))
                raise ModelFileError(
                    f"{path} is damaged: its tensor {tensor} has no place; save it again."
                )
            claimed += size
    held = os.fstat(stream.fileno()).st_size - stream.tell()
    if claimed != held:
        sizes = f"its header tells of {_count(claimed)} bytes of tensors, it has {held:,}"
        raise ModelFileError(f"{path} is truncated or damaged: {sizes}; save the model again.")


def _claimed_bytes(entry: Any) -> int | None:
    """What a tensor takes by type, shape and place, or None where these are none or disagree."""
    try:
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        if not all(
            type(number) is int and 0 <= number < 1 << 63 for number in (*shape, begin, end)
        ):
            return None
        size = math.prod(shape) * ITEM_BYTES[entry["dtype"]]
    except (LookupError, TypeError, ValueError):
        return None
    return size if size == end - begin else None


def _count(number: int) -> str:
    return f"{number:,}" if number < 1 << 63 else "far too many"


def _envelope(path: Path, header: dict[str, Any]) -> dict[str, Any]:
    """Return our part of the header once its format is known to be ours."""
    outer = header.get("__metadata__")
    if not isinstance(outer, dict) or KEY not in outer:
        raise ModelFileError(f"{path} has no {KEY!r} metadata; give a model that halfspaces saved.")
    envelope = _json_object(outer[KEY]) or {}
    version = envelope.get("format")
    if isinstance(version, int) and version > FORMAT:
        formats = f"format {version}, but this version reads up to {FORMAT}"
        raise ModelFileError(f"{path} has {formats}; install a newer halfspaces.")
    if version != FORMAT or not isinstance(envelope.get("metadata"), dict):
        raise ModelFileError(
            f"{path} is damaged: its {KEY!r} metadata cannot be read; save the model again."
        )
    return envelope


def _json_object(text: Any) -> dict[str, Any] | None:
    """Return the object that `text` spells, or None if it spells none."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
