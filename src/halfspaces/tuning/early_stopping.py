"""When to stop: once the score on validation rows has not improved for a while."""

from dataclasses import dataclass

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.support.validation import check_number
from halfspaces.system.names import lookup


@dataclass(frozen=True)
class EarlyStopping:
    """Stop once the validation score has not improved for some assessments, at the best W.

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

    def __call__(self, run: Run) -> Reason | None:
        """Stop once the score of every member has not improved for `patience` assessments."""
        if run.validation is None:
            needed = "fit(X, y, validation=(X_val, y_val) or a fraction)"
            raise ValueError(f"EarlyStopping needs validation data: {needed}.")
        best = run.best.get(f"validation_{self.monitor}")
        if best is None or np.any(best.waiting < self.patience):
            return None
        run.chosen = best.W
        return Reason.EARLY_STOPPED
