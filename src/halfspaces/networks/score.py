"""Any torch.nn.Module as a score function."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from halfspaces.networks.by_layer import ByLayer
from halfspaces.networks.layout import Layout, is_channels_last
from halfspaces.penalties.base import Penalty
from halfspaces.scores.base import At, Forward, Score
from halfspaces.support.types import Array, Block


@dataclass(frozen=True, eq=False)
class TorchScore(Score):
    """f(x; W) = module(x), W the parameters and running statistics of the module, flat (P, 1, 1).

    The module is never changed: a copy takes the tensors of W in each call. Training draws
    noise (dropout, ...) from torch's random generator, seeded by seed, pass and first row of the
    block, so a run has the same bits each time; the state of the generator is restored. Batch
    normalization takes the statistics of a block, and its running statistics are the last rows of
    W.

    Parameters
    ----------
    module : torch.nn.Module
        Takes rows (B, *input_shape), returns scores (B, C).
    input_shape : tuple of int
        Shape of one example.
    seed : int
        Of the noise.
    draws : bool
        Whether training draws noise or takes statistics of a batch (see `checked_score`, which
        finds out).

    References
    ----------
    Paszke et al., PyTorch: an imperative style, high-performance deep learning library, NeurIPS
    2019, https://arxiv.org/abs/1912.01703

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.objective import Objective, Request
    >>> from halfspaces.penalties.none import NoPenalty
    >>> from halfspaces.rows.blocks import Blocks
    >>> module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    >>> score = TorchScore(module, (3,))
    >>> blocks = Blocks(np.eye(3), np.arange(3))
    >>> objective = Objective(Softmax(), NoPenalty(), blocks, 3, score_function=score)
    >>> objective.evaluate(Request(objective.initial())).gradient.shape
    (31, 1, 1)
    """

    module: nn.Module
    input_shape: tuple[int, ...]
    seed: int = 0
    serial: ClassVar[bool] = True  # a module holds the tensors of one call; torch has its threads
    draws: bool = field(default=True)  # pyright: ignore[reportIncompatibleVariableOverride]

    @cached_property
    def layout(self) -> Layout:
        """The order of the module's tensors in W."""
        return Layout.of(self.module)

    @cached_property
    def dtype(self) -> np.dtype:
        """The type of W: that of the module's parameters."""
        first = next(self.module.parameters(), torch.empty(0))
        return torch.empty(0, dtype=first.dtype).numpy().dtype

    def initial(self, n_members: int, n_classes: int) -> Array:
        """The parameters with which the module was made; there is one member."""
        return self.layout.pack(_tensors(self.module), self.dtype)

    def module_of(self, W: Array) -> nn.Module:
        """A copy of the module with the tensors of W, in evaluation mode."""
        module = copy.deepcopy(self.module).eval()
        own = _tensors(module)
        with torch.no_grad():
            for name, tensor in self.layout.unpack(W).items():
                own[name].copy_(tensor)
        return module

    @cached_property
    def _copy(self) -> tuple[nn.Module, dict[str, Tensor]]:
        """A copy of the module that takes the tensors of any W, and its own by name."""
        module = copy.deepcopy(self.module)
        return module, _tensors(module)

    def by_layer(self, penalty: Penalty) -> ByLayer:
        """The penalty of each weight tensor, as the penalty of W.

        All weights are one layer for penalties that are sums over single weights.
        """
        if penalty.thresholds(1) is not None:
            return ByLayer(penalty, ((self.layout.n_penalized, 1),))
        parts = self.layout.weights
        return ByLayer(
            penalty, tuple((part.shape[0], part.size // part.shape[0]) for part in parts)
        )

    def at(self, W: Array, dtype: np.dtype, draw: int | None = None, gradient: bool = True) -> At:
        """The module's outputs; with a draw in training mode, else in evaluation mode."""
        tensors = self.layout.unpack(W.astype(self.dtype, copy=False))  # optimizers may widen W
        names = [part.name for part in self.layout.weights + self.layout.others]
        module, own = self._copy
        trained = [own[name] for name in names]
        buffers = dict(module.named_buffers())
        statistics = {name: tensors[name].to(buffer, copy=True) for name, buffer in buffers.items()}
        tensors |= statistics

        def forward(block: Block) -> Forward:
            X = block.X.toarray() if issparse(block.X) else block.X
            X = np.require(X, requirements=["C", "W"])  # torch warns of memory that it cannot write
            x = torch.from_numpy(X).to(trained[0].dtype).reshape(-1, *self.input_shape)
            for name, tensor in tensors.items():
                own[name].data = tensor  # no copy, and less work than torch.func.functional_call
            with self._mode(draw, block), torch.set_grad_enabled(gradient):
                scores = module(x)

            def pull(slopes: Array) -> tuple[Array, ...]:
                towards = torch.from_numpy(slopes).to(scores.dtype)
                # A branch that is skipped in this pass has the gradient 0.
                gradients = torch.autograd.grad(scores, trained, towards, materialize_grads=True)
                return _own_arrays(gradients)

            # The loss writes its slopes over its scores, and layers may need their outputs.
            return Forward(scores.detach().numpy().copy(), pull)

        def moved() -> Array:
            return self.layout.pack(statistics, W.dtype)[self.layout.n_trained :]

        return At(forward, 0, moved if draw is not None and statistics else None)

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W; 0 for running statistics."""
        gradient = np.empty(shape, self.dtype)
        gradient[self.layout.n_trained :] = 0
        flat = torch.from_numpy(gradient.reshape(-1))
        # Sums over several groups of blocks are arrays.
        for (part, rows), total in zip(self.layout.places(), sums, strict=False):
            torch.mul(torch.from_numpy(total), float(factor[0]), out=part.view(flat[rows]))
        return gradient

    @contextmanager
    def _mode(self, draw: int | None, block: Block) -> Iterator[None]:
        """Training mode with noise of this pass and block; evaluation mode without a draw."""
        module = self._copy[0].train(draw is not None)
        if draw is None:
            yield
            return
        if len(block.rows) == 1:  # a single example has no statistics of a batch
            for layer in module.modules():
                layer.train(not isinstance(layer, _BatchNorm))
        first = int(block.rows[0])
        seeds = np.random.SeedSequence([self.seed, draw, first]).generate_state(1, np.uint64)
        # Not torch.manual_seed, which stores a traceback in each call where there is no GPU.
        generator = torch.default_generator
        before = generator.get_state()
        generator.manual_seed(int(seeds[0] >> np.uint64(1)))
        try:
            yield
        finally:
            generator.set_state(before)


def _own_arrays(gradients: Iterable[Tensor]) -> tuple[Array, ...]:
    """The gradients as arrays to which others can be added: no two entries share memory."""
    own: list[Tensor] = []
    for gradient in gradients:
        shared = any(gradient.data_ptr() == other.data_ptr() for other in own)
        dense = gradient.is_contiguous() or is_channels_last(gradient)
        own.append(gradient if dense and not shared else gradient.contiguous().clone())
    return tuple(gradient.numpy() for gradient in own)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return dict(module.named_parameters()) | dict(module.named_buffers())
