"""The nearest dual points in the domain of L*, for the losses whose projection is simple."""

from functools import singledispatch
from typing import Any

import numpy as np

from halfspaces.losses.base import Loss, in_simplex, project_onto_simplex, right_class_mask
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.losses.surrogates import SquaredPlus
from halfspaces.support.types import Array


@singledispatch
def nearest_dual(loss: Any, dual: Array, y: Array) -> Array:
    """The nearest points of the domain of L*, where L*(a) is finite.

    Parameters
    ----------
    loss : Loss
    dual : array, shape (B, M, C)
    y : integer array, shape (B,), or (B, M)

    Raises
    ------
    TypeError
        For a loss that has no projection here.
    """
    raise TypeError(f"The domain of the conjugate of {loss} has no projection here.")


def has_nearest_dual(loss: Loss) -> bool:
    """Whether `nearest_dual` knows the loss."""
    return nearest_dual.dispatch(type(loss)) is not nearest_dual.dispatch(object)


@nearest_dual.register
def _of_softmax(loss: Softmax, dual: Array, y: Array) -> Array:
    """q = a + t projected onto the simplex, where it is not on it."""
    everywhere = loss.label_smoothing / dual.shape[-1]
    t = (everywhere + (1 - loss.label_smoothing) * _right(dual, y)).astype(dual.dtype)
    q = dual + t
    outside = ~(in_simplex(q) & (q.min(axis=-1) >= 0))
    moved = dual.copy()
    moved[outside] = project_onto_simplex(q[outside]) - np.broadcast_to(t, q.shape)[outside]
    return moved


@nearest_dual.register
def _of_one_vs_all(loss: OneVsAll, dual: Array, y: Array) -> Array:
    """−t_j a_j clipped to the slopes that φ has: from 0 to 1, or to infinity if it is squared."""
    right = _right(dual, y)
    steepest = np.inf if isinstance(loss.surrogate, SquaredPlus) else 1.0
    slope = np.clip(np.where(right, -dual, dual), 0, steepest)
    return np.where(right, -slope, slope)


def _right(dual: Array, y: Array) -> Array:
    if y.ndim == 1:
        return right_class_mask(dual, y)
    return np.arange(dual.shape[-1]) == y[:, :, None]
