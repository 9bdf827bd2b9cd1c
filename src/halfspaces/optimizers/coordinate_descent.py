"""Newton steps on the columns of the weights that are not 0: for L1 on many sparse features."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from halfspaces.engines import PartitionedRows
from halfspaces.loop.optimizer import Optimizer, State, by_member
from halfspaces.loop.result import Reason
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.column_model import ColumnModel, Columns, RowLoss
from halfspaces.optimizers.quasi_newton import Rounding
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.threads import ordered_map

FLAT_STEPS = 3  # in turn that do not lower a value by more than rounding: then there is no progress
NEW_WEIGHTS = 50  # of a class that may leave 0 at a time; or as many as are not 0, if that is more


@dataclass(eq=False)
class CoordinateDescentState(State):
    """The iterate, value and gradient there, and the point to evaluate next."""

    blocks: Blocks
    linear: Linear
    loss: Loss
    penalty: Penalty
    rounding: Rounding
    flat: Array  # steps in turn without a decrease, (M,)
    value: Array | None = None  # data loss + penalty at W, (M,)
    gradient: Array | None = field(default=None, repr=False)  # of the data loss at W
    target: Array | None = field(default=None, repr=False)  # None: W is to be evaluated
    dual_scale: Array | None = None  # the factor of the penalty on the last dual point, (M,)


@dataclass(frozen=True)
class CoordinateDescent(Optimizer[CoordinateDescentState]):
    """W ← argmin of mean loss + t Σ|W| + r ΣW² over the weights that are not 0 or are to leave 0.

    The gradient of each evaluation says which weights violate their condition of optimality,
    |∂L/∂w| ≤ t for w = 0. Those, and the weights that are not 0, are the working set. The objective
    is minimized on it by Newton steps, each by coordinate descent on the columns of X
    (`halfspaces.optimizers.column_model`), in compiled code; then everything is evaluated again.
    Weights that the penalty holds at 0 are exactly 0.

    It is for features of which few are stored or few have weights: text, counts, hashed words. A
    step copies the columns of the working set, about 8 bytes for each of their stored values, and
    reads them alone; that is not counted as a pass. Where all features are dense and correlated,
    such as pixels, `ProximalNewton` takes less time.

    Parameters
    ----------
    accuracy : float in (0, 1)
        The objective on the working set is minimized until the violations of its conditions of
        optimality have fallen to this part of the first, or of t if that is less.

    Raises
    ------
    ValueError
        If `accuracy` is out of range.
    TypeError
        From `init`, for a penalty of another form, such as max norm, and for a loss with kinks.

    References
    ----------
    Yuan, Ho & Lin, An improved GLMNET for L1-regularized logistic regression, JMLR 2012,
    https://www.jmlr.org/papers/v13/yuan12a.html; Friedman, Hastie & Tibshirani, Regularization
    paths for generalized linear models via coordinate descent, 2010,
    https://doi.org/10.18637/jss.v033.i01

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces import minimize
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> from halfspaces.rows.blocks import Blocks
    >>> objective = Objective(Softmax(), L1(0.1), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> minimize(objective, CoordinateDescent(), tol=1e-6).converged
    True
    """

    accuracy: float = 0.1
    recovers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("CoordinateDescent(accuracy=...)", self.accuracy, above=0, below=1)

    def init(self, W: Array, objective: Objective) -> CoordinateDescentState:
        """Checks the loss and the penalty; nothing is evaluated yet."""
        members = W.shape[1]
        if isinstance(objective.blocks.X, PartitionedRows):
            raise TypeError(
                "CoordinateDescent reads single columns, and the rows lie on"
                f" {objective.blocks.X.engine.name}; use optimizer='proximal_newton'."
            )
        if not objective.loss.smooth:
            raise TypeError(
                f"CoordinateDescent needs a loss without kinks, got {objective.loss}; "
                "use optimizer='proximal_newton'."
            )
        if objective.penalty.thresholds(members) is None:
            raise TypeError(
                "CoordinateDescent needs a penalty that thresholds softly, such as L1 or "
                f"ElasticNet, got {objective.penalty}; use optimizer='proximal'."
            )
        return CoordinateDescentState(
            W,
            np.zeros(members),
            blocks=objective.blocks,
            linear=objective.linear,
            loss=objective.loss,
            penalty=objective.penalty,
            rounding=Rounding.of(objective),
            flat=np.zeros(members, int),
        )

    def continued(
        self, objective: Objective, state: CoordinateDescentState, evaluation: Evaluation
    ) -> CoordinateDescentState:
        """Value and gradient of the data loss stay known: the first request is a step already."""
        if not np.array_equal(evaluation.request.W, state.W):
            self._accept(state, evaluation)
        assert state.value is not None
        V = state.W[:-1]
        change = objective.penalty.value(V) - state.penalty.value(V)
        moved = replace(
            state,
            penalty=objective.penalty,
            value=state.value + change,
            flat=np.zeros_like(state.flat),
            done=None,
            dual_scale=None,
        )
        moved.target = self._target(moved)
        return moved

    def propose(self, state: CoordinateDescentState) -> Request:
        """The iterate, then the minimum on each working set."""
        W = state.W if state.target is None else state.target
        return Request(W, dual_scale=state.dual_scale)

    def update(
        self, state: CoordinateDescentState, evaluation: Evaluation
    ) -> CoordinateDescentState:
        """Accept the point unless the objective rose, and minimize on the next working set."""
        assert evaluation.data_gradient is not None
        state.dual_scale = state.penalty.dual_scale(evaluation.data_gradient[:-1]) ** 2
        self._accept(state, evaluation)
        if np.all(state.flat >= FLAT_STEPS):
            state.done = Reason.NO_PROGRESS
            return state
        state.target = self._target(state)
        return state

    @staticmethod
    def _accept(state: CoordinateDescentState, evaluation: Evaluation) -> None:
        """Move the members whose value has not risen by more than rounding."""
        assert evaluation.data_gradient is not None
        if state.value is None or state.gradient is None:
            state.value = evaluation.total
            state.gradient = evaluation.data_gradient
            return
        error = state.rounding.error(state.value)
        accepted = np.isfinite(evaluation.total) & (evaluation.total <= state.value + error)
        falls = accepted & (evaluation.total < state.value - error)
        state.flat = np.where(falls, 0, state.flat + 1)
        state.step = np.where(accepted, 1.0, 0.0)
        mask = by_member(accepted)
        state.W = np.where(mask, evaluation.request.W, state.W)
        state.value = np.where(accepted, evaluation.total, state.value)
        state.gradient = np.where(mask, evaluation.data_gradient, state.gradient)

    def _target(self, state: CoordinateDescentState) -> Array:
        """The minimum on the working set of each member and class, nearly."""
        target = state.W.copy()
        for member in range(target.shape[1]):
            target[:, member] = self._member_target(state, member)
        return target

    def _member_target(self, state: CoordinateDescentState, member: int) -> Array:
        """W (D+1, C) at the minimum on the working sets of a member's classes."""
        assert state.gradient is not None
        members, n_classes = state.W.shape[1:]
        W = state.W[:, member].copy()
        threshold = float(np.asarray(state.penalty.thresholds(members))[member])
        ridge = float(state.penalty.curvature(members)[member])
        slopes = state.gradient[:-1, member] + ridge * W[:-1]
        sets = [_working_set(W[:-1, c], slopes[:, c], threshold) for c in range(n_classes)]
        features = np.unique(np.concatenate(sets))
        columns = Columns.of(state.blocks, state.linear, features, member)
        shift = columns.shift @ W[features]
        work = [np.searchsorted(features, each) for each in sets]
        start = [W[each, c] for c, each in enumerate(sets)]
        if columns.bias:
            work = [np.append(each, len(features)) for each in work]
            start = [np.append(each, W[-1, c] - shift[c]) for c, each in enumerate(start)]
        y, share = _labels_and_shares(state.blocks, member)

        def solve(group: list[int]) -> list[Array]:
            rows = RowLoss(state.loss, group, y, share)
            its_work = [work[c] for c in group]
            its_start = [start[c] for c in group]
            model = ColumnModel(columns, rows, its_work, its_start, threshold, ridge)
            return model.minimize(self.accuracy)

        classes = list(range(n_classes))
        groups = [[c] for c in classes] if state.loss.separable else [classes]
        workers = available_workers(state.blocks.n_jobs, len(groups))
        solved = [each for found in ordered_map(solve, groups, workers) for each in found]
        for c, found in enumerate(solved):
            W[sets[c], c] = found[: len(sets[c])]
        if columns.bias:
            W[-1] = [found[-1] for found in solved] + columns.shift @ W[features]
        return W


def _labels_and_shares(blocks: Blocks, member: int) -> tuple[Array, Array]:
    """Labels (N,), and the weight of each row over the weight of all, (N,)."""
    y, weight = (
        values if values.ndim == 1 else values[:, member]
        for values in (blocks.labels(), blocks.weights())
    )
    return y, weight / weight.sum(dtype=np.float64)


def _working_set(weights: Array, slopes: Array, threshold: float) -> Array:
    """Sorted indices of the weights that are not 0, and of the worst of those that are to leave 0.

    All, if there is no threshold.
    """
    if threshold == 0:
        return np.arange(len(weights))
    working = weights != 0
    excess = np.where(working, 0.0, np.abs(slopes) - threshold)
    new = np.flatnonzero(excess > 0)
    most = max(NEW_WEIGHTS, int(np.count_nonzero(working)))
    if len(new) > most:
        new = new[np.argpartition(-excess[new], most)[:most]]
    working[new] = True
    return np.flatnonzero(working)
