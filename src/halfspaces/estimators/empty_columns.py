"""Sparse rows without their empty columns, whose coefficients are 0.

Hashed words fill a few of 2¹⁸ columns. Every array of the fit has a row for each column, so a fit
of the others alone costs a part of the time, and has the same minimum.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array, Features

MOST_KEPT = 0.5  # of the columns: with more of them the copy of the column numbers gains little


def without_empty_columns(blocks: Blocks) -> Blocks:
    """The blocks without the empty columns of sparse rows, if these are many; values are shared.

    >>> X = csr_array(([2.0, 3.0], ([0, 1], [70, 30])), shape=(2, 100))
    >>> without_empty_columns(Blocks(X, np.arange(2))).X.toarray()
    array([[0., 2.],
           [3., 0.]])
    """
    X = blocks.X
    if not isinstance(X, csr_array):
        return blocks
    stored = np.zeros(blocks.n_features, dtype=bool)
    stored[X.indices] = True
    columns = np.flatnonzero(stored)
    if not 0 < len(columns) <= MOST_KEPT * blocks.n_features:
        return blocks
    return replace(blocks, X=_of_columns(X, columns), columns=columns)


def with_columns_of(blocks: Blocks, fitted: Blocks) -> Blocks:
    """Other rows, with the columns of the fitted ones."""
    if fitted.columns is None:
        return blocks
    return replace(blocks, X=_of_columns(blocks.X, fitted.columns), columns=fitted.columns)


def taken(coef: Array, blocks: Blocks) -> Array:
    """Of weights for each column of the caller's X (C, D), those of the blocks' columns."""
    return coef if blocks.columns is None else np.ascontiguousarray(coef[:, blocks.columns])


def restored(values: Array, blocks: Blocks, n_features: int) -> Array:
    """Values for each column of the blocks, with 0 for the empty columns, (D, ...)."""
    if blocks.columns is None:
        return values
    every = np.zeros((n_features, *values.shape[1:]), values.dtype)
    every[blocks.columns] = values
    return every


def restored_moments(moments: Moments, blocks: Blocks, n_features: int) -> Moments:
    """The moments of all columns: mean and squares of an empty one are 0."""
    mean, squares = (
        restored(values, blocks, n_features) for values in (moments.mean, moments.squares)
    )
    return Moments(moments.count, mean, squares)


def _of_columns(X: Any, columns: Array) -> Features:
    """X[:, columns] for rising columns; sparse rows that have no others share their values."""
    if isinstance(X, np.ndarray):
        return X[:, columns]
    positions = np.full(X.shape[1], -1, X.indices.dtype)
    positions[columns] = np.arange(len(columns))
    indices = positions[X.indices]
    parts = (X.data, indices, X.indptr)
    kept = indices >= 0
    if not kept.all():
        ends = np.append(0, np.cumsum(kept))
        parts = (X.data[kept], indices[kept], ends[X.indptr])
    return csr_array(parts, shape=(X.shape[0], len(columns)))
