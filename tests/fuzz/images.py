"""Images, archives of them, CIFAR's pickles and idx files, to be damaged by `tests.fuzz`."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from tests.data_files import png_of_16_bits
from tests.fuzz.damage import Reader

# --- whole files ---------------------------------------------------------------------------------


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (9, 7), **options) -> bytes:
    """An image file of coloured noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert("L" if mode == "I;16" else mode).convert(mode).save(
        stream, kind, **options
    )
    return stream.getvalue()


def image_seeds() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [Image.new("P", (9, 7), shade) for shade in (1, 2)]
    return [
        encoded("JPEG", exif=exif),
        encoded("JPEG", "CMYK", progressive=True),
        encoded("PNG"),
        encoded("PNG", "P"),
        encoded("PNG", "LA", exif=exif),
        encoded("WEBP"),
        encoded("WEBP", "RGBA", lossless=True),
        encoded("BMP"),
        encoded("BMP", "P"),
        encoded("TIFF"),
        encoded("TIFF", "I;16"),
        png_of_16_bits(np.random.default_rng(0).integers(0, 4096, (7, 9, 3))),
        encoded("TIFF", compression="tiff_lzw", exif=exif),
        encoded("TIFF", "L", compression="tiff_adobe_deflate"),
        encoded("GIF", "P", save_all=True, append_images=frames),
    ]


MEMBERS = {
    f"set/{name}/{i}.png": encoded("PNG", size=(2, 2)) for name in ("cat", "dog") for i in range(2)
}


def tarred(members: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def zipped(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def pickle_seeds() -> list[bytes]:
    held = {
        b"data": np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072),
        b"labels": [3, 9],
        b"filenames": ["a", "b"],
    }
    return [pickle.dumps(held, protocol) for protocol in (2, 3, 4)]


def images_beside() -> dict[str, bytes]:
    return {"cat/1.png": encoded("PNG"), "dog/1.png": encoded("PNG")}


def tar_seeds() -> list[bytes]:
    return [
        tarred(MEMBERS),
        tarred(MEMBERS, tarfile.GNU_FORMAT),
        tarred({"n" * 200 + "/1.png": b"x"}),
    ]


def image_tables() -> list[bytes]:
    """Parquet files with a column of images, as the Hub stores them, or of bytes."""
    content = [encoded("PNG", size=(2, 2)), encoded("JPEG", size=(3, 2))]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    files = pa.array([{"bytes": each, "path": "1.png"} for each in content], kind)
    names = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": names}})}
    seeds = []
    for column in (files, pa.array(content, pa.binary())):
        stream = io.BytesIO()
        table = pa.table({"image": column, "label": [0, 1]}).replace_schema_metadata(metadata)
        pa.parquet.write_table(table, stream)
        seeds.append(stream.getvalue())
    return seeds


def samples() -> dict[str, bytes]:
    """The members of a tar of WebDataset."""
    members = {}
    for i in range(3):
        members[f"s{i}.cls"] = b"%d" % (i % 2)
        members[f"s{i}.json"] = json.dumps({"label": i % 2}).encode()
        members[f"s{i}.png"] = encoded("PNG", size=(2, 2))
    return members


def numbered_beside() -> dict[str, bytes]:
    return {f"train/{i}.png": encoded("PNG", size=(2, 2)) for i in range(4)}


def label_tables() -> list[bytes]:
    return [
        b"id,label\n0,cat\n1,dog\n2,cat\n3,dog\n",
        b"file;kind;split\r\ntrain/0.png;1;train\r\ntrain/1.png;2;train\r\n2.png;1;test\r\n",
        b'{"file_name": "0.png", "label": 1}\n{"file_name": "1.png", "label": "x"}\n',
    ]


def idx_beside() -> dict[str, bytes]:
    return {"train-labels-idx1-ubyte": struct.pack(">2I", 0x801, 2) + b"\1\2"}


READERS = {
    "image": Reader(image_seeds, "cat/2.jpg", beside=images_beside),
    "tar": Reader(tar_seeds, "given.tar", skips=True),
    "tar.gz": Reader(lambda: [tarred(MEMBERS)], "given.tar.gz", gzip.compress, skips=True),
    "packed tar": Reader(lambda: [gzip.compress(tarred(MEMBERS))], "given.tgz", skips=True),
    "table of images": Reader(image_tables, "given.parquet", skips=True),
    "webdataset": Reader(lambda: [tarred(samples())], "given.tar", skips=True),
    "labels.csv": Reader(label_tables, "labels.csv", beside=numbered_beside, skips=True),
    "metadata.jsonl": Reader(label_tables, "metadata.jsonl", beside=numbered_beside, skips=True),
    "zip": Reader(
        lambda: [zipped(MEMBERS), zipped(MEMBERS, zipfile.ZIP_STORED)], "given.zip", skips=True
    ),
    "pickle": Reader(pickle_seeds, "data_batch_1"),
    "cifar archive": Reader(
        lambda: [
            tarred({"cifar/data_batch_1": pickle_seeds()[0]}),
            tarred({"c/train.bin": bytes(2 * 3074)}),
        ],
        "given.tar.gz",
        gzip.compress,
    ),
    "pickled names": Reader(
        lambda: [pickle.dumps({b"label_names": [b"name"] * 10}, 2)],
        "batches.meta",
        beside=lambda: {"data_batch_1": pickle_seeds()[0]},
    ),
    "idx": Reader(
        lambda: [struct.pack(">4I", 0x803, 2, 3, 4) + bytes(24)],
        "train-images-idx3-ubyte",
        beside=idx_beside,
    ),
}
