"""Choosing the optimizer for an objective: a table of rules; the first that applies decides.

The page docs/how-to-choose.md is written from the same table.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from halfspaces.engines import PartitionedBlocks, is_sparse
from halfspaces.engines.devices.device_blocks import DeviceBlocks
from halfspaces.loop.optimizer import Optimizer
from halfspaces.losses.base import Loss
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.coordinate_descent import CoordinateDescent
from halfspaces.optimizers.dual_ascent import DualAscent, loss_after
from halfspaces.optimizers.dual_rows import difficulty, refusal
from halfspaces.optimizers.exact_hessian import hessian_work
from halfspaces.optimizers.gradient_descent import SGD
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.optimizers.newton import Newton
from halfspaces.optimizers.proximal_gradient import ProximalGradient
from halfspaces.optimizers.proximal_newton import ProximalNewton
from halfspaces.penalties.base import Penalty
from halfspaces.preconditioners.gram import ByClass, Gram
from halfspaces.preconditioners.low_rank import LowRank

# Below this number of stored values of X, a pass over the data costs next to nothing: less than one
# step of a proximal Newton method in its model, unless there are few features.
SMALL = 1 << 20
FEW_FEATURES = 32
# Up to this number of multiply-adds for a system of Newton's method, its 5 to 9 turns take less
# time than the 10 to 60 of L-BFGS: a third for iris and wine, a half for digits one-vs-all (8
# million a class). Beyond it they take longer on most data: up to twice as long at 20 million.
HESSIAN_WORK = 8_000_000
# Beyond this number of features, a D × D factor costs more than the passes that it saves over a
# preconditioner of low rank.
GRAM_FEATURES = 4096
# Dual ascent visits rows one by one; where there are many values, products with a Gram matrix as
# preconditioner are faster. Its epochs grow with the difficulty (`dual_rows.difficulty`).
DUAL_VALUES = 1 << 26
EASY = 5.0
# Of a difficult objective it takes few epochs all the same where most examples come to meet their
# margins, as they can with more features than examples; the others are faster by far where they do
# not. A few epochs tell: with kinks they left a loss of 0.04 to 1.04 Δ on the former data, and of
# 1.2 to 6 Δ on the latter.
TRIED, LEFT = 5, 1.1


class Choice(NamedTuple):
    """An optimizer and the reason for it."""

    optimizer: Optimizer
    why: str


class Case(NamedTuple):
    """The properties of an objective that the choice depends on."""

    loss: Loss
    penalty: Penalty
    n_features: int
    uncorrelated: bool
    small: bool
    draws: bool = False
    convex: bool = True
    sparse: bool = False
    small_hessian: bool = False
    dual: bool = False


class Condition(NamedTuple):
    """A condition in words, and the test of it."""

    words: str
    holds: Callable[[Case], bool]


@dataclass(frozen=True)
class Rule:
    """Where all conditions hold, the optimizer that `make` returns, and the reason.

    The reason may contain {penalty}, which stands for the name of the penalty's class.
    """

    conditions: tuple[Condition, ...]
    name: str
    make: Callable[[], Optimizer]
    reason: str

    def applies(self, case: Case) -> bool:
        """Whether all conditions hold."""
        return all(condition.holds(case) for condition in self.conditions)

    def choice(self, case: Case) -> Choice:
        """The optimizer, with the reason in words."""
        reason = self.reason.format(penalty=type(case.penalty).__name__)
        made = self.make()
        in_stages = isinstance(made, LBFGS) and not case.loss.smooth
        smoothing = SMOOTHING if in_stages else ""
        return Choice(made, f"{self.name}: {reason}{smoothing}")


def _shrinks(case: Case) -> bool:
    return not case.penalty.smooth and case.penalty.thresholds(1) is not None


def _is_constraint(case: Case) -> bool:
    penalty = case.penalty
    return not penalty.smooth and penalty.curvature(1) == (0.0,) and hasattr(penalty, "radius")


SMOOTHING = ", the loss smoothed in stages because it has kinks"
NOISE = "each pass draws the noise anew, so values of two passes cannot be compared"
GRADIENTS = "loss and penalty have gradients"

DRAWN = Condition("noise is drawn (`Dropout`, `GaussianNoise`)", lambda case: case.draws)
ADAPTIVE = Condition(
    "the loss has the term of `AdaptiveL2`, so it may not be convex", lambda case: not case.convex
)
SHRINKS = Condition("the penalty sets weights to 0 (`l1`, `elastic_net`)", _shrinks)
CONSTRAINT = Condition("the penalty is a constraint (`max_norm`)", _is_constraint)
KINK = Condition("the penalty has no gradient", lambda case: not case.penalty.smooth)
NARROW = Condition(
    f"at most {GRAM_FEATURES:,} features", lambda case: case.n_features <= GRAM_FEATURES
)
WIDE = Condition(
    f"more than {GRAM_FEATURES:,} features", lambda case: case.n_features > GRAM_FEATURES
)
CHEAP_MODEL = Condition(
    f"at least {SMALL:,} stored values or at most {FEW_FEATURES} features",
    lambda case: not case.small or case.n_features <= FEW_FEATURES,
)
SPARSE = Condition("sparse rows", lambda case: case.sparse)
# Coordinate descent knows the second derivative of these exactly; of others it takes a bound, with
# which it is no faster than a proximal gradient.
BENT = Condition(
    "softmax, or a one-vs-all loss without kinks",
    lambda case: isinstance(case.loss, Softmax | OneVsAll) and case.loss.smooth,
)
FEW = Condition(f"fewer than {SMALL:,} stored values", lambda case: case.small)
QUADRATIC = Condition(
    "the loss has no kinks, the penalty is `l2` or `none`",
    lambda case: case.loss.smooth and case.penalty.thresholds(1) is not None,
)
SMALL_HESSIAN = Condition(
    f"at most {HESSIAN_WORK:,} multiply-adds for the Hessian, or for that of each class one-vs-all",
    lambda case: case.small_hessian,
)
HINGE = Condition(
    "a hinge, squared hinge or Crammer-Singer, at most "
    f"{DUAL_VALUES:,} stored values, and mean ‖x‖² at most {EASY:g} N times the penalty's "
    f"curvature; any if N ≤ D; with kinks or with more than {GRAM_FEATURES:,} features any if "
    f"{TRIED} epochs leave a mean loss of at most {LEFT:g} Δ",
    lambda case: case.dual,
)
# Word counts of equal variance are nearly uncorrelated, and a pass over them costs little beside a
# step with a Gram matrix of that size.
UNCORRELATED = Condition("sparse rows, standardized", lambda case: case.uncorrelated)

RULES = (
    Rule(
        (DRAWN, FEW),
        "minibatch SGD, 100 epochs",
        lambda: SGD(epochs=100),
        NOISE,
    ),
    Rule((DRAWN,), "minibatch SGD", SGD, NOISE),
    Rule(
        (ADAPTIVE, KINK),
        "proximal gradient, accelerated",
        ProximalGradient,
        "{penalty} has a kink, so steps go through its prox",
    ),
    Rule(
        (HINGE,),
        "dual ascent",
        DualAscent,
        "each dual point has few values, and most soon stay at a bound",
    ),
    Rule(
        (SHRINKS, NARROW, CHEAP_MODEL),
        "proximal Newton on the Gram matrix",
        ProximalNewton,
        "{penalty} has a kink, so each step minimizes a model that keeps it",
    ),
    Rule(
        (SHRINKS, WIDE, SPARSE, BENT),
        "coordinate descent",
        CoordinateDescent,
        "few weights are not 0, and the columns of these have few stored values",
    ),
    Rule(
        (CONSTRAINT,),
        "proximal gradient, accelerated",
        ProximalGradient,
        "{penalty} is a constraint, so steps go through its prox",
    ),
    Rule(
        (KINK,),
        "proximal gradient, accelerated",
        ProximalGradient,
        "{penalty} has a kink, so steps go through its prox",
    ),
    Rule(
        (FEW, QUADRATIC, SMALL_HESSIAN),
        "Newton's method",
        Newton,
        "the Hessian is small, so few passes with it cost less than many without",
    ),
    Rule((WIDE, UNCORRELATED), "L-BFGS", LBFGS, GRADIENTS),
    Rule(
        (WIDE,),
        "L-BFGS preconditioned by a Gram matrix of low rank",
        lambda: LBFGS(preconditioner=LowRank()),
        GRADIENTS,
    ),
    Rule(
        (FEW,),
        "L-BFGS preconditioned by the Gram matrix",
        lambda: LBFGS(preconditioner=Gram()),
        GRADIENTS,
    ),
    Rule(
        (),
        "L-BFGS preconditioned by the Gram matrix",
        lambda: LBFGS(preconditioner=ByClass()),
        GRADIENTS,
    ),
)


def choose_for(objective: Objective, *, lbfgs: bool = False, path: bool = False) -> Choice:
    """The optimizer for an objective.

    With `lbfgs` the L-BFGS in the place of optimizers that are faster there; with `path` for many
    strengths, so that the penalty's own does not count.
    """
    sparse = is_sparse(objective.blocks.X)
    lbfgs = lbfgs or isinstance(objective.blocks, DeviceBlocks)  # others take the rows here
    small = objective.n_examples * objective.blocks.row_size < SMALL
    return choose(
        objective.loss,
        objective.penalty,
        objective.n_features,
        uncorrelated=sparse and objective.standardization is not None,
        small=small,
        draws=objective.score.draws,
        convex=objective.score.certified or objective.score.draws,
        sparse=sparse,
        small_hessian=not lbfgs and _has_small_hessian(objective),
        dual=not lbfgs and _has_easy_dual(objective, path=path),
    )


def _has_easy_dual(objective: Objective, *, path: bool) -> bool:
    elsewhere = isinstance(objective.blocks, PartitionedBlocks)
    if elsewhere or objective.n_examples * objective.blocks.row_size > DUAL_VALUES:
        return False
    if path and not objective.loss.smooth:
        return refusal(objective) is None
    hard = difficulty(objective)
    if math.isinf(hard):
        return False
    if hard <= EASY or objective.n_examples <= objective.n_features:
        return True
    hard_for_others = not objective.loss.smooth or objective.n_features > GRAM_FEATURES
    return hard_for_others and loss_after(objective, TRIED) <= LEFT * objective.loss.margin


def _has_small_hessian(objective: Objective) -> bool:
    shape = objective.n_examples, objective.n_features + 1, objective.n_classes
    return objective.score_function is None and hessian_work(objective.loss, *shape) <= HESSIAN_WORK


def choose(
    loss: Loss,
    penalty: Penalty,
    n_features: int,
    *,
    uncorrelated: bool = False,
    small: bool = False,
    draws: bool = False,
    convex: bool = True,
    sparse: bool = False,
    small_hessian: bool = False,
    dual: bool = False,
) -> Choice:
    """The optimizer for a loss, a penalty and a number of features: the first rule that applies.

    `uncorrelated` says that the features are nearly uncorrelated, `small` that X has so few stored
    values that a pass over it costs next to nothing, `draws` that the scores draw noise, `convex`
    that L(W) is convex, `sparse` that rows are sparse, `small_hessian` that the Hessian is cheap,
    `dual` that dual ascent takes few epochs.

    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> choose(Softmax(), L1(0.1), 64).why
    'proximal Newton on the Gram matrix: L1 has a kink, so each step ...'
    """
    case = Case(
        loss, penalty, n_features, uncorrelated, small, draws, convex, sparse, small_hessian, dual
    )
    return next(rule for rule in RULES if rule.applies(case)).choice(case)
