"""Archives hold what their folder holds; nothing leads out of them, and bombs are bounded."""

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets import DataError
from halfspaces.datasets.files import archives
from halfspaces.datasets.files.source import Limits
from tests.data_files import files_in
from tests.fuzz.images import tarred, zipped
from tests.helpers import refuses

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "zip"])
@pytest.mark.parametrize("top", ["", "./", "pets/", "./a/b/"])
def test_archives_hold_what_the_folder_holds(tmp_path, pets, suffix, top):
    (pets / "README").write_text("pets")
    whole, path = datasets.open(pets), tmp_path / f"given.{suffix}"
    members = {top + name: content for name, content in reversed(files_in(pets).items())} | {
        "__MACOSX/pets/._x.png": b""
    }
    if suffix == "zip":
        path.write_bytes(zipped(members))
    else:
        packing = {"tgz": "gz", "tar": ""}.get(suffix, suffix[4:])
        with tarfile.open(path, f"w:{packing}") as archive:
            for name, content in members.items():
                archive.add(tmp_path / "pets", top, recursive=False) if top.strip("./") else None
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    before = set(tmp_path.rglob("*"))
    data = datasets.open(path)
    np.testing.assert_array_equal(data.X, whole.X)
    np.testing.assert_array_equal(data.y, whole.y)
    assert (data.name, data.class_names) == ("given", whole.class_names)
    assert {found.suffix for found in set(tmp_path.rglob("*")) - before} == {".npy", ".json"}


def with_member(pets: Path, **fields) -> bytes:
    """The tar of the pets with one more member."""
    stream = io.BytesIO(tarred(files_in(pets)))
    with tarfile.open(fileobj=stream, mode="a") as archive:
        member = tarfile.TarInfo("cat/more.png")
        for name, value in fields.items():
            setattr(member, name, value)
        archive.addfile(member)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["../../escaped.png", "/etc/escaped.png", "cat/../../escaped.png"])
def test_members_that_lead_outside_are_refused(tmp_path, pets, name):
    (tmp_path / "given.tar").write_bytes(with_member(pets, name=name))
    (tmp_path / "given.zip").write_bytes(zipped({**files_in(pets), name: b"x"}))
    for path in ("given.tar", "given.zip"):
        refuses(tmp_path / path, f"has the member {name}, which leads outside")
        refuses(tmp_path / path, "leads outside", skip_bad=True)
    assert not list(tmp_path.parent.rglob("escaped*"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_never_followed(tmp_path, pets, kind):
    path = tmp_path / "given.tar"
    path.write_bytes(with_member(pets, type=kind, linkname="/etc/passwd"))
    refuses(path, "given.tar has cat/more.png, which is a link, a device")
    data = datasets.open(path, skip_bad=True)
    assert (len(data.y), data.notes[1][:24]) == (6, "1 bad file skipped: cat/")


def test_links_in_a_zip_are_never_followed(tmp_path, pets):
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files_in(pets).items():
            archive.writestr(name, content)
        link = zipfile.ZipInfo("cat/more.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refuses(path, "given.zip has cat/more.png, which is a link")


def refuses_to_unpack(path, words, **limits):
    """With these limits, a file in the folder or archive cannot be loaded."""

    def load_all():
        with archives.opened(path, Limits(**limits)) as source:
            for entry in source.entries():
                if entry.load is not None:
                    with entry.load() as stream:
                        stream.read()

    with pytest.raises(DataError) as caught:
        load_all()
    assert words in str(caught.value)


@pytest.mark.parametrize("size", [10_001, 5_000_000])
def test_files_in_archives_are_bounded(tmp_path, pets, size):
    (pets / "cat" / "zeros.png").write_bytes(bytes(size))
    archives = {
        "given.zip": zipped(files_in(pets)),
        "given.tar.gz": gzip.compress(tarred(files_in(pets))),
    }
    for name, content in archives.items():
        (tmp_path / name).write_bytes(content)
        words = f"has cat/zeros.png of {size:,} bytes, more than the 10,000"
        refuses_to_unpack(tmp_path / name, words, largest=10_000)
    refuses_to_unpack(pets, f"has {size:,} bytes, more than the 10,000", largest=10_000)


def test_a_folder_names_a_file_that_is_too_large(pets):
    with (pets / "cat" / "zeros.png").open("wb") as stream:
        stream.truncate((1 << 28) + 1)
    refuses(pets, "has cat/zeros.png, which has 268,435,457 bytes")


def test_a_file_that_is_too_large_is_refused_even_where_bad_files_are_skipped(tmp_path, pets):
    large = tarfile.TarInfo("cat/zeros.png")
    large.size = (1 << 28) + 1
    path = tmp_path / "given.tar"
    path.write_bytes(large.tobuf() + tarred(files_in(pets)))
    refuses(path, "has cat/zeros.png of 268,435,457 bytes", skip_bad=True)


def test_bombs_are_bounded(tmp_path, pets):
    many = {**files_in(pets), **{f"cat/{i}.png": bytes(9000) for i in range(9)}}
    for name, content, words in (
        ("given.tar.gz", gzip.compress(tarred(many)), "given.tar.gz unpacks to more than"),
        ("given.zip", zipped(many), "given.zip unpacks to 81,"),
    ):
        (tmp_path / name).write_bytes(content)
        refuses_to_unpack(tmp_path / name, words, free=1000, ratio=2)


def test_a_zip_that_understates_its_bomb(tmp_path, pets):
    bomb, path = bytes(40_000_000), tmp_path / "given.zip"
    content = zipped({**files_in(pets), "cat/zeros.png": bomb})
    path.write_bytes(content.replace(len(bomb).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    refuses(path, "has cat/zeros.png, which cannot be read (Bad CRC-32 for file 'cat/zeros.png')")


def test_a_tar_with_a_giant_header(tmp_path, pets):
    path = tmp_path / "given.tar.gz"
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(5_000_000)))
    refuses(path, "has a header of 8,589,934,592 bytes")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "zip"])
def test_archives_that_are_cut(tmp_path, pets, suffix):
    pack = {"zip": zipped, "tar": tarred}.get(
        suffix, lambda members: gzip.compress(tarred(members))
    )
    content, path = pack(files_in(pets)), tmp_path / f"given.{suffix}"
    for end in (
        0,
        1,
        len(content) // 3,
        len(content) // 2,
        len(content) - (10_000 if suffix == "tar" else 5),
    ):
        path.write_bytes(content[:end])
        refuses(path, f"given.{suffix}")
    whole = tarred(files_in(pets))
    if suffix == "tar":  # a header that is damaged must not look like the end
        path.write_bytes(whole[:1024] + b"x" * 512 + whole[1536:])
        refuses(path, "given.tar is cut or damaged")
    else:
        path.write_bytes(b"neither")
        refuses(path, f"given.{suffix} is damaged")


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp932", "cp1251"])
def test_a_zip_says_so_where_the_code_page_of_its_names_is_not_known(tmp_path, pets, encoding):
    names = {"cp932": ("ネコ", "犬"), "cp1251": ("кот", "пёс")}.get(encoding, ("Kätzchen", "dog"))
    placeholders = (b"cat".ljust(20, b"x"), b"dog".ljust(20, b"x"))
    members = {
        f"{placeholder.decode()}/{i}.png": (pets / source / f"{i}.png").read_bytes()
        for placeholder, source in zip(placeholders, ("cat", "dog"), strict=True)
        for i in range(3)
    }
    content = zipped(members)  # stored: the names stand as they are, and have the same length
    for placeholder, name in zip(placeholders, names, strict=True):
        content = content.replace(placeholder, name.encode(encoding).ljust(20, b"x"))
    path = tmp_path / "given.zip"
    path.write_bytes(content)
    data = datasets.open(path)
    read = tuple(name.rstrip("x") for name in data.class_names)
    notes = [note for note in data.notes if "code page" in note]
    if encoding == "utf-8":
        assert (sorted(read), notes) == (sorted(names), [])
    else:
        assert sorted(read) == sorted(name.encode(encoding).decode("cp437") for name in names)
        assert len(notes) == 1
        assert "pack them in UTF-8" in notes[0]
