"""Decoded images are stored once, checked, listed and removed."""

import io
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from halfspaces import datasets
from halfspaces.datasets.files import decoded_cache
from halfspaces.datasets.formats import decode_image
from tests.data_files import files_in, save_image
from tests.fuzz.images import tarred
from tests.helpers import refuses

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def decoded(monkeypatch):
    """The images that were looked at or decoded so far."""
    calls = []
    for name in ("look", "decode"):
        work = getattr(decode_image, name)
        monkeypatch.setattr(
            decode_image,
            name,
            lambda *given, work=work, **more: calls.append(given) or work(*given, **more),
        )
    return calls


def test_images_are_decoded_once(tmp_path, pets, decoded):
    (tmp_path / "given.tar").write_bytes(tarred(files_in(pets)))
    for path in (pets, tmp_path / "given.tar"):
        first = datasets.open(path)
        assert len(decoded) == 12
        again = datasets.open(path)
        assert len(decoded) == 12
        assert isinstance(again.X.base, np.memmap) or isinstance(again.X, np.memmap)
        np.testing.assert_array_equal(first.X, again.X)
        assert (first.notes, first.class_names) == (again.notes, again.class_names)
        decoded.clear()
    datasets.open(pets, image_size=3)
    assert len(decoded) == 12


def test_what_changed_is_decoded_again(pets, decoded):
    datasets.open(pets)
    path = pets / "cat" / "0.png"
    status = path.stat()
    save_image(path, Image.new("L", (5, 4), 7))
    os.utime(
        path, ns=(status.st_atime_ns, status.st_mtime_ns)
    )  # as some tools of synchronization leave it
    assert datasets.open(pets).X[0, 0] == 7
    path.rename(pets / "dog" / "0a.png")
    assert np.bincount(datasets.open(pets).y).tolist() == [2, 4]
    assert len(decoded) == 36


@pytest.mark.parametrize(
    "damage", ["cut", "changed", "empty", "no json", "wrong json", "no npy", "longer"]
)
def test_a_damaged_cache_is_rebuilt(pets, decoded, cache, damage):
    images = cache / "images"
    whole = np.array(datasets.open(pets).X)
    (npy,), (kept,) = images.glob("*.npy"), images.glob("*.json")
    content = npy.read_bytes()
    match damage:
        case "no json":
            kept.unlink()
        case "wrong json":
            kept.write_text('{"stored": {}}')
        case "no npy":
            npy.unlink()
        case "longer":
            npy.write_bytes(content + b"x")
        case _:
            npy.write_bytes(
                {"cut": content[:-1], "empty": b"", "changed": content[:-3] + b"xyz"}[damage]
            )
    np.testing.assert_array_equal(datasets.open(pets).X, whole)
    assert len(decoded) == 24
    assert npy.read_bytes() == content
    assert len(list(images.iterdir())) == 2


def test_the_cache_is_listed_and_pruned_oldest_use_first(tmp_path, pets, cache, decoded):
    images = cache / "images"
    assert (decoded_cache.cached_sets(), decoded_cache.prune(0)) == ([], [])
    sets = {name: shutil.copytree(pets, tmp_path / name) for name in ("first", "second", "third")}
    for age, folder in enumerate(sets.values()):
        before = set(images.glob("*"))
        datasets.open(folder)
        for path in set(images.glob("*")) - before:
            os.utime(path, (age, age))
    mapped = datasets.open(sets["first"])  # its use is the newest now
    half_written = images / f"{'0' * 32}.npy.abc.part"
    half_written.write_bytes(bytes(9))
    assert [each.source for each in decoded_cache.cached_sets()] == [
        str(sets[name]) for name in ("second", "third", "first")
    ]
    removed = decoded_cache.prune(decoded_cache.cached_sets()[0].size + 1)
    assert [each.source for each in removed] == [str(sets["second"]), str(sets["third"])]
    assert sorted(path.suffix for path in images.iterdir()) == [".json", ".npy", ".part"]
    os.utime(half_written, (5, 5))
    assert [each.source for each in decoded_cache.prune(0)] == ["not finished", str(sets["first"])]
    assert list(images.iterdir()) == []
    assert mapped.X.sum() > 0, "rows that are open stay"
    decoded.clear()
    datasets.open(sets["third"])
    assert len(decoded) == 12


def test_interrupted_decoding_leaves_nothing(pets, cache, monkeypatch):
    images = cache / "images"

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(decoded_cache.Rows, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.open(pets)
    assert list(images.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path, pets, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "file"))
    refuses(
        pets,
        "for decoded images cannot be written (Not a directory); "
        "set HALFSPACES_CACHE to a folder with room",
    )


def test_the_cache_is_checked_in_blocks():
    seen = set()
    for at in (None, 0, 9, 45, 54, 99):
        content = bytearray(100)
        if at is not None:
            content[at] = 1
        seen.add(decoded_cache._checksum(io.BytesIO(content), block=10, blocks=3))
    assert len(seen) == 6
    assert (
        len(
            {
                decoded_cache._checksum(io.BytesIO(bytes(size)), block=10, blocks=3)
                for size in (100, 101)
            }
        )
        == 2
    )
