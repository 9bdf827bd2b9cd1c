"""Callbacks that log the curves of a run to TensorBoard, MLflow or Weights & Biases.

Each logs a row of history for every new iterate: loss, data_loss, penalty, gap, gradient_norm,
passes, and the validation loss and accuracy where they were measured. The step is the number of the
iterate. Of several members each name has the member's number: loss/0, loss/1.
"""

from abc import ABC, abstractmethod
from os import PathLike, fspath
from typing import Any, Self

import numpy as np

from halfspaces.loop.result import History
from halfspaces.loop.run import Run


class Logger(ABC):
    """A callback that logs each row of history.

    Use it in a `with` block, or call `close` after the last fit that it logs.
    """

    def __init__(self) -> None:
        self._sink: Any = None
        self._history: History | None = None  # of the run that is logged
        self._logged = 0  # rows of it
        self._step = 0

    @abstractmethod
    def _open(self) -> Any:
        """Begin to log; raises ImportError if the library is missing."""

    @abstractmethod
    def _log(self, values: dict[str, float], step: int) -> None:
        """Log numbers by name."""

    @abstractmethod
    def _close(self) -> None:
        """Write what is left, and end."""

    def close(self) -> None:
        """Log the rows that a run has added at its end, and end the log."""
        if self._sink is not None:
            self._log_rest()
            self._close()
        self._sink = None
        self._history = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, run: Run) -> None:
        """Log the rows that are new."""
        if self._sink is None:
            self._sink = self._open()
        if run.history is not self._history:
            self._log_rest()
            self._history = run.history
            self._logged = 0
        self._log_rest()

    def _log_rest(self) -> None:
        if self._history is None:
            return
        for row in range(self._logged, len(self._history)):
            self._step += 1
            self._log(numbers_of(self._history, row), self._step)
        self._logged = len(self._history)


def numbers_of(history: History, row: int) -> dict[str, float]:
    """The numbers of a row of history by name, without those not measured."""
    values: dict[str, float] = {}
    for name, column in history.columns.items():
        cells = np.ravel(np.asarray(column[row], dtype=float))
        names = [name] if len(cells) == 1 else [f"{name}/{member}" for member in range(len(cells))]
        values |= dict(zip(names, cells.tolist(), strict=True))
    return {name: value for name, value in values.items() if np.isfinite(value)}


class TensorBoard(Logger):
    """Write event files that TensorBoard reads; needs tensorboardX.

    Parameters
    ----------
    folder : path
        One for each run: TensorBoard compares those under one folder.

    Raises
    ------
    ImportError
        At the first iterate, if tensorboardX is missing.

    Examples
    --------
    >>> log = TensorBoard("runs/softmax")  # LinearClassifier(callbacks=[log]); log.close()
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        super().__init__()
        self.folder = fspath(folder)

    def _open(self) -> Any:
        writer = _imported("tensorboardX", "tensorboard").SummaryWriter
        return writer(self.folder)

    def _log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._sink.add_scalar(name, value, step)

    def _close(self) -> None:
        self._sink.close()


class MLflow(Logger):
    """Log metrics to the active run of MLflow, or to a new one; needs mlflow or mlflow-skinny.

    Where it logs is MLflow's own setting: `mlflow.set_tracking_uri`, `mlflow.set_experiment`.

    Raises
    ------
    ImportError
        At the first iterate, if MLflow is missing.

    Examples
    --------
    >>> log = MLflow()  # LinearClassifier(callbacks=[log]); log.close()
    """

    def __init__(self) -> None:
        super().__init__()
        self._owns = False

    def _open(self) -> Any:
        mlflow = _imported("mlflow", "mlflow")
        self._owns = mlflow.active_run() is None
        if self._owns:
            mlflow.start_run()
        return mlflow

    def _log(self, values: dict[str, float], step: int) -> None:
        self._sink.log_metrics(values, step=step)

    def _close(self) -> None:
        if self._owns:
            self._sink.end_run()


class WandB(Logger):
    """Log to a run of Weights & Biases; needs wandb.

    Parameters
    ----------
    **options
        Of `wandb.init`, such as project="digits", mode="offline", dir="runs".

    Raises
    ------
    ImportError
        At the first iterate, if wandb is missing.

    Examples
    --------
    >>> log = WandB(mode="offline")  # LinearClassifier(callbacks=[log]); log.close()
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def _open(self) -> Any:
        return _imported("wandb", "wandb").init(**self.options)

    def _log(self, values: dict[str, float], step: int) -> None:
        self._sink.log(values, step=step)

    def _close(self) -> None:
        self._sink.finish()


def _imported(module: str, extra: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        remedy = f"pip install 'halfspaces[{extra}]'"
        raise ImportError(f"This callback needs {module}; {remedy}.") from error
