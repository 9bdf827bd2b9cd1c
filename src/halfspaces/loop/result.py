"""The result of a run: the parameters, why it ended, what it cost, and its curves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from halfspaces.loop.so_far import SoFar
from halfspaces.support.types import Array


class Reason(Enum):
    """Why a run ended; the value is a sentence."""

    CERTIFIED = "The objective is within the tolerance of its minimum, by a proven bound."
    STATIONARY = (
        "The gradient norm fell below the tolerance times that at W = 0; "
        "without convexity and a strength above 0 nothing bounds the distance from the minimum."
    )
    ALL_STEPS_TAKEN = (
        "All steps of the schedule were taken; such a run ends by plan, not by a test."
    )
    MAX_PASSES = "The limit on passes was reached before the tolerance; raise max_passes or tol."
    NO_PROGRESS = (
        "No step lowers the objective further in this precision; use float64 data or a larger tol."
    )
    EARLY_STOPPED = (
        "The validation score stopped improving; W is the best one seen on the validation data."
    )
    DIVERGED = (
        "The loss is above that of W = 0 or no number: steps are too long; use a smaller step size."
    )
    STOPPED_BY_CALLBACK = "A callback asked to stop."
    INTERRUPTED = "Interrupted from the keyboard; the parameters are the last ones."

    @property
    def converged(self) -> bool:
        """Whether the run reached its goal."""
        goals = Reason.CERTIFIED, Reason.STATIONARY, Reason.ALL_STEPS_TAKEN, Reason.EARLY_STOPPED
        return self in goals

    def __str__(self) -> str:
        return self.value


class History(Mapping[str, Array]):
    """Curves of a run, a row for each new iterate.

    `history["loss"]` has shape (rows,), with several members (rows, M).

    Columns: passes, seconds, data_loss, penalty, loss (their sum), gradient_norm, step,
    update_ratio (‖ΔW‖/‖W‖, nan for W = 0), gap, and, where validation data were given,
    validation_loss and validation_accuracy (nan between two assessments). gradient_norm is nan
    where only the value was computed.

    >>> import numpy as np
    >>> history = History({"passes": [1.0, 2.0], "loss": [np.array([2.3]), np.array([1.1])]})
    >>> history["loss"].tolist()
    [2.3, 1.1]
    """

    def __init__(self, columns: Mapping[str, list[Any]] | None = None) -> None:
        self.columns: dict[str, list[Any]] = dict(columns or {})

    def append(self, **row: Any) -> None:
        """Add one row, with nan in the columns left out; a new column has nan in earlier rows."""
        length = len(self)
        for name, value in row.items():
            if name not in self.columns:
                self.columns[name] = [np.full_like(value, np.nan, dtype=float)] * length
            self.columns[name].append(value)
        for name in self.columns.keys() - row.keys():
            self.columns[name].append(np.full_like(self.columns[name][-1], np.nan, dtype=float))

    def __getitem__(self, name: str) -> Array:
        values = np.array(self.columns[name], dtype=float)
        return values[:, 0] if values.shape[1:] == (1,) else values

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row for each iterate, by passes.

        Validation columns hold the newest assessment, so that every column can be plotted:
        `history.to_frame()[["loss", "validation_loss"]].plot()`. Columns of several members have
        a second level, their number.

        Raises
        ------
        ImportError
            If pandas is missing.
        """
        from halfspaces.system.frames import frame_of_history

        return frame_of_history(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def last(self, name: str) -> Any:
        """The newest value of a column, or None."""
        return self.columns[name][-1] if self.columns.get(name) else None

    def __repr__(self) -> str:
        return f"History({len(self)} rows of {', '.join(self.columns)})"


@dataclass(frozen=True, eq=False)
class Result:
    """The end of a run.

    Parameters
    ----------
    W : array, shape (D+1, M, C)
        The iterate, in standardized units; the last row is the bias. Where the gap was proved at
        the look-ahead of an accelerated method, it is that point.
    reason : Reason
        Why the run ended; `str(result.reason)` is a sentence.
    loss, data_loss, penalty : array, shape (M,)
        L(W) and its two terms, on all rows.
    gap : array, shape (M,)
        A proven bound on L(W) − min L; infinite without a proof.
    passes : float
        Visits to all examples; a value without gradient counts half.
    seconds : float
    history : History
    state : Any
        The optimizer's state, from which `minimize(..., resume=result)` goes on.
    loop : SoFar or None
        What the loop itself needs to go on: bounds, members that have converged, best validation
        scores.
    """

    W: Array
    reason: Reason
    loss: Array
    data_loss: Array
    penalty: Array
    gap: Array
    passes: float
    seconds: float
    history: History = field(repr=False)
    state: Any = field(repr=False)
    loop: SoFar | None = field(default=None, repr=False)

    @property
    def converged(self) -> bool:
        """Whether the run reached its goal."""
        return self.reason.converged

    @property
    def nonzeros(self) -> Array:
        """Number of weights of each member that are not 0, without the bias, (M,)."""
        return np.count_nonzero(self.W[:-1], axis=(0, 2))

    def __str__(self) -> str:
        gap = float(np.max(self.gap))
        loss = float(np.max(self.loss))
        distance = f"at most {gap:.3g}" if np.isfinite(gap) else "at an unknown distance"
        cost = f"{self.passes:.4g} passes, {self.seconds:.3g} s"
        return f"{self.reason} L(W) = {loss:.6g}, {distance} above the minimum; {cost}."

    def _repr_html_(self) -> str:
        from halfspaces.system.notebooks import of_result

        return of_result(self)
