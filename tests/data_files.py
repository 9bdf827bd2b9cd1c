"""Files of data sets, as other programs write them."""

import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from tests.helpers import DIGITS

MNIST_IMAGES = np.arange(4 * 6).reshape(4, 2, 3)
MNIST_LABELS = np.array([9, 0, 3, 3])
SMALL = DIGITS.X[:6, 20:24].astype(np.float32)
SMALL_LABELS = np.array([0, 1, 2, 0, 1, 2])
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


def idx(array: np.ndarray, *, magic: int = 0x0800, sizes: tuple[int, ...] | None = None) -> bytes:
    """MNIST's format, of the array's own type if `magic` is 0; `magic` and `sizes` may lie."""
    shape = array.shape if sizes is None else sizes
    kinds = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    stored = array if magic == 0 else array.astype(np.uint8)
    start = magic or kinds[stored.dtype.str[1:]] << 8
    return (
        struct.pack(f">I{array.ndim}I", start | array.ndim, *shape)
        + stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    )


def tar_gz(members: dict[str, bytes]) -> bytes:
    """An archive of these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def python2(name: str, array: np.ndarray, **values: list) -> bytes:
    """A dictionary as Python 2 pickled it with protocol 2:
    text is bytes, and so is the content of the array.
    """

    def text(content: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(content)) + content

    rebuilt = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nK\x00\x85U\x01b\x87Rq\x02"
    )
    dtype = (
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t"
    state = b"(K\x01" + shape + dtype + b"\x89" + text(array.tobytes()) + b"tb"
    content = b"\x80\x02}q\x00(" + text(name.encode()) + rebuilt + state
    for key, held in values.items():
        items = b"".join(
            text(item) if isinstance(item, bytes) else b"K" + bytes([item]) for item in held
        )
        content += text(key.encode()) + b"]q\x03(" + items + b"e"
    return content + b"u."


def python3(name: str, array: np.ndarray, protocol: int, **values: list) -> bytes:
    """The same dictionary as Python 3 pickles it."""
    return pickle.dumps({name: array, **values}, protocol)


def save_image(path: Path, image: Image.Image, **options) -> None:
    """Save an image, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def photo(label: int, size: tuple[int, int] = (40, 50)) -> Image.Image:
    """Noise of a colour that shows its class, of (height, width)."""
    pixels = np.random.default_rng(abs(label)).integers(0, 60, (*size, 3), np.uint8)
    pixels[..., label % 3] += 150
    return Image.fromarray(pixels)


def encoded_photo(label: int, size: tuple[int, int] = (40, 50), kind: str = "PNG") -> bytes:
    """The file of a `photo`."""
    stream = io.BytesIO()
    photo(label, size).save(stream, kind)
    return stream.getvalue()


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fixed(X: np.ndarray) -> pa.Array:
    """A column of lists of one size, without a copy."""
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(X).reshape(-1)), X.shape[1]
    )


def listed(X: np.ndarray, large: bool = False) -> pa.Array:
    """A column of lists of any size."""
    return pa.array(list(X), pa.large_list(pa.from_numpy_dtype(X.dtype)) if large else None)


def wide(X: np.ndarray, y: np.ndarray, label: str = "label") -> pa.Table:
    """One column a feature."""
    return pa.table({**{f"f{i}": X[:, i] for i in range(X.shape[1])}, label: y})


def ipc(
    path,
    table: pa.Table,
    *,
    stream: bool = False,
    compression: str | None = None,
    rows: int | None = None,
):
    """Write a table as Arrow's file or stream."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)


def save_to_disk(
    folder: Path, table: pa.Table, features: dict | None = None, files: int = 1
) -> None:
    """What Hugging Face's Dataset.save_to_disk writes."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{files:05d}.arrow" for i in range(files)]
    bounds = np.linspace(0, len(table), files + 1).astype(int)
    for name, start, stop in zip(names, bounds, bounds[1:], strict=False):
        ipc(folder / name, table.slice(start, stop - start), stream=True, rows=500)
    state = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": "0",
        "_format_type": None,
    }
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(
        json.dumps({"features": features or {}, "splits": None})
    )


def parquet_lists(folder: Path) -> Path:
    """The digits as a column of lists."""
    path = folder / "digits.parquet"
    X = DIGITS.X.astype(np.float32)
    pa.parquet.write_table(
        pa.table({"embedding": listed(X), "label": DIGITS.y}), path, row_group_size=300
    )
    return path


def parquet_shards(folder: Path) -> Path:
    """The digits in two files for training and one for testing."""
    shards = folder / "shards"
    shards.mkdir()
    for name, X, y in (
        ("train-00000-of-00002", DIGITS.X[:800], DIGITS.y[:800]),
        ("train-00001-of-00002", DIGITS.X[800:], DIGITS.y[800:]),
        ("test-0", DIGITS.X_test, DIGITS.y_test),
    ):
        table = pa.table({"embedding": fixed(X.astype(np.float32)), "label": y})
        pa.parquet.write_table(table, shards / f"{name}.parquet")
    return shards


def arrow_file(folder: Path) -> Path:
    """The digits as Arrow's file."""
    ipc(folder / "digits.arrow", pa.table({"X": fixed(DIGITS.X.astype(np.float32)), "y": DIGITS.y}))
    return folder / "digits.arrow"


def png_of_16_bits(values: np.ndarray) -> bytes:
    """A PNG of values (H, W) or (H, W, channels), whose channels Pillow does not write."""
    kind = {1: 0, 3: 2, 4: 6}[values[0, 0].size]
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(lines), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
