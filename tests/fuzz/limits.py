"""What a small file may take: seconds of the processor and bytes of memory, whatever it claims."""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 5  # of the processor
MEMORY = 300 << 20  # bytes more than before
LARGEST = 100_000  # bytes of such a file
STATUS = Path("/proc/self/status")  # of Linux; elsewhere memory is not measured


@contextmanager
def limited(what: str) -> Iterator[None]:
    """A context that takes at most these seconds and bytes; AssertionError, or SIGPROF, if not."""
    signal.setitimer(signal.ITIMER_PROF, 4 * SECONDS)  # ends a loop in C, too
    before = _reset_peak()
    started = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds = time.process_time() - started
    more = _kilobytes("VmHWM") * 1024 - before
    assert seconds < SECONDS, f"{what} took {seconds:.1f} s of the processor"
    assert more < MEMORY, f"{what} took {more / 2**20:,.0f} MiB"


def limit_addresses(size: int) -> None:
    """Let this process ask for at most so many bytes, and write no core."""
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _reset_peak() -> int:
    """Forget the peak of the resident memory; the bytes that are resident now."""
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")
    return _kilobytes("VmRSS") * 1024


def _kilobytes(name: str) -> int:
    if not STATUS.exists():
        return 0
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
