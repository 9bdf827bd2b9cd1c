"""What a probe gives: scores by test set and shots, and how each run came to them."""

from dataclasses import dataclass

import numpy as np

from halfspaces.estimators.probes.protocols import Protocol
from halfspaces.estimators.probes.scores import SCORES


@dataclass(frozen=True)
class ProbeRow:
    """A score of one test set, over the runs with the same number of shots.

    Parameters
    ----------
    test, score : str
        The name of the test set and a key of `SCORES`.
    shots : int or None
    mean, low, high : float
        Over the runs, with a 95 % interval: of their spread, or of one run that of its test rows;
        nan where none is known.
    values : tuple of float
        One a run.
    rows : int
        Test rows.
    """

    test: str
    score: str
    shots: int | None
    mean: float
    low: float
    high: float
    values: tuple[float, ...]
    rows: int


@dataclass(frozen=True)
class ProbeRun:
    """How one run was fitted.

    Parameters
    ----------
    shots : int or None
    fitted, held_out : int
        Rows of the final fit, and rows that chose λ.
    refit : bool
        Whether the rows of the final fit include those that chose λ.
    value, strength : float
        The strength in the protocol's unit, and λ.
    at_edge : bool
        Whether it is the first or last of several strengths.
    converged : bool
        Whether the final fit ended within its tolerance, by a proven bound.
    seconds : float
        Of the sweep and the fit.
    """

    shots: int | None
    fitted: int
    held_out: int
    refit: bool
    value: float
    strength: float
    at_edge: bool
    converged: bool
    seconds: float


@dataclass(frozen=True)
class ProbeResult:
    """The result of `probe`.

    Parameters
    ----------
    protocol : Protocol
        With the settings that were used.
    rows : tuple of ProbeRow
        By test set, shots and score; the protocol's main score first.
    runs : tuple of ProbeRun
    """

    protocol: Protocol
    rows: tuple[ProbeRow, ...]
    runs: tuple[ProbeRun, ...]

    def mean(self, test: str | None = None, *, shots: int | None = None) -> float:
        """The main score of a test set; the first one unless named.

        Raises
        ------
        KeyError
            If there is no such row.
        """
        for row in self.rows:
            if test in (None, row.test) and shots in (None, row.shots):
                return row.mean
        raise KeyError(f"no test set {test!r} with shots={shots}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of the runs, one sentence each."""
        runs = len(self.runs)
        unfinished = sum(not run.converged for run in self.runs)
        edges = sum(run.at_edge for run in self.runs)
        notes = []
        if unfinished:
            notes.append(
                f"{unfinished} of {runs} final fits reached the limit of "
                f"{self.protocol.max_passes:g} passes before their tolerance"
            )
        if edges:
            which = "" if runs == 1 else f" of {edges} of {runs} runs"
            notes.append(f"the chosen strength{which} is at an end of the protocol's range")
        return tuple(notes)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; None for nan."""
        protocol = self.protocol
        return {
            "protocol": protocol.name,
            "sources": list(protocol.sources),
            "settings": {
                "rows": repr(protocol.rows),
                "repeats": protocol.repeats,
                "seed": protocol.seed,
                "normalize": protocol.normalize,
                "strengths": list(protocol.grid.values),
                "unit": f"{protocol.grid.parameter} of {protocol.grid.library}",
            },
            "scores": [_plain(row) for row in self.rows],
            "runs": [_plain(run) for run in self.runs],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.protocol.name}: {len(self.runs)} runs"]
        for row in self.rows:
            shots = "" if row.shots is None else f", {row.shots} shots"
            lines.append(f"{row.test}{shots}: {SCORES[row.score].words} {interval(row)}")
        return "\n".join((*lines, *self.notes))


def interval(row: ProbeRow) -> str:
    """The mean and its interval in percent.

    >>> interval(ProbeRow("test", "accuracy", None, 0.9, 0.85, 0.95, (0.9,), 20))
    '90.00 % (85.00 to 95.00)'
    """
    mean = f"{100 * row.mean:.2f} %"
    if not np.isfinite(row.low):
        return mean
    return f"{mean} ({100 * row.low:.2f} to {100 * row.high:.2f})"


def _plain(part: ProbeRow | ProbeRun) -> dict[str, object]:
    values = dict(vars(part))
    for name, value in values.items():
        if isinstance(value, float) and not np.isfinite(value):
            values[name] = None
        if isinstance(value, tuple):
            values[name] = [each if np.isfinite(each) else None for each in value]
    return values
