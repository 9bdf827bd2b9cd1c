"""Addresses of one's own are downloaded once, or refused."""

import io
import sys

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from halfspaces import datasets
from halfspaces.datasets import DataError
from tests.server import IMAGES, LABELS


def parquet():
    stream = io.BytesIO()
    table = pa.table(
        {"x": pa.array(IMAGES.reshape(40, -1).tolist(), pa.list_(pa.uint8())), "label": LABELS}
    )
    pa.parquet.write_table(table, stream)
    return stream.getvalue()


def test_addresses_are_downloaded_once(server, cache):
    server.files["some/digits.parquet"] = parquet()
    fsspec.filesystem("memory").pipe_file("/bucket/digits.parquet", parquet())
    for address in (f"{server.url}/some/digits.parquet", "memory://bucket/digits.parquet"):
        data = datasets.open(address)
        np.testing.assert_array_equal(data.X, IMAGES.reshape(40, -1))
        np.testing.assert_array_equal(data.y, LABELS)
    came = len(server.requests)
    assert datasets.open(f"{server.url}/some/digits.parquet", label="label").X.shape == (40, 25)
    assert datasets.open_features(f"{server.url}/some/digits.parquet").shape == (40, 25)
    assert len(server.requests) == came
    assert len(list((cache / "remote").rglob("*.*"))) == 2


@pytest.mark.parametrize("fault", ["cut", 404, 503])
def test_an_address_that_fails_leaves_nothing(server, fault, cache):
    server.files["digits.parquet"] = parquet()
    server.faults["digits.parquet"] = [fault] * 5
    with pytest.raises(
        DataError, match=r"digits.parquet cannot be downloaded \(.*\); check the address"
    ) as caught:
        datasets.open(f"{server.url}/digits.parquet")
    assert "\n" not in str(caught.value)
    server.faults.clear()
    assert len(datasets.open(f"{server.url}/digits.parquet").X) == 40
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["digits.parquet"]


def test_addresses_of_other_kinds(server, monkeypatch):
    for address, words in (
        ("reference://a.json", "starts with reference://; known are http, https, s3"),
        ("simplecache::https://host/a.parquet", "starts with simplecache::https://"),
        ("https://host/", "names no file"),
        ("memory://bucket/../..", "names no file"),
        ("memory://nothing/here.npz", "cannot be downloaded (FileNotFoundError"),
    ):
        with pytest.raises(DataError) as caught:
            datasets.open(address)
        assert words in str(caught.value)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DataError, match=r"s3://bucket/a.npz cannot be opened: ImportError: .*s3fs"):
        datasets.open("s3://bucket/a.npz")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(DataError, match=r"needs fsspec, which is not installed; run: pip install"):
        datasets.open("s3://bucket/a.npz")
