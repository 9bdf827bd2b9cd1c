"""Callbacks: functions of a run in progress, called after every evaluation; a returned `Reason` stops the run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from halfspaces._validation import check_number, lookup
from halfspaces.result import Reason

if TYPE_CHECKING:
    from halfspaces.minimize import Run


@dataclass(frozen=True)
class EarlyStopping:
    """Stop once the validation score has not improved for a number of assessments, and end with the best W seen.

    Parameters
    ----------
    patience : int
        Assessments without improvement before the run stops.
    monitor : "loss" or "accuracy"

    Raises
    ------
    ValueError
        If a run has no validation data, `patience` is below 1 or `monitor` unknown.

    Examples
    --------
    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3, monitor='loss')
    """

    patience: int = 5
    monitor: str = "loss"

    def __post_init__(self) -> None:
        check_number("EarlyStopping(patience=...)", self.patience, at_least=1, integer=True)
        lookup("EarlyStopping(monitor=...)", self.monitor, {"loss": 0, "accuracy": 0}, int)

    def __call__(self, run: "Run") -> Reason | None:
        """Stop when every member has waited long enough."""
        if run.validation is None:
            raise ValueError("EarlyStopping needs validation data: fit(X, y, validation=(X_val, y_val) or a fraction).")
        best = run.best.get(f"validation_{self.monitor}")
        if best is None or np.any(best.waiting < self.patience):
            return None
        run.chosen = best.W
        return Reason.EARLY_STOPPED
