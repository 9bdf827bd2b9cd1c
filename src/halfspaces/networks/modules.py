"""The modules that the recipes build: a multilayer perceptron and a small residual network.

Weights have two or more dimensions; biases and the parameters of norm layers have one, which is how
penalties tell them apart: only weights decay.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from halfspaces.networks.layers import FractionalMaxPool2d, Standardize, StochasticDepth

# Between two stages: 16 × 16 positions become 9 × 9 and 5 × 5 instead of 8 × 8 and 4 × 4, with 22
# instead of 17 million multiply-adds for an image of CIFAR-10; with 1.6 there would be 32 million.
POOLING_RATIO = 1.8


class Perceptron(nn.Module):
    """Fully connected layers: s = W_L h_{L−1} + b_L, h_l = max(0, W_l h_{l−1} + b_l), h_0 = x.

    Each hidden layer is linear, batch normalization, ReLU, dropout, in this order, the second and
    the last if they are switched on. Parameters: see `MLP` in `networks/recipes.py`.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        *,
        hidden: Sequence[int],
        dropout: float,
        batch_norm: bool,
    ) -> None:
        super().__init__()
        self.standardize = Standardize(input_shape)
        layers: list[nn.Module] = [nn.Flatten()]
        width = math.prod(input_shape)
        for units in hidden:
            layers += [nn.Linear(width, units, bias=not batch_norm), *_norm1d(units, batch_norm)]
            layers += [nn.ReLU(), *_dropout(dropout)]
            width = units
        self.hidden = nn.Sequential(*layers)
        self.scores = nn.Linear(width, n_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B, C) of rows (B, *input_shape)."""
        return self.scores(self.hidden(self.standardize(x)))


class ResidualNetwork(nn.Module):
    """A convolutional network of three stages with residual blocks.

    A convolution of stride 2; stages of `width`, 2 `width` and 4 `width` channels, max pooling and
    a widening convolution between them; the mean over all positions; dropout; a linear layer. All
    convolutions are 3 × 3. Parameters: see `ResNet` in `networks/recipes.py`.

    References
    ----------
    He, Zhang, Ren & Sun, Deep residual learning for image recognition, CVPR 2016,
    https://arxiv.org/abs/1512.03385
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        *,
        width: int,
        depth: int,
        dropout: float,
        batch_norm: bool,
        stochastic_depth: float,
        fractional_pooling: bool,
    ) -> None:
        super().__init__()
        self.standardize = Standardize(input_shape)
        widths = (width, 2 * width, 4 * width)
        survivals = iter(_survivals(depth * len(widths), stochastic_depth))
        layers = _convolution(input_shape[0], width, batch_norm, stride=2)
        for before, channels in zip((None, *widths), widths, strict=False):
            if before is not None:
                layers.append(
                    FractionalMaxPool2d(POOLING_RATIO)
                    if fractional_pooling
                    else nn.MaxPool2d(2, ceil_mode=True)
                )
                layers += _convolution(before, channels, batch_norm)
            layers += [ResidualBlock(channels, batch_norm, next(survivals)) for _ in range(depth)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *_dropout(dropout))
        self.scores = nn.Linear(widths[-1], n_classes)
        initialize(self)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B, C) of images (B, channels, height, width)."""
        images = self.standardize(x).contiguous(memory_format=torch.channels_last)
        return self.scores(self.head(self.features(images)))


class ResidualBlock(nn.Module):
    """max(0, x + StochasticDepth(branch(x))), a branch of two convolutions.

    Parameters
    ----------
    channels : int
    batch_norm : bool
    survival : float
        Of the branch; 1 never skips it.
    """

    def __init__(self, channels: int, batch_norm: bool, survival: float) -> None:
        super().__init__()
        second = _convolution(channels, channels, batch_norm)[:-1]
        self.branch = nn.Sequential(*_convolution(channels, channels, batch_norm), *second)
        self.depth = StochasticDepth(survival)

    def forward(self, x: Tensor) -> Tensor:
        """Images of the shape of x."""
        return torch.relu(x + self.depth(self.branch(x)))


def initialize(module: nn.Module) -> None:
    """He initialization: normal weights of variance 2 / inputs, and 1 / inputs in the last layer.

    ReLU halves the mean square of what it receives, and the factor 2 restores it; no ReLU follows
    the last layer. Biases are 0.

    References
    ----------
    He, Zhang, Ren & Sun, Delving deep into rectifiers, ICCV 2015, https://arxiv.org/abs/1502.01852
    """
    layers = [each for each in module.modules() if isinstance(each, nn.Linear | nn.Conv2d)]
    for layer in layers:
        gain = 1.0 if layer is layers[-1] else math.sqrt(2)
        nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.weight[0].numel()))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _convolution(inputs: int, outputs: int, batch_norm: bool, stride: int = 1) -> list[nn.Module]:
    """Convolution, batch normalization if it is on, ReLU."""
    convolution = nn.Conv2d(
        inputs, outputs, kernel_size=3, padding=1, stride=stride, bias=not batch_norm
    )
    norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
    return [convolution, *norm, nn.ReLU()]


def _norm1d(units: int, batch_norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm1d(units)] if batch_norm else []


def _dropout(probability: float) -> list[nn.Module]:
    return [nn.Dropout(probability)] if probability > 0 else []


def _survivals(blocks: int, skipped: float) -> list[float]:
    """Survival probabilities, falling linearly to 1 − skipped at the last block (Huang et al.)."""
    return [1 - skipped * (block + 1) / blocks for block in range(blocks)]
