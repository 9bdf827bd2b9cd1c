"""Checks of the callbacks that a caller hands in, and of what they answer."""

# What callers hand in is checked, whatever its type says.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Sequence
from functools import partial
from typing import Any

from halfspaces.loop.result import Reason
from halfspaces.loop.run import Callback, Run


def checked_callbacks(callbacks: Any) -> Sequence[Callback]:
    """The callbacks, whose answers are checked; TypeError unless a sequence of callables."""
    if isinstance(callbacks, Sequence) and all(map(callable, callbacks)):
        return [partial(_answer_of, callback) for callback in callbacks]
    required = "a sequence of callables, such as [EarlyStopping()]"
    raise TypeError(f"callbacks must be {required}, got {callbacks!r}.")


def _answer_of(callback: Callback, run: Run) -> Reason | None:
    """What a callback returns; raises TypeError unless that is a `Reason` or None."""
    reason = callback(run)
    if reason is None or isinstance(reason, Reason):
        return reason
    required = "a Reason to stop or None to go on"
    raise TypeError(f"A callback must return {required}, {callback!r} returned {reason!r}.")
