"""Data sets are opened by name or path; what holds none is refused."""

import numpy as np
import pytest

from halfspaces import datasets
from tests.helpers import refuses


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
    refuses("digts", "'digts'", "did you mean 'digits'?", "path of an existing folder or file")
    refuses("imagenet-22k", "'imagenet-22k'", "a name (digits, cifar10, ")
    (tmp_path / "fashion-mnist").mkdir()
    refuses(tmp_path / "fashion-mnst", f"did you mean '{tmp_path / 'fashion-mnist'}'?")
    refuses(tmp_path / "no" / "such", "There is no data set")
    refuses("a\0b", "There is no data set")
    with pytest.raises(TypeError):
        datasets.open(np.zeros(3))  # type: ignore[arg-type]


def test_folders_and_files_that_hold_no_data_set(tmp_path):
    refuses(tmp_path, "holds nothing", "one sub-folder a class", ".csv", ".npz", "data formats")
    for name in "abcde":
        (tmp_path / name).touch()
    refuses(tmp_path, "holds 'a', 'b', 'c' and 2 more")
    refuses(tmp_path / "a", "is no data set")
