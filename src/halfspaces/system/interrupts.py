"""Ctrl-C on the command line: an exception, but never within an import, and never a lost one.

Within an import the exception may be lost in a callback of importlib, or an extension module may
turn it into an ImportError. Elsewhere it is lost where Python ignores exceptions, as in callbacks
of weak references and in C; there it is raised again a little later.
"""

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

LATER = 0.02  # seconds until an interrupt that came where it cannot be raised is tried again
WORDS = b"Error: Interrupted; nothing was saved.\n"


def install() -> None:
    """Answer to Ctrl-C from now on, unless it is ignored or the system has no timers."""
    is_ignored = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    if hasattr(signal, "setitimer") and not is_ignored:
        signal.signal(signal.SIGINT, _end)
        sys.unraisablehook = _not_lost


def work_begins() -> None:
    """From now on files may be half written, and Ctrl-C within an import waits for its end."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGALRM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)


def end() -> NoReturn:
    """End the process at once, in one line, with exit code 130."""
    os.write(2, WORDS)
    os._exit(130)


def _end(number: int, frame: FrameType | None) -> None:
    """End at once within an import; elsewhere raise KeyboardInterrupt."""
    if _is_importing(frame):
        end()
    raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, within an import once it has ended."""
    if _is_importing(frame):
        signal.setitimer(signal.ITIMER_REAL, LATER)
    else:
        raise KeyboardInterrupt


def _not_lost(ignored: Any) -> None:
    """Answer again to a KeyboardInterrupt that Python ignores; print other exceptions as ever."""
    if ignored.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(ignored)
    elif signal.getsignal(signal.SIGINT) is _end:
        end()
    else:
        signal.setitimer(signal.ITIMER_REAL, LATER)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
