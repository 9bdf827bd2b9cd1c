"""Batches of any source become one data set, on disk, once; what does not fit is refused."""

import errno
import os

import numpy as np
import pytest

from halfspaces import LinearClassifier, LinearClassifierCV, datasets
from halfspaces.datasets import DataError, batches
from tests.helpers import DIGITS, assert_one_sentence

X, Y = DIGITS.X.astype(np.float32), DIGITS.y
STARTS = range(0, len(X), 100)


def pairs(rows=X, labels=Y):
    """A generator of batches, as tensorflow_datasets.as_numpy and Keras' Sequence yield them."""
    return ((rows[i : i + 100], labels[i : i + 100]) for i in STARTS)


def loader():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(dataset, batch_size=100)


# A dictionary is a batch of Hugging Face's datasets: ds.with_format("numpy").iter(batch_size=100).
SOURCES = {
    "a generator": pairs,
    "a list": lambda: list(pairs()),
    "a DataLoader": loader,
    "a Dataset of torch": lambda: loader().dataset,
    "dictionaries": lambda: ({"embedding": rows, "label": labels} for rows, labels in pairs()),
    "lists of numbers and words": lambda: ((list(rows), list(y)) for rows, y in pairs()),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_batches_are_the_rows_that_they_hold(kind):
    data = datasets.from_batches(SOURCES[kind](), test=pairs(), validation=pairs())
    for rows, labels in ((data.X, data.y), (data.X_test, data.y_test), (data.X_val, data.y_val)):
        np.testing.assert_array_equal(rows, X, strict=True)
        np.testing.assert_array_equal(labels, Y)
    expected = LinearClassifier(strength=0.1).fit(X, Y)
    fitted = LinearClassifier(strength=0.1).fit(SOURCES[kind]())
    np.testing.assert_array_equal(fitted.coef_, expected.coef_)


def test_a_search_takes_batches():
    search = LinearClassifierCV(strengths=[0.1, 0.01], cv=3).fit(pairs())
    expected = LinearClassifierCV(strengths=[0.1, 0.01], cv=3).fit(X, Y)
    np.testing.assert_array_equal(search.coef_, expected.coef_)


def test_images_words_one_hot_labels_and_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    images = X.reshape(-1, 8, 8)
    data = datasets.from_batches(pairs(images, np.array(list("0123456789"))[Y]), name="digits")
    assert str(data) == "digits: 1,437 examples, 64 features (8 x 8 x 1, float32), 10 classes"
    data = datasets.from_batches(pairs(X.astype(ml_dtypes.bfloat16), np.eye(10)[Y]))
    np.testing.assert_array_equal(data.X, X, strict=True)
    np.testing.assert_array_equal(data.y, Y)
    planar = datasets.from_batches(pairs(np.stack([images] * 3, axis=1)))
    assert (planar.image_shape, planar.planar) == ((8, 8, 3), True)


def first_good_then(*others):
    yield X[:100], Y[:100]
    yield from others


REFUSED = {
    "no batch": (lambda: iter(()), "no row in any batch; a generator yields once, so make it anew"),
    "X alone": (lambda: iter([X]), "batch 0 is of type ndarray; give pairs (X, y)"),
    "three": (lambda: [(X, Y, Y)], "batch 0 is of type tuple, with 3 items; give pairs (X, y)"),
    "weights": (lambda: [{"X": X, "y": Y, "weight": Y}], "holds 'weight'; give X"),
    "a dictionary": (lambda: [{"pixels": X, "label": Y}], "holds 'pixels', 'label'; call the"),
    "a number": (lambda: 5, "is of type int; give a generator of batches"),
    "lengths": (lambda: first_good_then((X[:9], Y[:8])), "batch 1 has 9 rows but 8 labels"),
    "widths": (
        lambda: first_good_then((X[:9, :5], Y[:9])),
        "batch 1 has features of shape (9, 5), but the first has rows of (64,)",
    ),
    "types": (
        lambda: first_good_then((X[:9].astype(float), Y[:9])),
        "batch 1 has features float64 and labels int64, but the first has features float32",
    ),
    "words": (
        lambda: first_good_then((X[:9], Y[:9].astype(str))),
        "give one type",
    ),
    "ragged": (lambda: [([[1, 2], [3]], [0, 1])], "batch 0 cannot be read"),
    "no numbers": (lambda: [(np.array([["a"]]), [0])], "real numbers are needed"),
    "no labels": (lambda: [(X[:2], np.array([None, None]))], "has labels of type object"),
    "several labels": (lambda: [(X[:2], np.ones((2, 3)))], "several labels a row"),
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("kind", REFUSED)
def test_batches_that_do_not_fit(kind, cache):
    make, words = REFUSED[kind]
    with pytest.raises(DataError) as caught:
        datasets.from_batches(make())
    assert_one_sentence(str(caught.value), (words,))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_nothing_is_left_of_an_error_or_of_a_data_set(cache):
    def broken():
        yield X[:10], Y[:10]
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        datasets.from_batches(broken())
    data = datasets.from_batches(pairs())
    assert not [path for path in cache.rglob("*") if path.is_file()], "the file has no name"
    np.testing.assert_array_equal(data.X, X)
    assert not data.X.flags.writeable


def test_an_error_of_the_source_is_its_own_and_a_full_disk_one_sentence(cache, monkeypatch):
    def gone():
        yield X[:10], Y[:10]
        raise FileNotFoundError(errno.ENOENT, "images.tar is gone")

    with pytest.raises(FileNotFoundError, match=r"images.tar is gone"):
        datasets.from_batches(gone())

    def full(self, number, batch):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(batches._Writer, "add", full)
    with pytest.raises(DataError) as caught:
        datasets.from_batches(pairs())
    assert_one_sentence(str(caught.value), ("No space left", "set HALFSPACES_CACHE to a folder"))


def test_weights_in_batches_are_no_labels_and_no_features():
    with pytest.raises(DataError) as caught:
        LinearClassifier().fit([(X, Y, np.ones(len(Y)))] * 2)
    words = ("with 3 items; give pairs (X, y)", "as sample_weight and groups")
    assert_one_sentence(str(caught.value), words)


def test_without_labels_arrays_are_no_batches():
    for rows in (X, X[:4].tolist(), [X]):
        with pytest.raises(ValueError, match="requires y to be passed"):
            LinearClassifier().fit(rows)
