"""Many sets of labels over one X, the strength of each chosen on held-out rows."""

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np

from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import penalty_by_strength
from halfspaces.estimators.label_columns import LabelColumn
from halfspaces.estimators.label_sets import LabelSets
from halfspaces.estimators.label_stacks import Halt, Stack
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.optimizers.choose import Choice, choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number, check_numbers
from halfspaces.system.blas import one_blas_thread
from halfspaces.tuning.folds import Fold, make_folds
from halfspaces.tuning.grid import fold_objectives
from halfspaces.tuning.largest_strength import largest_strength
from halfspaces.tuning.path import Solved, along
from halfspaces.tuning.selection import best_of

SPAN = 1e-5  # of the largest strength: where a grid ends that is given by its length
LOSS_DIGITS = 6  # of the mean loss, which decides between strengths of equal accuracy


class LabelSetsClassifierCV(LabelSets):
    """`LabelSetsClassifier` whose λ is chosen by the held-out accuracy of each set of labels.

    All sets go down one grid of strengths together, on the training rows of each fold and then on
    all rows; each keeps the weights of its own best strength.

    Parameters
    ----------
    loss, penalty, standardize, fit_intercept, class_weight, tol, max_passes, n_jobs, verbose
        As of `LabelSetsClassifier`; the penalty has a strength.
    strengths : int or sequence of floats, default 10
        The grid, or its length: from the largest strength that matters to any set down to 10⁻⁵ of
        it.
    cv : int, splitter or iterable of (train, test), default 3
        As of `LinearClassifierCV`. Folds are not stratified: the sets have different labels.

    Attributes
    ----------
    strengths_ : array, shape (S,)
        The grid, falling.
    scores_ : array, shape (S, P)
        Mean held-out accuracy.
    strength_ : array, shape (P,)
        The λ that each set of labels has chosen.
    classifiers_, label_names_, classes_, gap_, loss_
        As of `LabelSetsClassifier`.

    Raises
    ------
    ValueError, TypeError
        In one sentence, as `LabelSetsClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> Y = {"digit": y, "even": y % 2 == 0}
    >>> probes = LabelSetsClassifierCV(strengths=[1.0, 0.01, 1e-4]).fit(X, Y)
    >>> probes.scores_.shape, probes.strength_.tolist()
    ((3, 2), [0.0001, 0.01])
    """

    strengths_: Array
    scores_: Array
    strength_: Array

    def __init__(
        self,
        loss: str | Loss = "softmax",
        penalty: str | Penalty = "l2",
        strengths: Any = 10,
        cv: Any = 3,
        standardize: bool = True,
        fit_intercept: bool = True,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_passes: float = 3000,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.strengths = strengths
        self.cv = cv
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.verbose = verbose

    @one_blas_thread()
    def fit(self, X: Any, Y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Choose the strength of each set of labels, and fit all rows with it.

        Parameters
        ----------
        X, Y, sample_weight
            As of `LabelSetsClassifier.fit`.
        groups : array, shape (N,), or None
            For `cv`: rows of one group stay together.

        Returns
        -------
        self
        """
        penalty = penalty_by_strength(self.penalty)
        blocks, columns = self._rows(X, Y, sample_weight)
        stacks = list(self._stacks(blocks, columns, [penalty(1.0)] * len(columns)))
        self.strengths_ = self._grid([stack.objective for stack in stacks])
        y = np.zeros(blocks.n_examples)
        folds = make_folds(self.cv, blocks.X, y, groups, weight=blocks.weight)
        self.scores_ = np.empty((len(self.strengths_), len(columns)))
        self.strength_ = np.empty(len(columns))

        def solve(stack: Stack, halt: Halt) -> dict[int, LinearClassifier]:
            scores, losses = self._held_out(stack.objective, folds, halt)
            ties = -np.round(losses, LOSS_DIGITS)
            best = [best_of(scores[:, m], ties[:, m]) for m in range(len(stack.numbers))]
            self.scores_[:, stack.numbers] = scores
            self.strength_[stack.numbers] = self.strengths_[best]
            return self._at_best(stack, columns, best, halt)

        self._adopt(columns, self._collected(solve, stacks))
        return self

    def _grid(self, objectives: Sequence[Objective]) -> Array:
        """The strengths, falling."""
        given = self.strengths
        if isinstance(given, Integral) and not isinstance(given, bool):
            check_number("strengths, as a number of them,", given, at_least=2, integer=True)
            # λ_max comes from the gradient of the loss alone.
            largest = max(largest_strength(objective) for objective in objectives)
            return np.geomspace(largest, SPAN * largest, int(given))
        if isinstance(given, str) or np.ndim(given) != 1 or not len(given):
            raise TypeError(
                f"strengths must be an integer or a sequence of numbers above 0, got {given!r}."
            )
        check_numbers("Each of strengths", given, above=0)
        return np.unique(np.asarray(given, np.float64))[::-1]

    def _held_out(
        self, objective: Objective, folds: Sequence[Fold], halt: Halt
    ) -> tuple[Array, Array]:
        """Mean held-out accuracy and loss of each strength and member, (S, M) each."""
        members = fold_objectives(objective, [fold.train for fold in folds])[:-1]
        scores = np.zeros((len(self.strengths_), len(objective.total_weight)))
        losses = np.zeros_like(scores)
        for fold, member in zip(folds, members, strict=True):
            held_out = member.on(objective.blocks.subset(fold.test))
            for row, solved in enumerate(self._path(member, self.strengths_, halt)):
                loss, accuracy = held_out.assess(solved.result.W)
                scores[row] += accuracy / len(folds)
                losses[row] += loss / len(folds)
        return scores, losses

    def _at_best(
        self, stack: Stack, columns: Sequence[LabelColumn], best: Sequence[int], halt: Halt
    ) -> dict[int, LinearClassifier]:
        """The classifier of each set of labels at its own strength, by its number."""
        fitted: dict[int, LinearClassifier] = {}
        strengths = self.strengths_[: max(best) + 1]
        for row, solved in enumerate(self._path(stack.objective, strengths, halt)):
            here = Stack(stack.numbers, solved.objective)
            members = [member for member, chosen in enumerate(best) if chosen == row]
            choice = self._choice(solved.objective)
            fitted |= self._fitted(here, columns, choice, solved.result, members)
        return fitted

    def _path(self, objective: Objective, strengths: Array, halt: Halt) -> Iterator[Solved]:
        return along(
            objective,
            strengths,
            self._choice(objective).optimizer,
            tol=self.tol,
            max_passes=self.max_passes,
            callbacks=[halt],
        )

    def _choice(self, objective: Objective) -> Choice:
        return choose_for(objective, path=True)
