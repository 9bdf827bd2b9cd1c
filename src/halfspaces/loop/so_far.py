"""Values of a run so far: ends of members, best validation scores, what a resumed run needs."""

# W is a name of the formula, no constant.
# pyright: reportConstantRedefinition=false, reportUnknownArgumentType=false

from dataclasses import dataclass, field

import numpy as np

from halfspaces.objective.request import Evaluation
from halfspaces.support.types import Array


@dataclass(eq=False)
class Best:
    """The best validation score of each member, the W that has it, and the assessments since then.

    Parameters
    ----------
    score : array, shape (M,)
        Higher is better.
    W : array, shape (D+1, M, C)
    waiting : integer array, shape (M,)
        Assessments without improvement.
    """

    score: Array
    W: Array
    waiting: Array

    def offer(self, score: Array, W: Array) -> None:
        """Store W for the members whose score rose."""
        better = score > self.score
        self.score = np.where(better, score, self.score)
        self.W = np.where(better[:, None], W, self.W)
        self.waiting = np.where(better, 0, self.waiting + 1)


@dataclass(eq=False)
class Final:
    """The end of each member: set when it converges, or by one evaluation when the run stops.

    Parameters
    ----------
    W : array, shape (D+1, M, C)
    data_loss, penalty, gap : array, shape (M,)
    known : boolean array, shape (M,)
        Members whose end is set.
    """

    W: Array
    data_loss: Array
    penalty: Array
    gap: Array
    known: Array

    @classmethod
    def unknown(cls, W: Array) -> "Final":
        """No member has ended."""
        members = W.shape[1]
        nan = np.full(members, np.nan)
        return cls(W.copy(), nan, nan, np.full(members, np.inf), np.zeros(members, bool))

    def fill(self, evaluation: Evaluation, gap: Array, members: Array) -> None:
        """Set the end of some members, a mask (M,), from an evaluation."""
        self.W = np.where(members[:, None], evaluation.request.W, self.W)
        self.data_loss = np.where(members, evaluation.exact_data, self.data_loss)
        self.penalty = np.where(members, evaluation.penalty, self.penalty)
        self.gap = np.where(members, gap, self.gap)
        self.known |= members


@dataclass(eq=False, kw_only=True)
class SoFar:
    """What a resumed run goes on with beside the optimizer's state and the history.

    Parameters
    ----------
    tol : float
    final : Final
    lower : array, shape (M,)
        The best proven bounds on min L.
    lowest : Best
        The lowest loss seen, negative, and its W.
    passes : float
    best : dict
        By "validation_loss" and "validation_accuracy".
    next_assessment : float
        Passes at which a stochastic run assesses its iterate again.
    next_tightening : float
        Passes before which no tighter dual point is computed.
    problem : str
        `problem_of` the objective and the optimizer.
    """

    tol: float
    final: Final
    lower: Array
    lowest: Best
    passes: float = 0.0
    best: dict[str, Best] = field(default_factory=dict[str, Best])
    next_assessment: float = 1.0
    next_tightening: float = 0.0
    problem: str = ""
