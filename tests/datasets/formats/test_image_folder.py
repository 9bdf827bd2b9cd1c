"""Folders and archives of images: every format and mode, nothing lost, nothing written but the cache."""

import gzip
import io
import os
import shutil
import stat
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fuzz_images import READERS, encoded, tarred, zipped
from fuzzing import attack
from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError, Dataset, layout, pixels, sources, store, waiting

DATA = Path(__file__).parents[2] / "shared" / "data" / "image-folders"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / ".cache"))
    return tmp_path / ".cache" / "images"


@pytest.fixture
def pets(tmp_path):
    """Two classes of three images."""
    folder = tmp_path / "pets"
    for name, shade in {"cat": 50, "dog": 200}.items():
        for i in range(3):
            save(folder / name / f"{i}.png", Image.new("L", (5, 4), shade + i))
    return folder


def save(path: Path, image: Image.Image, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(given, *words: str, **options) -> None:
    """One sentence, with all of these words."""
    with pytest.raises(DataError) as caught:
        datasets.open(given, **options)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
    assert message.endswith(".")


# --- pixels ------------------------------------------------------------------------------------------------------

COLOUR, SHADE, CLEAR = (200, 100, 50), 180, (1, 2, 3, 0)
WRITTEN = [
    *((kind, "RGB", COLOUR, COLOUR) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")),
    *((kind, "L", SHADE, SHADE) for kind in ("JPEG", "PNG", "BMP", "TIFF", "GIF")),
    *((kind, "1", 1, 255) for kind in ("PNG", "BMP", "TIFF")),
    *((kind, "RGBA", CLEAR, (255, 255, 255)) for kind in ("PNG", "WEBP", "TIFF")),
    *((kind, "RGBA", (*COLOUR, 255), COLOUR) for kind in ("PNG", "WEBP", "TIFF")),
    *((kind, "I;16", 180 * 256 + 255, SHADE) for kind in ("PNG", "TIFF")),
    *((kind, "CMYK", (55, 155, 205, 0), COLOUR) for kind in ("JPEG", "TIFF")),
    ("PNG", "LA", (SHADE, 255), SHADE),
    ("PNG", "LA", (SHADE, 0), 255),
    ("GIF", "RGB", COLOUR, COLOUR),
]


@pytest.mark.parametrize(("kind", "mode", "colour", "expected"), WRITTEN)
def test_every_format_and_mode(tmp_path, kind, mode, colour, expected):
    for name in ("a", "b"):
        save(tmp_path / name / "x", Image.new(mode, (6, 4), colour), format=kind)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / f"x.{kind.lower()}")
    data = datasets.open(tmp_path)
    channels = np.size(expected)
    assert data.image_shape == (4, 6, channels)
    assert (data.X.dtype, data.y.tolist(), data.class_names) == (np.uint8, [0, 1], ("a", "b"))
    lossy = 4 if kind in ("JPEG", "WEBP") else 0
    np.testing.assert_allclose(data.images(data.X), np.broadcast_to(expected, (2, 4, 6, channels)), atol=lossy)


def test_palettes_animations_and_32_bits(tmp_path):
    grey, red = Image.new("P", (4, 4), 1), Image.new("P", (4, 4), 1)
    grey.putpalette([0, 0, 0, 90, 90, 90])
    red.putpalette([0, 0, 0, 255, 0, 0])
    for name, frames in {"a": [grey, red], "b": [grey, grey]}.items():
        save(tmp_path / name / "x.gif", frames[0], save_all=True, append_images=frames[1:])
    first = datasets.open(tmp_path)
    assert (first.image_shape, np.unique(first.X).tolist()) == ((4, 4, 1), [90])
    save(tmp_path / "b" / "y.png", red)
    both = datasets.open(tmp_path)
    assert both.image_shape == (4, 4, 3)
    assert both.X[:, :3].tolist() == [[90, 90, 90], [90, 90, 90], [255, 0, 0]]
    save(tmp_path / "b" / "z.tiff", Image.new("F", (4, 4), 1.5))
    refused(tmp_path, "b/z.tiff, which holds floats of 32 bits")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_upright(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    scene = np.kron(np.arange(6).reshape(2, 3) * 45, np.ones((8, 8))).astype(np.uint8)
    for name in ("a", "b"):
        save(tmp_path / name / f"x.{kind.lower()}", Image.fromarray(scene), exif=exif)
    data = datasets.open(tmp_path)
    stream = io.BytesIO(
        (tmp_path / "a" / f"x.{kind.lower()}").read_bytes()
    )  # by its path, Pillow 13 turns a TIFF twice
    upright = ImageOps.exif_transpose(Image.open(stream))
    assert data.image_shape[:2] == upright.size[::-1] == ((24, 16) if orientation > 4 else (16, 24))
    np.testing.assert_allclose(data.images(data.X)[0, ..., 0], np.asarray(upright.convert("L")), atol=1)


def test_sizes(tmp_path, pets):
    data = datasets.open(pets)
    assert (data.image_shape, data.notes) == ((4, 5, 1), ("6 images of 4 x 5, kept as they are",))
    assert datasets.open(pets, image_size=(2, 3)).image_shape == (2, 3, 1)
    coloured = datasets.open(pets, image_size=(4, 5, 3))
    np.testing.assert_array_equal(coloured.images(coloured.X), np.repeat(data.images(data.X), 3, axis=3))
    save(pets / "dog" / "wide.png", Image.fromarray(np.repeat([[0, 255]], 40, axis=1).astype(np.uint8)))
    many = datasets.open(pets)
    assert many.image_shape == (32, 32, 1)
    assert many.notes == ("7 images of 2 sizes from 4 x 5 to 1 x 80, each resized whole to 32 x 32",)
    assert many.images(many.X)[-1, :, [0, 31], 0].tolist() == [[0] * 32, [255] * 32]  # both its ends are there
    for size in (0, 5000, (3,), (3, 4, 5), (3, 4, 1, 1), "32", 2.5):
        refused(pets, "image_size must be a side or (height, width)", image_size=size)
    refused("digits", "digits is no folder", "image_size", image_size=3)
    refused("digits", "skip_bad (--skip-bad)", skip_bad=True)


def test_a_large_jpeg_is_averaged_not_sampled(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8)
    for name in ("a", "b"):
        save(tmp_path / name / "x.jpg", Image.fromarray(noise), quality=95)
    data = datasets.open(tmp_path)
    means = noise.reshape(32, 16, 32, 16).mean((1, 3))
    assert np.corrcoef(data.images(data.X)[0, ..., 0].ravel(), means.ravel())[0, 1] > 0.8
    assert abs(data.X[0].mean() - means.mean()) < 1
    assert data.X[0].std() < 2 * means.std()


# --- where images lie --------------------------------------------------------------------------------------------


def test_splits_and_natural_order(tmp_path):
    for split, names in {"Train": ["10", "9", "b"], "valid": ["9", "10"], "test": ["b"]}.items():
        for name in names:
            save(
                tmp_path / "set" / split / name / "deep" / "x.png", Image.new("L", (2, 2), len(split) * 10 + len(name))
            )
    data = datasets.open(tmp_path)
    assert data.class_names == ("9", "10", "b")
    assert (data.y.tolist(), data.y_val.tolist(), data.y_test.tolist()) == ([0, 1, 2], [0, 1], [2])
    assert [X[:, 0].tolist() for X in (data.X, data.X_val, data.X_test)] == [[51, 52, 51], [51, 52], [41]]
    assert "3 examples + 2 for validation + 1 for testing, 4 features" in str(data)
    save(tmp_path / "set" / "test" / "zebra" / "x.png", Image.new("L", (2, 2)))
    refused(tmp_path, "has the class zebra in test but not in train")


def test_what_lies_around_is_left_out(pets):
    whole = datasets.open(pets).X
    for name in (
        "README.txt",
        "labels.csv",
        ".DS_Store",
        "cat/.DS_Store",
        "cat/Thumbs.db",
        "dog/desktop.ini",
        ".git/x.png",
    ):
        (pets / name).parent.mkdir(exist_ok=True)
        (pets / name).write_text("text")
    os.mkfifo(pets / "cat" / "pipe")
    (pets / "dog" / "loop").symlink_to(pets / "dog")
    np.testing.assert_array_equal(datasets.open(pets).X, whole)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["cat/1.png"], "has one class, cat; give at least two"),
        (["1.png", "cat/1.png", "dog/1.png"], "has the image 1.png outside the folders"),
        (["cat/1.png", "dog/1.png", "fish/"], "has the empty folder fish; put images"),
        (["test/cat/1.png", "test/dog/1.png"], "has test but no train"),
        (["train/cat/1.png", "train/dog/1.png", "more/1.png"], "has the folder more beside train"),
        (["train/a/1.png", "train/b/1.png", "valid/a/1.png", "val/b/1.png"], "two are the same split"),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], "has the image test/1.png outside"),
        (["train/1.png", "train/2.png"], "has one class, train"),
    ],
)
def test_folders_that_do_not_fit(tmp_path, names, words):
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            save(tmp_path / name, Image.new("L", (2, 2)))
    refused(tmp_path, words)


def test_bad_files_are_refused_by_name_or_counted(pets):
    (pets / "cat" / "notes.txt").write_text("no image")
    refused(pets, "has cat/notes.txt, which is no JPEG", "(--skip-bad, in train and evaluate)")
    (pets / "dog" / "4.jpg").write_bytes(encoded("JPEG", size=(300, 300))[:-2000])
    (pets / "dog" / "5.png").write_bytes(b"")
    (pets / "dog" / "6.png").symlink_to("nowhere")
    data = datasets.open(pets, skip_bad=True)
    assert (data.X.shape[0], data.y.tolist()) == (6, [0, 0, 0, 1, 1, 1])
    assert data.X[:, 0].tolist()[:1] == [50]
    assert data.notes[1].startswith("4 bad files skipped: cat/notes.txt is no JPEG")
    assert data.notes[1].endswith("and 1 more") or data.notes[1].endswith("1 more")
    for i in range(3):
        (pets / "cat" / f"{i}.png").write_bytes(encoded("PNG", size=(300, 300))[:-2000])
    refused(pets, "has no image of cat that can be decoded", skip_bad=True)
    for path in (pets / "cat").iterdir():
        path.write_text("no image")
    told = "has one class, dog; give at least two sub-folders with images (6 bad files skipped: cat/0.png is no JPEG"
    refused(pets, told, skip_bad=True)


# --- archives ----------------------------------------------------------------------------------------------------


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
        refused(tmp_path / path, f"has the member {name}, which leads outside")
        refused(tmp_path / path, "leads outside", skip_bad=True)
    assert not list(tmp_path.parent.rglob("escaped*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_never_followed(tmp_path, pets, kind):
    path = tmp_path / "given.tar"
    path.write_bytes(with_member(pets, type=kind, linkname="/etc/passwd"))
    refused(path, "given.tar has cat/more.png, which is a link, a device")
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
    refused(path, "given.zip has cat/more.png, which is a link")


def test_bombs_are_bounded(tmp_path, pets, monkeypatch):
    files, path = files_in(pets), tmp_path / "given.zip"
    monkeypatch.setattr(sources, "LARGEST", 10_000)
    for content in (bytes(10_001), bytes(5_000_000)):
        path.write_bytes(zipped({**files, "cat/zeros.png": content}))
        refused(path, f"has cat/zeros.png of {len(content):,} bytes, more than the 10,000")
        (tmp_path / "given.tar.gz").write_bytes(gzip.compress(tarred({**files, "cat/zeros.png": content})))
        refused(tmp_path / "given.tar.gz", f"has cat/zeros.png of {len(content):,} bytes", skip_bad=True)
        (pets / "cat" / "zeros.png").write_bytes(content)
        refused(pets, f"has cat/zeros.png, which has {len(content):,} bytes")
    monkeypatch.setattr(sources, "FREE", 1000)
    monkeypatch.setattr(sources, "RATIO", 2)
    many = {**files, **{f"cat/{i}.png": bytes(9000) for i in range(9)}}
    (tmp_path / "given.tar.gz").write_bytes(gzip.compress(tarred(many)))
    refused(tmp_path / "given.tar.gz", "given.tar.gz unpacks to more than")
    path.write_bytes(zipped(many))
    refused(path, "given.zip unpacks to 81,", "more than")


def test_a_zip_that_understates_its_bomb(tmp_path, pets):
    bomb, path = bytes(40_000_000), tmp_path / "given.zip"
    content = zipped({**files_in(pets), "cat/zeros.png": bomb})
    path.write_bytes(content.replace(len(bomb).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    refused(path, "has cat/zeros.png, which cannot be read (Bad CRC-32 for file 'cat/zeros.png')")


def test_a_tar_with_a_giant_header(tmp_path, pets):
    path = tmp_path / "given.tar.gz"
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(5_000_000)))
    refused(path, "has a header of 8,589,934,592 bytes")


def test_image_bombs_are_refused_by_name(pets, monkeypatch):
    save(pets / "dog" / "vast.png", Image.new("1", (300, 400)))
    for most, words in {100_000: "has 400 x 300 pixels, more than", 30_000: "exceeds limit"}.items():
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refused(pets, "dog/vast.png, which ", "limit" if words == "exceeds limit" else "")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert len(datasets.open(pets).y) == 7


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "zip"])
def test_archives_that_are_cut(tmp_path, pets, suffix):
    pack = {"zip": zipped, "tar": tarred}.get(suffix, lambda members: gzip.compress(tarred(members)))
    content, path = pack(files_in(pets)), tmp_path / f"given.{suffix}"
    for end in (0, 1, len(content) // 3, len(content) // 2, len(content) - (10_000 if suffix == "tar" else 5)):
        path.write_bytes(content[:end])
        refused(path, f"given.{suffix}")
    whole = tarred(files_in(pets))
    if suffix == "tar":  # a header that is damaged must not look like the end
        path.write_bytes(whole[:1024] + b"x" * 512 + whole[1536:])
        refused(path, "given.tar is cut or damaged")
    else:
        path.write_bytes(b"neither")
        refused(path, f"given.{suffix} is damaged")


# --- cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """The images that were looked at or decoded so far."""
    calls = []
    for name in ("look", "decode"):
        work = getattr(pixels, name)
        monkeypatch.setattr(pixels, name, lambda *given, work=work, **more: calls.append(given) or work(*given, **more))
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
    save(path, Image.new("L", (5, 4), 7))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as some tools of synchronization leave it
    assert datasets.open(pets).X[0, 0] == 7
    path.rename(pets / "dog" / "0a.png")
    assert np.bincount(datasets.open(pets).y).tolist() == [2, 4]
    assert len(decoded) == 36


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "no json", "wrong json", "no npy", "longer"])
def test_a_damaged_cache_is_rebuilt(pets, decoded, cache, damage):
    whole = np.array(datasets.open(pets).X)
    (npy,), (kept,) = cache.glob("*.npy"), cache.glob("*.json")
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
            npy.write_bytes({"cut": content[:-1], "empty": b"", "changed": content[:-3] + b"xyz"}[damage])
    np.testing.assert_array_equal(datasets.open(pets).X, whole)
    assert len(decoded) == 24
    assert npy.read_bytes() == content
    assert len(list(cache.iterdir())) == 2


def test_the_cache_is_listed_and_pruned_oldest_use_first(tmp_path, pets, cache, decoded):
    assert (store.kept(), store.prune(0)) == ([], [])
    sets = {name: shutil.copytree(pets, tmp_path / name) for name in ("first", "second", "third")}
    for age, folder in enumerate(sets.values()):
        before = set(cache.glob("*"))
        datasets.open(folder)
        for path in set(cache.glob("*")) - before:
            os.utime(path, (age, age))
    mapped = datasets.open(sets["first"])  # its use is the newest now
    half_written = cache / f"{'0' * 32}.npy.abc.part"
    half_written.write_bytes(bytes(9))
    assert [each.source for each in store.kept()] == [str(sets[name]) for name in ("second", "third", "first")]
    removed = store.prune(store.kept()[0].size + 1)
    assert [each.source for each in removed] == [str(sets["second"]), str(sets["third"])]
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".npy", ".part"]
    os.utime(half_written, (5, 5))
    assert [each.source for each in store.prune(0)] == ["not finished", str(sets["first"])]
    assert list(cache.iterdir()) == []
    assert mapped.X.sum() > 0, "rows that are open stay"
    decoded.clear()
    datasets.open(sets["third"])
    assert len(decoded) == 12


def test_interrupted_decoding_leaves_nothing(pets, cache, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.Rows, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.open(pets)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path, pets, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "file"))
    refused(pets, "for decoded images cannot be written (Not a directory); set HALFSPACES_CACHE to a folder with room")


def test_the_cache_is_checked_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BLOCK", 10)
    monkeypatch.setattr(store, "BLOCKS", 3)
    seen = set()
    for at in (None, 0, 9, 45, 54, 99):
        content = bytearray(100)
        if at is not None:
            content[at] = 1
        seen.add(store._checksum(io.BytesIO(content)))
    assert len(seen) == 6
    assert store._checksum(io.BytesIO(bytes(100))) != store._checksum(io.BytesIO(bytes(101)))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_a_bar_is_shown_where_it_takes_long(pets, monkeypatch, patience):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(waiting, "PATIENCE", patience)
    monkeypatch.setenv("TERM", "xterm")
    datasets.open(pets)
    assert ("decoding pets" in sys.stderr.getvalue()) == (patience == 0)


# --- the whole way -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "rows", "expected"),
    [
        (np.eye(5, dtype=np.uint8), np.vstack([np.eye(5)[3], np.ones(5), np.eye(5)[3]]).astype(np.uint8), 2),
        (np.eye(300, 200, dtype=np.float16), np.eye(200, dtype=np.float16) * 2, 0),
        (np.eye(9)[::2], np.asfortranarray(np.eye(9)), 5),
        (np.eye(9, dtype=np.uint8), np.eye(9), 0),
        (np.eye(9, dtype=np.longdouble), np.eye(9, dtype=np.longdouble), 9),
    ],
)
def test_duplicates(X, rows, expected):
    from scipy.sparse import csr_array

    y, y_test = np.arange(len(X)), np.arange(len(rows))
    assert Dataset("d", X, y, rows, y_test).duplicates() == expected
    if X.dtype == rows.dtype == np.uint8:
        assert Dataset("d", csr_array(X), y, csr_array(rows), y_test).duplicates() == expected
    assert Dataset("d", X, y).duplicates() == 0


def test_layout_of_names_alone():
    arranged = layout.arrange(Path("set"), [f"train/{name}/x.png" for name in "ba"] + ["train/a/y", "train/LICENSE"])
    assert arranged.names() == ["train/a/x.png", "train/a/y", "train/b/x.png"]
    beside = ["LICENSE", "docs/a/b/c.txt", "set/LICENSE"]
    assert layout.arrange(Path("set"), [*(f"set/{name}" for name in arranged.names()), *beside]).classes == ("a", "b")
    vehicles = layout.arrange(Path("set"), ["car/1.png", "train/1.png", "test/1.png"], ["car", "train", "test"])
    assert vehicles.classes == ("car", "test", "train")


@pytest.mark.parametrize(("name", "classes", "least"), [("flowers128", 5, 0.38), ("platechars", 32, 0.95)])
def test_real_archives(name, classes, least):
    path = DATA / f"{name}.tar"
    if not path.is_file():
        pytest.skip(f"the real data are not at {path}")
    data = datasets.open(path)
    assert data.image_shape == (32, 32, 3 if name == "flowers128" else 1)
    assert len(data.class_names) == classes
    order = np.random.default_rng(0).permutation(len(data.y))
    rows, held = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    classifier = LinearClassifier(strength=1.0 if name == "flowers128" else 0.1).fit(data.X[rows], data.y[rows])
    assert np.mean(classifier.predict(data.X[held]) == data.y[held]) > least


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_give_data_errors_only(tmp_path, reader):
    read, _ = attack(reader, READERS[reader], 60, 0, tmp_path)
    assert read < 60
