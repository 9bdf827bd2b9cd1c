"""Many sets of labels over one X, such as probes of concepts: all are fitted in one solve."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.base import probabilities, winners
from halfspaces.estimators.checked_data import check_rows, check_training_rows, weight_of_rows
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_loss, make_optimizer, make_penalty
from halfspaces.estimators.empty_columns import without_empty_columns
from halfspaces.estimators.label_columns import LabelColumn, given_columns, label_columns
from halfspaces.estimators.label_stacks import (
    Halt,
    SharedSketch,
    Stack,
    apart,
    labelled,
    same_sizes,
    solved_apart,
    together,
)
from halfspaces.estimators.linear import adopt, folded, linear_objective, of_one_column
from halfspaces.loop.result import Reason, Result
from halfspaces.losses.base import Loss
from halfspaces.optimizers import Optimizer
from halfspaces.optimizers.choose import Choice
from halfspaces.penalties.base import Penalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array, Block
from halfspaces.support.validation import check_number
from halfspaces.system.blas import OUTSIDE, one_blas_thread
from halfspaces.system.progress import Bar, quiet
from halfspaces.tuning.grid import member_result


class LabelSets(BaseEstimator):
    """What classifiers of many sets of labels have in common: the rows, the stacks, predictions."""

    loss: str | Loss
    penalty: str | Penalty
    standardize: bool
    fit_intercept: bool
    class_weight: Any
    tol: float
    max_passes: float
    n_jobs: int | None
    verbose: int

    classifiers_: list[LinearClassifier]
    label_names_: list[Any]
    n_features_in_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        tags.input_tags.sparse = True
        return tags

    @property
    def classes_(self) -> list[Array]:
        """The labels of each set, sorted."""
        check_is_fitted(self)
        return [classifier.classes_ for classifier in self.classifiers_]

    # --- fitting ---------------------------------------------------------------------------------

    def _rows(self, X: Any, Y: Any, sample_weight: Any) -> tuple[Blocks, list[LabelColumn]]:
        """The checked rows, without labels, and the columns of Y."""
        check_number("tol", self.tol, at_least=0)
        check_number("max_passes", self.max_passes, above=0)
        if self.class_weight not in (None, "balanced"):
            raise ValueError(
                f"class_weight must be 'balanced' or None, got {self.class_weight!r}: sets of "
                "labels have different classes."
            )
        rows: Any = check_training_rows(self, X)
        n_rows = rows.shape[0]
        columns = label_columns(Y, n_rows)
        weight = weight_of_rows(sample_weight, n_rows)
        blocks = Blocks(rows, np.zeros(n_rows, np.int64), weight, n_jobs=self.n_jobs)
        return without_empty_columns(blocks), columns

    def _stacks(
        self, blocks: Blocks, columns: Sequence[LabelColumn], penalties: Sequence[Penalty]
    ) -> Iterator[Stack]:
        """The sets of labels by their number of classes; `penalties` has one for each set."""
        moments = Moments.of(blocks) if self.standardize else None
        balanced = self.class_weight == "balanced"
        for numbers in same_sizes(columns, blocks.n_features):
            members = [columns[number] for number in numbers]
            objective = linear_objective(
                make_loss(self.loss),
                together([penalties[number] for number in numbers]),
                labelled(blocks, members, balanced=balanced),
                len(members[0].classes),
                moments,
                fit_intercept=bool(self.fit_intercept),
            )
            yield Stack(numbers, objective)

    def _collected(
        self,
        solve: Callable[[Stack, Halt], dict[int, LinearClassifier]],
        stacks: Sequence[Stack],
    ) -> dict[int, LinearClassifier]:
        """The classifiers of all stacks, with a progress bar of the sets of labels."""
        fitted: dict[int, LinearClassifier] = {}
        total = sum(len(stack.numbers) for stack in stacks)
        with Bar("Fitting", total, "sets of labels", shown=self.verbose >= 0) as bar, quiet():
            for found in solved_apart(solve, stacks, self.n_jobs):
                fitted |= found
                bar.advance(len(found))
        return fitted

    def _fitted(
        self,
        stack: Stack,
        columns: Sequence[LabelColumn],
        choice: Choice,
        result: Result,
        members: Sequence[int] | None = None,
    ) -> dict[int, LinearClassifier]:
        """The classifiers of some members of a stack, or all, by the numbers of their labels."""
        objective = stack.objective
        if objective.n_classes == 2:
            result = of_one_column(objective, result)
        penalties = apart(objective.penalty, len(stack.numbers))
        found: dict[int, LinearClassifier] = {}
        for member in range(len(stack.numbers)) if members is None else members:
            number = stack.numbers[member]
            own = self._unfitted(penalties[member])
            alone = member_result(result, member)
            adopt(own, objective, columns[number].classes, choice, alone)
            found[number] = own
        return found

    def _unfitted(self, penalty: Penalty) -> LinearClassifier:
        classifier = LinearClassifier(penalty=penalty)
        names = classifier.get_params(deep=False).keys() & self.get_params(deep=False).keys()
        taken = names - {"penalty", "strength"}
        classifier.set_params(**{name: getattr(self, name) for name in taken})
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(classifier, name, getattr(self, name))
        return classifier

    def _adopt(self, columns: Sequence[LabelColumn], fitted: dict[int, LinearClassifier]) -> None:
        """Set the fitted attributes; warn of sets whose fits did not reach their tolerance."""
        self.label_names_ = [column.name for column in columns]
        self.classifiers_ = [fitted[number] for number in range(len(columns))]
        late = [
            str(name)
            for name, classifier in zip(self.label_names_, self.classifiers_, strict=True)
            if not classifier.result_.converged
        ]
        if late:
            warnings.warn(
                f"{len(late)} of {len(columns)} sets of labels did not reach the tolerance, the "
                f"first is {late[0]}; raise max_passes or tol.",
                ConvergenceWarning,
                stacklevel=OUTSIDE + 1,
            )

    @property
    def gap_(self) -> Array:
        """A proven bound on L(W) − min L for each set of labels, (P,)."""
        check_is_fitted(self)
        return np.array([classifier.result_.gap[0] for classifier in self.classifiers_])

    @property
    def loss_(self) -> Array:
        """L(W) of each set of labels, (P,)."""
        check_is_fitted(self)
        return np.array([classifier.result_.loss[0] for classifier in self.classifiers_])

    # --- predicting ------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> list[Array]:
        """Scores of each set of labels: (N, C), or (N,) for two classes, of all in one product."""
        check_is_fitted(self)
        rows: Any = check_rows(self, "X", X)
        parts = [folded(classifier, rows) for classifier in self.classifiers_]
        center = parts[0][2]
        V = np.concatenate([part[0] for part in parts], axis=1)
        c = np.concatenate([part[1] for part in parts])
        blocks = Blocks(rows, np.empty(rows.shape[0], np.int8), center=center, n_jobs=self.n_jobs)

        def visit(block: Block) -> Array:
            return block.X @ V + c

        scores = np.concatenate(list(blocks.map(visit, columns=V.shape[1])))
        ends = np.cumsum([part[0].shape[1] for part in parts])[:-1]
        each = np.split(scores, ends, axis=1)
        return [values[:, 0] if values.shape[1] == 1 else values for values in each]

    def predict(self, X: Any) -> Array:
        """The label of each row in each set, (N, P)."""
        loss = make_loss(self.loss)
        found = [
            classes[winners(scores, loss)]
            for classes, scores in zip(self.classes_, self.decision_function(X), strict=True)
        ]
        kinds = {values.dtype.kind for values in found}
        if len(kinds) > 1:
            found = [values.astype(object) for values in found]
        return np.stack(found, axis=1)

    def predict_proba(self, X: Any) -> list[Array]:
        """Class probabilities (N, C) of each set, for losses that have some."""
        loss = make_loss(self.loss)
        if loss.probability is None:
            raise AttributeError(
                f"loss={self.loss!r} gives no probabilities; use loss='softmax' or 'ova_logistic'."
            )
        return [probabilities(scores, loss) for scores in self.decision_function(X)]

    def scores(self, X: Any, Y: Any) -> Array:
        """The accuracy of each set of labels, (P,), over the rows that have a label in it."""
        predicted = self.predict(X)
        given = given_columns(Y, len(predicted))
        if len(given) != predicted.shape[1]:
            raise ValueError(
                f"Y has {len(given)} sets of labels, and {predicted.shape[1]} were fitted; "
                "give a column for each."
            )
        return np.array(
            [
                np.mean((column.labels == predicted[:, number])[~column.missing])
                for number, column in enumerate(given)
            ]
        )

    def score(self, X: Any, Y: Any) -> float:
        """The mean of `scores`."""
        return float(np.mean(self.scores(X, Y)))


class LabelSetsClassifier(LabelSets):
    """A linear classifier for each of many sets of labels of the same rows, in one solve.

    For each column p of Y: min over W_p, b_p of Σ_i w_i L(x_i W_p + b_p, y_ip) / Σ_i w_i + λ_p
    R(W_p), as `LinearClassifier` does for one. All share X, its moments, each visit to the rows and
    the preconditioner: 200 probes take little more time than their matrix products. Each fit is
    solved to `tol` by a bound of its own.

    Parameters
    ----------
    loss, penalty, optimizer, standardize, fit_intercept, tol, max_passes, n_jobs, verbose
        As of `LinearClassifier`.
    strength : float, sequence of floats (P,), or None
        λ of a penalty given by name, for all sets or for each; None takes 0.01.
    class_weight : "balanced" or None
        "balanced" gives the classes of each set the same total weight.

    Attributes
    ----------
    classifiers_ : list of LinearClassifier
        That of each set of labels; each can be saved, exported and plotted.
    label_names_ : list
        The names of the columns of Y, or their numbers.
    classes_ : list of arrays
        The labels of each set.
    gap_, loss_ : array, shape (P,)
        L(W) and a proven bound on its distance from the minimum.
    n_features_in_, feature_names_in_
        As of `LinearClassifier`.

    Raises
    ------
    ValueError, TypeError
        In one sentence, as `LinearClassifier`, and for a set of labels of one class.

    Warns
    -----
    ConvergenceWarning
        If a fit ended before the tolerance.

    References
    ----------
    Alain & Bengio, Understanding intermediate layers using linear classifier probes, 2016,
    https://arxiv.org/abs/1610.01644

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> Y = {"digit": y, "even": y % 2 == 0, "above 4": y > 4}
    >>> probes = LabelSetsClassifier().fit(X, Y)
    >>> probes.label_names_, bool(np.all(probes.gap_ <= 1e-3 * probes.loss_))
    (['digit', 'even', 'above 4'], True)
    >>> probes.predict(X[:2]).tolist()
    [[0, True, False], [1, False, False]]
    """

    def __init__(
        self,
        loss: str | Loss = "softmax",
        penalty: str | Penalty = "l2",
        strength: Any = None,
        optimizer: str | Optimizer = "auto",
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
        self.strength = strength
        self.optimizer = optimizer
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.verbose = verbose

    @one_blas_thread()
    def fit(self, X: Any, Y: Any, sample_weight: Any = None) -> Self:
        """Fit a classifier to each set of labels.

        Parameters
        ----------
        X : array or sparse matrix, shape (N, D)
            As of `LinearClassifier.fit`.
        Y : array (N, P), data frame or dict of columns
            A set of labels a column, of any types and numbers of classes. NaN and None are no
            label: the row does not count for that set.
        sample_weight : array, shape (N,), or None

        Returns
        -------
        self
        """
        blocks, columns = self._rows(X, Y, sample_weight)
        penalties = self._penalties(len(columns))
        stacks = list(self._stacks(blocks, columns, penalties))
        shared = SharedSketch(stacks[0].objective, len(columns))

        def solve(stack: Stack, halt: Halt) -> dict[int, LinearClassifier]:
            objective = stack.objective
            choice = make_optimizer(self.optimizer, objective, None)
            result = minimize(
                objective,
                shared.taken_by(choice.optimizer),
                objective.zeros(len(stack.numbers)),
                tol=self.tol,
                max_passes=self.max_passes,
                callbacks=[halt],
            )
            if result.reason is Reason.INTERRUPTED:
                raise KeyboardInterrupt
            return self._fitted(stack, columns, choice, result)

        self._adopt(columns, self._collected(solve, stacks))
        return self

    def _penalties(self, count: int) -> list[Penalty]:
        """The penalty of each set of labels."""
        strengths = self.strength
        if strengths is None or np.ndim(strengths) == 0:
            return [make_penalty(self.penalty, strengths)] * count
        if len(strengths) != count:
            raise ValueError(
                f"strength has {len(strengths)} numbers for {count} sets of labels; "
                "give one for all or one for each."
            )
        return [make_penalty(self.penalty, float(each)) for each in strengths]
