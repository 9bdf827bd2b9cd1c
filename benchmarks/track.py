"""What a run leaves behind: snapshots of its weights, seconds and passes,
the clock stopped while they are taken.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

Array = np.ndarray

WEIGHTS, MARKS = "weights.bin", "marks.jsonl"
ALL_KEPT = 30  # snapshots; later ones must come 2 % later than the last
SPACING = 1.02


class Enough(Exception):
    """The time is up, or the minimum is near enough."""


@dataclass(frozen=True)
class Task:
    """One solver on one problem, as the worker process is told."""

    solver: str
    loss: str
    strength: float
    n_classes: int
    features: str  # file of X
    labels: str  # file of y
    cap: float  # seconds
    until: float  # seconds while `level` is not reached
    enough: float  # objective below which nothing more is asked
    level: float  # objective that `until` waits for
    threads: int


@dataclass(frozen=True)
class Mark:
    """When a snapshot was taken."""

    seconds: float
    passes: float
    peak: float  # MB of resident memory so far


@dataclass(eq=False)
class Track:
    """Writes snapshots to a folder: float32 W and b one after another,
    and a line of JSON for each.
    """

    folder: Path
    task: Task
    objective: Callable[[Array, Array], float]  # the judge's, for solvers that do not tell theirs
    best: float = math.inf
    now: float = 0.0  # seconds of the last snapshot
    base: float | None = None  # MB of resident memory before the first start
    peak: float = 0.0
    _kept: float = -math.inf  # seconds of the last snapshot that was written
    _count: int = 0
    _started: float = math.nan

    def start(self) -> None:
        """From here seconds count, and memory from the first start."""
        if self.base is None:
            self.base = reset_peak()
        self._started = time.perf_counter()

    def forget(self) -> None:
        """Only what comes now counts."""
        for name in (WEIGHTS, MARKS):
            (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The clock stands still, and memory is not counted."""
        now = self.seconds
        self.peak = max(self.peak, peak())
        try:
            yield
        finally:
            reset_peak()
            self._started += self.seconds - now

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def add(
        self,
        W: Array,
        b: Array,
        passes: float,
        value: float | None = None,
        *,
        judge: bool = False,
        last: bool = False,
    ) -> None:
        """A snapshot, W (D, C) and b (C,); raises Enough once there is no more to see.

        `value` is the objective where the solver knows it, and only used to stop; `judge` computes
        it here. The `last` snapshot is always kept.
        """
        self.now = self.seconds
        with self.paused():
            if last or self._count < ALL_KEPT or self.now > SPACING * self._kept:
                self._write(W, b, passes)
            if judge:
                value = self.objective(W, b)
        self.best = min(self.best, math.inf if value is None else value)
        if self.best <= self.task.enough or self.now > self.limit:
            raise Enough

    @property
    def limit(self) -> float:
        """Seconds that a run may take."""
        return (
            self.task.cap if self.best <= self.task.level else max(self.task.cap, self.task.until)
        )

    def _write(self, W: Array, b: Array, passes: float) -> None:
        self._kept, self._count = self.now, self._count + 1
        with open(self.folder / WEIGHTS, "ab") as file:
            file.write(np.ascontiguousarray(W, dtype=np.float32).tobytes())
            file.write(np.ascontiguousarray(b, dtype=np.float32).tobytes())
        with open(self.folder / MARKS, "a") as file:
            file.write(json.dumps(asdict(Mark(self.now, passes, self.peak))) + "\n")


def read_track(
    folder: Path, n_features: int, n_classes: int
) -> list[tuple[Mark, tuple[Array, Array]]]:
    """The snapshots of a run, also of one that was killed."""
    if not (folder / MARKS).exists():
        return []
    lines = (folder / MARKS).read_text().splitlines()
    marks = [Mark(**json.loads(line)) for line in lines if line.endswith("}")]
    rows = np.memmap(folder / WEIGHTS, np.float32, "r")[: len(marks) * (n_features + 1) * n_classes]
    rows = rows.reshape(-1, n_features + 1, n_classes)
    return [(mark, (W[:-1], W[-1])) for mark, W in zip(marks, rows, strict=True)]


def resident() -> float:
    """MB of resident memory."""
    return _status("VmRSS")


def peak() -> float:
    """MB of resident memory at its highest since `reset_peak`."""
    return _status("VmHWM")


def reset_peak() -> float:
    """Forget the peak where the system allows it; the resident memory now, in MB."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")
    return resident()


def _status(name: str) -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            int(line.split()[1]) * 1.024e-3
            for line in status.read_text().splitlines()
            if name in line
        )
    import resource
    import sys

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1e-6 if sys.platform == "darwin" else 1.024e-3
    )
