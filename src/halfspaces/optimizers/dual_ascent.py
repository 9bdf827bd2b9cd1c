"""Dual coordinate ascent for losses with kinks and for squared hinges."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from halfspaces.kernels.compile import run_compiled
from halfspaces.loop.optimizer import Optimizer, State, by_member
from halfspaces.losses.base import Loss
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.surrogates import Plus, SquaredPlus, Surrogate
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Losses, Request, Smoothing
from halfspaces.penalties.base import soft_threshold
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.parallel import available_workers, ordered_map
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

ONE_VS_ALL, PAIRWISE, LARGEST = 0, 1, 2  # the kinds of losses, as the loops know them
STORED = ("uint8", "float32", "float64")  # types of X that the compiled loops read
COPIED = 1 << 20  # stored values of another type or order, at most, that are copied
BIAS_LENGTH = 0.05  # of a row's square: the constant feature's, while the bias is held near b₀
BIAS_STEP = 0.5  # of the margin: 1/κ is no less
NEARNESS = 0.05  # of t √(mean ‖x‖²): the curvature that holds W near W₀ where the penalty has none
RARE = 1e-4  # of all weights: a class of less takes many epochs
TURN_WORK = 2e9  # multiply-adds of a turn, about
LEAST_EPOCHS, MOST_EPOCHS = 10, 100  # of a turn
ALONE = 2e6  # multiply-adds: less is not worth a second thread
SHARPER = 0.3  # times the accuracy, from one turn to the next


class Kind(NamedTuple):
    """What the compiled loops know of a loss: its kind, Δ, and φ with φ* = (bend/2) β² up to upper.

    >>> Kind.of(CrammerSinger())
    Kind(number=2, margin=1.0, upper=1.0, bend=0.0)
    """

    number: int
    margin: float
    upper: float
    bend: float

    @classmethod
    def of(cls, loss: Loss) -> "Kind | None":
        """None for a loss of another kind."""
        if type(loss) is CrammerSinger:
            return cls(LARGEST, loss.margin, 1.0, loss.smoothing)
        if type(loss) in (Hinge, SquaredHinge):
            number = PAIRWISE
        elif type(loss) is OneVsAll:
            number = ONE_VS_ALL
        else:
            return None
        known = _domain(cast("OneVsAll", loss).surrogate)
        return None if known is None else cls(number, loss.margin, *known)


def _domain(surrogate: Surrogate) -> tuple[float, float] | None:
    if type(surrogate) is Plus:
        return 1.0, surrogate.smoothing
    return (math.inf, 0.5) if type(surrogate) is SquaredPlus else None


@dataclass(frozen=True, eq=False)
class AtDualPoint(Smoothing):
    """The loss itself, with slopes that are a given dual point in place of the gradient.

    Parameters
    ----------
    dual : array, shape (M, N, C)
        A row for each row of X.
    """

    dual: Array = field(default_factory=lambda: np.zeros((0, 0, 0)), repr=False)
    given: ClassVar[bool] = True

    @property
    def differs_by_row(self) -> bool:
        """Yes."""
        return True

    def evaluate(self, loss: Loss, scores: Array, y: Array, rows: Array) -> Losses:
        """The loss at scores (B, M, C) of labels (B,), with the slopes of these rows."""
        values = loss.formula(scores, y)[0]
        slopes = np.ascontiguousarray(self.dual[:, rows].swapaxes(0, 1), scores.dtype)
        along, steepness = np.vecdot(slopes, scores), np.vecdot(slopes, slopes)
        return Losses(values, values, loss.conjugate(slopes, y), along, steepness, slopes)


@dataclass(frozen=True, eq=False)
class RowAccess:
    """The rows of an objective as the compiled loops read them; X is not copied.

    Unless it is small and of a type or order that the loops do not read.

    Parameters
    ----------
    loss : Loss
    blocks : Blocks
    linear : Linear
    total_weight : array, shape (M,) or (1,)
    room : array, shape (M, C) or (1, C)
        How far the class sums of a member can be pulled (`Anchor.room`).
    """

    loss: Loss
    blocks: Blocks
    linear: Linear
    total_weight: Array
    room: Array

    def __deepcopy__(self, memo: Any) -> "RowAccess":
        """Return this object: nothing in it changes."""
        return self

    @cached_property
    def kind(self) -> Kind:
        """What the loops know of the loss."""
        kind = Kind.of(self.loss)
        assert kind is not None
        return kind

    @property
    def sparse(self) -> bool:
        """Whether X is sparse."""
        return not isinstance(self.blocks.X, np.ndarray)

    @property
    def dtype(self) -> np.dtype:
        """Of W in the loops: float64 for sparse rows, whose sums run over all examples."""
        return np.dtype(np.float64) if self.sparse else self.blocks.dtype

    @cached_property
    def stored(self) -> tuple[Array, ...]:
        """X, or data, indices and indptr of sparse rows, and the numbers of the rows that count."""
        X: Any = self.blocks.X
        index = self.blocks.index
        rows = np.arange(len(self.blocks.y)) if index is None else np.unique(index).astype(np.int64)
        native = X.dtype.isnative and X.dtype.name in STORED
        if self.sparse:
            data = X.data if native else X.data.astype(self.blocks.dtype)
            return data, X.indices, X.indptr, rows
        if native and X.flags.c_contiguous:
            return np.asarray(X), rows
        return np.ascontiguousarray(X, self.blocks.dtype), rows

    @cached_property
    def y(self) -> Array:
        """The labels of all rows of X."""
        return self.blocks.y.astype(np.int64)

    def omega(self, member: int) -> Array:
        """The weights (N,) of a member's rows, over their sum; a repeated row counts each time."""
        blocks = self.blocks
        total = float(self.total_weight[member if len(self.total_weight) > 1 else 0])
        counts = 1 if blocks.index is None else np.bincount(blocks.index, minlength=len(self.y))
        weight = np.ones(1) if blocks.weight is None else _of_member(blocks.weight, member)
        return np.broadcast_to(weight * counts, len(self.y)) / total

    def units(self, member: int) -> tuple[Array, Array]:
        """Mean and 1/scale of each feature (D,); the center of rows that lie far from 0."""
        standardization = self.linear.standardization
        mean, scale = (_of_member(a, member) for a in (standardization.mean, standardization.scale))
        if self.blocks.center is not None:
            mean = self.blocks.center
        return np.ascontiguousarray(mean, self.dtype), np.ascontiguousarray(1 / scale, self.dtype)

    def rest(self, member: int) -> Array:
        """(mean − center)/scale (D,), where rows are less a center instead of their mean."""
        scale = _of_member(self.linear.standardization.scale, member)
        residual = _of_member(self.linear.residual_mean, member)
        return residual / scale if self.blocks.center is not None else np.zeros(len(scale))

    def sizes(self, member: int) -> tuple[Array, Array]:
        """‖x̃‖² (N,) of the rows, and ⟨x, mean/scale²⟩ of sparse ones."""
        return self._sizes[member if len(self._sizes) > 1 else 0]

    @cached_property
    def _sizes(self) -> list[tuple[Array, Array]]:
        from halfspaces.kernels import dual_loops

        shape = self.linear.standardization.mean.shape
        members = 1 if len(shape) == 1 else shape[1]
        found = []
        for m in range(members):
            sizes, along = np.zeros(len(self.y)), np.zeros(len(self.y))
            if self.sparse:
                run_compiled(
                    dual_loops.sparse_row_sizes, *self.stored, *self.units(m), sizes, along
                )
            else:
                run_compiled(dual_loops.row_sizes, *self.stored, *self.units(m), sizes)
            found.append((sizes, along))
        return found

    def mean_size(self, member: int) -> float:
        """Σ ω ‖x̃‖², or 1 where all rows are 0."""
        rows = self.stored[-1]
        return float(self.omega(member)[rows] @ self.sizes(member)[0][rows]) or 1.0

    def classes(self, member: int) -> Array | slice:
        """The classes with dual points, all unless a free bias and other classes are coupled.

        Then a class without examples has none: its bias falls until it meets every margin.
        """
        if self.kind.number == ONE_VS_ALL or not self.linear.fit_intercept:
            return slice(None)
        rows = self.stored[-1]
        mass = np.bincount(self.y[rows], self.omega(member)[rows], self.room.shape[1])
        return slice(None) if mass.all() else np.flatnonzero(mass)

    @property
    def row_values(self) -> float:
        """Stored values in all rows that count."""
        return self.blocks.row_size * self.blocks.n_examples


def _of_member(values: Array, member: int) -> Array:
    """The member's column, of an array with one for each or with one for all."""
    return values if values.ndim == 1 else values[:, member if values.shape[1] > 1 else 0]


@dataclass(eq=False)
class DualAscentState(State):
    """The best iterate, the last one with its dual point, and how the penalty maps one to another.

    A point is the iterate once it was evaluated, unless its value is above that of the one before.
    """

    access: RowAccess
    target: Array  # (D+1, M, C), the next point
    dual: Array = field(repr=False)  # (M, N, C), from which it follows
    value: Array  # of the iterate, (M,); infinite before an evaluation
    accuracy: Array  # at which the next turn of each member ends, (M,)
    rho: Array  # ρ of each member, (M,)
    threshold: Array  # t, (M,)
    turns: int = 0
    epochs: float = 0.0  # of the last turn


@dataclass(frozen=True)
class DualAscent(Optimizer[DualAscentState]):
    """Dual coordinate ascent: a few epochs over the rows in a random order, once a turn.

    A step replaces the dual point a_i of one row by the maximizer of the dual objective in a_i (for
    L1 and elastic net of a lower bound on it), and W follows:

        a_i ← argmin_a  L*_i(a) − ⟨a, s_i⟩ + (m/2) ‖a − a_i‖²,    W = prox of −Σ w_i x_i a_iᵀ/Σ w_i.

    The free bias is held near its value before each epoch (the proximal point method), and so is W
    for a penalty without curvature, L1. The certificate of the loop uses the same dual points.

    For hinge, squared hinge, one-vs-all hinge and squared hinge, and Crammer-Singer.

    Parameters
    ----------
    accuracy : float
        A turn ends at this gap, relative to the loss, or after its share of work. After each that
        ends by it, the next takes three tenths of it.
    seed : int
        Of the random order.

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        From `init`, for other losses and penalties, and for rows that it cannot read.

    References
    ----------
    Hsieh, Chang, Lin, Keerthi & Sundararajan, A dual coordinate descent method for large-scale
    linear SVM, ICML 2008, https://doi.org/10.1145/1390156.1390208; Keerthi, Sundararajan, Chang,
    Hsieh & Lin, A sequential dual method for large scale multi-class linear SVMs, KDD 2008,
    https://doi.org/10.1145/1401890.1401942; Shalev-Shwartz & Zhang, Accelerated proximal stochastic
    dual coordinate ascent, 2016, https://doi.org/10.1007/s10107-014-0839-0

    Examples
    --------
    >>> DualAscent(accuracy=0)
    Traceback (most recent call last):
    ValueError: DualAscent(accuracy=...) must be above 0 and below 1, got 0.
    """

    accuracy: float = 3e-4
    seed: int = 0
    recovers: ClassVar[bool] = True
    orders_classes: ClassVar[bool] = True  # one by one: the path depends on their order

    def __post_init__(self) -> None:
        check_number("DualAscent(accuracy=...)", self.accuracy, above=0, below=1)
        check_number("DualAscent(seed=...)", self.seed, at_least=0, integer=True)

    def init(self, W: Array, objective: Objective) -> DualAscentState:
        """Dual points 0, or about those of the given W; nothing is evaluated yet."""
        why = refusal(objective)
        if why is not None:
            raise TypeError(f"DualAscent {why}")
        members = W.shape[1]
        blocks = objective.blocks
        room, total = objective.anchor.room, objective.total_weight
        access = RowAccess(objective.loss, blocks, objective.linear, total, room)
        dual = np.zeros((members, len(blocks.y), objective.n_classes), blocks.dtype)
        if W.any():
            scores = objective.scores(W).reshape(-1, members, objective.n_classes)
            rows = slice(None) if blocks.index is None else blocks.index
            dual[:, rows] = objective.loss.formula(scores, blocks.labels())[1].swapaxes(0, 1)
            for m in range(members):
                if not isinstance(access.classes(m), slice):
                    dual[m] = 0
        return DualAscentState(
            W,
            np.zeros(members),
            access=access,
            target=W,
            dual=dual,
            value=np.full(members, np.inf),
            accuracy=np.full(members, self.accuracy),
            rho=np.asarray(objective.penalty.curvature(members), np.float64),
            threshold=np.asarray(objective.penalty.thresholds(members), np.float64),
        )

    def continued(
        self, objective: Objective, state: DualAscentState, evaluation: Evaluation
    ) -> DualAscentState:
        """The dual points stay, and the accuracy with which the last turn ended."""
        if np.array_equal(evaluation.request.W, state.target):
            _accept(state, evaluation)
        members = state.W.shape[1]
        return replace(
            state,
            value=np.full(members, np.inf),
            accuracy=np.minimum(self.accuracy, state.accuracy / SHARPER),
            rho=np.asarray(objective.penalty.curvature(members), np.float64),
            threshold=np.asarray(objective.penalty.thresholds(members), np.float64),
            epochs=0.0,
            done=None,
        )

    def propose(self, state: DualAscentState) -> Request:
        """The next point with its dual point."""
        given = AtDualPoint(dual=state.dual)
        return Request(state.target, smoothing=given, spent=state.epochs)

    def update(self, state: DualAscentState, evaluation: Evaluation) -> DualAscentState:
        """Epochs from the dual point that was evaluated."""
        gradient = evaluation.data_gradient
        assert gradient is not None
        _accept(state, evaluation)
        members = gradient.shape[1]
        access = state.access
        work = 2 * access.row_values * gradient.shape[2]  # of an epoch of one member
        epochs = int(np.clip(TURN_WORK / (work * members), LEAST_EPOCHS, MOST_EPOCHS))
        workers = 1 if work * epochs < ALONE else available_workers(access.blocks.n_jobs)
        turns = [
            _Member(state, m, gradient[:, m], self.seed + state.turns, epochs)
            for m in range(members)
        ]
        share = 1 if members > 1 else workers
        results = list(ordered_map(lambda turn: turn.run(share), turns, workers))
        state.target = np.stack([W for W, _, _ in results], axis=1)
        state.epochs = float(np.mean([passes for _, passes, _ in results]))
        accurate = np.array([accurate for _, _, accurate in results])
        sharper = np.maximum(SHARPER * state.accuracy, 1e-14)
        state.accuracy = np.where(accurate, sharper, state.accuracy)
        state.turns += 1
        return state


def _accept(state: DualAscentState, evaluation: Evaluation) -> None:
    """Move the members whose value has not risen to the point that was evaluated."""
    accepted = evaluation.total <= state.value
    state.step = np.where(accepted, 1.0, 0.0)
    state.value = np.where(accepted, evaluation.total, state.value)
    state.W = np.where(by_member(accepted), evaluation.request.W, state.W)


@dataclass(frozen=True, eq=False)
class _Member:
    """One member's turn.

    Parameters
    ----------
    state : DualAscentState
    m : int
        The number of the member.
    gradient : array, shape (D+1, C)
        Of the data loss at its dual point.
    seed : int
    epochs : int
        At most.
    """

    state: DualAscentState
    m: int
    gradient: Array
    seed: int
    epochs: int

    def run(self, workers: int) -> tuple[Array, float, bool]:
        """W (D+1, C), the passes that it took, and whether it ended by its accuracy.

        The dual points (N, C) are moved.
        """
        from halfspaces.kernels import dual_loops

        state, m = self.state, self.m
        access = state.access
        classes = self.classes
        dual = state.dual[m][:, classes]
        omega = access.omega(m)
        rows = access.stored[-1]
        sums = omega[rows] @ dual[rows].astype(np.float64)
        rest = access.rest(m)
        reached = state.target[-1, m, classes] * access.linear.fit_intercept
        reached -= rest @ state.target[:-1, m, classes]
        pull = self.numbers[dual_loops.BIAS_PULL]
        bias = reached - sums * pull
        done = np.zeros((2, len(sums)), np.int64)
        running_sum = self._running_sum(sums)
        sizes, along = access.sizes(m)
        steps = omega * (sizes / self.held + pull)
        of_rows = (
            self._labels,
            *access.units(m),
            omega,
            steps,
            *([along] if access.sparse else []),
        )
        loop = dual_loops.ascend_sparse if access.sparse else dual_loops.ascend
        layout = _Layout(access.sparse, access.dtype)

        def ascend(span: tuple[int, int]) -> None:
            """Epochs for the classes of a span."""
            columns = slice(*span)
            seed = self.seed % (1 << 63)
            counts = np.array([access.kind.number, self.epochs, seed, *span])
            part = layout.of(running_sum[:, columns])
            of_part = np.ascontiguousarray(dual[:, columns])
            run_compiled(
                loop, *access.stored, *of_rows, self._room, self.numbers, counts,
                of_part, part, bias, reached, sums, done,
            )  # fmt: skip
            running_sum[:, columns] = layout.back(part)
            dual[:, columns] = of_part

        list(ordered_map(ascend, self._spans(workers), workers))
        state.dual[m][:, classes] = dual
        weights = self._weights(running_sum, sums)
        W = self._of_all_classes(weights, reached + rest @ weights)
        return W, float(done[0].sum()) / done[0].size / len(rows), bool(done[1].all())

    def _spans(self, workers: int) -> list[tuple[int, int]]:
        """The classes (first, last) that run together; the results are the same for any spans."""
        access = self.state.access
        C = self.gradient.shape[1]
        if access.kind.number != ONE_VS_ALL:
            return [(0, len(np.arange(C)[self.classes]))]
        parts = C if access.sparse else min(workers, C)
        return list(pairwise(np.linspace(0, C, parts + 1).astype(int).tolist()))

    @cached_property
    def classes(self) -> Array | slice:
        """Those that have dual points."""
        return self.state.access.classes(self.m)

    @property
    def _labels(self) -> Array:
        """The position of each row's label among these classes."""
        y = self.state.access.y
        return y if isinstance(self.classes, slice) else np.searchsorted(self.classes, y)

    def _of_all_classes(self, weights: Array, bias: Array) -> Array:
        """W (D+1, C): the other classes have no weights, and a bias below all margins."""
        access = self.state.access
        W = np.zeros_like(self.gradient)
        if not isinstance(self.classes, slice):
            longest = math.sqrt(np.max(access.sizes(self.m)[0][access.stored[-1]]))
            least = np.min(bias - np.linalg.norm(weights, axis=0) * longest)
            W[-1] = least - 2 * access.kind.margin - access.kind.bend
        W[:-1, self.classes] = weights
        W[-1, self.classes] = bias
        return W

    @cached_property
    def nearness(self) -> float:
        """ε: 0 where the penalty has curvature."""
        state, m = self.state, self.m
        size = state.access.mean_size(m)
        return nearness(float(state.rho[m]), float(state.threshold[m]), size)

    @property
    def held(self) -> float:
        """ρ + ε."""
        return float(self.state.rho[self.m]) + self.nearness

    @cached_property
    def numbers(self) -> Array:
        """As `dual_loops` reads them."""
        access = self.state.access
        free = access.linear.fit_intercept
        _, margin, upper, bend = access.kind
        # A strong penalty does not hold the bias: it must reach the margin in a few epochs.
        length = max(BIAS_LENGTH * access.mean_size(self.m) / self.held, BIAS_STEP * margin)
        pull = length if free else 0.0
        threshold = float(self.state.threshold[self.m])
        accuracy = float(self.state.accuracy[self.m])
        return np.array([self.held, threshold, pull, margin, upper, bend, accuracy])

    @cached_property
    def _room(self) -> Array:
        """The class sums (C,) that cost as much of the bound as an excess of 1."""
        access = self.state.access
        room = access.room[self.m if len(access.room) > 1 else 0]
        return np.where(room > 0, room, 1.0)[self.classes] / (
            2 * max(access.kind.margin, np.finfo(float).tiny)
        )

    def _running_sum(self, sums: Array) -> Array:
        """−G + ε W₀ (D, C); of sparse rows over the scale, and without the means' part."""
        access = self.state.access
        V = self.nearness * self.state.target[:-1, self.m] - self.gradient[:-1]
        V = V[:, self.classes]
        if not access.sparse:
            return V
        mean, inverse = (units[:, None] for units in access.units(self.m))
        return inverse * (V - mean * inverse * sums)

    def _weights(self, running_sum: Array, sums: Array) -> Array:
        """W (D, C) from the running sum."""
        access = self.state.access
        V = running_sum
        if access.sparse:
            mean, inverse = (units[:, None] for units in access.units(self.m))
            V = V / inverse + mean * inverse * sums
        return soft_threshold(V, float(self.state.threshold[self.m])) / self.held


class _Layout(NamedTuple):
    """How a loop reads the columns (D, C) of some classes: dense ones as (C, D)."""

    sparse: bool
    dtype: np.dtype

    def of(self, columns: Array) -> Array:
        return np.array(columns if self.sparse else columns.T, self.dtype, order="C")

    def back(self, part: Array) -> Array:
        return part if self.sparse else part.T


def refusal(objective: Objective) -> str | None:
    """What `DualAscent` needs and this objective lacks, in words; None where it applies."""
    penalty = objective.penalty
    thresholds = penalty.thresholds(1)
    if Kind.of(objective.loss) is None:
        return (
            f"needs a hinge, a squared hinge or Crammer-Singer, got {objective.loss}; "
            "use optimizer='lbfgs'."
        )
    free = thresholds is None or np.min(np.maximum(thresholds, penalty.curvature(1))) == 0
    if thresholds is None or free or not objective.score.certified:
        return (
            f"needs a penalty such as L2, L1 or elastic net above 0 and no noise, got {penalty}; "
            "use optimizer='lbfgs' or 'proximal'."
        )
    X: Any = objective.blocks.X
    if not isinstance(X, np.ndarray):
        if np.any(thresholds) and objective.linear.standardization.mean.any():
            return "takes L1 and elastic net on sparse rows without means; use optimizer='auto'."
        return None if X.dtype.name in STORED or X.nnz <= COPIED else _unread(X.dtype.name)
    read = X.dtype.name in STORED and X.flags.c_contiguous
    return None if read or X.size <= COPIED else _unread(X.dtype.name)


def _unread(dtype: str) -> str:
    rows = ", ".join(STORED)
    return f"reads rows of {rows} in C order, got others, of {dtype}; use optimizer='auto'."


def difficulty(objective: Objective) -> float:
    """mean ‖x‖²/(N (ρ + ε)): about how many epochs dual ascent takes, but for a factor.

    Infinite where it does not apply, and with rare classes: class sums must vanish beside a class's
    weight.
    """
    room = objective.anchor.room
    if refusal(objective) is not None or np.any((room > 0) & (room < RARE)):
        return math.inf
    size = float(objective.n_features)
    if not objective.linear.standardization.scales:
        size = float(np.mean(objective.row_length**2)) - 1
    rho = np.median(objective.penalty.curvature(1))
    threshold = np.median(np.asarray(objective.penalty.thresholds(1)))
    held = float(rho + nearness(float(rho), float(threshold), size))
    return size / (objective.n_examples * held)


def nearness(rho: float, threshold: float, size: float) -> float:
    """ε for rows of this mean ‖x‖²: 0 where the penalty has curvature."""
    return 0.0 if rho > 0 else NEARNESS * threshold * math.sqrt(size)
