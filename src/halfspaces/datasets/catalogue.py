"""Well-known data sets by name: official addresses, sizes and checksums; downloads to the cache.

>>> print(CATALOGUE["mnist"].about)
handwritten digits, 60,000 + 10,000 grey images of 28 x 28 pixels in 10 classes
"""

import os
import shutil
import tarfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import download
from halfspaces.datasets.files.download import File, Progress
from halfspaces.datasets.formats import cifar, idx, stl10, svhn
from halfspaces.datasets.formats.format import Format
from halfspaces.system import cache_folder
from halfspaces.system.errors import DataError

MIRROR = "HALFSPACES_MIRROR"


@dataclass(frozen=True)
class Entry:
    """A data set of the catalogue: a description, its addresses, and the format of its files.

    The files are used as they are, or are one tar from which the `members` are unpacked.
    """

    name: str
    about: str
    homepage: str
    files: tuple[File, ...]
    format: Format
    members: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of bytes to download."""
        return sum(file.size for file in self.files)

    @property
    def folder(self) -> Path:
        """The folder of the files; it exists only once the download is complete."""
        return cache_folder.folder("data", self.name)


def _idx(base: str, *files: tuple[str, int, str]) -> tuple[File, ...]:
    return tuple(File(f"{base}/{name}-ubyte.gz", size, md5) for name, size, md5 in files)


ENTRIES = (
    Entry(
        name="cifar10",
        about="small photographs, 50,000 + 10,000 colour images of 32 x 32 pixels in 10 classes",
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(
            File(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                170_052_171,
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        format=cifar.FORMAT,
        members=(
            *(f"data_batch_{i}.bin" for i in range(1, 6)),
            "test_batch.bin",
            "batches.meta.txt",
        ),
    ),
    Entry(
        name="cifar100",
        about="small photographs, 50,000 + 10,000 colour images of 32 x 32 pixels in 100 classes",
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(
            File(
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                168_513_733,
                "03b5dce01913d631647c71ecec9e9cb8",
            ),
        ),
        format=cifar.FORMAT,
        members=("train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt"),
    ),
    Entry(
        name="mnist",
        about="handwritten digits, 60,000 + 10,000 grey images of 28 x 28 pixels in 10 classes",
        homepage="http://yann.lecun.com/exdb/mnist",
        files=_idx(
            "https://ossci-datasets.s3.amazonaws.com/mnist",  # the authors' server is offline
            ("train-images-idx3", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            ("train-labels-idx1", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            ("t10k-images-idx3", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            ("t10k-labels-idx1", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        format=idx.FORMAT,
    ),
    Entry(
        name="fashion-mnist",
        about="articles of clothing, 60,000 + 10,000 grey images of 28 x 28 pixels in 10 classes",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        files=_idx(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            ("train-images-idx3", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            ("train-labels-idx1", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            ("t10k-images-idx3", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            ("t10k-labels-idx1", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        format=idx.FORMAT,
    ),
    Entry(
        name="svhn",
        about="house numbers, 73,257 + 26,032 colour images of 32 x 32 pixels in 10 classes",
        homepage="http://ufldl.stanford.edu/housenumbers",
        files=(
            File(
                "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
                182_040_794,
                "e26dedcc434d2e4c54c9b2d4a06d8373",
            ),
            File(
                "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
                64_275_384,
                "eb5a983be6a315427106f1b164d9cef3",
            ),
        ),
        format=svhn.FORMAT,
    ),
    Entry(
        name="stl10",
        about="photographs, 5,000 + 8,000 colour images of 96 x 96 pixels in 10 classes",
        homepage="https://cs.stanford.edu/~acoates/stl10",
        files=(
            File(
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                2_640_397_119,
                "91f7769df0f17e558f3565bffb0c7dfb",
            ),
        ),
        format=stl10.FORMAT,
        members=("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"),
    ),
)
CATALOGUE = {entry.name: entry for entry in ENTRIES}


def read(name: str, **options: Any) -> Dataset:
    """Read a downloaded data set; DataError, with the command to download it, if missing."""
    entry = CATALOGUE[name]
    if entry.folder.is_dir():
        return replace(entry.format.read(entry.folder, **options), name=name)
    path = f" (for the path of that name give ./{name})" if os.path.exists(name) else ""
    raise DataError(
        f"The data set {name!r} is not downloaded yet; run: halfspaces data get {name}{path}."
    )


def get(
    name: str,
    mirror: str | None = None,
    progress: Progress | None = None,
    tries: download.Tries = download.TRIES,
) -> Path:
    """Download a data set, unless it is complete already, and return its folder.

    `mirror`, or the environment variable HALFSPACES_MIRROR, is the address of a server that has
    the files as NAME/FILE; without it they come from the official addresses. Raises DataError, in
    one sentence, if a file cannot be downloaded, checked or written.
    """
    entry = CATALOGUE[name]
    if entry.folder.is_dir():
        return entry.folder
    mirror = mirror or os.environ.get(MIRROR)
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        raise DataError(
            f"The mirror {mirror!r} is no address; give one that starts with https:// or http://."
        )
    arriving = entry.folder.with_name(f"{name}.part")
    try:
        arriving.mkdir(parents=True, exist_ok=True)
        for file in entry.files:
            url = f"{mirror.rstrip('/')}/{name}/{file.name}" if mirror else file.url
            path = download.retrieve(file, arriving, url, progress, tries)
            if entry.members:
                _unpack(path, entry.members, arriving)
                path.unlink()
        known = {*entry.members, *(file.name for file in entry.files)}
        for path in arriving.iterdir():
            if path.name not in known:  # left by a download that was killed
                path.unlink()
        os.replace(arriving, entry.folder)
    except OSError as error:
        raise DataError(f"{entry.folder} cannot be written: {error.strerror or error}.") from error
    return entry.folder


def _unpack(archive: Path, members: tuple[str, ...], folder: Path) -> None:
    """Write the members, from any folder of the archive, to `folder` under their plain names."""
    missing = set(members)
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                stream = tar.extractfile(member) if name in missing and member.isreg() else None
                if stream is not None:
                    with stream, (folder / name).open("wb") as target:
                        shutil.copyfileobj(stream, target)
                    missing.discard(name)
                if not missing:
                    return
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"{archive} cannot be unpacked ({error}); remove it and get it again."
        ) from error
    raise DataError(f"{archive} lacks {', '.join(sorted(missing))}; remove it and get it again.")
