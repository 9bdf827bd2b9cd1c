"""Predictions for collections of Dask, computed by its workers when they are asked for.

An array of Dask in is an array of Dask out, in the chunks of X; a data frame in is a series, or a
data frame with a column for each class, with its index. Nothing of X comes to the client.
"""

# Not typed: dask.
# pyright: reportMissingImports=false

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from halfspaces.engines.collections import is_dask

Method = TypeVar("Method", bound=Callable[..., Any])


def lazy_for_dask(method: Method) -> Method:
    """A method of a classifier that takes X: for a collection of Dask its result is one, too.

    >>> from halfspaces import LinearClassifier
    >>> LinearClassifier.predict.__name__
    'predict'
    """

    @wraps(method)
    def called(classifier: Any, X: Any) -> Any:
        if is_dask(X):
            return _lazily(classifier, method.__name__, X)
        return method(classifier, X)

    made: Any = called
    return made


def _lazily(classifier: Any, method: str, X: Any) -> Any:
    import dask

    model = _for_workers(classifier)
    shared = dask.delayed(model, traverse=False)  # sent once, not with each task
    if not hasattr(X, "rechunk"):
        like = _of_frame(X._meta_nonempty, model, method)
        return X.map_partitions(_of_frame, shared, method, meta=like.iloc[:0])
    like = getattr(model, method)(np.zeros((1, X.shape[1]), X.dtype))
    X = X.rechunk({1: -1})
    of_scores = {"chunks": (X.chunks[0], (like.shape[1],))} if like.ndim == 2 else {"drop_axis": 1}
    return X.map_blocks(
        _of_rows, classifier=shared, method=method, dtype=like.dtype, meta=like[:0], **of_scores
    )


def _for_workers(classifier: Any) -> Any:
    """The classifier without what only its fit needs, on one thread."""
    model = copy.copy(classifier)
    vars(model).pop("result_", None)
    vars(model)["callbacks"] = ()
    model.n_jobs = 1
    return model


def _of_rows(X: Any, *, classifier: Any, method: str) -> Any:
    """The result for one chunk; one without rows has a result without rows."""
    if len(X):
        return getattr(classifier, method)(X)
    return getattr(classifier, method)(np.zeros((1, X.shape[1]), X.dtype))[:0]


def _of_frame(X: Any, classifier: Any, method: str) -> Any:
    """The result for one partition of a data frame, with its index."""
    import pandas as pd

    rows = X if len(X) else pd.DataFrame(np.zeros((1, X.shape[1])), columns=X.columns)
    values = np.asarray(getattr(classifier, method)(rows))[: len(X)]
    if values.ndim == 1:
        return pd.Series(values, X.index, name="label" if method == "predict" else method)
    return pd.DataFrame(values, X.index, columns=list(map(str, classifier.classes_)))
