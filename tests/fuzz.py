"""Damaged files for every reader: whatever they hold, nothing but DataError comes out, soon, and in little memory.

    python tests/fuzz.py --inputs 20000 [--seed 0] [READER ...]

Mutations are seeded: reader, seed and number of an input give its bytes again.
"""

import argparse
import gzip
import io
import os
import pickle
import resource
import signal
import struct
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from halfspaces import datasets

Rng = np.random.Generator
NUMBERS = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"-1",
    b"99999999",
]
SECONDS = 20  # an input may take
MEMORY = 6 << 30  # of addresses, threads' stacks among them


# --- whole files -------------------------------------------------------------------------------------------------


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (9, 7), **options) -> bytes:
    """An image file of coloured noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert("L" if mode == "I;16" else mode).convert(mode).save(stream, kind, **options)
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
        encoded("TIFF", compression="tiff_lzw", exif=exif),
        encoded("TIFF", "L", compression="tiff_adobe_deflate"),
        encoded("GIF", "P", save_all=True, append_images=frames),
    ]


MEMBERS = {f"set/{name}/{i}.png": encoded("PNG", size=(2, 2)) for name in ("cat", "dog") for i in range(2)}


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
    held = {b"data": np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072), b"labels": [3, 9], b"filenames": ["a", "b"]}
    return [pickle.dumps(held, protocol) for protocol in (2, 3, 4)]


# --- damage ------------------------------------------------------------------------------------------------------


def damaged(content: bytes, other: bytes, rng: Rng) -> bytes:
    """One to four changes: bytes set, numbers made extreme, parts cut, repeated, moved or taken from elsewhere."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        start, length = place(len(data), rng), int(rng.integers(1, 64))
        part = data[start : start + length]
        change = rng.integers(8)
        if change == 0:
            del data[start:]
        elif change == 1:
            del data[start : start + length]
        elif change == 2:
            data[start:start] = part * int(rng.integers(1, 4))
        elif change == 3:
            data[start : start + length] = rng.bytes(length)
        elif change == 4:
            source = place(len(other), rng)
            data[start : start + length] = other[source : source + length]
        elif change == 5:
            number = NUMBERS[rng.integers(len(NUMBERS))]
            data[start : start + len(number)] = number
        else:
            data[start : start + 1] = bytes(byte ^ 1 << int(rng.integers(8)) for byte in data[start : start + 1])
    return bytes(data)


def place(length: int, rng: Rng) -> int:
    """Anywhere, but most often near the ends, where headers are."""
    near = int(rng.integers(0, 200))
    return min(max([near, length - near, int(rng.integers(0, length + 1))][rng.integers(3)], 0), length)


class Reader(NamedTuple):
    """How one kind of file is damaged and where it lies: its seeds, a name, and what is done after the damage."""

    seeds: Callable[[], list[bytes]]
    name: str
    after: Callable[[bytes], bytes] = bytes
    beside: Callable[[], dict[str, bytes]] = dict


def images_beside() -> dict[str, bytes]:
    return {"cat/1.png": encoded("PNG"), "dog/1.png": encoded("PNG")}


def tar_seeds() -> list[bytes]:
    return [tarred(MEMBERS), tarred(MEMBERS, tarfile.GNU_FORMAT), tarred({"n" * 200 + "/1.png": b"x"})]


def idx_beside() -> dict[str, bytes]:
    return {"train-labels-idx1-ubyte": struct.pack(">2I", 0x801, 2) + b"\1\2"}


READERS = {
    "image": Reader(image_seeds, "cat/2.jpg", beside=images_beside),
    "tar": Reader(tar_seeds, "given.tar"),
    "tar.gz": Reader(lambda: [tarred(MEMBERS)], "given.tar.gz", gzip.compress),
    "packed tar": Reader(lambda: [gzip.compress(tarred(MEMBERS))], "given.tgz"),
    "zip": Reader(lambda: [zipped(MEMBERS), zipped(MEMBERS, zipfile.ZIP_STORED)], "given.zip"),
    "pickle": Reader(pickle_seeds, "data_batch_1"),
    "pickled names": Reader(
        lambda: [pickle.dumps({b"label_names": [b"name"] * 10}, 2)],
        "batches.meta",
        beside=lambda: {"data_batch_1": pickle_seeds()[0]},
    ),
    "idx": Reader(
        lambda: [struct.pack(">4I", 0x803, 2, 3, 4) + bytes(24)], "train-images-idx3-ubyte", beside=idx_beside
    ),
}


def attack(
    name: str, inputs: int, seed: int, folder: Path, watch: Callable[[], object] = lambda: None
) -> tuple[int, float]:
    """Open so many damaged files; return how many were read all the same, and the longest time."""
    reader = READERS[name]
    seeds, read, longest = reader.seeds(), 0, 0.0
    inner = folder / name.replace(" ", "-")
    path = inner / reader.name
    path.parent.mkdir(parents=True)
    for other, content in reader.beside().items():
        (inner / other).parent.mkdir(exist_ok=True)
        (inner / other).write_bytes(content)
    whole = path if path.parent == inner and "." in path.name and not reader.beside() else inner
    for number in range(inputs):
        rng = np.random.default_rng([seed, number])
        content, other = (seeds[rng.integers(len(seeds))] for _ in range(2))
        path.write_bytes(reader.after(damaged(content, other, rng)))
        watch()
        started = time.perf_counter()
        try:
            datasets.open(whole, skip_bad=whole.suffix != "" and bool(rng.integers(2)))
            read += 1
        except datasets.DataError as error:
            message = str(error)
            assert (message[-1], message.count("\n")) == (".", 0), f"{name}, seed {seed}, input {number}: {message!r}"
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}, input {number}")
            raise
        longest = max(longest, time.perf_counter() - started)
    return read, longest


def hang(*_: object) -> None:
    raise TimeoutError(f"An input took more than {SECONDS} s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=20_000, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, hang)
    for name in given.readers or READERS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HALFSPACES_CACHE"] = str(Path(folder) / "cache")
            started = time.perf_counter()
            done = read = 0
            longest = 0.0
            while done < given.inputs:
                count = min(1000, given.inputs - done)
                with tempfile.TemporaryDirectory(dir=folder) as part:
                    more, slowest = attack(name, count, given.seed + done, Path(part), lambda: signal.alarm(SECONDS))
                done, read, longest = done + count, read + more, max(longest, slowest)
        signal.alarm(0)
        seconds = time.perf_counter() - started
        print(f"{name:<14} {done:,} inputs, {read:,} read, longest {longest:.2f} s, {seconds:.0f} s in all", flush=True)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
