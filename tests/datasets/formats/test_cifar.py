"""CIFAR's files, of every version and packing: they come back as they are;
bad files are refused by name and place.
"""

import gzip
from functools import partial

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets import DataError
from halfspaces.datasets.formats.cifar import CLASSES, RECORD
from tests.data_files import PACKERS, python2, python3, tar_gz
from tests.helpers import real, refuses

CLASSES_OF_100 = {"fine": 100, "coarse": 20}

# --- CIFAR-10 ------------------------------------------------------------------------------------


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
        "cifar-10-exact-subset: 7,897 examples + 932 for testing, "
        "3,072 features (32 x 32 x 3, uint8), 10 classes"
    )


@pytest.mark.parametrize("packing", PACKERS)
def test_cifar_batches_of_any_packing_are_joined_in_order(tmp_path, cifar_records, packing):
    for name, rows in {
        "data_batch_2": cifar_records[:2],
        "data_batch_4": cifar_records[2:5],
        "test_batch": cifar_records[5:],
    }.items():
        (tmp_path / f"{name}.bin{packing}").write_bytes(PACKERS[packing](rows.tobytes()))
    cifar = datasets.open(tmp_path)
    np.testing.assert_array_equal(cifar.X, cifar_records[:5, 1:], strict=True)
    np.testing.assert_array_equal(cifar.X_test, cifar_records[5:, 1:], strict=True)
    np.testing.assert_array_equal(np.append(cifar.y, cifar.y_test), cifar_records[:, 0])
    images = cifar.images(cifar.X[::2])
    assert np.shares_memory(images, cifar.X)
    assert images.shape == (3, 32, 32, 3)
    assert images[1, 4, 7].tolist() == [
        cifar_records[2, 1 + 1024 * plane + 32 * 4 + 7] for plane in range(3)
    ]


def test_cifar_without_test_batch(tmp_path, cifar_records):
    (tmp_path / "data_batch_1.bin").write_bytes(cifar_records.tobytes())
    cifar = datasets.open(tmp_path)
    assert cifar.X_test is None
    assert cifar.y_test is None
    (tmp_path / "batches.meta.txt").write_text("cat\ndog\n\n")
    refuses(tmp_path, "batches.meta.txt has 2 class names, not 10")


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("end", [0, 1, RECORD - 1, RECORD + 1, 6 * RECORD - 1])
def test_cifar_cut_between_bytes_of_a_record(tmp_path, cifar_records, packing, end):
    name = f"data_batch_1.bin{packing}"
    (tmp_path / name).write_bytes(PACKERS[packing](cifar_records.tobytes()[:end]))
    refuses(
        tmp_path,
        name,
        f"ends at byte {end:,}, inside record {end // RECORD}" if end else "is empty",
    )


def test_cifar_wrong_label_and_too_many_records(tmp_path, cifar_records):
    path = tmp_path / "data_batch_3.bin.gz"
    cifar_records[4, 0] = 10
    path.write_bytes(gzip.compress(cifar_records.tobytes()))
    refuses(tmp_path, "data_batch_3.bin.gz has label 10 at byte 12,292;")
    path.write_bytes(gzip.compress(bytes(10_001 * RECORD), compresslevel=1))
    refuses(tmp_path, "data_batch_3.bin.gz goes on after byte 30,730,000;", "10,000 records")


def test_cifar_100(tmp_path, cifar_records):
    both = np.insert(cifar_records, 0, range(6), axis=1)  # coarse labels come first
    both[0, 1] = 99
    (tmp_path / "train.bin").write_bytes(both[:4].tobytes())
    (tmp_path / "test.bin.gz").write_bytes(gzip.compress(both[4:].tobytes()))
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), cifar_records[:, 1:])
    assert (data.y.tolist(), data.y_test.tolist(), len(data.class_names)) == (
        [99, 0, 9, 1],
        [1, 7],
        100,
    )
    (tmp_path / "fine_label_names.txt").write_text("".join(f"{i}th\n" for i in range(100)))
    assert datasets.open(tmp_path).class_names[-1] == "99th"
    both[2, 1] = 100
    (tmp_path / "train.bin").write_bytes(both[:4].tobytes())
    refuses(tmp_path, "train.bin has label 100 at byte 6,149; CIFAR-100's labels are 0..99")
    (tmp_path / "train.bin").unlink()
    refuses(
        tmp_path,
        "has none of CIFAR's training files (data_batch_1.bin, train.bin, data_batch_1, train;",
    )


def test_the_coarse_labels_of_cifar_100(tmp_path, cifar_records):
    both = np.insert(cifar_records, 0, [19, 0, 1, 2, 3, 4], axis=1)
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
    with pytest.raises(
        DataError, match=r"train.bin has label 20 at byte 0; CIFAR-100's coarse labels are 0..19"
    ):
        datasets.open(tmp_path, label="coarse")
    (tmp_path / "ten").mkdir()
    (tmp_path / "ten" / "data_batch_1.bin").write_bytes(cifar_records.tobytes())
    with pytest.raises(
        DataError, match="the label is of CIFAR-100 alone, and this is CIFAR-10; leave out 'coarse'"
    ):
        datasets.open(tmp_path / "ten", label="coarse")


def packed(path, members):
    path.write_bytes(tar_gz(members))
    return path


@pytest.mark.parametrize("label", ["fine", "coarse"])
def test_cifars_own_archives_are_read_in_memory(tmp_path, cifar_records, label):
    X, y = np.ascontiguousarray(cifar_records[:, 1:]), cifar_records[:, 0].tolist()
    names = {
        f"{kind}_label_names": [f"{kind} {i}".encode() for i in range(C)]
        for kind, C in CLASSES_OF_100.items()
    }
    labels = {"fine_labels": y[:4], "coarse_labels": [1, 2, 3, 4]}
    members = {
        "file.txt~": b"",
        "train": python2("data", X[:4], **labels),
        "test": python2("data", X[4:], fine_labels=y[4:], coarse_labels=[5, 6]),
        "meta": python2("mean", X[0], **names),
    }
    given = packed(
        tmp_path / "cifar-100-python.tar.gz",
        {f"cifar-100-python/{k}": v for k, v in members.items()},
    )
    data = datasets.open(given, label=label)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), X)
    expected = y if label == "fine" else [1, 2, 3, 4, 5, 6]
    assert [*data.y.tolist(), *data.y_test.tolist()] == expected
    assert (data.name, data.class_names[7]) == ("cifar-100-python", f"{label} 7")
    assert [path.name for path in tmp_path.iterdir()] == [given.name], "nothing is unpacked"

    whole = given.read_bytes()
    given.write_bytes(whole[:-30])
    refuses(given, "cifar-100-python.tar.gz is")
    members["train"] = members["train"][:-40]
    packed(given, {f"cifar-100-python/{k}": v for k, v in members.items()})
    refuses(given, "cifar-100-python.tar.gz/train is cut or damaged")


def test_cifar_10s_binary_archive(tmp_path, cifar_records):
    batches = {
        "data_batch_2.bin": cifar_records[:2],
        "data_batch_1.bin": cifar_records[2:5],
        "test_batch.bin": cifar_records[5:],
    }
    given = packed(
        tmp_path / "a.tar.gz",
        {f"cifar-10-batches-bin/{k}": v.tobytes() for k, v in batches.items()},
    )
    data = datasets.open(given)
    np.testing.assert_array_equal(
        np.vstack([data.X, data.X_test]), cifar_records[[2, 3, 4, 0, 1, 5], 1:]
    )
    assert data.class_names == CLASSES
    assert not datasets.holds_images(given)
    refuses(
        packed(tmp_path / "test.tar.gz", {"test_batch.bin": cifar_records.tobytes()}),
        "The archive",
        "has none of CIFAR",
    )


# --- CIFAR's python version ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "dump", [python2, *(partial(python3, protocol=protocol) for protocol in (2, 3, 4))]
)
@pytest.mark.parametrize("C", [10, 100])
def test_cifar_python_version(tmp_path, cifar_records, dump, C):
    X, y = np.ascontiguousarray(cifar_records[:, 1:]), cifar_records[:, 0].tolist()
    names = [f"class {label}".encode() for label in range(C)]
    if C == 10:
        written = {
            "data_batch_2": (X[:2], {"labels": y[:2]}),
            "data_batch_1": (X[2:4], {"labels": y[2:4]}),
        }
        written |= {"test_batch": (X[4:], {"labels": y[4:], "filenames": [b"4.png", b"5.png"]})}
        (tmp_path / "batches.meta").write_bytes(dump("mean", X[0], label_names=names))
        expected = [2, 3, 0, 1, 4, 5]
    else:
        written = {
            "train": (X[:4], {"coarse_labels": [1] * 4, "fine_labels": y[:4]}),
            "test": (X[4:], {"fine_labels": y[4:]}),
        }
        (tmp_path / "meta").write_bytes(
            dump("mean", X[0], fine_label_names=names, coarse_label_names=[b"all"])
        )
        expected = list(range(6))
    for name, (rows, labels) in written.items():
        (tmp_path / name).write_bytes(dump("data", rows, **labels))
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(np.vstack([data.X, data.X_test]), X[expected], strict=True)
    assert [*data.y.tolist(), *data.y_test.tolist()] == [y[row] for row in expected]
    assert data.class_names == tuple(name.decode() for name in names)
    assert (data.image_shape, data.planar) == ((32, 32, 3), True)


X, Y = np.zeros((3, 4)), np.arange(3)
