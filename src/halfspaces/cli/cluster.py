"""The engine of a command and the rows on it: `--engine` and `--cluster`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from halfspaces.datasets import Dataset
from halfspaces.engines import Engine, PartitionedRows, Threads, place


@contextmanager
def started(name: str | None, cluster: str | None, jobs: int | None) -> Iterator[Engine | None]:
    """The engine of --engine, which ends with the block if it was started here; None without.

    Raises
    ------
    ValueError
        For an engine that is not installed, and a cluster that is not there.
    """
    if name is None:
        yield None
        return
    with _started(name, cluster or "local", jobs) as engine:
        yield engine


def placed(dataset: Dataset, engine: Engine | None) -> Dataset:
    """The data set with its training rows on the engine, if there is one; not sparse ones.

    Rows that workers have read stay where they are.
    """
    if engine is None or isinstance(dataset.X, PartitionedRows):
        return dataset
    return replace(dataset, X=place(dataset.X, engine))


def _started(name: str, cluster: str, jobs: int | None) -> Engine:
    if name == "threads":
        return Threads(jobs)
    if name == "ray":
        from halfspaces.engines.ray import Ray

        return Ray(cluster, workers=jobs)
    from halfspaces.engines.dask import Dask

    return Dask(cluster, workers=jobs)
