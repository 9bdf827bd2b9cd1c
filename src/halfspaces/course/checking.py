"""Checking a hand-in: a verdict on each point of its exercise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from halfspaces.course.exercises import EXERCISES, FUNCTIONS, Exercise
from halfspaces.course.findings import Failure, Finding, Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.results import Check
from halfspaces.course.process import Limits
from halfspaces.course.sources import Source, exercise_by_name, exercise_of, read
from halfspaces.system.words import DEFAULT, LANGUAGES

Outcome = Literal["right", "wrong", "not done", "missing"]


@dataclass(frozen=True)
class Checked:
    """What was found in one file.

    Attributes
    ----------
    path : Path
        The file.
    exercise : str
        The name of the exercise; empty if it is not known.
    findings : tuple of Finding
        One for each point; one alone where the file could not be read.
    language : str
        That of the stub.
    source : Source or None
        The code, if it could be read.
    """

    path: Path
    exercise: str
    findings: tuple[Finding, ...]
    language: str = DEFAULT
    source: Source | None = None

    @property
    def points(self) -> int:
        """The number of checks that are right."""
        return sum(finding.verdict == "right" for finding in self.findings)

    @property
    def most(self) -> int:
        """The number of checks."""
        return len(EXERCISES[self.exercise].checks) if self.exercise else 0

    @property
    def outcome(self) -> Outcome:
        """Wrong if anything is, else not done if anything is not, else right."""
        verdicts = {finding.verdict for finding in self.findings}
        if "wrong" in verdicts:
            return "wrong"
        return "not done" if "not done" in verdicts else "right"

    def place(self, finding: Finding) -> tuple[int, int]:
        """The cell (0: no notebook) and the line of a finding (0: not known)."""
        if self.source is None or not finding.line:
            return (0, finding.line)
        return self.source.place(finding.line)


def check(
    path: Path, *, seed: int = 0, limits: Limits | None = None, exercise: str | None = None
) -> Checked:
    """Check a hand-in, a .py file or a notebook, in a process of its own.

    Parameters
    ----------
    path : Path
    seed : int ≥ 0
        Of the hidden data.
    limits : Limits, optional
        Of time, memory, output and files.
    exercise : str, optional
        Its name, if the file does not say so itself.

    Returns
    -------
    checked : Checked

    Examples
    --------
    >>> checked = check(Path("no-work/svm_loss.py"))
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'no-work/svm_loss.py'
    """
    by_name = exercise_by_name(path, FUNCTIONS)
    try:
        source = read(path)
    except Failure as failure:
        finding = Finding("", failure.verdict, failure.remark)
        return Checked(path, exercise or by_name or "", (finding,))
    mark = source.mark()
    language = mark[1] if mark is not None and mark[1] in LANGUAGES else DEFAULT
    name = exercise or exercise_of(source, FUNCTIONS)
    if name is None:
        finding = Finding("", "wrong", Remark("unknown"))
        return Checked(path, "", (finding,), language, source)
    with HandIn(source, limits or Limits()) as handin:
        findings = tuple(_findings(EXERCISES[name], handin, seed))
    return Checked(path, name, findings, language, source)


def _findings(exercise: Exercise, handin: HandIn, seed: int) -> Iterator[Finding]:
    lines = handin.source.functions()
    for name, judge in exercise.checks.items():
        yield _finding(name, judge, handin, seed, lines.get(name.partition(".")[0], 0))


def _finding(name: str, judge: Check, handin: HandIn, seed: int, line: int) -> Finding:
    try:
        with np.errstate(all="ignore"):
            remark = judge(handin, seed)
    except Failure as failure:
        return Finding(name, failure.verdict, failure.remark, failure.line or line)
    except (ValueError, TypeError, ArithmeticError, LookupError):
        remark = Remark("odd")  # whatever it returned must not end the grading of a class
    return Finding(name, "right") if remark is None else Finding(name, "wrong", remark, line)
