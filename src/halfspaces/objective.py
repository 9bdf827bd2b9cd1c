"""The objective L(W) = Σ w_i L_i / Σ w_i + λ R(W): one visit to each block gives its value and gradient.

An optimizer asks with a `Request` and is told an `Evaluation`. What a proximal step or a certificate needs
(the data gradient, the penalty, the dual quantities) is kept apart in it, not summed away.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from halfspaces.certificate import Anchor, lower_bound
from halfspaces.losses.base import Loss
from halfspaces.penalties.base import Penalty
from halfspaces.request import Evaluation, Request
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Centroids
from halfspaces.rows.standardization import Standardization
from halfspaces.scores import Linear
from halfspaces.support.types import Array, Block, Rows, Visit

LOSS_SCORES = 1 << 16  # scores that a loss is told at a time


class _Sums(NamedTuple):
    """Weighted sums over some examples."""

    data: Array  # (M,)
    exact_data: Array  # (M,)
    conjugate: Array  # (M,)
    dV: Any  # (D, M·C)
    dc: Any  # (M·C,)


@dataclass(frozen=True, eq=False)
class Objective:
    """Joins loss, penalty, scores and blocks.

    Parameters
    ----------
    loss : Loss
    penalty : Penalty
    blocks : Blocks
    n_classes : int
    standardization : Standardization or None
        None: features as they are.
    fit_intercept : bool

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l2 import L2
    >>> objective = Objective(Softmax(), L2(0.1), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> objective.evaluate(Request(objective.zeros())).total.round(4).tolist()
    [1.0986]
    """

    loss: Loss
    penalty: Penalty
    blocks: Blocks
    n_classes: int
    standardization: Standardization | None = None
    fit_intercept: bool = True

    @property
    def n_examples(self) -> int:
        """N."""
        return self.blocks.n_examples

    @property
    def n_features(self) -> int:
        """D."""
        return self.blocks.n_features

    @property
    def rounding(self) -> float:
        """Relative error to expect of a value, from the precision that products are computed in."""
        return 8 * float(np.finfo(self.blocks.dtype).eps)

    def zeros(self, n_members: int = 1) -> Array:
        """W = 0 for a stack: (D+1, M, C), float64."""
        return np.zeros((self.n_features + 1, n_members, self.n_classes))

    def on(self, blocks: Blocks) -> "Objective":
        """The same objective over other examples, standardized as these are."""
        return replace(self, blocks=self.linear.standardization.without_offsets(blocks))

    @cached_property
    def linear(self) -> Any:
        """The score function."""
        standardization = self.standardization or Standardization.identity(self.n_features)
        center = (
            np.zeros(self.n_features)
            if self.blocks.center is None
            else self.blocks.center.astype(np.float64)
        )
        return Linear(standardization, center, self.fit_intercept)

    @cached_property
    def total_weight(self) -> Array:
        """Σ w_i, shape (M,) or (1,)."""
        return np.atleast_1d(self.blocks.weights().sum(axis=0, dtype=np.float64))

    @cached_property
    def anchor(self) -> Anchor:
        """The class means that close the certificate over the unpenalized bias."""
        return Anchor.of(self.blocks, self.linear, self.n_classes)

    @cached_property
    def gradient_norm_at_zero(self) -> Array:
        """‖∇L(0)‖ of each member, from the class means: at W = 0 dscores depends on y alone."""
        labels = np.arange(self.n_classes)
        slopes = self.loss.value_and_grad(np.zeros((self.n_classes, self.n_classes)), labels)[1]
        weights, bias = self.anchor.sums @ slopes, self.anchor.frequencies @ slopes
        squares = np.sum(weights**2, axis=(0, 2)) + self.fit_intercept * np.sum(bias**2, axis=1)
        return np.sqrt(squares)

    def certifiable(self, n_members: int) -> Array:
        """Whether the penalty bounds W, so that a gap can be proved, for each member (M,)."""
        return self.penalty.dual_scale(np.ones((self.n_features, n_members, 1))) > 0

    def evaluate(self, request: Request) -> Evaluation:
        """Value, and gradient and bounds if asked for, in one visit to each block of the rows asked for."""
        if request.soon is not None:
            self.blocks.read_ahead(request.soon)
        offsets = request.offsets
        if request.recentre > 0:
            offsets = np.zeros((len(self.blocks.y), *request.W.shape[1:]), np.float16)
        sums = _Sums(*self._sums(request, offsets))
        part = len(self.blocks.labels(request.rows)) / self.n_examples
        count = self.total_weight * part  # a minibatch estimates the same mean
        data, exact_data = sums.data / count, sums.exact_data / count
        penalized, penalty = request.W[:-1], self.penalty.value(request.W[:-1])
        if not request.gradient:
            none = np.full(len(data), -np.inf)
            return Evaluation(
                request,
                data,
                exact_data,
                None,
                penalty,
                None,
                none,
                none,
                none,
                none,
                part / 2,
                offsets,
            )
        factor = 1 / np.repeat(np.broadcast_to(count, len(data)), self.n_classes)
        gradient = self.linear.pullback(sums.dV * factor, sums.dc * factor, request.W.shape)
        penalty_gradient = self.penalty.gradient(penalized) if self.penalty.smooth else None
        bounds = self._bounds(request, data, gradient, sums.conjugate / count)
        return Evaluation(
            request,
            data,
            exact_data,
            gradient,
            penalty,
            penalty_gradient,
            **bounds,
            visited=part,
            offsets=offsets,
        )

    def _sums(self, request: Request, offsets: Array | None) -> tuple[Any, ...]:
        """Over the rows asked for; at W = 0, where only labels matter, class means stand for all examples."""
        blocks, columns = self.blocks, self.linear.columns(request.W)
        if (
            offsets is None
            and request.rows is None
            and not request.W.any()
            and (blocks.weight is None or blocks.weight.ndim == 1)
        ):
            masses, means = Centroids.of(blocks).padded(self.n_classes)
            classes = np.arange(self.n_classes)
            return self._visit(request)(Block(means, classes, masses, classes))
        return blocks.sum(self._visit(request, offsets), request.rows, columns)

    def _visit(self, request: Request, offsets: Array | None = None) -> Visit[_Sums]:
        """What is done with one block, while it is in cache; `offsets` are read, or written where it recentres."""
        told = _told(self.loss, request, offsets, self.blocks.dtype)
        linear, folded = self.linear, self.linear.fold(request.W, self.blocks.dtype)

        def visit(block: Block) -> _Sums:
            X, y, weight, rows = block
            scores = linear.scores(folded, X).reshape(len(y), *request.W.shape[1:])
            values, exact, conjugate, dscores = _in_cache(told, scores, y, rows)
            data, exact, conjugate = (
                _weighted_sum(each, weight) for each in (values, exact, conjugate)
            )
            if not request.gradient:
                return _Sums(data, exact, conjugate, 0.0, 0.0)
            return _Sums(
                data, exact, conjugate, *linear.pull(X, _weigh(dscores, weight).reshape(len(y), -1))
            )

        return visit

    def _bounds(
        self, request: Request, data: Array, gradient: Array, conjugate: Array
    ) -> dict[str, Array]:
        """What an evaluation proves; −∞ on a part of the rows."""
        if request.rows is not None:
            return dict.fromkeys(
                ("lower", "stage_lower", "prospect", "conjugate"), np.full(len(data), -np.inf)
            )
        bound = lower_bound(
            self.loss, self.penalty, gradient, self.anchor, fit_intercept=self.fit_intercept
        )
        # Fenchel and Young's equality at the gradient: the mean conjugate is ⟨gradient, W⟩ − data.
        at_stage = np.sum(gradient * request.W, axis=(0, 2)) - data
        shortened = (request.shrink, conjugate) if _shortens(request) else None
        conjugate = conjugate if request.smoothing > 0 else at_stage
        stage_lower, stage_prospect = bound(at_stage, shortened)
        lower, prospect = (
            bound(conjugate) if request.smoothing > 0 else (stage_lower, stage_prospect)
        )
        return {
            "lower": lower,
            "stage_lower": stage_lower,
            "prospect": prospect,
            "conjugate": conjugate,
        }

    def scores(self, W: Array, rows: Rows = None) -> Array:
        """Scores of the rows asked for, shape (N, M·C), in the precision of the products."""
        linear, folded = self.linear, self.linear.fold(W, self.blocks.dtype)
        parts = self.blocks.map(
            lambda block: linear.scores(folded, block.X), rows, linear.columns(W)
        )
        return np.concatenate(list(parts))

    def assess(self, W: Array) -> tuple[Array, Array]:
        """Mean loss and accuracy (the largest score wins) of each member, shape (M,) each."""
        linear, folded = self.linear, self.linear.fold(W, self.blocks.dtype)

        def visit(block: Block) -> tuple[Array, Array]:
            X, y, weight, _ = block
            scores = linear.scores(folded, X).reshape(len(y), *W.shape[1:])
            right = np.argmax(scores, axis=-1) == y[:, None]
            loss = self.loss.value_and_grad(scores, y)[0]
            return _weighted_sum(loss, weight), _weighted_sum(right, weight)

        loss, right = self.blocks.sum(visit, columns=linear.columns(W))
        return loss / self.total_weight, right / self.total_weight


def _shortens(request: Request) -> bool:
    """Whether the conjugate of a shortened dual point is asked for."""
    return (
        request.shrink is not None and request.smoothing == 0 and bool(np.any(request.shrink < 1))
    )


def _told(
    loss: Loss, request: Request, offsets: Array | None, dtype: np.dtype
) -> Callable[[Array, Array, Array], tuple[Array, ...]]:
    """Of scores, labels and row numbers: values, exact values, conjugates, and gradients."""
    if request.smoothing == 0:
        shrink: Any = None if request.shrink is None else request.shrink.astype(dtype)

        def plain(scores: Array, y: Array, rows: Array) -> tuple[Array, ...]:
            values, dscores = loss.value_and_grad(scores, y)
            if not _shortens(request):
                return values, values, np.zeros_like(values), dscores
            return values, values, loss.conjugate(dscores * shrink[:, None], y), dscores

        return plain

    smoothed, following = (
        loss.smoothed(request.smoothing),
        loss.smoothed(request.recentre or request.smoothing),
    )

    def staged(scores: Array, y: Array, rows: Array) -> tuple[Array, ...]:
        shifted = scores
        if request.offsets is not None:
            shifted = scores + request.offsets[rows]
        if offsets is not None and request.recentre > 0:
            offsets[rows] = loss.offsets(
                smoothed.value_and_grad(shifted, y)[1], y, request.recentre
            )
            shifted = scores + offsets[rows]
        values, dscores = following.value_and_grad(shifted, y)
        return values, loss.value_and_grad(scores, y)[0], loss.conjugate(dscores, y), dscores

    return staged


def _in_cache(
    told: Callable[[Array, Array, Array], tuple[Array, ...]], scores: Array, y: Array, rows: Array
) -> tuple[Array, ...]:
    """What is told, by slices of rows that stay in the cache; the last of it, gradients, in the scores' memory."""
    size = max(1, LOSS_SCORES * len(scores) // max(scores.size, 1))
    if len(scores) <= 2 * size:
        return told(scores, y, rows)
    parts = []
    for start in range(0, len(scores), size):
        part = slice(start, start + size)
        *values, scores[part] = told(scores[part], y[part], rows[part])
        parts.append(values)
    return *map(np.concatenate, zip(*parts, strict=True)), scores


def _weighted_sum(values: Array, weight: Array | None) -> Array:
    """Σ_i w_i v_i (M,) in float64, for values (B, M) and weights (B,) or (B, M)."""
    if weight is None:
        return values.sum(axis=0, dtype=np.float64)
    return (values * (weight[:, None] if weight.ndim == 1 else weight)).sum(
        axis=0, dtype=np.float64
    )


def _weigh(dscores: Array, weight: Array | None) -> Array:
    if weight is None:
        return dscores
    weight = weight.astype(dscores.dtype)
    return dscores * (weight[:, None, None] if weight.ndim == 1 else weight[:, :, None])
