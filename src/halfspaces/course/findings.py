"""What the grader finds: a verdict for each check, with a remark and a place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["right", "wrong", "not done"]


@dataclass(frozen=True)
class Remark:
    """A sentence of the table of words, by its key, and the values of its placeholders."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict[str, object])


class Failure(Exception):
    """A hand-in that cannot be judged: what happened, and in which line (0: not known)."""

    def __init__(self, remark: Remark, line: int = 0, function: str = "") -> None:
        super().__init__(remark.key)
        self.remark = remark
        self.line = line
        self.function = function

    @property
    def verdict(self) -> Verdict:
        """Not done if the hand-in says so itself, else wrong."""
        return "not done" if self.remark.key in ("not_done", "missing") else "wrong"


@dataclass(frozen=True)
class Finding:
    """The verdict on one check.

    Attributes
    ----------
    check : str
        Its name, such as "svm_loss_naive.loss": a function and what is checked of it. Empty for a
        file that cannot be checked.
    verdict : "right", "wrong" or "not done"
    remark : Remark or None
        What to look at, unless it is right.
    line : int
        The line of the hand-in, 0 if it is not known.
    """

    check: str
    verdict: Verdict
    remark: Remark | None = None
    line: int = 0

    @property
    def function(self) -> str:
        """The function that is checked."""
        return self.check.partition(".")[0]
