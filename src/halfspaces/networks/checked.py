"""Checks of a torch module before it is trained: each problem in one sentence."""

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from halfspaces.networks.score import TorchScore
from halfspaces.support.types import Array, Block

DRAWS = 8  # of a few rows: rare noise may spare them once


def checked_score(
    module: nn.Module, rows: Array, n_classes: int, input_shape: tuple[int, ...], seed: int = 0
) -> TorchScore:
    """The score function of a copy of the module, once it is known to fit the rows.

    Parameters
    ----------
    module : torch.nn.Module
    rows : array, shape (B, D)
        A few examples.
    n_classes : int
        C.
    input_shape : tuple of int
        Shape of one example.
    seed : int
        Of the noise.

    Raises
    ------
    TypeError
        If the module is none.
    ValueError
        If it has nothing to train, does not take the rows, or returns other than finite scores
        (B, C); or if a parameter has no gradient.

    Examples
    --------
    >>> checked_score(nn.Linear(3, 7), np.eye(3), n_classes=10, input_shape=(3,))
    Traceback (most recent call last):
    ValueError: The module returns scores of shape (3, 7) for 3 examples of 10 classes, which need
    (3, 10); change its last layer.
    """
    check_is_module(module)
    if math.prod(input_shape) != rows.shape[1]:
        raise ValueError(
            f"An example of shape {input_shape} has {math.prod(input_shape)} values, but a row of "
            f"X has {rows.shape[1]}; give the input_shape of a row."
        )
    score = TorchScore(_own(module), tuple(input_shape), seed)
    block = Block(rows, np.zeros(len(rows), int), None, np.arange(len(rows)))
    _check_outputs(score, block, n_classes)
    _check_gradients(score, block)
    return TorchScore(score.module, score.input_shape, seed, draws=_draws(score, block))


def check_is_module(module: object) -> None:
    """Raise TypeError unless it is a torch.nn.Module."""
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"The score must be a torch.nn.Module, got {type(module).__name__}; give one, "
            "or 'mlp' or 'resnet'."
        )


def _own(module: nn.Module) -> nn.Module:
    """A copy of the module on the CPU."""
    try:
        own = copy.deepcopy(module).cpu()
    except Exception as error:
        raise ValueError(f"The module cannot be copied ({_first_line(error)}).") from error
    kinds = {p.dtype for p in own.parameters() if p.requires_grad}
    if not kinds:
        raise ValueError("The module has no parameters to train; give one with layers.")
    if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
        names = " and ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
        raise ValueError(
            f"The module's parameters are {names}; use float32 (module.float()) or float64."
        )
    return own


def _scores(score: TorchScore, block: Block, **options: Any) -> Array:
    at = score.at(score.initial(1, 0), np.dtype(score.dtype), gradient=False, **options)
    return at.forward(block).scores


def _check_outputs(score: TorchScore, block: Block, n_classes: int) -> None:
    rows = len(block.X)
    try:
        scores = _scores(score, block)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"The module cannot compute scores of examples of shape {(rows, *score.input_shape)}: "
            f"{_first_line(error)}"
        ) from error
    if scores.shape != (rows, n_classes):
        raise ValueError(
            f"The module returns scores of shape {scores.shape} for {rows} examples of {n_classes} "
            f"classes, which need {(rows, n_classes)}; change its last layer."
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            "The module returns NaN or infinity at its initial parameters; check them, and scale "
            "the inputs."
        )


def _check_gradients(score: TorchScore, block: Block) -> None:
    """Raise ValueError unless every parameter has a gradient."""
    score.module.eval()
    x = torch.from_numpy(np.asarray(block.X)).to(next(score.module.parameters()).dtype)
    outputs = score.module(x.reshape(-1, *score.input_shape))
    trained = {name: p for name, p in score.module.named_parameters() if p.requires_grad}
    gradients: tuple[Tensor | None, ...] = (None,) * len(trained)
    if outputs.requires_grad:
        gradients = torch.autograd.grad(outputs.sum(), list(trained.values()), allow_unused=True)
    missing = [name for name, g in zip(trained, gradients, strict=True) if g is None]
    if missing:
        name = missing[0].removeprefix(getattr(score.module, "prefix", ""))
        raise ValueError(
            f"The scores have no gradient in the module's parameter {name!r}: it is not "
            "used, or a step after it has no derivative (argmax, round, detach); mend forward, or "
            "freeze it with requires_grad_(False)."
        )


def _draws(score: TorchScore, block: Block) -> bool:
    """Whether scores while training differ from draw to draw, or from those at inference."""
    inference = _scores(score, block)
    return any(not np.array_equal(_scores(score, block, draw=k), inference) for k in range(DRAWS))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
