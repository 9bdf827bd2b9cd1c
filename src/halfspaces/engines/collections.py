"""Collections of Dask and Ray as rows in partitions: nothing but labels comes to the client."""

# Not typed: dask, distributed, ray.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from halfspaces.engines.base import Engine, EngineError, shape_of
from halfspaces.engines.placed import PartitionedRows, check_rows
from halfspaces.support.types import Array, Features

_engines: WeakKeyDictionary[Any, Engine] = WeakKeyDictionary()


class Described(NamedTuple):
    """What a worker says of a partition: its rows, columns, their type and names, and labels.

    `stored` is the number of stored values of sparse rows.
    """

    n_rows: int
    n_features: int
    dtype: str
    columns: tuple[str, ...] | None
    y: Array | None = None
    stored: int | None = None


def is_collection(X: object) -> bool:
    """Whether X is an array or a data frame of Dask, or a data set of Ray.

    >>> is_collection(np.eye(2))
    False
    """
    return is_dask(X) or _is_ray(X)


def place_collection(X: Any, y: Any, engine: Engine | None = None) -> tuple[PartitionedRows, Any]:
    """The rows of a collection on the engine that has it, and the labels as an array.

    Parameters
    ----------
    X : dask array or data frame, or Ray data set
    y : collection, array, name of a column of X, or None
        A column of X is left out of the rows.
    engine : Engine or None
        None: Dask with the client that is connected, or Ray.

    Raises
    ------
    EngineError
        For a partition that cannot be read, by its number, and for partitions of different columns.
    TypeError
        For rows that are no numbers.
    """
    if _is_ray(X):
        return _place_ray(X, y, engine)
    X, y = with_labels(X, y)
    return _place_dask(X, engine), labels_here(y)


def labels_here(y: Any) -> Any:
    """Labels or weights of a collection of Dask as an array; others as they are."""
    return np.asarray(y.compute()) if is_dask(y) else y


def is_dask(X: object) -> bool:
    """Whether X is an array, a data frame or a series of Dask.

    >>> is_dask(np.eye(2))
    False
    """
    return type(X).__module__.split(".")[0] in ("dask", "dask_expr") and hasattr(X, "to_delayed")


def with_labels(X: Any, y: Any) -> tuple[Any, Any]:
    """X and y, where y may name a column of a collection X: its labels, which X is then without."""
    if not isinstance(y, str) or not is_collection(X):
        return X, y
    return (X.drop(columns=[y]), X[y]) if is_dask(X) else place_collection(X, y)


def _is_ray(X: object) -> bool:
    return type(X).__module__.startswith("ray.data")


def _of_client(engine: Engine | None) -> Any:
    """The engine of the client that is connected: one for each client."""
    from halfspaces.engines.dask import Dask

    if engine is not None:
        return engine
    made = Dask()
    return _engines.setdefault(made.client, made)


def _place_dask(X: Any, engine: Engine | None) -> PartitionedRows:
    from halfspaces.engines.dask import Lazy

    dask = _of_client(engine)
    if getattr(X, "ndim", 2) != 2:
        raise TypeError(f"X is a collection of {X.ndim} dimensions; give rows of numbers, (N, D).")
    if hasattr(X, "rechunk"):
        X = X.rechunk({1: -1})
    parts = list(np.ravel(X.to_delayed()))
    futures = dask.client.compute(parts)
    described = [dask.client.submit(_described, future, pure=False) for future in futures]
    found = []
    for p, (future, each) in enumerate(zip(futures, described, strict=True)):
        try:
            found.append(each.result())
        except Exception as error:
            raise _unread(p, future.key, error) from error
    sources = [
        Lazy(part, _short(future.key), future) for part, future in zip(parts, futures, strict=True)
    ]
    return _placed(dask, sources, found)


def _place_ray(X: Any, y: Any, engine: Engine | None) -> tuple[PartitionedRows, Any]:
    import ray

    from halfspaces.engines.ray import Ray, Stored

    own = engine or _engines.setdefault(Ray, Ray())
    label = y if isinstance(y, str) else None
    if label is not None and label not in X.columns():
        raise ValueError(f"The data set has no column {label!r}, but {', '.join(X.columns())}.")
    divide = ray.remote(num_cpus=0, num_returns=2)(_divided)
    pairs = [divide.remote(each, label) for each in X.to_arrow_refs()]
    found = []
    for p, (_, described) in enumerate(pairs):
        try:
            found.append(ray.get(described))
        except Exception as error:
            raise _unread(p, "of a Ray data set", getattr(error, "cause", error)) from error
    sources = [Stored(rows, f"block {p} of a Ray data set") for p, (rows, _) in enumerate(pairs)]
    placed = _placed(own, sources, found)
    return placed, y if label is None else np.concatenate([each.y for each in found])


def _placed(engine: Engine, sources: Sequence[Any], found: Sequence[Described]) -> PartitionedRows:
    """The partitions as one X; EngineError where their columns differ."""
    if not found:
        raise ValueError("X has no partitions; give at least one row.")
    first = found[0]
    for p, each in enumerate(found):
        if each[1:4] != first[1:4]:
            raise EngineError(
                f"Partition {p} has {each.n_features} columns of {each.dtype}, and partition 0 has"
                f" {first.n_features} of {first.dtype}; give all the same columns and one type."
            )
    starts = np.concatenate([[0], np.cumsum([each.n_rows for each in found])]).astype(np.int64)
    counts = [each.stored for each in found if each.stored is not None]
    return PartitionedRows(
        engine,
        tuple(sources),
        starts,
        first.n_features,
        np.dtype(first.dtype),
        first.columns,
        sum(counts) if counts else None,
    )


def _described(rows: Any, y: Array | None = None) -> Described:
    """What a worker says of the rows of a partition."""
    names = getattr(rows, "columns", None)
    columns = None if names is None else tuple(map(str, names))
    checked = check_rows(rows)
    n_rows, n_features = shape_of(checked)
    stored = None if isinstance(checked, np.ndarray) else int(checked.nnz)
    return Described(n_rows, n_features, checked.dtype.name, columns, y, stored)


def _divided(table: Any, label: str | None) -> tuple[Features, Described]:
    """The rows of a block of a Ray data set, without the column of the labels, and what they are.

    Columns of tensors (n, k) are k features each.
    """
    from ray.data.block import BlockAccessor

    columns: Any = BlockAccessor.for_block(table).to_numpy()
    y = None if label is None else np.asarray(columns.pop(label))
    names = tuple(columns) if all(each.ndim == 1 for each in columns.values()) else None
    rows = check_rows(np.column_stack(list(columns.values())))
    return rows, _described(rows, y)._replace(columns=names)


def _unread(partition: int, name: Any, error: BaseException) -> Exception:
    if isinstance(error, TypeError):
        return TypeError(f"Partition {partition} ({_short(name)}): {error}")
    return EngineError(
        f"Partition {partition} ({_short(name)}) cannot be read: {type(error).__name__}: {error};"
        " replace it, or leave it out."
    )


def _short(key: Any) -> str:
    """The name of a task of Dask, without its digest."""
    return str(key[0] if isinstance(key, tuple) else key).rsplit("-", 1)[0]
