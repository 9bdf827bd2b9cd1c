"""Small files that claim much, for every reader, for models, run files and checkpoints.

    python -m tests.fuzz.claims

Each has at most 100 kB, and ends in a value or in one sentence within the limits of
`tests.fuzz.limits`.
"""

import gzip
import lzma
import os
import struct
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import zarr
from PIL import Image

import halfspaces
from halfspaces import LinearClassifier, datasets
from halfspaces.cli.recipe import recipe_of
from halfspaces.features import FEATURES, parse
from halfspaces.files import run_file, safetensors_file
from tests.fuzz.images import encoded, tarred
from tests.fuzz.limits import LARGEST, limit_addresses, limited

Make = Callable[[Path], Path | None]  # writes files into an empty folder; None opens the folder
ADDRESSES = 8 << 30  # bytes: a claim that is believed ends the program
MANY = 1 << 40


def header(shape: str, dtype: str = "'<f8'", order: str = "False") -> bytes:
    """The start of an .npy file."""
    text = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


# --- arrays --------------------------------------------------------------------------------------


def npy(shape: str, dtype: str = "'<f8'") -> Make:
    def make(folder: Path) -> None:
        (folder / "X.npy").write_bytes(header(shape, dtype) + bytes(64))
        np.save(folder / "y.npy", np.arange(2))

    return make


def npz(content: bytes, packing: int = zipfile.ZIP_DEFLATED, size: int | None = None) -> Make:
    """An .npz with this X; its directory claims `size` bytes of it."""

    def make(folder: Path) -> Path:
        path = folder / "given.npz"
        with zipfile.ZipFile(path, "w", packing) as archive:
            archive.writestr("X.npy", content)
            archive.writestr("y.npy", header("(2,)", "'<i8'") + bytes(16))
        if size is not None:
            true = struct.pack("<I", len(content))
            path.write_bytes(path.read_bytes().replace(true, struct.pack("<I", size)))
        return path

    return make


def zeros(packing: int) -> Make:
    """An .npz with as many zeros as 90 kB hold."""
    rows = 10_000_000 if packing == zipfile.ZIP_DEFLATED else 40_000_000
    return npz(header(f"({rows}, 1)") + bytes(8 * rows), packing)


def _packed(packer: Any, content: bytes) -> bytes:
    if packer is None:
        return content
    return packer.compress(content, preset=0) if packer is lzma else packer.compress(content)


def idx(packer: Any, count: int) -> Make:
    def make(folder: Path) -> None:
        images = struct.pack(">4I", 0x803, count, 28, 28)
        content = images + bytes(784 * count if packer else 784)
        name = f"train-images-idx3-ubyte{'.xz' if packer is lzma else '.gz' if packer else ''}"
        (folder / name).write_bytes(_packed(packer, content))
        (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 2) + b"\0\1")

    return make


def hdf5(**options: Any) -> Make:
    def make(folder: Path) -> Path:
        with h5py.File(folder / "given.h5", "w") as file:
            file.create_dataset("X", **options)
            file["y"] = np.arange(2)
        return folder / "given.h5"

    return make


def zarred(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Make:
    def make(folder: Path) -> None:
        group = zarr.open_group(folder, mode="w", zarr_format=2)
        group.create_array("X", shape=shape, chunks=chunks, dtype="f4")
        (folder / "X" / "0.0").write_bytes(numcodecs.Zstd().encode(bytes(1000)))
        group.create_array("y", data=np.arange(2))

    return make


def parquet(**columns: Any) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "given.parquet"
        pa.parquet.write_table(pa.table(columns), path, compression="zstd")
        return path

    return make


def matlab(folder: Path) -> None:
    inner = struct.pack("<2I", 14, 90_000_000) + bytes(90_000_000)
    packed = zlib.compress(inner, 9)
    start = bytes(124) + b"\0\1IM" + struct.pack("<2I", 15, len(packed))
    (folder / "train_32x32.mat").write_bytes(start + packed)


def text(name: str, packer: Any, lines: bytes, repeats: int) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(_packed(packer, lines * repeats))
        return folder / name

    return make


# --- archives and images -------------------------------------------------------------------------


def keys(folder: Path) -> Path:
    """A tar.xz with millions of pax keys."""
    record = b"".join(b"%d k%06d=\n" % (12, k) for k in range(80_000))
    member = tarfile.TarInfo("a")
    member.type, member.size = tarfile.XHDTYPE, len(record)
    block = member.tobuf() + record + bytes(-len(record) % 512) + tarfile.TarInfo("b").tobuf()
    (folder / "given.tar.xz").write_bytes(lzma.compress(block * 20 + bytes(1024)))
    return folder / "given.tar.xz"


def members(folder: Path) -> Path:
    """A tar.xz with forty-five thousand empty files."""
    blocks = b"".join(tarfile.TarInfo(f"a/{i % 9}.png").tobuf() for i in range(9))
    (folder / "given.tar.xz").write_bytes(lzma.compress(blocks * 5_000 + bytes(1024)))
    return folder / "given.tar.xz"


def large_member(folder: Path) -> Path:
    """A tar.xz with files of 100 MB."""
    content = tarred({f"{name}/1.png": bytes(100_000_000) for name in "ab"})
    (folder / "given.tar.xz").write_bytes(lzma.compress(content, preset=0))
    return folder / "given.tar.xz"


def image(kind: str, side: int) -> Make:
    """An image whose header claims sides that its pixels do not fill."""

    def make(folder: Path) -> None:
        content = bytearray(encoded(kind))
        if kind == "PNG":
            content[16:24] = struct.pack(">2I", side, side)
            content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        else:
            place = content.index(b"\xff\xc0") + 5
            content[place : place + 4] = struct.pack(">2H", side, side)
        for name in "ab":
            (folder / name).mkdir()
            (folder / name / "1.png").write_bytes(content)
        Image.new("RGB", (8, 8)).save(folder / "a" / "2.png")

    return make


# --- models, run files, checkpoints --------------------------------------------------------------


def model(word: str, claim: str = "") -> Make:
    """A model that takes a feature of images of 8000 x 8000 pixels, or claims another."""

    def make(folder: Path) -> Path:
        feature: Any = parse(word).set_params(n_jobs=1)
        images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), np.uint8)
        rows = feature.fit(images).transform(images)
        classifier = LinearClassifier(strength=0.1).fit(rows, np.arange(12) % 2)
        path = folder / "given.safetensors"
        halfspaces.save(classifier, path, features=feature)
        tensors, metadata = safetensors_file.read(path)
        changed = {
            name: np.array([8000, 8000, 3]) if name.endswith("image_shape_") else array
            for name, array in tensors.items()
        }
        claimed = {"features": claim or metadata["features"]}
        safetensors_file.write(path, changed, metadata | claimed)
        return path

    return make


def noted(**changes: Any) -> Make:
    """A model with other metadata."""

    def make(folder: Path) -> Path:
        path = folder / "given.safetensors"
        X = np.random.default_rng(0).normal(size=(20, 3))
        halfspaces.save(LinearClassifier(strength=0.1).fit(X, np.arange(20) % 2), path)
        tensors, metadata = safetensors_file.read(path)
        safetensors_file.write(path, tensors, metadata | changes)
        return path

    return make


def written(text: str) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "given.run.toml"
        path.write_text(text)
        return path

    return make


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "given.run.toml")
    return folder / "given.run.toml"


def deep(count: int) -> Any:
    value: Any = 0
    for _ in range(count):
        value = [value]
    return value


SMALL = {
    "words": "words(n=4, levels=(1,))",
    "textons": "textons(n=4, levels=(1,))",
    "patches": "patches(n=4)",
}
LABELS = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 500), pa.array(["a" * 20_000_000, "b"]))
SVMLIGHT = b"1 1:1 2:1 3:1\n0 1:1\n"
CSV = b"1,2,a\n2,1,b\n"
CLAIMS: dict[str, Make] = {
    "npy of many rows": npy(f"({MANY}, 9)"),
    "npy of a number too long": npy("(4L, 4)"),
    "npy nested": npy("(" * 3000),
    "npy of an array type": npy("(2,)", "('<f8', (9999999, 99))"),
    "npz of 12 GB": npz(header("(1500000000, 1)") + bytes(800), size=0xC0000000),
    "npz of a number too long": npz(header("(4L, 4)") + bytes(128)),
    "npz of zeros": zeros(zipfile.ZIP_DEFLATED),
    "npz of zeros, bzip2": zeros(zipfile.ZIP_BZIP2),
    "npz of zeros, xz": zeros(zipfile.ZIP_LZMA),
    "idx of many images": idx(None, 1 << 31),
    "idx of zeros, gzip": idx(gzip, 100_000),
    "idx of zeros, xz": idx(lzma, 200_000),
    "hdf5 not written": hdf5(shape=(MANY, 4), dtype="f8", chunks=(1000, 4)),
    "hdf5 of a large chunk": hdf5(
        shape=(2, 4), maxshape=(None, 4), dtype="f8", chunks=(50_000_000, 4), compression="gzip"
    ),
    "zarr not written": zarred((MANY, 4), (10, 4)),
    "zarr of a large chunk": zarred((2, 4), (15_000_000, 4)),
    "parquet of one label of 20 MB": parquet(x=np.arange(1000.0), label=LABELS),
    "parquet of zeros": parquet(x=np.zeros(10_000_000), label=np.zeros(10_000_000, np.int8)),
    "matlab of zeros": matlab,
    "svmlight, gzip": text("given.svm.gz", gzip, SVMLIGHT, 1_000_000),
    "svmlight, xz": text("given.svm.xz", lzma, SVMLIGHT, 2_000_000),
    "csv, gzip": text("given.csv.gz", gzip, CSV, 700_000),
    "csv, xz": text("given.csv.xz", lzma, CSV, 15_000_000),
    "csv of many columns": text("given.csv.gz", gzip, b"1," * 16_000 + b"a\n", 400),
    "csv of too many columns": text("given.csv.gz", gzip, b"1," * 99_999 + b"a\n", 70),
    "csv of one long field": text("given.csv.gz", gzip, b"x", 16_000_000),
    "csv of quotes": text("given.csv.gz", gzip, b'"', 16_000_000),
    "csv of short lines": text("given.csv.gz", gzip, b"\n", 16_000_000),
    "tar of many keys": keys,
    "tar of many members": members,
    "tar of a large member": large_member,
    "png of many pixels": image("PNG", 1 << 30),
    "png of 81 million pixels": image("PNG", 9000),
    "jpeg of many pixels": image("JPEG", 65_500),
    **{
        f"a model with {word}": model(SMALL.get(word, word))
        for word in FEATURES
        if word != "encoder"
    },
    "a model with far similarities": model("ssim", "ssim(radius=3000, step=9)"),
    "a model with large filters": model("hue", "words(of=filters(scales=(900.0,)), n=2)"),
    "a model nested deep": noted(notes={"pairs": [["a", deep(300)]]}),
    "a model with long numbers": noted(notes={"pairs": [["a", 10**4000]]}),
    "a model with long labels": noted(classes=["a", "b"], classes_dtype="<U33554432"),
    "a run file of a long key": written("format = 1\n" + ".".join(["a"] * 30_000) + " = 1\n"),
    "a run file of many keys": written(
        "format = 1\n" + "".join(f"{'.'.join(['a'] * 990)}.b{i} = 1\n" for i in range(30))
    ),
    "a run file nested deep": written(f"format = 1\n[made]\nx = {deep(9000 // 30)}"),
    "a run file of brackets": written("format = 1\n[made]\nx = " + "[" * 30_000),
    "a run file of many strengths": written('format = 1\n[strength]\nstrengths = "1000000000"'),
    "a run file of a long number": written("format = 1\n[strength]\nfolds = 1" + "0" * 400),
    "a run file that is a pipe": pipe,
}  # fmt: skip


def open_it(folder: Path, path: Path | None) -> None:
    """What a command does first with a file that it is given."""
    if path is not None and path.suffix == ".toml":
        options = run_file.loads(run_file.read(path), f"The run file {path}")
        recipe_of(options).search()
    elif path is not None and path.suffix == ".safetensors":
        halfspaces.load(path)
    else:
        data = datasets.open(folder if path is None else path, memory=300e6)
        data.X[:1], data.y[:1]


def check(name: str, folder: Path) -> str:
    """The sentence in which a claim ends, or "read"; AssertionError beyond the limits."""
    made = CLAIMS[name](folder)
    paths = [each for each in folder.rglob("*") if each.is_file()]
    assert sum(each.stat().st_size for each in paths) <= LARGEST, f"{name} is not small"
    with limited(name):
        try:
            open_it(folder, made)
        except ValueError as error:
            sentence = str(error)
        else:
            return "read"
    assert sentence.isprintable(), f"{name}: {sentence!r}"
    assert sentence.endswith((".", "?")), f"{name}: {sentence}"
    assert len(sentence) < 800, f"{name}: {sentence}"
    return sentence


def ends(names: Iterator[str] | None = None) -> Iterator[tuple[str, str]]:
    """Each claim, and how it ended."""
    for name in names or iter(CLAIMS):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HALFSPACES_CACHE"] = f"{folder}-cache"
            inner = Path(folder) / "given"
            inner.mkdir()
            yield name, check(name, inner)


if __name__ == "__main__":
    import sys

    warnings.simplefilter("ignore")
    datasets.open("digits")
    limit_addresses(ADDRESSES)
    broken = 0
    for name in sys.argv[1:] or CLAIMS:
        try:
            ((_, end),) = ends(iter([name]))
        except AssertionError as error:
            end, broken = f"BROKEN: {error}", broken + 1
        print(f"{name:<34} {end[:160]}", flush=True)
    sys.exit(broken > 0)
