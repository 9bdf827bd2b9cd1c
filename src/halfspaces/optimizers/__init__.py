"""Optimizers, update rules, schedules and preconditioners.

A new optimizer is one class and one row in `OPTIMIZERS`; a new update rule is one class and one row
in `UPDATE_RULES`.
"""

from halfspaces.loop.optimizer import Optimizer, State
from halfspaces.optimizers.coordinate_descent import CoordinateDescent
from halfspaces.optimizers.dual_ascent import DualAscent
from halfspaces.optimizers.gradient_descent import SGD, GradientDescent
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.optimizers.newton import Newton
from halfspaces.optimizers.proximal_gradient import ProximalGradient
from halfspaces.optimizers.proximal_newton import ProximalNewton
from halfspaces.optimizers.random_search import RandomSearch
from halfspaces.optimizers.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    InverseTime,
    RangeTest,
    Schedule,
    Step,
    WarmUp,
)
from halfspaces.optimizers.smoothing import Stages
from halfspaces.optimizers.update_rules import (
    UPDATE_RULES,
    Adagrad,
    Adam,
    Momentum,
    Nesterov,
    Plain,
    RMSProp,
    UpdateRule,
)
from halfspaces.preconditioners.base import Preconditioner
from halfspaces.preconditioners.gram import ByClass, Gram
from halfspaces.preconditioners.low_rank import LowRank

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "UPDATE_RULES",
    "Adagrad",
    "Adam",
    "ByClass",
    "Constant",
    "CoordinateDescent",
    "Cosine",
    "DualAscent",
    "GradientDescent",
    "Gram",
    "InverseTime",
    "LowRank",
    "Momentum",
    "Nesterov",
    "Newton",
    "Optimizer",
    "Plain",
    "Preconditioner",
    "ProximalGradient",
    "ProximalNewton",
    "RMSProp",
    "RandomSearch",
    "RangeTest",
    "Schedule",
    "Stages",
    "State",
    "Step",
    "UpdateRule",
    "WarmUp",
]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "lbfgs": LBFGS,
    "newton": Newton,
    "dual_ascent": DualAscent,
    "gradient_descent": GradientDescent,
    "sgd": SGD,
    "proximal": ProximalGradient,
    "proximal_newton": ProximalNewton,
    "coordinate_descent": CoordinateDescent,
    "random_search": RandomSearch,
}
