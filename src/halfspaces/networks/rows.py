"""A network that takes rows of X: arranged as images, standardized."""

from typing import Any

import torch
from torch import Tensor, nn

from halfspaces.networks.inputs import Inputs
from halfspaces.networks.layers import Standardize
from halfspaces.rows.moments import Moments


class OfRows(nn.Module):
    """network((x − mean)/scale) for examples x as they are stored in the rows of X.

    Parameters
    ----------
    inputs : Inputs
    network : torch.nn.Module
        Takes examples (B, D) or (B, channels, height, width).

    Examples
    --------
    >>> rows = OfRows(Inputs(12, (2, 2, 3)), nn.Flatten())
    >>> rows(torch.arange(12.0).reshape(1, 2, 2, 3)).tolist()
    [[0.0, 3.0, 6.0, 9.0, 1.0, 4.0, 7.0, 10.0, 2.0, 5.0, 8.0, 11.0]]
    """

    def __init__(self, inputs: Inputs, network: nn.Module) -> None:
        super().__init__()
        self.is_interleaved = inputs.stored != inputs.shape or (
            inputs.image_shape is not None and not inputs.planar
        )
        self.standardize = Standardize(inputs.shape)
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B, C) of examples (B, *stored)."""
        if self.is_interleaved:
            x = x.permute(0, 3, 1, 2)
        return self.network(self.standardize(x))

    def set_moments(self, moments: Moments, inputs: Inputs) -> None:
        """Standardize by these moments of the rows; images channel by channel."""
        mean: Any = torch.from_numpy(moments.mean).reshape(inputs.stored)
        square: Any = torch.from_numpy(moments.variance).reshape(inputs.stored) + mean**2
        if inputs.image_shape is not None:
            pixels = (1, 2) if inputs.planar else (0, 1)
            mean = mean.mean(pixels).reshape(-1, 1, 1)
            square = square.mean(pixels).reshape(-1, 1, 1)
        variance = square - mean**2
        least = 1e-12 * mean**2
        scale = torch.where(variance > least, variance.clamp(min=1e-300).sqrt(), 1.0)
        self.standardize.set(mean, scale)
