"""Damaged files for every reader: whatever they hold, nothing but DataError comes out, soon, and in
little memory.

    python -m tests.fuzz --inputs 20000 [--seed 0] [READER ...]

Mutations are seeded: reader, seed and number of an input give its bytes again.
`tests.fuzz.model_file` has the models.
"""

import argparse
import faulthandler
import os
import resource
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from halfspaces.datasets.formats import hdf5
from tests.fuzz import images, tables
from tests.fuzz.damage import attack
from tests.fuzz.limits import limited

READERS = images.READERS | tables.READERS
WAIT = 600  # seconds by the clock: processors are shared, and machines pause
MEMORY = 6 << 30  # of addresses, threads' stacks among them
PEAK = 1 << 30  # bytes that are really held
TOGETHER = 1000  # inputs, after which caches are removed


def most_memory() -> int:
    """Bytes of this program alone: ru_maxrss counts those of the program that started it, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return 1024 * next(
        int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")
    )


def watch() -> None:
    """Waiting without end ends the program, and says where; `limited` ends a loop without end."""
    faulthandler.dump_traceback_later(WAIT, exit=True)


@contextmanager
def watched(what: str) -> Iterator[None]:
    """The limits of one input."""
    watch()
    with limited(what):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=20_000, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    hdf5._strings = partial(hdf5._strings, patience=5.0)  # damaged ones may have no end
    for name in given.readers or READERS:
        started, read, longest = time.perf_counter(), 0, 0.0
        for done in range(0, given.inputs, TOGETHER):
            with tempfile.TemporaryDirectory() as folder:
                os.environ["HALFSPACES_CACHE"] = str(Path(folder) / "cache")
                count = min(TOGETHER, given.inputs - done)
                more, slowest = attack(
                    name, READERS[name], count, given.seed + done, Path(folder) / "in", watched
                )
            read, longest = read + more, max(longest, slowest)
        faulthandler.cancel_dump_traceback_later()
        seconds = time.perf_counter() - started
        counts = f"{given.inputs:,} inputs, {read:,} read"
        told = f"{name:<18} {counts}, longest {longest:.2f} s, {seconds:.0f} s in all"
        print(told, flush=True)
        peak = most_memory()
        assert peak < PEAK, f"{name} held {peak / 2**20:,.0f} MiB"


if __name__ == "__main__":
    main()
