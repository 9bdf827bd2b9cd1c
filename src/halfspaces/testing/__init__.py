"""Conformance checks: laws of losses, penalties, noise, optimizers and features, your own too.

`check_loss`, `check_penalty`, `check_noise`, `check_optimizer` and `check_feature` check all laws
of a component and name those that it breaks, with figures; `check_module`, `check_dropping` and
`check_pooling` do so for torch modules:

    from halfspaces.testing import check_loss

    def test_my_loss():
        check_loss(MyLoss(temperature=2.0))

Each law is also a function: `LOSS_LAWS["law_gradient"](MyLoss())`. The fix of a bug begins with the
law that it broke, which is then checked for all components.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from halfspaces.engines import Engine
from halfspaces.losses.base import Loss
from halfspaces.losses.softmax import Softmax
from halfspaces.noise.base import Noise
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import Optimizer
from halfspaces.penalties.base import Penalty
from halfspaces.scores.base import Score
from halfspaces.support.types import Array
from halfspaces.testing.duality import LAWS as DUALITY_LAWS
from halfspaces.testing.losses import LAWS as SCORE_LAWS
from halfspaces.testing.noise import LAWS as NOISE_LAWS
from halfspaces.testing.noise import Scores
from halfspaces.testing.optimizer_resume import LAWS as RESUME_LAWS
from halfspaces.testing.optimizer_stacks import LAWS as STACK_LAWS
from halfspaces.testing.optimizers import LAWS as RUN_LAWS
from halfspaces.testing.penalties import LAWS as PENALTY_LAWS
from halfspaces.testing.runs import small_objective
from halfspaces.testing.scores import LAWS as FUNCTION_LAWS
from halfspaces.testing.words import Law

if TYPE_CHECKING:
    from torch import nn

    from halfspaces.features import Feature

__all__ = [
    "LOSS_LAWS",
    "NOISE_LAWS",
    "OPTIMIZER_LAWS",
    "PENALTY_LAWS",
    "check_dropping",
    "check_engine",
    "check_feature",
    "check_loss",
    "check_module",
    "check_noise",
    "check_optimizer",
    "check_penalty",
    "check_pooling",
    "check_score",
]

LOSS_LAWS: dict[str, Law] = {**SCORE_LAWS, **DUALITY_LAWS}
OPTIMIZER_LAWS: dict[str, Law] = {**RUN_LAWS, **RESUME_LAWS, **STACK_LAWS}


def check_loss(loss: Loss, *, n_classes: int = 4, seed: int = 0) -> None:
    """Check a loss, and its smoothed form, by every law of `LOSS_LAWS`.

    Parameters
    ----------
    loss : Loss
        With every option switched on: laws check no other.
    n_classes : int ≥ 2
    seed : int
        Seed of the random scores.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.losses.hinge import SquaredHinge
    >>> check_loss(SquaredHinge(margin=2.0))
    """
    _check_all(LOSS_LAWS, loss, n_classes=n_classes, seed=seed)
    if not loss.smooth:
        _check_all(LOSS_LAWS, loss.smoothed(0.1), n_classes=n_classes, seed=seed)


def check_score(
    score: Score, X: Array, *, n_classes: int = 3, loss: Loss | None = None, seed: int = 0
) -> None:
    """Check a score function by every law of score functions.

    Parameters
    ----------
    score : Score
        In float64; with every option switched on: laws check no other.
    X : array, shape (N, D)
        A few rows, float64.
    n_classes : int ≥ 2
    loss : Loss or None
        By which gradients are checked; None: softmax.
    seed : int
        Of the parameters.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces.rows.standardization import Standardization
    >>> from halfspaces.scores.linear import Linear
    >>> X = np.random.default_rng(0).standard_normal((8, 4))
    >>> check_score(Linear(Standardization.identity(4), np.zeros(4)), X)
    """
    _check_all(FUNCTION_LAWS, score, X=X, n_classes=n_classes, loss=loss or Softmax(), seed=seed)


def check_penalty(penalty: Penalty, *, seed: int = 0) -> None:
    """Check a penalty by every law of `PENALTY_LAWS`.

    Parameters
    ----------
    penalty : Penalty
        One with a number for each member (a tuple) is checked on as many members.
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


def check_noise(noise: Noise, *, scores: Scores = Scores(), seed: int = 0) -> None:  # noqa: B008
    """Check noise, and the scores that draw it, by every law of `NOISE_LAWS`.

    Parameters
    ----------
    noise : Noise
    scores : Scores
        The classes of the scores with noise and with its adaptive L2 term.
    seed : int
        Seed of the random examples and parameters.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.noise import Dropout
    >>> check_noise(Dropout(0.3))
    """
    _check_all(NOISE_LAWS, noise, scores=scores, seed=seed)


def check_optimizer(
    optimizer: Optimizer,
    *,
    objective: Objective | None = None,
    converges: bool = True,
    seed: int = 0,
) -> None:
    """Check an optimizer by every law of `OPTIMIZER_LAWS`.

    Parameters
    ----------
    optimizer : Optimizer
        With numbers that suit a small problem: 60 examples, 5 features, 3 classes.
    objective : Objective, optional
        One of a few examples, in float64, instead of that problem (softmax and L2).
    converges : bool
        Whether it must reach the optimum, if it uses gradients on all rows. Methods whose steps
        shrink too fast do not reach it.
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


def check_engine(engine: Engine, *, seed: int = 0) -> None:
    """Check an engine by every law of `testing/engines.py`.

    Parameters
    ----------
    engine : Engine
        With workers that run.
    seed : int
        Seed of the rows and parameters.

    Raises
    ------
    AssertionError
        With a line for each broken law.

    Examples
    --------
    >>> from halfspaces.engines import Threads
    >>> check_engine(Threads(n_jobs=3))
    """
    from halfspaces.testing.engines import LAWS

    _check_all(LAWS, engine, seed=seed)


def check_feature(feature: "Feature", *, size: tuple[int, int] = (32, 40), seed: int = 0) -> None:
    """Check a feature by every law of `testing/features.py`.

    Parameters
    ----------
    feature : Feature
        A small one if it learns from images: there are 24.
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


def check_module(module: "nn.Module", *, shape: Sequence[int], seed: int = 0) -> None:
    """Check a torch module by every law of `MODULE_LAWS` in `testing/layers.py`.

    Its gradient is compared with differences for every loss, with its random masks held fixed;
    inference must be deterministic, noise must come from torch's global generator, and running
    statistics must tend to those of a batch.

    Parameters
    ----------
    module : torch.nn.Module
        A small one, with every regularizer switched on. Outputs (B, ...) count as B examples'
        scores. It is copied, never changed.
    shape : sequence of int
        Shape of one example.
    seed : int
        Seed of examples and masks.

    Raises
    ------
    AssertionError
        With a line for each broken law.
    ImportError
        If torch is missing.

    Examples
    --------
    >>> from halfspaces.networks import MLP
    >>> check_module(MLP(hidden=(4,), dropout=0.5).module((3,), 2), shape=(3,))  # doctest: +SKIP
    """
    from halfspaces.testing.layers import MODULE_LAWS

    _check_all(MODULE_LAWS, module, shape=shape, seed=seed)


def check_dropping(
    layer: "nn.Module",
    *,
    shape: Sequence[int],
    keep: float,
    unit: Literal["element", "example"] = "element",
    seed: int = 0,
) -> None:
    """Check a layer that drops at random by every law of `DROPPING_LAWS` in `testing/layers.py`.

    Each unit is kept with probability `keep` and then divided by it; the expectation is what
    inference computes.

    Parameters
    ----------
    layer : torch.nn.Module
        torch.nn.Dropout, StochasticDepth, ...
    shape : sequence of int
        Shape of one example.
    keep : float
        Probability with which a unit is kept, 0 < keep < 1.
    unit : "element" or "example"
        What is dropped or kept as a whole.
    seed : int
        Seed of the masks.

    Raises
    ------
    AssertionError
        With a line for each broken law.
    ImportError
        If torch is missing.
    """
    from halfspaces.testing.layers import DROPPING_LAWS

    _check_all(DROPPING_LAWS, layer, shape=shape, keep=keep, unit=unit, seed=seed)


def check_pooling(
    layer: "nn.Module", *, size: tuple[int, int], overlapping: bool = False, seed: int = 0
) -> None:
    """Check fractional max pooling by every law of `POOLING_LAWS` in `testing/layers.py`.

    Regions cover the input, have the sizes that the factor allows, are drawn anew in each training
    pass and are fixed at inference.

    Parameters
    ----------
    layer : torch.nn.Module
    size : tuple of two ints
        Height and width of the images, which must not be multiples of the pooled ones.
    overlapping : bool
        Whether each region includes the first position of the next one.
    seed : int
        Seed of images and regions.

    Raises
    ------
    AssertionError
        With a line for each broken law.
    ImportError
        If torch is missing.
    """
    from halfspaces.testing.layers import POOLING_LAWS

    _check_all(POOLING_LAWS, layer, size=size, overlapping=overlapping, seed=seed)


def _check_all(laws: Mapping[str, Law], component: Any, **options: Any) -> None:
    broken = []
    for law in laws.values():
        try:
            law(component, **options)
        except AssertionError as error:
            broken.append(str(error))
    if broken:
        raise AssertionError("\n".join(broken))
