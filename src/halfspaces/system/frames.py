"""DataFrames of curves, with pandas where it is installed."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def frame_of_history(history: Mapping[str, np.ndarray]) -> Any:
    """A DataFrame of a history, a row for each iterate, by passes.

    Raises
    ------
    ImportError
        If pandas is missing.

    >>> import numpy as np
    >>> assessed = np.array([2.3, np.nan, 1.1])
    >>> history = {"passes": np.array([1.0, 1.5, 2.0]), "validation_loss": assessed}
    >>> frame_of_history(history)["validation_loss"].tolist()
    [2.3, 2.3, 1.1]
    """
    try:
        import pandas as pd
    except ImportError as error:
        needed = "history.to_frame() needs pandas; pip install pandas, or use history[name]"
        raise ImportError(f"{needed}.") from error
    members = max((values.shape[1] for values in history.values() if values.ndim == 2), default=1)
    columns: dict[Any, np.ndarray] = {}
    for name, values in history.items():
        if values.ndim == 2:
            columns |= {(name, member): values[:, member] for member in range(members)}
        else:
            columns[name if members == 1 else (name, "")] = values
    frame = pd.DataFrame(columns)
    validation = [column for column in columns if "validation" in str(column)]
    frame[validation] = frame[validation].ffill()
    return frame.set_index(frame.columns[0]).rename_axis("passes")
