"""The objective whose scores, losses, slopes and sums over the rows stay on the rows' device.

V and c go there once a pass, labels and weights with their blocks. Where W lies there, too, the
gradient stays: then only numbers of each member come back.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.engines.devices.device_array import DeviceArray
from halfspaces.engines.devices.device_blocks import DeviceBlock, DeviceBlocks
from halfspaces.engines.devices.place import Place
from halfspaces.objective.certificate import Anchor
from halfspaces.objective.objective import EvaluateLoss, Objective
from halfspaces.objective.request import Losses, Request, Smoothing
from halfspaces.scores.base import At
from halfspaces.scores.linear import Linear
from halfspaces.support.types import AnyArray, Array, Block, Visit


@dataclass(frozen=True, eq=False)
class DeviceLinear(Linear):
    """`Linear` for W on a device: its gradient stays there, scores of other visits come back."""

    def scores(self, folded: tuple[Array, Array], X: AnyArray) -> Array:
        """X V + c, shape (B, M·C), of raw rows, in the memory of this machine."""
        V, c = folded
        if not isinstance(V, DeviceArray):
            return super().scores(folded, X)
        return np.asarray(X @ V) + np.asarray(c)

    def pullback(self, sums: tuple[Any, ...], factor: Any, shape: tuple[int, ...]) -> Array:
        """The gradient in W from those in V and c, times a factor."""
        dV, dc = sums
        if not isinstance(dV, DeviceArray):
            return super().pullback(sums, factor, shape)
        raw = (dV * factor).reshape(len(dV), *shape[1:])
        # Put there before the product with the mean, which is as large as the gradient.
        dc = DeviceArray.put((dc * factor).reshape(1, *shape[1:]), dV.place)
        mean = self.residual_mean.reshape(len(raw), -1, 1)
        gradient: Any = np.zeros_like(dV, np.float64, shape=shape)
        gradient[:-1] = (raw - mean * dc) / self.standardization.scale.reshape(len(raw), -1, 1)
        if self.fit_intercept:
            gradient[-1:] = dc
        return gradient


@dataclass(frozen=True, eq=False)
class DeviceObjective(Objective):
    """An `Objective` of `DeviceBlocks`.

    Scores with noise, labels of each member's own and losses that are smoothed about a dual point
    are computed here, from products of the device.

    Parameters
    ----------
    resident : bool
        Whether W and its gradient lie on the device, for an optimizer that takes them there.
    """

    resident: bool = False

    @property
    def place(self) -> Place | None:
        """Where W lies, if that is on the device of the rows."""
        if not (self.resident and isinstance(self.blocks, DeviceBlocks) and self._on_device):
            return None
        place = self.blocks.rows.place
        return place if place.has_double else None

    @property
    def _on_device(self) -> bool:
        """Whether scores are linear without noise, of labels that all members share."""
        return type(self.score) is DeviceLinear and self.blocks.y.ndim == 1

    def initial(self, n_members: int = 1) -> Array:
        """W = 0 (D+1, M, C)."""
        W: AnyArray = super().initial(n_members)
        if self.place is not None:
            W = DeviceArray.put(W, self.place)
        return W

    @cached_property
    def standardized(self) -> Linear:
        """The scores of standardized features."""
        return DeviceLinear(**vars(super().standardized))

    @cached_property
    def anchor(self) -> Anchor:
        """Class frequencies, and class sums where W lies."""
        anchor = super().anchor
        if self.place is None:
            return anchor
        sums: Any = DeviceArray.put(anchor.sums, self.place)
        return replace(anchor, sums=sums)

    def _sums(self, request: Request) -> Any:
        """The sums over the rows."""
        smoothing, sums = super()._sums(request)
        return smoothing, sums._replace(pulled=tuple(map(self._kept, sums.pulled)))

    def _kept(self, part: AnyArray) -> AnyArray:
        """A sum of pulled slopes where W lies; those of each column are needed here."""
        if self.place is None or part.ndim == 1:
            return np.asarray(part)
        return part if isinstance(part, DeviceArray) else DeviceArray.put(part, self.place)

    def _visit(self, request: Request, at: At, evaluate: EvaluateLoss) -> Visit[tuple[Any, ...]]:
        """The sums over one block, on the device if its rows are there."""
        here = super()._visit(request, at, evaluate)
        smoothing = request.smoothing
        if not self._on_device or type(smoothing) is not Smoothing or smoothing.differs_by_row:
            return here
        folded: Any = self.linear.fold(request.W, self.blocks.dtype)
        there: list[AnyArray] = []  # V and c, put on the device with the first block

        def visit(block: Block) -> tuple[Any, ...]:
            if not isinstance(block.X, DeviceBlock):
                return here(block)
            place = block.X.moved.place
            if not there:
                there.extend(
                    part.values if isinstance(part, DeviceArray) else place.put(part)
                    for part in folded
                )
            return self._sums_there(block, request, place, *there)

        return visit

    def _sums_there(
        self, block: Block, request: Request, place: Place, V: AnyArray, c: AnyArray
    ) -> tuple[AnyArray, ...]:
        xp = place.xp
        y = place.put(block.y.astype(np.int64))
        weight = None if block.weight is None else place.put(block.weight)
        scores = block.X @ V + c
        shape = (len(block.X), *request.W.shape[1:])
        losses = self._losses_there(xp.reshape(scores, shape), y, block.rows, request, place)
        sums = [_weighted_sum(place, values, weight) for values in losses[:5]]
        if not request.gradient:
            return tuple(sums)
        slopes = xp.reshape(_weighted(place, losses.slopes, weight), scores.shape)
        dV = block.X.T @ xp.astype(slopes, scores.dtype, copy=False)
        return *sums, dV, xp.sum(slopes, axis=0, dtype=place.wide)

    def _losses_there(
        self, scores: AnyArray, y: AnyArray, rows: Array, request: Request, place: Place
    ) -> Losses:
        losses = request.smoothing.evaluate(self.loss, scores, y, rows)
        if not request.shortens:
            return losses
        scale = np.asarray(request.dual_scale, self.blocks.dtype)[:, None]
        conjugate = self.loss.conjugate(losses.slopes * place.put(scale), y)
        return losses._replace(conjugate=conjugate)


def _weighted_sum(place: Place, values: AnyArray, weight: AnyArray | None) -> AnyArray:
    """Σ_i w_i v_i for values (B, M) and weights (B,) or (B, M)."""
    return place.xp.sum(_weighted(place, values, weight), axis=0, dtype=place.wide)


def _weighted(place: Place, values: AnyArray, weight: AnyArray | None) -> AnyArray:
    """Values (B, M) or (B, M, C) times weights (B,) or (B, M)."""
    if weight is None:
        return values
    shape = tuple(weight.shape) + (1,) * (len(values.shape) - len(weight.shape))
    return values * place.xp.reshape(weight, shape)
