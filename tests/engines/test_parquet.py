"""Parquet files that workers read themselves, also of an S3 server."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError
from halfspaces.engines import EngineError, Threads, place
from halfspaces.engines.parquet import open_parquet

pytest.importorskip("fsspec")


def written(folder, X, y, parts=3):
    """Files of embeddings, a column of lists; their sizes."""
    sizes = []
    for p, rows in enumerate(np.array_split(np.arange(len(y)), parts)):
        flat = pa.array(X[rows].astype(np.float32).ravel())
        table = pa.table(
            {"x": pa.FixedSizeListArray.from_arrays(flat, X.shape[1]), "label": y[rows]}
        )
        pq.write_table(table, f"{folder}/part-{p}.parquet")
        sizes.append(len(rows))
    return sizes


def test_files_are_the_rows_that_were_written(tmp_path, digits):
    X, y = digits
    sizes = written(tmp_path, X, y)
    rows, labels = open_parquet(f"{tmp_path}/*.parquet", "label", Threads(2))
    assert np.array_equal(labels, y)
    assert rows.dtype == np.float32
    found = LinearClassifier().fit(rows, labels)
    expected = LinearClassifier().fit(place(X.astype(np.float32), Threads(2), sizes), y)
    assert np.array_equal(found.coef_, expected.coef_)


def test_a_damaged_file_has_its_name(tmp_path, digits):
    written(tmp_path, *digits)
    (tmp_path / "part-1.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(EngineError, match=r"part-1\.parquet cannot be read"):
        open_parquet(f"{tmp_path}/*.parquet", "label", Threads(1))
    with pytest.raises(EngineError, match="names no file"):
        open_parquet(f"{tmp_path}/*.parq", "label", Threads(1))


@pytest.fixture(scope="module")
def s3():
    """The options of a file system of an S3 server with an empty bucket."""
    server = pytest.importorskip("moto.server")
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    storage = {
        "key": "testing",
        "secret": "testing",
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"},
    }
    fsspec.filesystem("s3", **storage).call_s3("create_bucket", Bucket="bucket")
    yield storage
    running.stop()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.xdist_group("clusters")
def test_workers_read_from_s3(tmp_path, digits, dask_client, s3):
    fsspec = pytest.importorskip("fsspec")
    from halfspaces.engines import Dask

    X, y = digits
    sizes = written(tmp_path, X, y)
    files = fsspec.filesystem("s3", **s3)
    for path in sorted(tmp_path.glob("*.parquet")):
        files.put(str(path), f"bucket/train/{path.name}")
    pattern = "s3://bucket/train/*.parquet"
    engine = Dask(dask_client)
    opened = datasets.open(pattern, engine=engine, storage=s3)
    assert opened.notes[0] == "rows lie in 3 partitions on dask"
    expected = LinearClassifier().fit(place(X.astype(np.float32), Threads(2), sizes), y)
    for rows, labels in (open_parquet(pattern, "label", engine, **s3), (opened.X, opened.y)):
        assert np.array_equal(LinearClassifier().fit(rows, labels).coef_, expected.coef_)
    files.pipe("bucket/train/part-1.parquet", b"PAR1 damaged")
    with pytest.raises(DataError, match=r"part-1\.parquet cannot be read as Parquet"):
        datasets.open(pattern, engine=engine, storage=s3)
