"""The objective whose scores, losses, slopes and sums over the rows stay on the rows' device.

V and c go there once a pass, labels and weights with their blocks; the sums come back at the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.devices.device_blocks import DeviceBlock
from halfspaces.devices.place import Place
from halfspaces.objective.objective import EvaluateLoss, Objective
from halfspaces.objective.request import Losses, Request, Smoothing
from halfspaces.scores.base import At
from halfspaces.scores.linear import Linear
from halfspaces.support.types import AnyArray, Array, Block, Visit


@dataclass(frozen=True, eq=False)
class DeviceObjective(Objective):
    """An `Objective` of `DeviceBlocks`.

    Scores with noise, labels of each member's own and losses that are smoothed about a dual point
    are computed here, from products of the device.
    """

    def _visit(self, request: Request, at: At, evaluate: EvaluateLoss) -> Visit[tuple[Any, ...]]:
        """The sums over one block, on the device if its rows are there."""
        here = super()._visit(request, at, evaluate)
        smoothing = request.smoothing
        plain = type(self.score) is Linear and type(smoothing) is Smoothing
        if not plain or smoothing.differs_by_row or self.blocks.y.ndim == 2:
            return here
        folded = self.linear.fold(request.W, self.blocks.dtype)
        there: list[AnyArray] = []  # V and c, put on the device with the first block

        def visit(block: Block) -> tuple[Any, ...]:
            if not isinstance(block.X, DeviceBlock):
                return here(block)
            place = block.X.moved.place
            if not there:
                there.extend(map(place.put, folded))
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
