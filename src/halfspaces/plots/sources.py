"""What Displays are computed from: a classifier with rows, a result of `minimize`, an objective."""

from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from halfspaces.estimators.base import probabilities, winners
from halfspaces.loop.result import Result
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.plots.display import Display
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from halfspaces.estimators.linear import LinearModel


class OfRows(Display):
    """A Display of the scores of rows with labels."""

    @classmethod
    @abstractmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Array) -> Self:
        """Of a classifier and rows with labels."""

    @classmethod
    def from_result(
        cls, result: Result, objective: Objective, *, member: int = 0, **options: Any
    ) -> Self:
        """Of a result of `minimize` and its objective: its rows, their labels as numbers.

        `member` is that of the stack; options are those of `from_estimator`.
        """
        classifier = Member(result, objective, member)
        return cls.from_estimator(classifier, classifier.rows, classifier.labels, **options)


class OfObjective(Display):
    """A Display of an objective of one member."""

    @classmethod
    @abstractmethod
    def from_objective(cls, objective: Objective) -> Self:
        """Of an objective."""

    @classmethod
    def from_estimator(cls, estimator: "LinearModel", X: Any, y: Array, **options: Any) -> Self:
        """Of the objective that a fitted classifier has minimized, on these rows.

        Options are those of `from_objective`.
        """
        return cls.from_objective(objective_of(estimator, X, y), **options)

    @classmethod
    def from_result(
        cls, result: Result, objective: Objective, *, member: int = 0, **options: Any
    ) -> Self:
        """Of the objective of a result of `minimize`, with the penalty of one member of the stack.

        Options are those of `from_objective`.
        """
        check_member(result, member)
        return cls.from_objective(of_member(objective, member), **options)


@dataclass(frozen=True, eq=False)
class Member:
    """One member of a result as a classifier whose rows X are row numbers of its objective."""

    result: Result
    objective: Objective
    number: int = 0

    def __post_init__(self) -> None:
        check_member(self.result, self.number)

    @property
    def W(self) -> Array:
        """The member alone (D+1, 1, C)."""
        return self.result.W[:, [self.number]]

    @property
    def loss(self) -> Loss:
        """Of the objective."""
        return self.objective.loss

    @property
    def classes_(self) -> Array:
        """0, 1, ... (C,)."""
        return np.arange(self.objective.n_classes)

    @property
    def rows(self) -> Array:
        """All row numbers (N,)."""
        return np.arange(self.objective.n_examples)

    @property
    def labels(self) -> Array:
        """The labels of all rows (N,)."""
        return np.asarray(self.objective.blocks.labels())

    @property
    def coef_(self) -> Array:
        """Weights (C, D) in the units of X; of two classes (1, D), their difference."""
        V = self.objective.linear.fold(self.W, np.dtype(np.float64))[0].T
        return V[1:] - V[:1] if len(V) == 2 else V

    @cached_property
    def _scores(self) -> Array:
        scores = self.objective.scores(self.W)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def decision_function(self, X: Array) -> Array:
        """Scores (n, C) of rows X; of two classes their difference (n,)."""
        return self._scores[X]

    def predict(self, X: Array) -> Array:
        """The class with the largest score for each row."""
        return winners(self.decision_function(X), self.loss)

    @available_if(lambda self: self.loss.probability is not None)
    def predict_proba(self, X: Array) -> Array:
        """Probabilities (n, C)."""
        return probabilities(self.decision_function(X), self.loss)


def check_member(result: Result, member: int) -> None:
    """Raise ValueError unless the result has this member."""
    count = result.W.shape[1]
    if not 0 <= member < count:
        raise ValueError(f"The result has {count} members; give member=0 to {count - 1}.")


def of_member(objective: Objective, member: int) -> Objective:
    """The objective of one member of a stack: its own strength, where each has one."""
    penalty: Any = objective.penalty
    own = {
        each.name: getattr(penalty, each.name)[member]
        for each in fields(penalty)
        if isinstance(getattr(penalty, each.name), tuple)
    }
    return objective.with_penalty(replace(penalty, **own)) if own else objective


def check_alone(objective: Objective) -> None:
    """Raise ValueError if the penalty has numbers for several members."""
    if of_member(objective, 0) is not objective:
        raise ValueError(
            f"{objective.penalty!r} has a number for each member of a stack, and one member is "
            "drawn; give objective.with_penalty(...) of one strength, or from_result(..., member=)."
        )


def check_linear(estimator: Any) -> None:
    """Raise ValueError for a classifier whose scores are not xW + b."""
    from halfspaces.estimators.base import ScoreModel
    from halfspaces.estimators.linear import LinearModel

    if isinstance(estimator, ScoreModel) and not isinstance(estimator, LinearModel):
        raise ValueError(
            f"This picture needs linear scores xW + b, and those of a {type(estimator).__name__} "
            "are not; give a LinearClassifier, or draw the loss curve, the confusion matrix, "
            "mistakes, margins, calibration or scores."
        )


def objective_of(estimator: "LinearModel", X: Any, y: Array) -> Objective:
    """The objective that a fitted classifier or search has minimized, on these rows."""
    from sklearn.base import clone

    check_linear(estimator)
    unfitted: Any = clone(getattr(estimator, "classifier_", estimator))
    return unfitted.objective(X, y)
