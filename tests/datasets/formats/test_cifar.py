"""Readers: the real files come back as they are; every bad file is refused by name and place."""

import gzip
import io
import lzma
import os
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets import DataError, Dataset, cifar
from halfspaces.datasets.cifar import CLASSES, RECORD

CLASSES_OF_100 = {"fine": 100, "coarse": 20}
DATA = Path(__file__).parents[2] / "shared" / "data"
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
SEED = 0


def real(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"the real data are not at {DATA / name}")
    return DATA / name


def refused(given, *words: str) -> None:
    """One sentence, with all of these words."""
    with pytest.raises(DataError) as caught:
        datasets.open(given)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
    assert message.endswith(".")


# --- opening -----------------------------------------------------------------------------------------------------


def test_digits_are_whole_stratified_and_fixed():
    from sklearn.datasets import load_digits

    digits, again = datasets.open("digits"), datasets.open("digits")
    assert digits.X.dtype == digits.X_test.dtype == np.uint8
    whole = np.concatenate([digits.X, digits.X_test])
    upstream = load_digits().data
    assert sorted(map(bytes, whole)) == sorted(map(bytes, upstream.astype(np.uint8)))
    counts, test_counts = np.bincount(digits.y), np.bincount(digits.y_test)
    assert np.abs(test_counts - 0.2 * (counts + test_counts)).max() < 1
    np.testing.assert_array_equal(digits.X_test, again.X_test)
    assert digits.images(digits.X).shape == (1437, 8, 8, 1)


def test_unknown_names_and_missing_paths(tmp_path):
    refused("digts", "'digts'", "did you mean 'digits'?", "path of an existing folder or file")
    refused("imagenet-22k", "'imagenet-22k'", "a name (digits, cifar10, ")
    (tmp_path / "fashion-mnist").mkdir()
    refused(tmp_path / "fashion-mnst", f"did you mean '{tmp_path / 'fashion-mnist'}'?")
    refused(tmp_path / "no" / "such", "There is no data set")
    refused("a\0b", "There is no data set")
    with pytest.raises(TypeError):
        datasets.open(np.zeros(3))  # type: ignore[arg-type]


def test_folders_and_files_that_hold_no_data_set(tmp_path):
    refused(tmp_path, "holds nothing", "data_batch_1.bin", ".npz")
    for name in "abcde":
        (tmp_path / name).touch()
    refused(tmp_path, "holds 'a', 'b', 'c' and 2 more")
    refused(tmp_path / "a", "is no data set")


def test_dataset_refuses_what_disagrees():
    X, y = np.zeros((3, 4)), np.zeros(3, int)
    with pytest.raises(DataError, match=r"X has 3 examples but y has 2 labels"):
        Dataset("d", X, y[:2])
    with pytest.raises(DataError, match=r"X_test has 1 examples but y_test has 3 labels"):
        Dataset("d", X, y, X[:1], y)
    with pytest.raises(DataError, match=r"X has 4 features but X_test has 3"):
        Dataset("d", X, y, X[:, :3], y)
    with pytest.raises(DataError, match=r"X_test is given without y_test"):
        Dataset("d", X, y, X)
    with pytest.raises(DataError, match=r"at least one example"):
        Dataset("d", X[:0], y[:0])
    with pytest.raises(DataError, match=r"shape \(3,\), got \(3, 1\)"):
        Dataset("d", X, y[:, None])
    with pytest.raises(DataError, match="holds no images"):
        Dataset("d", X, y).images(X)
    with pytest.raises(DataError, match=r"shape \(n, 4\), got \(4,\)"):
        Dataset("d", X, y, image_shape=(2, 2, 1)).images(X[0])


# --- CIFAR-10 ----------------------------------------------------------------------------------------------------


@pytest.fixture
def records():
    """Six records with known labels and pixels."""
    records = np.random.default_rng(SEED).integers(0, 256, (6, RECORD), np.uint8)
    records[:, 0] = [3, 0, 9, 1, 1, 7]
    return records


def test_cifar_exact_subset():
    folder = real("cifar-10-exact-subset")
    cifar = datasets.open(folder)
    assert cifar.X.shape == (7897, 3072)
    assert cifar.X_test.shape == (932, 3072)
    assert cifar.X.flags.c_contiguous
    assert cifar.X_test.flags.c_contiguous
    assert np.bincount(cifar.y).tolist() == [795, 754, 791, 763, 840, 769, 786, 785, 814, 800]
    assert np.bincount(cifar.y_test).tolist() == [97, 78, 94, 95, 85, 84, 105, 96, 98, 100]
    last = np.fromfile(folder / "data_batch_5.bin", np.uint8).reshape(-1, RECORD)
    np.testing.assert_array_equal(cifar.X[-932:], last[:, 1:])
    assert cifar.class_names == CLASSES
    assert str(cifar) == (
        "cifar-10-exact-subset: 7,897 examples + 932 for testing, 3,072 features (32 x 32 x 3, uint8), 10 classes"
    )


@pytest.mark.parametrize("packing", PACKERS)
def test_cifar_batches_of_any_packing_are_joined_in_order(tmp_path, records, packing):
    for name, rows in {"data_batch_2": records[:2], "data_batch_4": records[2:5], "test_batch": records[5:]}.items():
        (tmp_path / f"{name}.bin{packing}").write_bytes(PACKERS[packing](rows.tobytes()))
    cifar = datasets.open(tmp_path)
    np.testing.assert_array_equal(cifar.X, records[:5, 1:], strict=True)
    np.testing.assert_array_equal(cifar.X_test, records[5:, 1:], strict=True)
    np.testing.assert_array_equal(np.append(cifar.y, cifar.y_test), records[:, 0])
    images = cifar.images(cifar.X[::2])
    assert np.shares_memory(images, cifar.X)
    assert images.shape == (3, 32, 32, 3)
    assert images[1, 4, 7].tolist() == [records[2, 1 + 1024 * plane + 32 * 4 + 7] for plane in range(3)]


def test_cifar_without_test_batch(tmp_path, records):
    (tmp_path / "data_batch_1.bin").write_bytes(records.tobytes())
    cifar = datasets.open(tmp_path)
    assert cifar.X_test is None
    assert cifar.y_test is None
    (tmp_path / "batches.meta.txt").write_text("cat\ndog\n\n")
    refused(tmp_path, "batches.meta.txt has 2 class names, not 10")


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("end", [0, 1, RECORD - 1, RECORD + 1, 6 * RECORD - 1])
def test_cifar_cut_between_bytes_of_a_record(tmp_path, records, packing, end):
    name = f"data_batch_1.bin{packing}"
    (tmp_path / name).write_bytes(PACKERS[packing](records.tobytes()[:end]))
    refused(tmp_path, name, f"ends at byte {end:,}, inside record {end // RECORD}" if end else "is empty")


def test_cifar_wrong_label_and_too_many_records(tmp_path, records, monkeypatch):
    path = tmp_path / "data_batch_3.bin.gz"
    records[4, 0] = 10
    path.write_bytes(gzip.compress(records.tobytes()))
    refused(tmp_path, "data_batch_3.bin.gz has label 10 at byte 12,292;")
    monkeypatch.setattr(cifar, "VERSIONS", tuple(replace(version, records=4) for version in cifar.VERSIONS))
    refused(tmp_path, "data_batch_3.bin.gz goes on after byte 12,292;", "4 records")


def test_cifar_100(tmp_path, records):
    both = np.insert(records, 0, range(6), axis=1)  # coarse labels come first
    both[0, 1] = 99
    (tmp_path / "train.bin").write_bytes(both[:4].tobytes())
    (tmp_path / "test.bin.gz").write_bytes(gzip.compress(both[4:].tobytes()))
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), records[:, 1:])
    assert (data.y.tolist(), data.y_test.tolist(), len(data.class_names)) == ([99, 0, 9, 1], [1, 7], 100)
    (tmp_path / "fine_label_names.txt").write_text("".join(f"{i}th\n" for i in range(100)))
    assert datasets.open(tmp_path).class_names[-1] == "99th"
    both[2, 1] = 100
    (tmp_path / "train.bin").write_bytes(both[:4].tobytes())
    refused(tmp_path, "train.bin has label 100 at byte 6,149; CIFAR-100's labels are 0..99")
    (tmp_path / "train.bin").unlink()
    refused(tmp_path, "has none of CIFAR's training files (data_batch_1.bin, train.bin, data_batch_1, train;")


def test_the_coarse_labels_of_cifar_100(tmp_path, records):
    both = np.insert(records, 0, [19, 0, 1, 2, 3, 4], axis=1)
    (tmp_path / "train.bin").write_bytes(both[:4].tobytes())
    (tmp_path / "test.bin").write_bytes(both[4:].tobytes())
    (tmp_path / "coarse_label_names.txt").write_text("".join(f"{i}th\n" for i in range(20)))
    data = datasets.open(tmp_path, label="coarse")
    assert [*data.y.tolist(), *data.y_test.tolist()] == [19, 0, 1, 2, 3, 4]
    assert (len(data.class_names), data.class_names[-1]) == (20, "19th")
    assert datasets.open(tmp_path, label="fine").y.tolist() == [3, 0, 9, 1]
    with pytest.raises(DataError, match=r"the label is fine or coarse, got 'course'\."):
        datasets.open(tmp_path, label="course")
    both[0, 0] = 20
    (tmp_path / "train.bin").write_bytes(both[:4].tobytes())
    with pytest.raises(DataError, match=r"train.bin has label 20 at byte 0; CIFAR-100's coarse labels are 0..19"):
        datasets.open(tmp_path, label="coarse")
    (tmp_path / "ten").mkdir()
    (tmp_path / "ten" / "data_batch_1.bin").write_bytes(records.tobytes())
    with pytest.raises(DataError, match="the label is of CIFAR-100 alone, and this is CIFAR-10; leave out 'coarse'"):
        datasets.open(tmp_path / "ten", label="coarse")


def packed(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("label", ["fine", "coarse"])
def test_cifars_own_archives_are_read_in_memory(tmp_path, records, label):
    X, y = np.ascontiguousarray(records[:, 1:]), records[:, 0].tolist()
    names = {f"{kind}_label_names": [f"{kind} {i}".encode() for i in range(C)] for kind, C in CLASSES_OF_100.items()}
    labels = {"fine_labels": y[:4], "coarse_labels": [1, 2, 3, 4]}
    members = {
        "file.txt~": b"",
        "train": python2("data", X[:4], **labels),
        "test": python2("data", X[4:], fine_labels=y[4:], coarse_labels=[5, 6]),
        "meta": python2("mean", X[0], **names),
    }
    given = packed(tmp_path / "cifar-100-python.tar.gz", {f"cifar-100-python/{k}": v for k, v in members.items()})
    data = datasets.open(given, label=label)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), X)
    expected = y if label == "fine" else [1, 2, 3, 4, 5, 6]
    assert [*data.y.tolist(), *data.y_test.tolist()] == expected
    assert (data.name, data.class_names[7]) == ("cifar-100-python", f"{label} 7")
    assert [path.name for path in tmp_path.iterdir()] == [given.name], "nothing is unpacked"

    whole = given.read_bytes()
    given.write_bytes(whole[:-30])
    refused(given, "cifar-100-python.tar.gz is")
    members["train"] = members["train"][:-40]
    packed(given, {f"cifar-100-python/{k}": v for k, v in members.items()})
    refused(given, "cifar-100-python.tar.gz/train is cut or damaged")


def test_cifar_10s_binary_archive(tmp_path, records):
    batches = {"data_batch_2.bin": records[:2], "data_batch_1.bin": records[2:5], "test_batch.bin": records[5:]}
    given = packed(tmp_path / "a.tar.gz", {f"cifar-10-batches-bin/{k}": v.tobytes() for k, v in batches.items()})
    data = datasets.open(given)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), records[[2, 3, 4, 0, 1, 5], 1:])
    assert data.class_names == CLASSES
    assert not datasets.holds_images(given)
    refused(packed(tmp_path / "test.tar.gz", {"test_batch.bin": records.tobytes()}), "The archive", "has none of CIFAR")


# --- CIFAR's python version --------------------------------------------------------------------------------------


def python2(name: str, array: np.ndarray, **values: list) -> bytes:
    """A dictionary as Python 2 pickled it with protocol 2: text is bytes, and so is the content of the array."""

    def text(content: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(content)) + content

    rebuilt = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nK\x00\x85U\x01b\x87Rq\x02"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t"
    state = b"(K\x01" + shape + dtype + b"\x89" + text(array.tobytes()) + b"tb"
    content = b"\x80\x02}q\x00(" + text(name.encode()) + rebuilt + state
    for key, held in values.items():
        items = b"".join(text(item) if isinstance(item, bytes) else b"K" + bytes([item]) for item in held)
        content += text(key.encode()) + b"]q\x03(" + items + b"e"
    return content + b"u."


def python3(name: str, array: np.ndarray, protocol: int, **values: list) -> bytes:
    return pickle.dumps({name: array, **values}, protocol)


@pytest.mark.parametrize("dump", [python2, *(partial(python3, protocol=protocol) for protocol in (2, 3, 4))])
@pytest.mark.parametrize("C", [10, 100])
def test_cifar_python_version(tmp_path, records, dump, C):
    X, y = np.ascontiguousarray(records[:, 1:]), records[:, 0].tolist()
    names = [f"class {label}".encode() for label in range(C)]
    if C == 10:
        written = {"data_batch_2": (X[:2], {"labels": y[:2]}), "data_batch_1": (X[2:4], {"labels": y[2:4]})}
        written |= {"test_batch": (X[4:], {"labels": y[4:], "filenames": [b"4.png", b"5.png"]})}
        (tmp_path / "batches.meta").write_bytes(dump("mean", X[0], label_names=names))
        expected = [2, 3, 0, 1, 4, 5]
    else:
        written = {
            "train": (X[:4], {"coarse_labels": [1] * 4, "fine_labels": y[:4]}),
            "test": (X[4:], {"fine_labels": y[4:]}),
        }
        (tmp_path / "meta").write_bytes(dump("mean", X[0], fine_label_names=names, coarse_label_names=[b"all"]))
        expected = list(range(6))
    for name, (rows, labels) in written.items():
        (tmp_path / name).write_bytes(dump("data", rows, **labels))
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), X[expected], strict=True)
    assert [*data.y.tolist(), *data.y_test.tolist()] == [y[row] for row in expected]
    assert data.class_names == tuple(name.decode() for name in names)
    assert (data.image_shape, data.planar) == ((32, 32, 3), True)


class Malicious:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "named"),
    [(os.mkdir, "posix.mkdir"), (eval, "builtins.eval"), (np.load, "numpy.load"), (getattr, "getattr")],
)
def test_pickles_are_never_run(tmp_path, protocol, function, named):
    target = tmp_path / "made"
    argument = f"__import__('os').mkdir({str(target)!r})" if function is eval else str(target)
    content = pickle.dumps({"data": Malicious(function, argument), "labels": [1]}, protocol)
    if protocol < 3:
        named = named.replace("builtins", "__builtin__")
    (tmp_path / "data_batch_1").write_bytes(content)
    refused(tmp_path, f"{tmp_path / 'data_batch_1'} wants ", f"{named}, which no CIFAR file needs and is never run")
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is cut or damaged"),
        (b"\x80\x02}", "is cut or damaged"),
        (b"\x80\x02].", "holds no dictionary"),
        (b"\x80\x02}q\x00r\xff\xff\xff\x7f.", "has no data of shape (N, 3,072)"),  # a memo of 2 billion entries
        (b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.", "is cut or damaged"),  # 9 exabytes
        (b"\x80\x02}()K\x01u.", "is cut or damaged (it has a key that is no text)"),
        (b"\x80\x02}\x8f.", "wants EMPTY_SET at byte 3"),
        (b"cos\nsystem\n(S'true'\ntR.", "wants os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "wants os.system"),
        (b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.", "is cut or damaged (it has an array that is not of bytes)"),
        (python3("data", np.zeros((1, 3072)), 2, labels=[1]), "it has an array that is not of bytes"),
        (python3("data", np.zeros((1, 3072), np.uint8), 2, labels=[10]), "has labels from 10 to 10; CIFAR-10's labels"),
        (python3("data", np.zeros((1, 3072), np.uint8), 2, labels=[1, 2]), "has no labels, one whole number an image"),
        (python3("data", np.zeros((1, 3071), np.uint8), 2, labels=[1]), "has no data of shape (N, 3,072)"),
    ],
)
def test_pickles_that_do_not_fit(tmp_path, content, words):
    (tmp_path / "data_batch_1").write_bytes(content)
    tracemalloc.start()
    refused(tmp_path, "data_batch_1", words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e7


# --- MNIST and its kin -------------------------------------------------------------------------------------------


def idx(array: np.ndarray, *, magic: int = 0x0800, sizes: tuple[int, ...] | None = None) -> bytes:
    shape = array.shape if sizes is None else sizes
    return struct.pack(f">I{array.ndim}I", magic | array.ndim, *shape) + array.astype(np.uint8).tobytes()


IMAGES, LABELS = np.arange(4 * 6).reshape(4, 2, 3), np.array([9, 0, 3, 3])


@pytest.fixture
def mnist(tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    return folder


def test_fashion_mnist():
    fashion = datasets.open(real("fashion-mnist"))
    assert (fashion.X.shape, fashion.X_test.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(fashion.y).tolist() == [6000] * 10
    assert fashion.class_names[fashion.y[0]] == "Ankle boot"
    assert int(fashion.X.sum(dtype=np.int64)) == 3431114169
    assert fashion.image_shape == (28, 28, 1)


@pytest.mark.parametrize("mark", "-.")
@pytest.mark.parametrize("packing", PACKERS)
def test_idx_of_any_name_and_packing(tmp_path, mark, packing):
    for split, n in {"train": 3, "t10k": 1}.items():
        (tmp_path / f"{split}-images{mark}idx3-ubyte{packing}").write_bytes(PACKERS[packing](idx(IMAGES[:n])))
        (tmp_path / f"{split}-labels{mark}idx1-ubyte{packing}").write_bytes(PACKERS[packing](idx(LABELS[:n])))
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(data.images(data.X)[..., 0], IMAGES[:3])
    np.testing.assert_array_equal(data.images(data.X_test)[..., 0], IMAGES[:1])
    np.testing.assert_array_equal(data.y, LABELS[:3])
    assert data.class_names == tuple("0123456789")


@pytest.mark.parametrize("name", ["fashion-mnist", "FashionMNIST/raw"])
def test_fashion_names_come_from_the_folder(tmp_path, mnist, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    mnist.rename(tmp_path / name)
    assert datasets.open(tmp_path / name).class_names[9] == "Ankle boot"


def test_idx_files_that_do_not_fit(mnist):
    (mnist / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:3]))
    refused(mnist, "train-images-idx3-ubyte has 4 images", "train-labels-idx1-ubyte has 3 labels")
    (mnist / "train-labels-idx1-ubyte").unlink()
    refused(mnist, "has no train-labels-idx1-ubyte")
    (mnist / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    (mnist / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS))
    refused(mnist, "has no t10k-images-idx3-ubyte")


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing at byte 0"),
        (idx(IMAGES)[:3], "00 00 08 at byte 0"),
        (idx(IMAGES)[:9], "ends at byte 9, inside its header of 16 bytes"),
        (idx(IMAGES)[:16], "ends at byte 16, but its header at byte 4 promises 4 x 2 x 3, up to byte 40"),
        (idx(IMAGES)[:39], "ends at byte 39"),
        (idx(IMAGES) + b"x", "ends at byte 41"),
        (idx(LABELS), "start with 00 00 08 03"),
        (idx(IMAGES, magic=0x0D00), "00 00 0d 03 at byte 0"),
        (idx(IMAGES, sizes=(4_000_000_000, 28, 28)), "promises 4000000000 x 28 x 28, up to byte 3,136,000,000,016"),
        (idx(IMAGES[:0], sizes=(4_000_000_000, 0, 28)), "is empty"),
    ],
)
def test_idx_with_a_bad_start_or_end(mnist, content, words, packing):
    (mnist / "train-images-idx3-ubyte").unlink()
    name = f"train-images-idx3-ubyte{packing}"
    (mnist / name).write_bytes(PACKERS[packing](content))
    tracemalloc.start()
    refused(mnist, name, words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e7  # an xz dictionary; no header is believed before the length confirms it


# --- damaged packing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", [".gz", ".xz"])
@pytest.mark.parametrize("reader", ["cifar", "idx"])
@pytest.mark.parametrize("damage", ["cut", "changed", "not packed", "end missing"])
def test_damaged_packing_is_named_with_its_place(mnist, records, packing, reader, damage):
    folder, name = (mnist.parent, "data_batch_1.bin") if reader == "cifar" else (mnist, "train-images-idx3-ubyte")
    plain = records.tobytes() if reader == "cifar" else idx(IMAGES)
    (folder / name).unlink(missing_ok=True)
    packed = bytearray(PACKERS[packing](plain))
    middle = len(packed) // 2
    if damage == "changed":
        packed[middle] ^= 0xFF
    content = {"cut": packed[:middle], "changed": packed, "not packed": plain, "end missing": packed[:-3]}[damage]
    (folder / (name + packing)).write_bytes(content)
    refused(folder, name + packing, "is damaged after", "unpacked bytes")


# --- .npz --------------------------------------------------------------------------------------------------------


def test_npz_is_read_as_given(tmp_path):
    path, y = tmp_path / "birds.npz", np.array(["owl", "kiwi", "owl"])
    X = np.arange(6, dtype=np.float16).reshape(3, 2)
    np.savez_compressed(path, X=X, y=y, X_test=X[:1], y_test=y[:1], class_names=["kiwi", "owl"], other=[None])
    birds = datasets.open(str(path))
    np.testing.assert_array_equal(birds.X, X, strict=True)
    np.testing.assert_array_equal(birds.X_test, X[:1], strict=True)
    assert birds.y.tolist() == ["owl", "kiwi", "owl"]
    assert (birds.name, birds.class_names, birds.image_shape) == ("birds", ("kiwi", "owl"), None)


@pytest.mark.parametrize(("shape", "image_shape"), [((5, 4, 3, 2), (4, 3, 2)), ((5, 4, 3), (4, 3, 1))])
def test_npz_images_are_flattened(tmp_path, shape, image_shape):
    X = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.savez(tmp_path / "a.npz", X=X, y=np.arange(5))
    data = datasets.open(tmp_path / "a.npz")
    assert data.image_shape == image_shape
    assert data.X.shape == (5, np.prod(shape[1:]))
    np.testing.assert_array_equal(data.images(data.X), X.reshape(5, *image_shape), strict=True)


X, Y = np.zeros((3, 4)), np.arange(3)


def test_npz_members_that_are_no_arrays_are_none(tmp_path):
    np.savez(tmp_path / "given.npz", X=np.zeros((4, 2)))
    with zipfile.ZipFile(tmp_path / "given.npz", "a") as archive:
        archive.writestr("y", "0 1 0 1")
    refused(tmp_path / "given.npz", "holds 'X', but X and y are needed")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": X}, "holds 'X', but X and y are needed"),
        ({"images": X, "labels": Y}, "holds 'images', 'labels', but"),
        ({}, "holds nothing"),
        ({"X": X, "y": np.array([1, "a", None], object)}, "has y as Python objects"),
        ({"X": np.array([[None]]), "y": Y}, "has X as Python objects"),
        ({"X": X, "y": Y[:2]}, "X has 3 examples but y has 2 labels"),
        ({"X": X, "y": Y, "X_test": X}, "X_test is given without y_test"),
        ({"X": X, "y": Y * 0.5}, "y of type float64"),
        ({"X": X.astype(str), "y": Y}, "X of type <U32"),
        ({"X": X[0], "y": Y}, "X of shape (4,)"),
        ({"X": np.zeros((3, 1, 1, 1, 1)), "y": Y}, "X of shape (3, 1, 1, 1, 1)"),
        ({"X": np.zeros((0, 2, 2)), "y": Y[:0]}, "at least one example"),
        (
            {"X": np.zeros((3, 4, 4, 3)), "y": Y, "X_test": np.zeros((3, 3, 4, 4)), "y_test": Y},
            "has images of 4 x 4 x 3 in X but of 3 x 4 x 4 in X_test; bring them to one shape.",
        ),
        ({"X": np.zeros((3, 16)), "y": Y, "X_val": np.zeros((3, 2, 2, 2, 2)), "y_val": Y}, "X_val of shape (3, 2, 2"),
        ({"X": X, "y": Y, "class_names": ["a", "b"]}, "2 class_names but labels from 0 to 2"),
        ({"X": X, "y": Y, "class_names": [1, 2, 3]}, "class_names of type int64"),
    ],
)
def test_npz_that_does_not_fit(tmp_path, arrays, words):
    np.savez(tmp_path / "given.npz", **arrays)
    refused(tmp_path / "given.npz", "given", words)


def test_npz_damaged(tmp_path):
    path = tmp_path / "given.npz"
    np.savez(path, X=X, y=Y)
    whole = path.read_bytes()
    for end in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        refused(path, "given.npz cannot be read as .npz")
    path.write_bytes(whole[:150] + b"x" + whole[151:])
    refused(path, "given.npz cannot be read as .npz", "CRC")
    with path.open("wb") as stream:
        np.save(stream, np.array([None]), allow_pickle=True)
    refused(path, "given.npz cannot be read as .npz")


def test_npz_header_that_lies(tmp_path):
    header = io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": (4_000_000_000, 784)}
    np.lib.format.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(tmp_path / "given.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(80))
        archive.writestr("y.npy", header.getvalue())
    refused(tmp_path / "given.npz", "X end at byte 208, but its header promises shape (4000000000, 784)")


# --- svmlight ----------------------------------------------------------------------------------------------------

TEXT = "# two classes\n+1 1:0.5 3:-2e-1 # first\n-1\r\n\n1 qid:7 2:1 3:3\n"


@pytest.mark.parametrize("suffix", PACKERS)
def test_svmlight_files_agree_on_the_features(tmp_path, suffix):
    def write(name, text):
        (tmp_path / f"{name}{suffix}").write_bytes(PACKERS[suffix](text.encode()))
        return datasets.open(tmp_path / f"{name}{suffix}")

    alone = write("small", TEXT)
    assert alone.X.toarray().tolist() == [[0.5, 0, -0.2], [0, 0, 0], [0, 1, 3]]
    assert (alone.y.tolist(), alone.X_test) == ([1, -1, 1], None)
    assert write("small.t", "1 1:1\n").X.shape == (1, 3)
    test, both = write("small.t", "1 5:1\n"), datasets.open(tmp_path / f"small{suffix}")
    assert str(both) == "small: 3 examples + 1 for testing, 5 features (float64, 27 % stored), 2 classes"
    assert (both.X_test.toarray().tolist(), test.X.toarray().tolist()) == ([[0, 0, 0, 0, 1]],) * 2
    assert datasets.open_features(tmp_path / f"small{suffix}").shape == (1, 5)
    from_zero = write("small", TEXT.replace("1:0.5", "0:0.5"))
    assert (from_zero.X.shape, from_zero.X_test.indices.tolist()) == ((3, 6), [5])
    write("small.t", "1 0:1\n")
    assert write("small", TEXT).X.indices.tolist() == [1, 3, 2, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello world\n", ["is no data set; give", "or svmlight text"]),
        ("1\n2\n3\n", ["is no data set"]),
        (TEXT * 5 + "1 3:x\n", ["given is no svmlight text (", "write each line as label index:value"]),
        (TEXT + "1 3:1 2:1\n", ["given is no svmlight text (", "sorted"]),
        ("1 1:1\n1.5 1:1\n", ["given has the label 1.5; classes are whole numbers"]),
        ("1 0:1\n", ["given.t is no svmlight text ("]),
    ],
)
def test_text_that_is_no_svmlight(tmp_path, text, words):
    (tmp_path / "given").write_text(text)
    (tmp_path / "given.t").write_text("1 1:1\n2 1 1\n")
    refused(tmp_path / "given", *words)


def test_svmlight_damaged(tmp_path):
    whole = gzip.compress(TEXT.encode() * 1000)
    (tmp_path / "given.gz").write_bytes(whole)
    (tmp_path / "given.t.gz").write_bytes(whole[:-20])
    refused(tmp_path / "given.gz", "given.t.gz is damaged")


def test_dna():
    if not (DATA / "libsvm" / "dna.scale").is_file():
        pytest.skip(f"the real data are not at {DATA}")
    dna = datasets.open(DATA / "libsvm" / "dna.scale")
    assert str(dna) == "dna.scale: 2,000 examples + 1,186 for testing, 180 features (float64, 25 % stored), 3 classes"
    assert (np.bincount(dna.y).tolist(), np.bincount(dna.y_test).tolist()) == ([0, 464, 485, 1051], [0, 303, 280, 603])
