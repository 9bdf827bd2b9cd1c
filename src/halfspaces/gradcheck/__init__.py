"""Gradient checks: is the analytic gradient the slope of the loss?

`numerical_gradient` is the slow, simple definition. `check_gradient` compares an analytic gradient
with it at a sample of the coordinates and says what is wrong. Three properties make it reliable:

* Steps and tolerances follow from the measured rounding noise of f. Noise of float32 is reported
  and not taken for a wrong gradient.
* A kink inside the interval of a difference is recognized, and the interval is shrunk. At the kink
  itself the analytic value must lie between the one-sided slopes; the report lists the coordinate.
* A random direction depends on all coordinates, sampled or not: f(x + td) − f(x) − t⟨g, d⟩ falls
  like t² only if all of g is right.

`check_component` and `check_registry` apply this to losses and penalties.
`halfspaces.gradcheck.sanity` has further checks to run before a long training.
"""

from halfspaces.gradcheck.check import check_gradient, numerical_gradient
from halfspaces.gradcheck.components import check_component, check_prox, check_registry, prox_slack
from halfspaces.gradcheck.differences import relative_error
from halfspaces.gradcheck.problem import WEIGHTS_AND_BIAS, Problem, data_loss, small_problem
from halfspaces.gradcheck.report import BlockRow, Check, Coordinate, GradientReport

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
    "small_problem",
]
