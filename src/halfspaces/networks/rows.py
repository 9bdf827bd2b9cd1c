"""A network that takes rows of X: arranged as images, standardized."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from halfspaces.networks.inputs import Inputs
from halfspaces.networks.layers import Standardize
from halfspaces.rows.moments import Moments

CONSTANT = 1e-12  # a feature is constant if its variance is at most this part of its squared mean


class OfRows(nn.Module):
    """network((x − mean)/scale) for examples x as they are stored in the rows of X.

    Parameters
    ----------
    inputs : Inputs
    network : torch.nn.Module
        Takes examples (B, D) or (B, channels, height, width). One that does not begin with a
        `Standardize` of its own is given one.

    Examples
    --------
    >>> rows = OfRows(Inputs(12, (2, 2, 3)), nn.Flatten())
    >>> rows(torch.arange(12.0).reshape(1, 2, 2, 3)).tolist()
    [[0.0, 3.0, 6.0, 9.0, 1.0, 4.0, 7.0, 10.0, 2.0, 5.0, 8.0, 11.0]]
    """

    network: nn.Module

    def __init__(self, inputs: Inputs, network: nn.Module) -> None:
        super().__init__()
        self.is_interleaved = inputs.image_shape is not None and not inputs.planar
        own = getattr(network, "standardize", None)
        self.prefix = "network."  # before the names of the network's tensors
        if isinstance(own, Standardize):
            self.network = network
        else:
            layers = {"standardize": Standardize(inputs.shape), "network": network}
            self.network = nn.Sequential(OrderedDict(layers))
            self.prefix = "network.network."

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B, C) of examples (B, *stored)."""
        return self.network(x.permute(0, 3, 1, 2) if self.is_interleaved else x)

    def set_moments(self, moments: Moments, inputs: Inputs) -> None:
        """Standardize by these moments of the rows; images channel by channel."""
        mean: Any = torch.from_numpy(moments.mean).reshape(inputs.stored)
        square: Any = torch.from_numpy(moments.variance).reshape(inputs.stored) + mean**2
        if inputs.image_shape is not None:
            pixels = (1, 2) if inputs.planar else (0, 1)
            mean = mean.mean(pixels).reshape(-1, 1, 1)
            square = square.mean(pixels).reshape(-1, 1, 1)
        variance = square - mean**2
        constant = variance <= CONSTANT * mean**2
        standardize: Any = self.network.standardize
        standardize.set(mean, torch.where(constant, 1.0, variance.clamp(min=0).sqrt()))
