"""Gradient checks: is the analytic gradient the slope of the loss?

`numerical_gradient` is the slow, simple definition. `check_gradient` compares an analytic gradient
with slopes of f: right, wrong, or cannot tell. Four properties make it reliable:

* Every slope comes with a bound on its error: truncation, from several steps, and rounding, from
  the measured noise of f. Each coordinate is judged at its own scale, and where the bound is above
  3 % of the slope, no value is called right.
* A kink nearby is recognized, and smaller steps are taken. At the kink itself the analytic value
  must lie between the one-sided slopes; the report lists the coordinate.
* Coordinates that are not sampled are compared in groups, along random directions, until an error
  of a tenth of any of their slopes would be seen. A wrong one is searched for.
* f is called several times at W: it must not draw at random, nor change W in place.

`check_component` and `check_registry` apply this to losses and penalties.
`halfspaces.gradcheck.sanity` has further checks to run before a long training.
"""

from halfspaces.gradcheck import sanity
from halfspaces.gradcheck.check import check_gradient, numerical_gradient
from halfspaces.gradcheck.components import check_component, check_prox, check_registry, prox_slack
from halfspaces.gradcheck.differences import relative_error
from halfspaces.gradcheck.judge import Coordinate
from halfspaces.gradcheck.problem import WEIGHTS_AND_BIAS, Problem, data_loss, small_problem
from halfspaces.gradcheck.report import BlockRow, Check, GradientReport

__all__ = [
    "WEIGHTS_AND_BIAS",
    "BlockRow",
    "Check",
    "Coordinate",
    "GradientReport",
    "Problem",
    "check_component",
    "check_gradient",
    "check_prox",
    "check_registry",
    "data_loss",
    "numerical_gradient",
    "prox_slack",
    "relative_error",
    "sanity",
    "small_problem",
]
