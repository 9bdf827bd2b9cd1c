"""The engine of a command and the rows on it: `--engine` and `--cluster`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from halfspaces.datasets import Dataset
from halfspaces.engines import Engine, PartitionedRows, Threads, place
from halfspaces.system.names import nearest
from halfspaces.system.progress import Bar

ENGINES = ("dask", "ray", "threads")


def check(name: str | None, cluster: str | None) -> None:
    """Raise ValueError for an engine that is not known, and for a cluster without an engine."""
    if name is None and cluster is not None:
        raise ValueError("--cluster belongs to --engine; give --engine dask, too.")
    if name is not None and name not in ENGINES:
        raise ValueError(f"--engine {name} is not known: {nearest(name, ENGINES)}")


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
    """The data set with its training rows on the engine, if there is one.

    Rows that workers have read stay where they are.
    """
    return dataset if engine is None else replace(dataset, X=held(dataset.X, engine))


def held(X: Any, engine: Engine) -> PartitionedRows:
    """Rows that workers hold, with a progress bar until they do.

    Features of images are computed by the workers, which receive the images.
    """
    rows = X if isinstance(X, PartitionedRows) else place(X, engine)
    with Bar("to workers", len(rows), "rows") as bar:
        engine.hold(rows, bar.advance)
    return rows


def _started(name: str, cluster: str, jobs: int | None) -> Engine:
    if name == "threads":
        return Threads(jobs)
    if name == "ray":
        from halfspaces.engines.ray import Ray

        return Ray(cluster, workers=jobs)
    from halfspaces.engines.dask import Dask

    return Dask(cluster, workers=jobs)
