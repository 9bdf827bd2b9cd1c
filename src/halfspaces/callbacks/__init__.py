"""Callbacks: functions of a run, called after every evaluation; a returned `Reason` ends it.

`TensorBoard`, `MLflow` and `WandB` log the curves of a run to the tool of that name.
"""

from halfspaces.callbacks.logging import MLflow, TensorBoard, WandB
from halfspaces.callbacks.stop_after import StopAfter
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.files.state_classes import STATE_CLASSES
from halfspaces.optimizers.random_search import Attempts
from halfspaces.tuning.early_stopping import EarlyStopping

__all__ = [
    "STATE_CLASSES",
    "Attempts",
    "Checkpoint",
    "EarlyStopping",
    "MLflow",
    "StopAfter",
    "TensorBoard",
    "WandB",
]
