"""The objective L(W) = Σ w_i L_i / Σ w_i + λ R(W).

One visit to each block gives its value and gradient.

An optimizer asks with a `Request` and receives an `Evaluation`. It reports the data gradient, the
penalty and the dual quantities one by one, since proximal steps and certificates need them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.objective.certificate import Anchor, DualBound, Shortened, mean_conjugate
from halfspaces.objective.request import Evaluation, Losses, Request, Smoothing
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Centroids, Moments
from halfspaces.rows.standardization import Standardization
from halfspaces.scores.base import At, Score
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block, Rows, Visit

BOUNDS = ("lower", "stage_lower", "conjugate", "steepness", "rounding")
LOSS_SCORES = 1 << 16  # scores in one call of a loss: they stay in the cache
NOT_LINEAR = "is not linear in W, as is needed; use SGD or GradientDescent with a step_size."
EvaluateLoss = Callable[[Array, Array, Array], Losses]  # of scores, labels and row numbers


class _Sums(NamedTuple):
    """Weighted sums over some examples."""

    data: Array  # (M,)
    exact_data: Array  # (M,)
    conjugate: Array  # (M,)
    along: Array  # (M,), of ⟨slopes, scores⟩
    steepness: Array  # (M,), of ‖slopes‖²
    pulled: tuple[Any, ...]  # by the score function; empty without gradient
    statistics: Array | None = None


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
    score_function : Score or None
        None: `standardized`.
    observe : callable or None
        Called with each evaluation.

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
    score_function: Score | None = None
    observe: Callable[[Evaluation], Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.score.serial and self.blocks.n_jobs != 1:
            object.__setattr__(self, "blocks", replace(self.blocks, n_jobs=1))

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
        """The relative error of a value, from the precision in which products are computed."""
        return 8 * float(np.finfo(self.blocks.dtype).eps)

    def initial(self, n_members: int = 1) -> Array:
        """The W where a run starts: 0 where scores are linear."""
        return self.score.initial(n_members, self.n_classes)

    def zeros(self, n_members: int = 1) -> Array:
        """W = 0 for a stack, (D+1, M, C), float64, where scores are linear."""
        return np.zeros_like(self.initial(n_members))

    def on(self, blocks: Blocks) -> "Objective":
        """The objective over other examples, with the standardization of these."""
        return replace(self, blocks=self.standardized.standardization.without_offsets(blocks))

    def with_penalty(
        self, penalty: Penalty, observe: Callable[[Evaluation], Any] | None = None
    ) -> "Objective":
        """The same data loss under another penalty; sums over the data are not computed again."""
        return self._with_same_sums(penalty=penalty, observe=observe)

    @property
    def in_double(self) -> "Objective":
        """The same objective with products in float64."""
        return self._with_same_sums(blocks=replace(self.blocks, in_double=True))

    def _with_same_sums(self, **changes: Any) -> "Objective":
        other = replace(self, **changes)
        sums = {"standardized", "chance_value", "total_weight", "anchor", "at_zero", "row_length"}
        vars(other).update({name: vars(self)[name] for name in sums & vars(self).keys()})
        return other

    @cached_property
    def standardized(self) -> Linear:
        """The scores x W[:-1] + W[-1] of standardized features x, for any score function."""
        standardization = self.standardization or Standardization.identity(self.n_features)
        center = self.blocks.center
        center = np.zeros(self.n_features) if center is None else center.astype(np.float64)
        return Linear(standardization, center, self.fit_intercept)

    @property
    def linear(self) -> Linear:
        """`standardized`; TypeError if the score function is not linear in W."""
        if self.score.linear:
            return self.standardized
        raise TypeError(f"{type(self.score).__name__} {NOT_LINEAR}")

    @property
    def score(self) -> Score:
        """The score function f(x; W)."""
        return self.standardized if self.score_function is None else self.score_function

    @cached_property
    def chance_value(self) -> float:
        """The data loss where all scores are 0."""
        return self.loss.chance_value(self.n_classes)

    @cached_property
    def total_weight(self) -> Array:
        """Σ w_i, shape (M,), or (1,) where the members share weights and labels."""
        total = np.atleast_1d(self.blocks.weights().sum(axis=0, dtype=np.float64))
        return np.broadcast_to(total, self.blocks.members or 1)

    @cached_property
    def anchor(self) -> Anchor:
        """Class frequencies and class sums, by which a certificate corrects for the free bias."""
        return Anchor.of(self.blocks, self.standardized, self.n_classes)

    @cached_property
    def at_zero(self) -> Array:
        """Σ π L*(0) (M,) or (1,): 0 except for smoothed labels."""
        return mean_conjugate(self.loss, self.anchor, np.zeros_like(self.anchor.frequencies), 0.0)

    @cached_property
    def row_length(self) -> Array:
        """√(mean ‖x‖²) (M,) or (1,) of the rows as they are multiplied, in units of 1/W."""
        standardization = self.linear.standardization
        if standardization.mean.ndim == 2 and standardization.scales:  # of each member's rows
            squares = 1 + (self.linear.residual_mean / standardization.scale) ** 2
        else:
            moments = Moments.of(self.blocks)
            squares = moments.variance + moments.mean**2
            squares = squares / self.linear.shared.standardization.scale**2
        return np.sqrt(np.atleast_1d(squares.sum(axis=0)) + 1)

    @cached_property
    def gradient_norm_at_start(self) -> Array:
        """‖∇L‖ of each member where a run starts.

        At W = 0 it is computed from the class sums, since slopes depend on y alone.
        """
        if not self.score.linear:
            start = self.evaluate(Request(self.initial())).gradient
            return np.sqrt(np.sum(start**2, axis=(0, 2)))
        slopes = self.loss.formula(np.zeros((self.n_classes,) * 2), np.arange(self.n_classes))[1]
        weights = self.anchor.sums @ slopes
        bias = self.fit_intercept * np.sum((self.anchor.frequencies @ slopes) ** 2, axis=1)
        return np.sqrt(np.sum(weights**2, axis=(0, 2)) + bias)

    def certifiable(self, n_members: int) -> Array:
        """Whether the penalty bounds W, so that a gap can be proved, for each member (M,)."""
        bounded = self.penalty.dual_scale(np.ones((self.n_features, n_members, 1))) > 0
        return bounded & self.score.certified

    def dual_bound(self, gradient: Array, steepness: Array) -> DualBound:
        """Bounds on min L from a dual point.

        Its gradient of the data loss is (D+1, M, C), its mean square slope `steepness` (M,).
        """
        error = np.finfo(self.blocks.dtype).eps * self.row_length * np.sqrt(steepness)
        known = self.anchor, self.at_zero, self.fit_intercept
        return DualBound(self.loss, self.penalty, gradient, *known, error)

    def evaluate(self, request: Request) -> Evaluation:
        """Value, and gradient and bounds if asked for, by one visit to each block of the rows."""
        smoothing, sums = self._sums(request)
        visited = len(self.blocks.labels(request.rows)) / self.n_examples
        count = self.total_weight * visited  # a minibatch estimates the same mean
        evaluation = Evaluation(
            request,
            smoothing,
            data=sums.data / count,
            exact_data=sums.exact_data / count,
            penalty=self.penalty.value(request.W[:-1]),
            smooth_penalty=self.penalty if self.penalty.smooth else None,
            visited=(visited if request.gradient else visited / 2) + request.spent,
            statistics=sums.statistics,
            **dict.fromkeys(BOUNDS, np.full(len(sums.data), -np.inf)),  # nothing is proved
        )
        if request.gradient:
            factor = 1 / np.repeat(np.broadcast_to(count, request.W.shape[1]), request.W.shape[2])
            gradient = self.score.pullback(sums.pulled, factor, request.W.shape)
            bounds = self._bounds(evaluation, gradient, sums, count)
            evaluation = replace(evaluation, data_gradient=gradient, **bounds)
        if self.observe is not None:
            self.observe(evaluation)
        return evaluation

    def _sums(self, request: Request) -> tuple[Smoothing, _Sums]:
        """The smoothing that was evaluated, with its offsets, and the sums over the rows.

        At W = 0, where only labels matter, class means stand for all examples.
        """
        blocks = self.blocks
        smoothing = request.smoothing
        by_class = self._is_exact(request) and not smoothing.differs_by_row
        if by_class and blocks.members is None and not request.W.any():
            masses, means = Centroids.of(blocks).padded(self.n_classes)
            classes = np.arange(self.n_classes)
            at = self.score.at(request.W, self.blocks.dtype)
            visit = self._visit(request, at, self._losses(request))
            sums = visit(Block(means, classes, masses, classes))
            return smoothing, _Sums(*sums[:5], pulled=sums[5:])
        offsets = None
        if smoothing.recentre > 0:
            offsets = blocks.row_values(request.W.shape[1:])
            smoothing = smoothing.recentred(offsets)
        at = self.score.at(request.W, blocks.dtype, request.draw, request.gradient)
        visit = self._visit(request, at, self._losses(request, offsets))
        sums = blocks.sum(visit, request.rows, at.columns)
        statistics = at.statistics and at.statistics()
        return smoothing, _Sums(*sums[:5], pulled=sums[5:], statistics=statistics)

    def _losses(self, request: Request, new_offsets: Array | None = None) -> EvaluateLoss:
        """The loss that is asked for.

        Each call writes the offsets of its rows into `new_offsets`, which belongs to this
        evaluation alone; no two blocks share a row.
        """
        scale = request.dual_scale
        factor: Any = None if scale is None else scale.astype(self.blocks.dtype)[:, None]

        def evaluate(scores: Array, y: Array, rows: Array) -> Losses:
            losses = request.smoothing.evaluate(self.loss, scores, y, rows)
            if new_offsets is not None:
                new_offsets[rows] = losses.offsets
            if request.shortens:
                losses = losses._replace(conjugate=self.loss.conjugate(losses.slopes * factor, y))
            return losses

        return evaluate

    def _visit(self, request: Request, at: At, evaluate: EvaluateLoss) -> Visit[tuple[Any, ...]]:
        """The sums over one block, all computed while it is in the cache."""

        def visit(block: Block) -> tuple[Any, ...]:
            rows = len(block.y)
            scores, pull, added = at.forward(block)
            losses = _in_cache(evaluate, scores.reshape(rows, -1, self.n_classes), block)
            if added is not None:
                losses = losses.plus(*added)
            sums = [_weighted_sum(values, block.weight) for values in losses[:5]]
            if not request.gradient:
                return tuple(sums)
            return *sums, *pull(_weighted(losses.slopes, block.weight).reshape(rows, -1))

        return visit

    def _is_exact(self, request: Request) -> bool:
        """Whether all rows are visited and scores are linear in W, without noise."""
        return request.rows is None and request.draw is None and self.score.certified

    def _bounds(
        self, evaluation: Evaluation, gradient: Array, sums: _Sums, count: Array
    ) -> dict[str, Any]:
        """The fields of an evaluation that its gradient proves; none on a part of the rows."""
        request = evaluation.request
        if not self._is_exact(request):
            return {}
        steepness = sums.steepness / count
        bound = self.dual_bound(gradient, steepness)
        # Fenchel and Young's equality at the gradient: the mean conjugate is ⟨gradient, W⟩ − data.
        along = np.sum(gradient * request.W, axis=(0, 2))
        # Of the losses themselves, or at shortened slopes.
        computed = sums.conjugate / count
        length = np.sqrt(np.sum(request.W**2, axis=(0, 2)))
        rounding = bound.error * length + 4 * np.abs(along - sums.along / count)
        rounding += self.rounding / 8 * (2 * np.abs(evaluation.data) + np.abs(computed))
        at_stage = along - evaluation.data + rounding
        computed = computed + rounding
        conjugate = computed if request.smoothing.mu > 0 or request.smoothing.given else at_stage
        short = Shortened(np.asarray(request.dual_scale), computed) if request.shortens else None
        lower = bound.proved(conjugate, short)
        return {
            "lower": lower,
            "stage_lower": lower if conjugate is at_stage else bound.proved(at_stage),
            "conjugate": conjugate,
            "shortened": short,
            "steepness": steepness,
            "rounding": rounding,
        }

    def scores(self, W: Array, rows: Rows = None) -> Array:
        """Scores (N, M·C) of the rows, in the precision of the products."""
        forward, columns, _ = self.score.at(W, self.blocks.dtype, gradient=False)
        return np.concatenate([*self.blocks.map(lambda b: forward(b).scores, rows, columns)])

    def assess(self, W: Array) -> tuple[Array, Array]:
        """Mean loss and accuracy (the largest score wins) of each member, shape (M,) each."""
        forward, columns, _ = self.score.at(W, self.blocks.dtype, gradient=False)

        def visit(block: Block) -> tuple[Array, Array]:
            scores = forward(block).scores.reshape(len(block.y), -1, self.n_classes)
            right = np.argmax(scores, axis=-1) == block.y.reshape(len(scores), -1)
            loss = self.loss.formula(scores, block.y)[0]
            return _weighted_sum(loss, block.weight), _weighted_sum(right, block.weight)

        loss, right = self.blocks.sum(visit, columns=columns)
        return loss / self.total_weight, right / self.total_weight


def _in_cache(evaluate: EvaluateLoss, scores: Array, block: Block) -> Losses:
    """The losses of a block, by slices of rows that stay in the cache.

    The slopes are written over the scores; offsets are left out.
    """
    size = max(1, LOSS_SCORES * len(scores) // max(scores.size, 1))
    if len(scores) <= 2 * size:
        return evaluate(scores, block.y, block.rows)
    parts: list[tuple[Array, ...]] = []
    for start in range(0, len(scores), size):
        part = slice(start, start + size)
        losses = evaluate(scores[part], block.y[part], block.rows[part])
        scores[part] = losses.slopes
        parts.append(losses[:5])
    return Losses(*map(np.concatenate, zip(*parts, strict=True)), slopes=scores)


def _weighted_sum(values: Array, weight: Array | None) -> Array:
    """Σ_i w_i v_i in float64, for values (B, M) or (B, M, C) and weights (B,) or (B, M)."""
    return _weighted(values, weight).sum(axis=0, dtype=np.float64)


def _weighted(values: Array, weight: Array | None) -> Array:
    """Values (B, M) or (B, M, C) times weights (B,) or (B, M)."""
    if weight is None:
        return values
    return values * weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
