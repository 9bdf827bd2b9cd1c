"""The penalty of a network: that of each weight tensor, with a column for each of its units."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from halfspaces.penalties.base import Penalty
from halfspaces.support.types import Array


@dataclass(frozen=True)
class ByLayer(Penalty):
    """Σ_layers λ R(W_layer), W_layer (inputs, 1, units), of the flat weights of a network.

    So a max norm holds for the incoming weights of each unit (Srivastava et al., JMLR 2014), and
    for each filter of a convolution.

    Parameters
    ----------
    penalty : Penalty
        Of each layer.
    shapes : tuple of (units, inputs)
        Of the weight tensors, which lie at the beginning of W; no row after them is penalized.

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces.penalties.l2 import L2
    >>> ByLayer(L2(0.5), ((1, 2), (1, 1))).value(np.array([1.0, 1.0, 1.0, 7.0]).reshape(4, 1, 1))
    array([1.5])
    """

    penalty: Penalty
    shapes: tuple[tuple[int, int], ...]

    @property
    def smooth(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the penalty of a layer has a gradient."""
        return self.penalty.smooth

    @property
    def n_penalized(self) -> int:
        """The number of rows of W that are weights."""
        return sum(units * inputs for units, inputs in self.shapes)

    def value(self, W: Array) -> Array:
        """The sum over the layers."""
        thresholds = self.penalty.thresholds(1)
        if thresholds is not None:  # λR = t Σ|W| + (ρ/2) ΣW²
            weights = W[: self.n_penalized].ravel()
            squares = self.penalty.curvature(1)[0] / 2 * np.vdot(weights, weights)
            return np.array([squares + (thresholds[0] and thresholds[0] * np.abs(weights).sum())])
        return np.sum([self.penalty.value(layer) for layer in self._layers(W)], axis=0)

    def slopes(self, W: Array) -> list[tuple[Array, float]]:
        """Those of all weights as one layer where they do not depend on layers."""
        weights, others = np.split(W, [self.n_penalized])
        if self.penalty.thresholds(1) == (0.0,):  # λR = (ρ/2) ΣW²
            return [(weights, self.penalty.curvature(1)[0]), (others, 0.0)]
        return [(self.gradient(W), 1.0)]

    def gradient(self, W: Array) -> Array:
        """That of each layer; 0 for the other rows."""
        gradient = np.zeros_like(W)
        for layer, slope in zip(self._layers(W), self._layers(gradient), strict=True):
            slope[...] = self.penalty.gradient(layer)
        return gradient

    def prox(self, W: Array, step: Array | float) -> Array:
        """That of each layer; the other rows stay."""
        moved = W.copy()
        steps: Iterable[Any] = repeat(step, len(self.shapes))
        if isinstance(step, Array) and step.ndim == W.ndim:
            steps = self._layers(step)
        for layer, size in zip(self._layers(moved), steps, strict=True):
            layer[...] = self.penalty.prox(layer, size)
        return moved

    def conjugate(self, dual: Array) -> Array:
        """The sum over the layers; infinite where a row that is not penalized is not 0."""
        total = np.sum([self.penalty.conjugate(layer) for layer in self._layers(dual)], axis=0)
        return np.where(dual[self.n_penalized :].any(), np.inf, total)

    def _layers(self, W: Array) -> Iterator[Array]:
        """Views (inputs, 1, units) of the weight tensors."""
        start = 0
        for units, inputs in self.shapes:
            rows = W[start : start + units * inputs]
            yield rows.reshape(units, inputs).T[:, None]
            start += units * inputs
