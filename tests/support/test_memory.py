"""Arrays of more than the memory lie on disk; those of more than the disk are refused."""

import shutil

import numpy as np

from halfspaces import datasets
from tests.data_files import parquet_shards
from tests.helpers import DIGITS, refuses

X, Y = DIGITS.X.astype(np.float32), DIGITS.y
X_TEST, Y_TEST = DIGITS.X_test.astype(np.float32), DIGITS.y_test


def test_more_than_the_memory_lies_on_disk_and_more_than_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(tmp_path / "cache"))
    folder = parquet_shards(tmp_path)
    held, mapped = (datasets.open(folder, memory=memory).X for memory in (1e9, 1e4))
    assert isinstance(mapped.base, np.memmap)
    assert not isinstance(held.base, np.memmap)
    np.testing.assert_array_equal(mapped, held)
    assert list((tmp_path / "cache" / "large").iterdir()) == []
    usage = type(shutil.disk_usage(tmp_path))(1, 1, 10_000)
    monkeypatch.setattr("halfspaces.support.memory.shutil.disk_usage", lambda path: usage)
    monkeypatch.setattr("halfspaces.support.memory._memory", lambda: 10_000)
    refuses(folder, "asks for 0.0 GiB, and", "store fewer rows or a narrower type")
