"""The laws of torch modules: whole networks, layers that drop at random, fractional pooling.

A law works on copies: a module comes back as it was, and so does torch's global generator.
"""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from halfspaces.gradcheck.check import check_gradient
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.support.types import Array
from halfspaces.testing.words import Law, register_in, require, same

MODULE_LAWS: dict[str, Law] = {}
DROPPING_LAWS: dict[str, Law] = {}
POOLING_LAWS: dict[str, Law] = {}
_module_law = register_in(MODULE_LAWS)
_dropping_law = register_in(DROPPING_LAWS)
_pooling_law = register_in(POOLING_LAWS)

Unit = Literal["element", "example"]

EXAMPLES = 6
COPIES = 32  # of a batch: unbiased running variances are then near those of the batch
UNBIASED = 2e-2  # what remains between them
PASSES = 100  # after which running statistics with momentum 0.1 have converged to 3e-5
DRAWS = 400
DEVIATIONS = 5.0  # standard errors that a mean may be away from its expectation


def _double(module: nn.Module, training: bool) -> nn.Module:
    """A copy in float64."""
    return copy.deepcopy(module).double().train(training)


def _rows(shape: Sequence[int], seed: int) -> Tensor:
    values = np.random.default_rng(seed).standard_normal((EXAMPLES, *shape))
    return torch.from_numpy(values)


def _forward(module: nn.Module, x: Tensor, seed: int) -> Tensor:
    """Outputs with the noise of a seed; the global generator comes back as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return module(x)


def _array(outputs: Tensor) -> Array:
    return outputs.detach().numpy()


def _numbers(module: nn.Module) -> dict[str, Array]:
    """Copies of parameters and buffers."""
    return {name: values.numpy().copy() for name, values in module.state_dict().items()}


@_module_law
def law_gradient(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """The gradient of every loss in parameters and inputs is right while training, masks fixed.

    In float64, along a random direction of all parameters and one of all inputs. Outputs of one
    example are its scores.
    """
    for name, loss in LOSSES.items():
        _require_gradient(_Path(_double(module, training=True), loss, shape, seed), name, seed)


@_module_law
def law_gradient_at_inference(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """The same at inference, for softmax."""
    loss = LOSSES["softmax"]
    _require_gradient(_Path(_double(module, training=False), loss, shape, seed), "softmax", seed)


def _require_gradient(path: "_Path", loss: str, seed: int) -> None:
    report = check_gradient(path.value, path.gradient, path.start, seed=seed)
    require(report.ok, f"with the loss {loss}: {report.verdict}")


class _Path:
    """The summed loss at parameters + t₀ · direction, inputs + t₁ · direction, with seeded noise.

    A module without parameters has t₁ alone.
    """

    def __init__(self, module: nn.Module, loss: Loss, shape: Sequence[int], seed: int) -> None:
        self.module = module
        self.loss = loss
        self.seed = seed
        self.names = [name for name, _ in module.named_parameters()]
        values = [values.detach() for values in module.parameters()]
        self.point = [*values, _rows(shape, seed)]
        rng = np.random.default_rng(seed + 1)
        self.directions = [
            torch.from_numpy(rng.standard_normal(each.shape)) * each.abs().mean().clamp(min=0.1)
            for each in self.point
        ]
        self.start = np.zeros(2 if self.names else 1)

    def _scores(self, t: Tensor) -> Tensor:
        times = [t[0]] * len(self.names) + [t[-1]]
        moved = [
            each + time * direction
            for each, time, direction in zip(self.point, times, self.directions, strict=True)
        ]
        # Copies of the buffers move, and not those of the module.
        buffers = {name: values.clone() for name, values in self.module.named_buffers()}
        state = buffers | dict(zip(self.names, moved[:-1], strict=True))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            outputs = torch.func.functional_call(self.module, state, (moved[-1],))
        return outputs.reshape(len(outputs), -1)

    def _loss(self, scores: Tensor) -> tuple[Array, Array]:
        y = np.arange(len(scores)) % scores.shape[1]
        return self.loss.value_and_grad(_array(scores), y)

    def value(self, t: Array) -> float:
        """The summed loss."""
        with torch.no_grad():
            return float(self._loss(self._scores(torch.from_numpy(t)))[0].sum())

    def gradient(self, t: Array) -> Array:
        """Its gradient in t, by the module's backward pass."""
        leaf = torch.tensor(t, requires_grad=True)
        scores = self._scores(leaf)
        scores.backward(torch.from_numpy(self._loss(scores)[1]))
        assert leaf.grad is not None
        return leaf.grad.numpy()


@_module_law
def law_inference(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """At inference two passes give the same bits, draw nothing and change nothing."""
    twin = _double(module, training=False)
    x = _rows(shape, seed)
    before = _numbers(twin)
    state = torch.get_rng_state()
    first = _array(twin(x))
    second = _array(twin(x))
    drawn = not torch.equal(state, torch.get_rng_state())
    torch.set_rng_state(state)
    require(not drawn, "inference draws from torch's global generator.")
    require(np.array_equal(first, second), "two passes at inference differ.")
    for name, values in _numbers(twin).items():
        require(np.array_equal(values, before[name]), f"inference changes {name}.")


@_module_law
def law_row_by_row(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """At inference the outputs of an example do not depend on the other examples."""
    twin = _double(module, training=False)
    x = _rows(shape, seed)
    alone = torch.cat([twin(x[row : row + 1]) for row in range(EXAMPLES)])
    same(_array(alone), _array(twin(x)), "the output of an example alone")


@_module_law
def law_seeded_noise(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """While training all noise comes from torch's global generator; only statistics change."""
    twin = _double(module, training=True)
    x = _rows(shape, seed)
    before = {name: _array(values).copy() for name, values in twin.named_parameters()}
    first = _array(_forward(copy.deepcopy(twin), x, seed))
    second = _array(_forward(copy.deepcopy(twin), x, seed))
    require(np.array_equal(first, second), "two training passes with one seed differ.")
    again = _array(_forward(twin, x, seed))
    require(np.array_equal(first, again), "a training pass depends on the copy that makes it.")
    later = _array(_forward(twin, x, seed))
    require(np.array_equal(first, later), "a training pass depends on the passes before it.")
    for name, values in twin.named_parameters():
        require(np.array_equal(_array(values), before[name]), f"a pass changes {name}.")


@_module_law
def law_running_statistics(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """Norm layers use a batch's statistics while training, and running ones at inference.

    After many passes over one batch both give the same outputs. Other layers are at inference
    throughout. Modules without running statistics have nothing to check.
    """
    twin = _double(module, training=False)
    norms = [each for each in twin.modules() if getattr(each, "running_mean", None) is not None]
    if not norms:
        return
    x = (3 * _rows(shape, seed) + 1).repeat((COPIES,) + (1,) * len(shape))
    for norm in norms:
        norm.train()
    first = _array(_forward(twin, x, seed))
    outputs = first
    for _ in range(PASSES):
        outputs = _array(_forward(twin, x, seed))
    same(outputs, first, "while training, the output of a later pass")
    twin.eval()
    error = np.abs(_array(twin(x)) - outputs).max() / np.abs(outputs).max()
    close = error <= UNBIASED
    require(close, f"after {PASSES} passes inference differs from training by {error:.1e}.")


@_module_law
def law_decayed(module: nn.Module, *, shape: Sequence[int], seed: int = 0) -> None:
    """Weights have two or more dimensions; biases and norm layers' parameters have one.

    That is how penalties tell them apart.
    """
    for owner_name, owner in module.named_modules():
        normalizes = hasattr(owner, "running_mean")
        for name, values in owner.named_parameters(recurse=False):
            plain = normalizes or name.endswith("bias")
            fits = (values.ndim == 1) if plain else (values.ndim >= 2)
            needed = "1" if plain else "2 or more"
            require(fits, f"{owner_name}.{name} has {values.ndim} dimensions, not {needed}.")


def _ones(shape: Sequence[int], count: int) -> Tensor:
    return torch.ones(count, *shape, dtype=torch.float64)


@_dropping_law
def law_kept(
    layer: nn.Module, *, shape: Sequence[int], keep: float, unit: Unit, seed: int = 0
) -> None:
    """The share of units that are kept is `keep`, up to five standard errors.

    A unit is an element, or a whole example, of which all elements are kept or none.
    """
    twin = _double(layer, training=True)
    kept = _array(_forward(twin, _ones(shape, DRAWS), seed)).reshape(DRAWS, -1) != 0
    if unit == "example":
        whole = (kept.all(axis=1) == kept.any(axis=1)).all()
        require(whole, "a part of an example is dropped and another kept.")
        kept = kept[:, :1]
    share = kept.mean()
    allowed = DEVIATIONS * np.sqrt(keep * (1 - keep) / kept.size)
    close = abs(share - keep) <= allowed
    require(close, f"{share:.3f} of the units are kept instead of {keep:.3f} ± {allowed:.3f}.")


@_dropping_law
def law_inverted_scaling(
    layer: nn.Module, *, shape: Sequence[int], keep: float, unit: Unit, seed: int = 0
) -> None:
    """While training ones become 0 or 1 / keep, at inference they remain ones."""
    found = _array(_forward(_double(layer, training=True), _ones(shape, DRAWS), seed))
    same(np.unique(found), [0.0, 1 / keep], "the outputs of ones while training")
    inference = _array(_double(layer, training=False)(_ones(shape, 2)))
    same(inference, np.ones((2, *shape)), "the output of ones at inference")


@_dropping_law
def law_expectation(
    layer: nn.Module, *, shape: Sequence[int], keep: float, unit: Unit, seed: int = 0
) -> None:
    """A linear function of the outputs has, in the mean over masks, its value at inference."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.standard_normal(shape))
    direction = rng.standard_normal(x.numel())
    training = _double(layer, training=True)
    outputs = _array(_forward(training, x.expand(DRAWS, *shape), seed))
    values = outputs.reshape(DRAWS, -1) @ direction
    expected = _array(_double(layer, training=False)(x[None])).ravel() @ direction
    allowed = DEVIATIONS * values.std() / np.sqrt(DRAWS) + 1e-12
    close = abs(values.mean() - expected) <= allowed
    mean = f"{values.mean():.3g} ± {allowed:.1g}"
    require(close, f"the mean over masks is {mean}, and inference gives {expected:.3g}.")


@_dropping_law
def law_fresh_masks(
    layer: nn.Module, *, shape: Sequence[int], keep: float, unit: Unit, seed: int = 0
) -> None:
    """Each pass and each example has a mask of its own."""
    twin = _double(layer, training=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = _array(twin(_ones(shape, DRAWS)))
        second = _array(twin(_ones(shape, DRAWS)))
    require(not np.array_equal(first, second), "two training passes have the same mask.")
    alike = (first == first[:1]).all()
    require(not alike, "all examples of a batch have the same mask.")


def _axis_regions(
    pool: nn.Module, size: tuple[int, int], axis: int, seed: int
) -> tuple[Array, Array]:
    """First and last positions of the regions along an axis of the images, from ramps alone."""
    ramp = np.arange(size[axis], dtype=np.float64)
    ramp = ramp[:, None] if axis == 0 else ramp[None, :]
    image = torch.from_numpy(np.broadcast_to(ramp, size).copy())[None, None]
    last = np.moveaxis(_array(_forward(pool, image, seed))[0, 0], axis, 0)
    first = -np.moveaxis(_array(_forward(pool, -image, seed))[0, 0], axis, 0)
    straight = (last == last[:, :1]).all() and (first == first[:, :1]).all()
    require(straight, "regions are not rectangles of one grid.")
    return first[:, 0].astype(int), last[:, 0].astype(int)


Regions = list[tuple[Array, Array]]


def _regions(pool: nn.Module, size: tuple[int, int], seed: int) -> Regions:
    return [_axis_regions(pool, size, axis, seed) for axis in (0, 1)]


def _each_draw(pool: nn.Module, size: tuple[int, int], seed: int) -> list[Regions]:
    """Regions at inference and in 20 training passes."""
    inference = _regions(_double(pool, training=False), size, seed)
    training = _double(pool, training=True)
    return [inference, *(_regions(training, size, seed + draw) for draw in range(20))]


@_pooling_law
def law_regions(
    pool: nn.Module, *, size: tuple[int, int], overlapping: bool, seed: int = 0
) -> None:
    """Regions have ⌊α⌋ or ⌈α⌉ positions, α = input / output; in order, they cover the input.

    The next one begins where one ends; with overlapping regions, at the last position of it.
    """
    for regions in _each_draw(pool, size, seed):
        for axis, (first, last) in enumerate(regions):
            ends = np.append(first[1:], size[axis])  # where each would end without overlap
            complete = first[0] == 0 and last[-1] == size[axis] - 1
            require(complete, f"regions reach from {first[0]} to {last[-1]} of {size[axis]}.")
            same(last, np.minimum(ends - 1 + overlapping, size[axis] - 1), "the last positions")
            ratio = size[axis] / len(first)
            sizes = set((ends - first).tolist())
            allowed = {int(np.floor(ratio)), int(np.ceil(ratio))}
            require(sizes <= allowed, f"sizes are {sizes} instead of {allowed}.")


@_pooling_law
def law_maximum(
    pool: nn.Module, *, size: tuple[int, int], overlapping: bool, seed: int = 0
) -> None:
    """The output is the maximum of each region, in each channel of each image."""
    images = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 3, *size)))
    for training in (True, False):
        twin = _double(pool, training)
        rows, columns = _regions(twin, size, seed)
        expected = np.array(
            [
                [
                    _array(images)[:, :, top : bottom + 1, left : right + 1].max(axis=(2, 3))
                    for left, right in zip(*columns, strict=True)
                ]
                for top, bottom in zip(*rows, strict=True)
            ]
        ).transpose(2, 3, 0, 1)
        same(_array(_forward(twin, images, seed)), expected, "the pooled image")


@_pooling_law
def law_drawn_anew(
    pool: nn.Module, *, size: tuple[int, int], overlapping: bool, seed: int = 0
) -> None:
    """Training passes have different regions, along both axes; inference always has the same."""
    _, *training = _each_draw(pool, size, seed)
    for axis in (0, 1):
        seen = {tuple(regions[axis][0].tolist()) for regions in training}
        require(len(seen) > 1, f"all training passes have the same regions along axis {axis}.")
    equal = all(np.array_equal(rows[0], columns[0]) for rows, columns in training)
    require(size[0] != size[1] or not equal, "rows and columns always have the same regions.")
    fixed = _double(pool, training=False)
    seen = {tuple(_regions(fixed, size, draw)[0][0].tolist()) for draw in range(5)}
    require(len(seen) == 1, "regions at inference are random.")
