"""Which optimizer fits an objective, and why, in words."""

from typing import NamedTuple

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers.gradient_descent import SGD, GradientDescent
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.optimizers.proximal_gradient import ProximalGradient
from halfspaces.optimizers.proximal_newton import ProximalNewton
from halfspaces.optimizers.random_search import RandomSearch
from halfspaces.penalties.base import Penalty
from halfspaces.preconditioners.gram import ByClass, Gram
from halfspaces.preconditioners.low_rank import LowRank

SMALL = (
    1 << 20
)  # stored values of X; below, a pass costs less than a step in the model of a proximal Newton method
GRAM_FEATURES = (
    4096  # beyond, a D × D factor costs more than the passes that it saves over one of low rank
)


class Choice(NamedTuple):
    """An optimizer and the reason for it."""

    optimizer: Optimizer
    why: str


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "lbfgs": LBFGS,
    "gradient_descent": GradientDescent,
    "sgd": SGD,
    "proximal": ProximalGradient,
    "proximal_newton": ProximalNewton,
    "random_search": RandomSearch,
}


def choose_for(objective: Objective) -> Choice:
    """The optimizer for an objective."""
    # Words of equal variance are nearly uncorrelated, and passes over them cheap beside a step in so many features.
    uncorrelated = objective.standardization is not None and not isinstance(
        objective.blocks.X, np.ndarray
    )
    small = objective.n_examples * objective.blocks.row_size < SMALL
    return choose(
        objective.loss,
        objective.penalty,
        objective.n_features,
        uncorrelated=uncorrelated,
        small=small,
    )


def choose(
    loss: Loss,
    penalty: Penalty,
    n_features: int,
    *,
    uncorrelated: bool = False,
    small: bool = False,
) -> Choice:
    """The optimizer for a loss, a penalty and a number of features.

    Features may be known to be about uncorrelated, and the examples to be so few or sparse that passes cost next to
    nothing.

    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> choose(Softmax(), L1(0.1), 64).why
    'proximal Newton on the Gram matrix: L1 has a kink, so each step minimizes a model that keeps it'
    """
    if (
        not penalty.smooth
        and penalty.thresholds(1) is not None
        and n_features <= GRAM_FEATURES
        and not small
    ):
        kept = f"{type(penalty).__name__} has a kink, so each step minimizes a model that keeps it"
        return Choice(ProximalNewton(), f"proximal Newton on the Gram matrix: {kept}")
    if not penalty.smooth:
        kink = (
            "is a constraint"
            if penalty.curvature(1) == (0.0,) and hasattr(penalty, "radius")
            else "has a kink"
        )
        why = f"proximal gradient, accelerated: {type(penalty).__name__} {kink}, so steps go through its prox"
        return Choice(ProximalGradient(), why)
    stages = "" if loss.smooth else ", the loss smoothed in stages because it has kinks"
    if n_features > GRAM_FEATURES and uncorrelated:
        return Choice(LBFGS(), f"L-BFGS: loss and penalty have gradients{stages}")
    few = n_features <= GRAM_FEATURES
    told = "the Gram matrix" if few else "a Gram matrix of low rank"
    why = f"L-BFGS preconditioned by {told}: loss and penalty have gradients{stages}"
    sketch = (Gram() if small else ByClass()) if few else LowRank()
    return Choice(LBFGS(preconditioner=sketch), why)
