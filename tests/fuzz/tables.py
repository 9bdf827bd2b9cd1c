"""Arrays and tables, to be damaged by `tests.fuzz`."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import scipy.io
import zarr

from tests.fuzz.damage import Reader

X = np.arange(48, dtype=np.float32).reshape(12, 4)
Y = np.arange(12) % 3


def saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype == object)
    return stream.getvalue()


def tables() -> list[pa.Table]:
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.reshape(-1)), 4)
    names = pa.array(["owl", "emu", "kiwi"] * 4)
    return [
        pa.table({"embedding": fixed, "label": Y}),
        pa.table({"embedding": pa.array(X.tolist()), "label": names}),
        pa.table({**{f"f{i}": X[:, i] for i in range(4)}, "label": names.dictionary_encode()}),
        pa.table(
            {
                "a": X[:, 0].astype(np.float16),
                "b": pa.array(range(12), pa.decimal128(9, 2)),
                "label": Y > 0,
            }
        ),
    ]


def parquet(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pa.parquet.write_table(table, stream, **options)
    return stream.getvalue()


def parquet_seeds() -> list[bytes]:
    ways: list[dict[str, Any]] = [
        {},
        {"row_group_size": 5, "compression": "none", "write_page_checksum": True},
        {"data_page_version": "2.0", "compression": "zstd", "use_dictionary": False},
    ]
    return [parquet(table, **way) for table in tables() for way in ways]


def arrow(table: pa.Table, *, stream: bool = False, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=7)
    return sink.getvalue()


def arrow_seeds() -> list[bytes]:
    ways: list[dict[str, Any]] = [
        {},
        {"compression": "lz4"},
        {"stream": True},
        {"stream": True, "compression": "zstd"},
    ]
    views = pa.table({"a": X[:, 0], "label": pa.array(["owl", "emu"] * 6, pa.string_view())})
    return [arrow(table, **way) for table in (*tables(), views) for way in ways]


def hugging_face() -> dict[str, bytes]:
    names = {"label": {"names": ["owl", "emu", "kiwi"], "_type": "ClassLabel"}}
    return {
        "state.json": json.dumps(
            {"_data_files": [{"filename": "data.arrow"}], "_split": "train"}
        ).encode(),
        "dataset_info.json": json.dumps({"features": names}).encode(),
        "data.arrow": arrow(tables()[0], stream=True),
    }


def without(name: str) -> Callable[[], dict[str, bytes]]:
    return lambda: {other: content for other, content in hugging_face().items() if other != name}


def hdf5_seeds(labels: Any = Y) -> list[bytes]:
    seeds = []
    ways: list[dict[str, Any]] = [
        {},
        {"chunks": (5, 4), "compression": "gzip", "fletcher32": True},
        {"maxshape": (None, 4)},
    ]
    for way in ways:
        for version in ("earliest", "latest"):
            stream = io.BytesIO()
            with h5py.File(stream, "w", libver=version) as file:
                file.create_dataset("train/X", data=X, **way)
                file["train/y"] = labels
                file.create_dataset("X_test", data=X[:2])
                file["y_test"] = labels[:2]
            seeds.append(stream.getvalue())
    return seeds


def svhn_seeds() -> list[bytes]:
    seeds = []
    images = np.arange(32 * 32 * 3 * 2, dtype=np.uint8).reshape(32, 32, 3, 2)
    for packed in (False, True):
        stream = io.BytesIO()
        scipy.io.savemat(
            stream, {"X": images, "y": np.array([[1], [10]], np.uint8)}, do_compression=packed
        )
        seeds.append(stream.getvalue())
    return seeds


def npz_seeds() -> list[bytes]:
    seeds = []
    held: dict[str, Any] = {
        "X": X,
        "y": Y,
        "X_test": X[:2],
        "y_test": Y[:2],
        "class_names": ["owl", "emu", "kiwi"],
    }
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, **held)
        seeds.append(stream.getvalue())
    return seeds


def zarred(version: Any = 2) -> dict[str, bytes]:
    """The files of a group, by their names in it."""
    with tempfile.TemporaryDirectory() as folder:
        group = zarr.open_group(folder, mode="w", zarr_format=version)
        packer = numcodecs.Zstd() if version == 2 else "auto"
        group.create_array("X", data=X, chunks=(8, 4), compressors=packer)
        group.create_array("y", data=Y, compressors=packer)
        paths = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


SVMLIGHT = b"1 1:0.5 3:1 # a comment\n-1 2:1e3 4:-7\n1 qid:3 4:1\n+1\n"
STL10 = {"train_X.bin": bytes(2 * 27648), "train_y.bin": b"\1\2"}
CSV = (
    b"length,width,species\n1.5,2,a\n3,4e-1,b\n,1,a\n",
    b"1;2,5;a\n3;4;b\n" * 9,
    "id\tgröße\tlabel\n1\t3\tä\n2\t4\tb\n".encode("cp1252"),
    'a,"b ""c""",label\n1,"2\n",x\n3,4,"y"\n'.encode("utf-16"),
)


def zipped(text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("given.csv", text)
    return stream.getvalue()


READERS = {
    "csv": Reader(lambda: list(CSV), "given.csv"),
    "csv, zipped": Reader(lambda: list(map(zipped, CSV)), "given.csv.zip"),
    "npy": Reader(
        lambda: [saved(X), saved(X.astype(np.uint8)[:, :, None])],
        "X.npy",
        beside=lambda: {"y.npy": saved(Y)},
    ),
    "npy labels": Reader(
        lambda: [saved(Y), saved(Y.astype(str)), saved(Y.astype(object))],
        "y.npy",
        beside=lambda: {"X.npy": saved(X)},
    ),
    "npz": Reader(npz_seeds, "given.npz"),
    "svmlight": Reader(lambda: [SVMLIGHT, SVMLIGHT * 9], "given.svm"),
    "parquet": Reader(parquet_seeds, "given.parquet"),
    "arrow": Reader(arrow_seeds, "given.arrow"),
    "hugging face": Reader(
        lambda: [hugging_face()["data.arrow"]], "data.arrow", beside=without("data.arrow")
    ),
    "hugging face state": Reader(
        lambda: [hugging_face()["state.json"]], "state.json", beside=without("state.json")
    ),
    "hugging face info": Reader(
        lambda: [hugging_face()["dataset_info.json"]],
        "dataset_info.json",
        beside=without("dataset_info.json"),
    ),
    "hdf5": Reader(hdf5_seeds, "given.h5"),
    "hdf5 strings": Reader(
        lambda: hdf5_seeds(np.array(["owl", "emu", "kiwi"] * 4, h5py.string_dtype())), "given.h5"
    ),
    "zarr": Reader(lambda: [zarred()["X/0.0"]], "X/0.0", beside=zarred),
    "zarr description": Reader(lambda: [zarred()["X/.zarray"]], "X/.zarray", beside=zarred),
    "zarr 3": Reader(lambda: [zarred(3)["X/c/0/0"]], "X/c/0/0", beside=lambda: zarred(3)),
    "zarr 3 description": Reader(
        lambda: [zarred(3)["X/zarr.json"]], "X/zarr.json", beside=lambda: zarred(3)
    ),
    "svhn": Reader(svhn_seeds, "train_32x32.mat", beside=lambda: {"readme": b""}),
    "stl10": Reader(
        lambda: [STL10["train_y.bin"]],
        "train_y.bin",
        beside=lambda: {"train_X.bin": STL10["train_X.bin"]},
    ),
    "cifar100": Reader(
        lambda: [bytes(3 * 3074)],
        "train.bin",
        beside=lambda: {"fine_label_names.txt": b"a\n" * 100},
    ),
}
