"""What dual ascent needs of an objective: the kind of its loss, its rows; whether it applies."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from scipy.sparse import issparse

from halfspaces.engines import PartitionedRows
from halfspaces.engines.devices.stored_rows import name_of
from halfspaces.kernels.compile import run_compiled
from halfspaces.losses.base import Loss
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.surrogates import Plus, SquaredPlus, Surrogate
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Losses, Smoothing
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array

ONE_VS_ALL, PAIRWISE, LARGEST = 0, 1, 2  # the kinds of losses, as the loops know them
STORED = ("uint8", "float32", "float64")  # types of X that the compiled loops read
COPIED = 1 << 20  # stored values of another type or order, at most, that are copied
NEARNESS = 0.05  # of t √(mean ‖x‖²): the curvature that holds W near W₀ where the penalty has none
RARE = 1e-4  # of all weights: a class of less takes many epochs


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
        return issparse(self.blocks.X)

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
        if native and isinstance(X, np.ndarray) and X.flags.c_contiguous:
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
    if objective.blocks.y.ndim == 2:
        return "takes one set of labels, got one for each member; use optimizer='lbfgs'."
    return _refusal_of_rows(objective, thresholds)


def _refusal_of_rows(objective: Objective, thresholds: Sequence[float]) -> str | None:
    X: Any = objective.blocks.X
    if isinstance(X, PartitionedRows):
        return f"reads single rows, and these lie on {X.engine.name}; use optimizer='lbfgs'."
    if issparse(X):
        if np.any(thresholds) and objective.linear.standardization.mean.any():
            return "takes L1 and elastic net on sparse rows without means; use optimizer='auto'."
        return None if X.dtype.name in STORED or X.nnz <= COPIED else _unread(X.dtype.name)
    here = isinstance(X, np.ndarray)
    read = here and X.dtype.name in STORED and X.flags.c_contiguous
    return None if read or X.size <= COPIED else _unread(name_of(X.dtype))


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
        size = max(float(np.mean(objective.row_length**2)) - 1, np.finfo(float).tiny)
    rho = np.median(objective.penalty.curvature(1))
    threshold = np.median(np.asarray(objective.penalty.thresholds(1)))
    held = float(rho + nearness(float(rho), float(threshold), size))
    return size / (objective.n_examples * held)


def nearness(rho: float, threshold: float, size: float) -> float:
    """ε for rows of this mean ‖x‖²: 0 where the penalty has curvature."""
    return 0.0 if rho > 0 else NEARNESS * threshold * math.sqrt(size)
