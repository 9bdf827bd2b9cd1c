"""Damaged tables and arrays for every reader: nothing but DataError comes out, soon, and in little memory.

    python tests/fuzz_tables.py [--inputs 20000] [--seed 0] [READER ...]

Mutations are seeded: reader, seed and number of an input give its bytes again.
"""

import argparse
import faulthandler
import io
import json
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import scipy.io

from halfspaces import datasets
from halfspaces.datasets import hdf5

SECONDS = 20  # an input may take
MEMORY = 6 << 30  # of addresses, threads' stacks among them
PEAK = 1 << 30  # bytes that are really held
NUMBERS = [
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
    b"\0" * 8,
    b"\0\0\0\x40",
    b"-1",
    b"9" * 9,
]

X = np.arange(48, dtype=np.float32).reshape(12, 4)
Y = np.arange(12) % 3


# --- whole files -------------------------------------------------------------------------------------------------


class Reader(NamedTuple):
    """How one kind of file is damaged and where it lies: its seeds, a name, and what is done after the damage."""

    seeds: Callable[[], list[bytes]]
    name: str
    after: Callable[[bytes], bytes] = bytes
    beside: Callable[[], dict[str, bytes]] = dict


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
        pa.table({"a": X[:, 0].astype(np.float16), "b": pa.array(range(12), pa.decimal128(9, 2)), "label": Y > 0}),
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
    ways: list[dict[str, Any]] = [{}, {"compression": "lz4"}, {"stream": True}, {"stream": True, "compression": "zstd"}]
    return [arrow(table, **way) for table in tables() for way in ways]


def hugging_face() -> dict[str, bytes]:
    names = {"label": {"names": ["owl", "emu", "kiwi"], "_type": "ClassLabel"}}
    return {
        "state.json": json.dumps({"_data_files": [{"filename": "data.arrow"}], "_split": "train"}).encode(),
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
        scipy.io.savemat(stream, {"X": images, "y": np.array([[1], [10]], np.uint8)}, do_compression=packed)
        seeds.append(stream.getvalue())
    return seeds


STL10 = {"train_X.bin": bytes(2 * 27648), "train_y.bin": b"\1\2"}
READERS = {
    "npy": Reader(
        lambda: [saved(X), saved(X.astype(np.uint8)[:, :, None])], "X.npy", beside=lambda: {"y.npy": saved(Y)}
    ),
    "npy labels": Reader(
        lambda: [saved(Y), saved(Y.astype(str)), saved(Y.astype(object))], "y.npy", beside=lambda: {"X.npy": saved(X)}
    ),
    "parquet": Reader(parquet_seeds, "given.parquet"),
    "arrow": Reader(arrow_seeds, "given.arrow"),
    "hugging face": Reader(lambda: [hugging_face()["data.arrow"]], "data.arrow", beside=without("data.arrow")),
    "hugging face state": Reader(lambda: [hugging_face()["state.json"]], "state.json", beside=without("state.json")),
    "hugging face info": Reader(
        lambda: [hugging_face()["dataset_info.json"]], "dataset_info.json", beside=without("dataset_info.json")
    ),
    "hdf5": Reader(hdf5_seeds, "given.h5"),
    "hdf5 strings": Reader(lambda: hdf5_seeds(np.array(["owl", "emu", "kiwi"] * 4, h5py.string_dtype())), "given.h5"),
    "svhn": Reader(svhn_seeds, "train_32x32.mat", beside=lambda: {"readme": b""}),
    "stl10": Reader(
        lambda: [STL10["train_y.bin"]], "train_y.bin", beside=lambda: {"train_X.bin": STL10["train_X.bin"]}
    ),
    "cifar100": Reader(lambda: [bytes(3 * 3074)], "train.bin", beside=lambda: {"fine_label_names.txt": b"a\n" * 100}),
}


# --- damage ------------------------------------------------------------------------------------------------------


def damaged(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bytes set, numbers made extreme, parts cut, repeated, moved or taken from elsewhere."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        near = int(rng.integers(0, 200))  # headers and footers are worth more than what lies between
        start = [near, len(data) - near, int(rng.integers(0, len(data) + 1))][rng.integers(3)]
        start = min(max(start, 0), len(data))
        length = int(rng.integers(1, 64))
        change = rng.integers(8)
        if change == 0:
            del data[start:]
        elif change == 1:
            del data[start : start + length]
        elif change == 2:
            data[start:start] = data[start : start + length] * int(rng.integers(1, 4))
        elif change == 3:
            data[start : start + length] = rng.bytes(length)
        elif change == 4:
            data[start : start + length] = other[start : start + length]
        elif change == 5:
            number = NUMBERS[rng.integers(len(NUMBERS))]
            data[start : start + len(number)] = number
        else:
            data[start : start + 1] = bytes(byte ^ 1 << int(rng.integers(8)) for byte in data[start : start + 1])
    return bytes(data)


def attack(name: str, inputs: int, seed: int, folder: Path) -> tuple[int, float]:
    """Open so many damaged files; return how many were read all the same, and the longest time."""
    reader = READERS[name]
    seeds, read, longest = reader.seeds(), 0, 0.0
    for other, content in reader.beside().items():
        (folder / other).write_bytes(content)
    path = folder / reader.name
    for number in range(inputs):
        rng = np.random.default_rng([seed, number])
        content, other = (seeds[rng.integers(len(seeds))] for _ in range(2))
        path.unlink(missing_ok=True)  # maps of the file before may still be open
        path.write_bytes(reader.after(damaged(content, other, rng)))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        started = time.perf_counter()
        try:
            data = datasets.open(folder if reader.beside() else path)
            float(np.nansum(data.X.astype(np.float64))), data.y.tolist()  # all memory is there
            read += 1
        except datasets.DataError as error:
            message = str(error)
            assert (message[-1], message.count("\n")) == (".", 0), f"{name}, seed {seed}, input {number}: {message!r}"
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}, input {number}")
            raise
        longest = max(longest, time.perf_counter() - started)
    faulthandler.cancel_dump_traceback_later()
    return read, longest


def most_memory() -> int:
    """Bytes of this program alone: ru_maxrss counts those of the program that started it, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=20_000, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    hdf5.PATIENCE = 5.0
    for name in given.readers or READERS:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            read, longest = attack(name, given.inputs, given.seed, Path(folder))
        seconds = time.perf_counter() - started
        print(
            f"{name:<18} {given.inputs:,} inputs, {read:,} read, longest {longest:.2f} s, {seconds:.0f} s in all",
            flush=True,
        )
        peak = most_memory()
        assert peak < PEAK, f"{name} held {peak / 2**20:,.0f} MiB"


if __name__ == "__main__":
    main()
