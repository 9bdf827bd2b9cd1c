"""Callbacks: functions of a run in progress, called after every evaluation; a returned `Reason` stops it."""

from halfspaces.files.checkpoint import Checkpoint
from halfspaces.loop.callbacks import EarlyStopping

__all__ = ["Checkpoint", "EarlyStopping"]
