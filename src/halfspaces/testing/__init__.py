"""Conformance checks: the laws of all losses, penalties, optimizers and features.

`check_loss`, `check_penalty`, `check_optimizer` and `check_feature` test a component, also one of
your own, against all of its laws, and name the broken ones, with figures:

    from halfspaces.testing import check_loss

    def test_my_loss():
        check_loss(MyLoss(temperature=2.0))

Each law is a function: `LOSS_LAWS["law_gradient"](MyLoss())`. The fix of a bug begins with a law
that the bug breaks; the law is then checked for all components.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.penalties.base import Penalty
from halfspaces.testing import duality, losses, optimizers, penalties, resuming
from halfspaces.testing.runs import small_objective
from halfspaces.testing.words import Law

if TYPE_CHECKING:
    from halfspaces.features import Feature

__all__ = [
    "LOSS_LAWS",
    "OPTIMIZER_LAWS",
    "PENALTY_LAWS",
    "check_feature",
    "check_loss",
    "check_optimizer",
    "check_penalty",
]

LOSS_LAWS = losses.LAWS | duality.LAWS
OPTIMIZER_LAWS = optimizers.LAWS | resuming.LAWS
PENALTY_LAWS = penalties.LAWS


def check_loss(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Test a loss, and its smoothed form, against every law of `LOSS_LAWS`.

    Parameters
    ----------
    loss : Loss
        With every option on: laws test only options that are on.
    n_classes : int ≥ 2
    seed : int
        Seed of the random scores.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.losses.hinge import Hinge
    >>> check_loss(Hinge(margin=2.0))
    """
    _check_all(LOSS_LAWS, loss, n_classes=n_classes, seed=seed)
    if not loss.smooth:
        _check_all(LOSS_LAWS, loss.smoothed(0.1), n_classes=n_classes, seed=seed)


def check_penalty(penalty: Penalty, *, seed: int = 0) -> None:
    """Test a penalty against every law of `PENALTY_LAWS`.

    Parameters
    ----------
    penalty : Penalty
        With a tuple of numbers it is tested with this number of members.
    seed : int
        Seed of the random parameters.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.penalties.elastic_net import ElasticNet
    >>> check_penalty(ElasticNet((0.1, 2.0), beta=0.5))
    """
    _check_all(PENALTY_LAWS, penalty, seed=seed)


def check_optimizer(
    optimizer: Optimizer,
    *,
    objective: Objective | None = None,
    converges: bool = True,
    seed: int = 0,
) -> None:
    """Test an optimizer against every law of `OPTIMIZER_LAWS`.

    Parameters
    ----------
    optimizer : Optimizer
        With options for a small problem: 60 examples, 5 features, 3 classes.
    objective : Objective, optional
        A small objective in float64 instead of this problem (softmax and L2).
    converges : bool
        Whether it must reach the optimum, if it uses gradients on all rows. With steps that shrink
        too fast it cannot.
    seed : int
        Seed of the random starting points.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.optimizers import LBFGS
    >>> check_optimizer(LBFGS(memory=3))
    """
    laws = {name: law for name, law in OPTIMIZER_LAWS.items() if converges or name != "law_optimum"}
    _check_all(laws, optimizer, objective=objective or small_objective(), seed=seed)


def check_feature(feature: "Feature", *, size: tuple[int, int] = (32, 40), seed: int = 0) -> None:
    """Test a feature against every law of `halfspaces.testing.features.LAWS`.

    Parameters
    ----------
    feature : Feature
        If it learns, with small options: there are 24 images.
    size : tuple of two ints
        Height and width of the images.
    seed : int
        Seed of the images.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.features import Pixels
    >>> check_feature(Pixels())
    """
    from halfspaces.testing.features import LAWS

    _check_all(LAWS, feature, size=size, seed=seed)


def _check_all(laws: Mapping[str, Law], component: Any, **options: Any) -> None:
    broken: list[str] = []
    for law in laws.values():
        try:
            law(component, **options)
        except AssertionError as error:
            broken.append(str(error))
    if broken:
        raise AssertionError("\n".join(broken))
