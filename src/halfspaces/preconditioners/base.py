"""Preconditioners: approximate inverse Hessians, which turn a gradient into a step.

The Hessian of every loss here is about (curvature of a class) ⊗ Gram(X) + 2λ. One sketch of the
Gram matrix, from a sample of the rows, serves every class and member:

    gram            by one number a member for the curvature; from at least 2 D rows
    low_rank        the same from fewer rows than features, by the Gram matrix of the rows
    class_hessian   by the curvatures among the classes and along their means

References
----------
Frangella, Rathore, Zhao & Udell, PROMISE: preconditioned stochastic optimization methods by
incorporating scalable curvature estimates, JMLR 2024, https://arxiv.org/abs/2309.02014
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from halfspaces.objective.objective import Objective
from halfspaces.support.types import Array


class Preconditioning(ABC):
    """An approximate inverse Hessian: a linear map of gradients (D+1, M, C) to steps."""

    @abstractmethod
    def __call__(self, gradient: Array) -> Array:
        """The steps, of the gradient's shape."""

    def at(self, W: Array, penalty: Array | None = None) -> tuple["Preconditioning", Array]:
        """The inverse Hessian at W, and the members (a mask) whose curvature has changed much.

        Parameters
        ----------
        W : array, shape (D+1, M, C)
        penalty : array, shape (M,), or None
            The penalty's own curvature, 2λ, where another strength begins; None leaves it.
        """
        return self, np.zeros(W.shape[1], bool)

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """The length (M,) of the first trial step; 1 is a quasi-Newton step.

        Parameters
        ----------
        W, direction : arrays, shape (D+1, M, C)
        slope : array, shape (M,)
            Of the objective along the direction.
        """
        return np.ones(W.shape[1])


class Preconditioner(ABC):
    """Builds an approximate inverse Hessian from an objective."""

    @abstractmethod
    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """The approximate inverse Hessian at W = 0."""


@dataclass(frozen=True)
class Identity(Preconditioner, Preconditioning):
    """No preconditioning."""

    def build(self, objective: Objective, n_members: int) -> "Identity":
        """Itself."""
        return self

    def __call__(self, gradient: Array) -> Array:
        """The gradient."""
        return gradient
