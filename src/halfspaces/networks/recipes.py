"""Networks as frozen dataclasses: options that are checked, and the torch module they describe.

torch is imported when a module is built, not before.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from halfspaces.support.validation import check_number

if TYPE_CHECKING:
    from torch import nn


def import_torch(name: str) -> Any:
    """torch, for what has this name; ImportError with the remedy where it is missing."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f'{name} needs torch, which is not installed; run: pip install "halfspaces[torch]".'
        ) from error
    return torch


@dataclass(frozen=True)
class Network(ABC):
    """A recipe for a torch module whose outputs are scores (B, C).

    A new network is one frozen dataclass with `_build`, and one row in `NETWORKS`.
    """

    needs_images: ClassVar[bool] = False  # else it takes plain rows, too

    @property
    def n_layers(self) -> int:
        """Layers with weights; 0 where it is not known. A model file has as many tensors."""
        return 0

    def module(self, input_shape: Sequence[int], n_classes: int, seed: int = 0) -> "nn.Module":
        """A new torch.nn.Module in float32, in training mode.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of one example: (features,) or (channels, height, width).
        n_classes : int ≥ 1
            Number of scores.
        seed : int ≥ 0
            Of the initial weights. torch's global random generator is left as it was.

        Raises
        ------
        ImportError
            If torch is missing.
        ValueError
            If the shape or a number does not fit.
        """
        name = type(self).__name__
        shape = tuple(input_shape)
        for size in shape:
            check_number(f"{name}: each size in input_shape", size, at_least=1, integer=True)
        self._check_shape(shape)
        check_number(f"{name}: n_classes", n_classes, at_least=1, integer=True)
        check_number(f"{name}: seed", seed, at_least=0, integer=True)
        torch = import_torch(name)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._build(tuple(map(int, shape)), int(n_classes))

    def _check_shape(self, input_shape: tuple[int, ...]) -> None:
        """Raise ValueError unless the network takes examples of this shape."""
        if not input_shape:
            raise ValueError(
                f"{type(self).__name__}: input_shape must have at least one size, got ();"
                " give (features,)."
            )

    @abstractmethod
    def _build(self, input_shape: tuple[int, ...], n_classes: int) -> "nn.Module":
        """The module, its weights drawn from torch's global random generator."""


@dataclass(frozen=True)
class MLP(Network):
    """A multilayer perceptron: hidden layers of ReLUs, then a linear layer of scores.

    Parameters
    ----------
    hidden : tuple of ints ≥ 1
        Units of each hidden layer. Without any it is the linear classifier.
    dropout : float
        Probability with which a hidden unit is dropped while training, 0 ≤ p < 1.
    batch_norm : bool
        Batch normalization between each hidden layer and its ReLU.

    Raises
    ------
    TypeError, ValueError
        If an option is of another type or out of its range.

    References
    ----------
    Srivastava et al., Dropout, JMLR 2014, https://jmlr.org/papers/v15/srivastava14a.html;
    Ioffe & Szegedy, Batch normalization, ICML 2015, https://arxiv.org/abs/1502.03167

    Examples
    --------
    >>> MLP(hidden=[64, 32], dropout=0.5)
    MLP(hidden=(64, 32), dropout=0.5, batch_norm=False)
    """

    hidden: tuple[int, ...] = (512,)
    dropout: float = 0.0
    batch_norm: bool = False

    def __post_init__(self) -> None:
        hidden = self.hidden if isinstance(self.hidden, Sequence) else (self.hidden,)
        for units in hidden:
            check_number("MLP(hidden=...)", units, at_least=1, integer=True)
        object.__setattr__(self, "hidden", tuple(hidden))
        check_number("MLP(dropout=...)", self.dropout, at_least=0, below=1)
        _check_switch("MLP(batch_norm=...)", self.batch_norm)

    @property
    def n_layers(self) -> int:
        """The hidden layers and that of the scores."""
        return len(self.hidden) + 1

    def _build(self, input_shape: tuple[int, ...], n_classes: int) -> "nn.Module":
        from halfspaces.networks.modules import Perceptron

        return Perceptron(input_shape, n_classes, **vars(self))


@dataclass(frozen=True)
class ResNet(Network):
    """A small residual network for images (channels, height, width), in three stages.

    Parameters
    ----------
    width : int ≥ 1
        Channels of the first stage; the second has twice, the third four times as many.
    depth : int ≥ 1
        Residual blocks in each stage.
    dropout : float
        Probability with which a feature is dropped before the last layer while training,
        0 ≤ p < 1.
    batch_norm : bool
        Batch normalization after each convolution.
    stochastic_depth : float
        Probability with which the last residual branch is skipped while training, 0 ≤ p < 1; it
        grows linearly from block to block.
    fractional_pooling : bool
        Fractional max pooling by 1.8 between the stages, instead of max pooling by 2.

    Raises
    ------
    TypeError, ValueError
        If an option is of another type or out of its range.

    References
    ----------
    He, Zhang, Ren & Sun, Deep residual learning for image recognition, CVPR 2016,
    https://arxiv.org/abs/1512.03385; Huang et al., Deep networks with stochastic depth, ECCV 2016,
    https://arxiv.org/abs/1603.09382; Graham, Fractional max-pooling, 2014,
    https://arxiv.org/abs/1412.6071

    Examples
    --------
    >>> ResNet(dropout=1.0)
    Traceback (most recent call last):
    ValueError: ResNet(dropout=...) must be at least 0 and below 1, got 1.0.
    """

    needs_images: ClassVar[bool] = True

    width: int = 32
    depth: int = 1
    dropout: float = 0.0
    batch_norm: bool = True
    stochastic_depth: float = 0.0
    fractional_pooling: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "depth"):
            check_number(f"ResNet({name}=...)", getattr(self, name), at_least=1, integer=True)
        for name in ("dropout", "stochastic_depth"):
            check_number(f"ResNet({name}=...)", getattr(self, name), at_least=0, below=1)
        for name in ("batch_norm", "fractional_pooling"):
            _check_switch(f"ResNet({name}=...)", getattr(self, name))

    @property
    def n_layers(self) -> int:
        """The first convolution, two that widen, two in each residual block, and the scores."""
        return 1 + 2 + 2 * 3 * self.depth + 1

    def _check_shape(self, input_shape: tuple[int, ...]) -> None:
        if len(input_shape) != 3:
            raise ValueError(
                "ResNet needs images of shape (channels, height, width),"
                f" got examples of shape {input_shape}; use MLP for plain features."
            )

    def _build(self, input_shape: tuple[int, ...], n_classes: int) -> "nn.Module":
        from halfspaces.networks.modules import ResidualNetwork

        return ResidualNetwork(input_shape, n_classes, **vars(self))


def _check_switch(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


NETWORKS: dict[str, Network] = {"mlp": MLP(), "resnet": ResNet()}
