"""Preconditioners: the Hessian of every one of these losses is about (curvature of a class) ⊗ Gram(X) + 2λ.

One sketch of the Gram matrix, from some of the rows, serves every class and member. Cholesky for one strength, an
eigendecomposition for several; by the side of the rows (`dual`) where those are fewer than the features. All at fixed
thread counts: the bits do not depend on the number of workers.

References
----------
Frangella, Rathore, Zhao & Udell, PROMISE: preconditioned stochastic optimization methods by incorporating scalable
curvature estimates, JMLR 2024, https://arxiv.org/abs/2309.02014
Frangella, Tropp & Udell, Randomized Nyström preconditioning, SIMAX 2023, https://arxiv.org/abs/2110.02820
Rudi, Carratino & Rosasco, FALKON, 2017, https://arxiv.org/abs/1705.10958
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from halfspaces.objective import Objective
from halfspaces.support.types import Array


class Preconditioning(ABC):
    """A linear map of gradients (D+1, M, C) to steps."""

    @abstractmethod
    def __call__(self, gradient: Array) -> Array:
        """The steps."""

    def at(self, W: Array) -> tuple["Preconditioning", Array]:
        """The map for the curvature at W, and the members (a mask) whose curvature there is quite another."""
        return self, np.zeros(W.shape[1], bool)

    def with_penalty(self, curvature: Array) -> "Preconditioning":
        """The map for a penalty of another curvature, 2λ (M,)."""
        return self

    def length(self, W: Array, direction: Array, slope: Array) -> Array:
        """How far to go first (M,) along a direction (D+1, M, C) with these slopes (M,): 1 is a quasi-Newton step."""
        return np.ones(W.shape[1])


class Preconditioner(ABC):
    """Builds an approximate inverse Hessian from an objective."""

    @abstractmethod
    def build(self, objective: Objective, n_members: int) -> Preconditioning:
        """A linear map of gradients (D+1, M, C) to steps of the same shape."""


@dataclass(frozen=True)
class Identity(Preconditioner, Preconditioning):
    """No preconditioning."""

    def build(self, objective: Objective, n_members: int) -> "Identity":
        """Itself."""
        return self

    def __call__(self, gradient: Array) -> Array:
        """The gradient."""
        return gradient
