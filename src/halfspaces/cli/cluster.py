"""The rows of a training on an engine: `--engine` and `--cluster`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from halfspaces.cli.recipe import Recipe
from halfspaces.datasets import Dataset
from halfspaces.engines import Engine, Threads, place


@contextmanager
def on_engine(recipe: Recipe, dataset: Dataset) -> Iterator[Dataset]:
    """The data set with its training rows on the engine of --engine; as it is without.

    An engine that was started here ends with the block.

    Raises
    ------
    ValueError
        For an engine that is not installed, and a cluster that is not there.
    TypeError
        For sparse rows.
    """
    if recipe.engine is None:
        yield dataset
        return
    with _started(recipe.engine, recipe.cluster or "local", recipe.jobs) as engine:
        yield replace(dataset, X=place(dataset.X, engine))


def _started(name: str, cluster: str, jobs: int | None) -> Engine:
    if name == "threads":
        return Threads(jobs)
    if name == "ray":
        from halfspaces.engines.ray import Ray

        return Ray(cluster, workers=jobs)
    from halfspaces.engines.dask import Dask

    return Dask(cluster, workers=jobs)
