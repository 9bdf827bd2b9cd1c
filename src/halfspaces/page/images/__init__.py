"""Part two of the page: a training on images or tables, watched, and its examples looked at."""

from halfspaces.page.images.desk import Desk as Images
from halfspaces.page.images.trainer import Trained, Trainer, Watcher

__all__ = ["Images", "Trained", "Trainer", "Watcher"]
