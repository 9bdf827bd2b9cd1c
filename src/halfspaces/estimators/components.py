"""Losses, penalties, noise and optimizers of an estimator, given by name or as instances."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.noise import NOISES, AdaptiveL2, Noise, NoNoise
from halfspaces.noise.adaptive_score import AdaptiveScore
from halfspaces.noise.noisy import Noisy
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import OPTIMIZERS, Optimizer
from halfspaces.optimizers.choose import Choice, choose_for
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty
from halfspaces.system.names import lookup

DEFAULT_STRENGTH = 1e-2  # see docs/decisions/strengths.md


def make_loss(loss: str | Loss) -> Loss:
    """The loss of a name, or the loss itself."""
    return lookup("loss", loss, LOSSES, Loss)


def make_penalty(
    penalty: str | Penalty,
    strength: float | tuple[float, ...] | None,
    default: float = DEFAULT_STRENGTH,
) -> Penalty:
    """The penalty of a name, with a strength if it has one, or the penalty itself.

    `default` stands for the strength None.

    Raises
    ------
    ValueError
        If a strength is given to a penalty that has none, or that carries its own.

    Examples
    --------
    >>> make_penalty("l2", 0.5)
    L2(strength=0.5)
    """
    kind = lookup("penalty", penalty, PENALTIES, Penalty)
    if isinstance(kind, Penalty):
        if strength is not None:
            raise ValueError(
                f"strength={strength!r} was given beside penalty={penalty!r}, "
                "which carries its own; give one."
            )
        return kind
    if kind.has_strength:
        return kind(default if strength is None else strength)
    if strength is not None:
        options = [f"{option.name}=..." for option in fields(kind)]
        remedy = f"penalty={kind.__name__}({', '.join(options)})" if options else "strength=None"
        raise ValueError(
            f"penalty={penalty!r} takes no strength, got strength={strength!r}; use {remedy}."
        )
    return kind()


def penalty_by_strength(penalty: str | Penalty) -> Callable[[float], Penalty]:
    """The function that returns the penalty of a name, or like the instance, for any strength.

    Raises
    ------
    ValueError
        If the penalty has no strength.

    Examples
    --------
    >>> penalty_by_strength("l1")(0.5)
    L1(strength=0.5)
    """
    kind = lookup("penalty", penalty, PENALTIES, Penalty)
    if not kind.has_strength:
        raise ValueError(f"penalty={penalty!r} has no strength to choose; use LinearClassifier.")
    return kind if isinstance(kind, type) else kind.with_strength


def make_noise(noise: str | Noise | AdaptiveL2 | None) -> Noise | AdaptiveL2 | None:
    """The noise of a name, or the noise itself; None for no noise.

    Examples
    --------
    >>> make_noise("dropout"), make_noise("none")
    (Dropout(probability=0.5), None)
    """
    if noise is None or isinstance(noise, AdaptiveL2):
        return noise
    kind = lookup("noise", noise, NOISES, Noise)
    made = kind if isinstance(kind, Noise) else kind()
    return None if isinstance(made, NoNoise) else made


def with_noise(
    objective: Objective, noise: str | Noise | AdaptiveL2 | None, seed: int = 0
) -> Objective:
    """The objective whose scores draw the noise, or whose loss has its adaptive L2 term.

    Raises
    ------
    ValueError
        If the noise would fill sparse rows, or the loss has no such term.
    """
    made = make_noise(noise)
    if made is None:
        return objective
    linear = objective.linear
    if isinstance(made, AdaptiveL2):
        made.noise.check_rows(objective.blocks.X)
        scores = AdaptiveScore(linear, made.noise, objective.loss)
        return replace(objective, score_function=scores)
    made.check_rows(objective.blocks.X)
    return replace(objective, score_function=Noisy(linear, made, seed))


def make_optimizer(optimizer: str | Optimizer, objective: Objective, seed: int | None) -> Choice:
    """The optimizer of a name, or the optimizer itself; "auto" chooses by the objective.

    A seed replaces the optimizer's own. "lbfgs" takes the preconditioner that "auto" would take.
    """
    if isinstance(optimizer, str) and optimizer == "auto":
        return choose_for(objective)
    score = objective.score
    preconditioned = objective.penalty.smooth and score.linear and not score.draws
    if isinstance(optimizer, str) and optimizer == "lbfgs" and preconditioned:
        return Choice(choose_for(objective, lbfgs=True).optimizer, "asked for")
    kind = lookup("optimizer", optimizer, {"auto": None, **OPTIMIZERS}, Optimizer)
    made: Any = kind if isinstance(kind, Optimizer) else kind()
    if seed is not None and hasattr(made, "seed"):
        made = replace(made, seed=seed)
    return Choice(made, "asked for")
