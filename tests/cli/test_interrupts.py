"""Ctrl-C while the command line starts: one line and exit code 130, wherever it comes."""

import os
import subprocess
import sys

import pytest

TRAIN = ["train", "digits", "--strength", "1e-5", "--tol", "0", "--max-passes", "1e9"]
ENDLESS = [*TRAIN, "--optimizer", "gradient_descent"]
INTERRUPT = "import signal, weakref\n{}\n"
PLACES = {
    "in an import": "signal.raise_signal(signal.SIGINT)",
    # What such a callback raises is printed and lost.
    "in a callback": (
        "class Mortal: pass\nmortal = Mortal()\n"
        "reference = weakref.ref(mortal, lambda _: signal.raise_signal(signal.SIGINT))\ndel mortal"
    ),
    # As numpy's extension modules do.
    "where it is turned into another error": (
        "try:\n    signal.raise_signal(signal.SIGINT)\n"
        "except BaseException:\n    raise ImportError('failed') from None"
    ),
}
WORK = "from halfspaces.system import interrupts\ninterrupts.work_begins()\n"


@pytest.mark.skipif(os.name != "posix", reason="needs signals with timers")
@pytest.mark.parametrize("begun", [False, True], ids=["at the start", "once work has begun"])
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(code, id=name, marks=[] if name == "in a callback" else pytest.mark.slow)
        for name, code in PLACES.items()
    ],
)
def test_an_interrupt_is_never_lost(tmp_path, place, begun):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(INTERRUPT.format(f"{WORK if begun else ''}{place}"))
    ended = subprocess.run(
        [sys.executable, "-m", "halfspaces", *ENDLESS, "--plugin", plugin],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (130, "Error: Interrupted; nothing was saved.\n")


IGNORED = f"""
import time
from halfspaces.system import interrupts
interrupts.install()
if {{begun}}:
    interrupts.work_begins()
{INTERRUPT.format(PLACES["in a callback"])}
try:
    time.sleep(60)
except KeyboardInterrupt:
    interrupts.end()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals with timers")
@pytest.mark.parametrize("begun", [False, True], ids=["at the start", "once work has begun"])
def test_an_interrupt_where_exceptions_are_ignored_is_not_lost(begun):
    ended = subprocess.run(
        [sys.executable, "-c", IGNORED.format(begun=begun)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (130, "Error: Interrupted; nothing was saved.\n")
