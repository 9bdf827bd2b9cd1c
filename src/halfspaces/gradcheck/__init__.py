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

`diagnose` is for a loss of one's own, such as loss(W, X, y, reg): it makes up data, checks the data
loss and the penalty apart, names the likely bug, and applies the course's sanity checks;
`assert_gradient` does so in a test. `slope_rows` is the lecture's table of W + h.

`check_component` and `check_registry` apply this to losses and penalties.
`halfspaces.gradcheck.sanity` has further checks to run before a long training.
"""

from halfspaces.gradcheck import sanity
from halfspaces.gradcheck.check import check_gradient, numerical_gradient
from halfspaces.gradcheck.complex_step import complex_gradient
from halfspaces.gradcheck.components import check_component, check_prox, check_registry, prox_slack
from halfspaces.gradcheck.diagnosis import Diagnosis
from halfspaces.gradcheck.differences import relative_error
from halfspaces.gradcheck.doctor import assert_gradient, diagnose
from halfspaces.gradcheck.errors_display import GradientErrorsDisplay
from halfspaces.gradcheck.hints import Hint
from halfspaces.gradcheck.judge import Coordinate
from halfspaces.gradcheck.problem import WEIGHTS_AND_BIAS, Problem, data_loss, small_problem
from halfspaces.gradcheck.report import BlockRow, Check, GradientReport
from halfspaces.gradcheck.slope_table import SlopeRow, slope_along, slope_rows, worked_example
from halfspaces.gradcheck.steps_display import GradientStepsDisplay

__all__ = [
    "WEIGHTS_AND_BIAS",
    "BlockRow",
    "Check",
    "Coordinate",
    "Diagnosis",
    "GradientErrorsDisplay",
    "GradientReport",
    "GradientStepsDisplay",
    "Hint",
    "Problem",
    "SlopeRow",
    "assert_gradient",
    "check_component",
    "check_gradient",
    "check_prox",
    "check_registry",
    "complex_gradient",
    "data_loss",
    "diagnose",
    "numerical_gradient",
    "prox_slack",
    "relative_error",
    "sanity",
    "slope_along",
    "slope_rows",
    "small_problem",
    "worked_example",
]
