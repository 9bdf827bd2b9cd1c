"""How the tensors of a torch module lie in one flat W (P, 1, 1).

First the weights, tensors of two or more dimensions, which the penalty sees; then biases and the
parameters of norm layers, which it does not; last the running statistics, which the objective moves
without a gradient. So whoever stores W has the whole state of the network.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from halfspaces.support.types import Array


@dataclass(frozen=True)
class Part:
    """One tensor of a module, by its name there.

    >>> Part("scores.weight", (10, 64)).size
    640
    """

    name: str
    shape: tuple[int, ...]
    channels_last: bool = False  # in memory: torch's convolutions copy weights of another order

    @property
    def size(self) -> int:
        """The number of its entries."""
        return prod(self.shape)

    def view(self, flat: Tensor) -> Tensor:
        """The tensor that lies in these entries of W."""
        if not self.channels_last:
            return flat.view(self.shape)
        units, channels, height, width = self.shape
        return flat.view(units, height, width, channels).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Layout:
    """The tensors of a module in the order in which they lie in W.

    Parameters
    ----------
    weights, others, statistics : tuple of Part
        Parameters of two or more dimensions; other parameters; buffers. Frozen parameters are not
        part of W.

    Examples
    --------
    >>> layout = Layout.of(nn.Sequential(nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3)))
    >>> [part.name for part in layout.weights], [part.name for part in layout.others]
    (['0.weight'], ['1.weight', '1.bias'])
    """

    weights: tuple[Part, ...]
    others: tuple[Part, ...]
    statistics: tuple[Part, ...]

    @classmethod
    def of(cls, module: nn.Module) -> "Layout":
        """The layout of a module's tensors."""
        trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        return cls(
            weights=_parts((name, p) for name, p in trained if p.ndim >= 2),
            others=_parts((name, p) for name, p in trained if p.ndim < 2),
            statistics=_parts(module.named_buffers()),
        )

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All tensors, in the order of W."""
        return self.weights + self.others + self.statistics

    @cached_property
    def n_penalized(self) -> int:
        """The number of rows of W that the penalty sees, its first ones."""
        return sum(part.size for part in self.weights)

    @cached_property
    def n_trained(self) -> int:
        """The number of rows of W that have a gradient."""
        return self.n_penalized + sum(part.size for part in self.others)

    @cached_property
    def n_rows(self) -> int:
        """P. The last row is never penalized: without biases and statistics it is not used."""
        size = self.n_trained + sum(part.size for part in self.statistics)
        return max(size, self.n_penalized + 1)

    @cached_property
    def n_statistics(self) -> int:
        """The number of rows of W after those that have a gradient."""
        return self.n_rows - self.n_trained

    def pack(self, tensors: Mapping[str, Tensor], dtype: np.dtype) -> Array:
        """W (P, 1, 1) of the tensors of these names; 0 for those that are missing."""
        W = np.empty((self.n_rows, 1, 1), dtype)
        W[self.n_trained :] = 0
        flat = torch.from_numpy(W.reshape(-1))
        for part, rows in self.places():
            if part.name in tensors:
                part.view(flat[rows]).copy_(tensors[part.name].detach())
            else:
                W[rows] = 0
        return W

    def unpack(self, W: Array) -> dict[str, Tensor]:
        """The tensors of W by name: views, not copies."""
        flat = torch.from_numpy(np.require(W.reshape(-1), requirements=["C", "W"]))
        return {part.name: part.view(flat[rows]) for part, rows in self.places()}

    def places(self) -> Iterator[tuple[Part, slice]]:
        """Each tensor and its rows of W."""
        start = 0
        for part in self.parts:
            yield part, slice(start, start + part.size)
            start += part.size


def _parts(tensors: Iterable[tuple[str, Tensor]]) -> tuple[Part, ...]:
    return tuple(
        Part(name, tuple(tensor.shape), is_channels_last(tensor)) for name, tensor in tensors
    )


def is_channels_last(tensor: Tensor) -> bool:
    """Whether images or filters lie in memory with their channels last, and only so."""
    last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return last and not tensor.is_contiguous()
