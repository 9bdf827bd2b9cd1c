"""Sanity checks of an objective, to run before a long training with its data and options.

Each returns a `Check`: whether it passed, and one sentence with figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.problem import WEIGHTS_AND_BIAS
from halfspaces.gradcheck.report import Check
from halfspaces.kernels.sparse_rows import stacked
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.losses import LOSSES
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array

SMALL = 1e-4  # scale of W at which a classifier only guesses
FEW = 20  # examples to overfit
SAMPLE = 500  # examples for values of the loss
GRADIENT_SAMPLE = 100  # examples for a check of the gradient


def _random_parameters(objective: Objective, scale: float, seed: int) -> Array:
    return scale * np.random.default_rng(seed).standard_normal(objective.zeros().shape)


def _sample(objective: Objective, size: int, seed: int) -> Objective:
    """The objective over a random sample of the rows, in float64, without noise.

    Few examples with noise are not learned by heart.
    """
    rows = np.random.default_rng(seed).permutation(objective.n_examples)[:size]
    blocks = objective.blocks.subset(rows)
    X = stacked(list(blocks.map(lambda block: block.X.astype(np.float64))))
    X = X if blocks.center is None else X + blocks.center
    score = objective.score_function
    plain = None if score is not None and score.linear else score
    blocks = Blocks(X, blocks.labels(), n_jobs=1)
    return replace(objective, blocks=blocks, score_function=plain)


def chance_loss(objective: Objective, *, tolerance: float = 0.02, seed: int = 0) -> Check:
    """Whether the data loss at small random W is that of a guess: ln C for softmax, ..."""
    few = _sample(objective, SAMPLE, seed)
    W = _random_parameters(few, SMALL, seed)
    value = float(few.evaluate(Request(W, gradient=False)).data[0])
    chance = objective.loss.chance_value(objective.n_classes)
    ok = abs(value - chance) <= tolerance * abs(chance)
    verdict = "as it should be" if ok else "where a guess has another (are the features scaled?)"
    expected = f"{verdict} for {objective.n_classes} classes ({chance:.5g})"
    return Check("chance loss", ok, f"at small random W the data loss is {value:.5g}, {expected}.")


def rises_with_strength(
    objective: Objective, *, strengths: Sequence[float] = (0.0, 0.01, 0.1, 1.0), seed: int = 0
) -> Check:
    """Whether the loss rises with λ at a fixed W ≠ 0; a penalty without a strength passes."""
    penalty = objective.penalty
    if not penalty.has_strength:
        return Check("strength", True, f"{penalty} has no strength to rise with.")
    few = _sample(objective, SAMPLE, seed)
    request = Request(_random_parameters(objective, 0.1, seed), gradient=False)
    totals: list[float] = []
    figures: list[str] = []
    for strength in sorted(strengths):
        member = replace(few, penalty=penalty.with_strength(strength))
        totals.append(float(member.evaluate(request).total[0]))
        figures.append(f"{totals[-1]:.5g} at λ = {strength:g}")
    ok = all(low < high for low, high in pairwise(totals))
    rises = "rises" if ok else "does not rise"
    return Check("strength", ok, f"the loss {rises} with the strength: {', '.join(figures)}.")


def overfits(objective: Objective, *, tolerance: float = 0.01, seed: int = 0) -> Check:
    """Whether the loss of a few examples can be reduced to its minimum without a penalty."""
    few = replace(_sample(objective, FEW, seed), penalty=NoPenalty())
    chance = few.loss.chance_value(few.n_classes)
    y = few.blocks.labels()
    # The minimum of the loss, −L*(0), is above 0 for smoothed labels.
    least = float(np.mean(-few.loss.conjugate(np.zeros((len(y), few.n_classes)), y)))
    optimizer = choose_for(few).optimizer
    aim = least + tolerance * (chance - least)
    result = minimize(few, optimizer, tol=0.0, max_passes=500, callbacks=[_below(0.5 * aim)])
    value = float(result.data_loss[0])
    ok = value <= aim
    verdict = "not learned (is the gradient right, are equal rows labelled differently?)"
    if ok:
        verdict = "learned by heart"
    figures = f"loss {value:.2g}, where a guess has {chance:.3g}"
    return Check("overfit", ok, f"{few.n_examples} examples are {verdict}: {figures}.")


def _below(value: float) -> Callable[[Run], Reason | None]:
    """A callback that stops a run once its data loss is at most `value`."""

    def stop(run: Run) -> Reason | None:
        is_below = np.all(run.history.last("data_loss") <= value)
        return Reason.STOPPED_BY_CALLBACK if is_below else None

    return stop


def right_gradient(objective: Objective, *, seed: int = 0) -> Check:
    """Whether the objective's gradient is its slope, at sampled coordinates and sampled rows."""
    few = _sample(objective, GRADIENT_SAMPLE, seed)
    smooth = few if few.penalty.smooth else replace(few, penalty=NoPenalty())
    W = _random_parameters(few, 0.1 / np.sqrt(few.n_features), seed)
    report = check_gradient(
        lambda W: float(smooth.evaluate(Request(W, gradient=False)).total[0]),
        lambda W: smooth.evaluate(Request(W)).gradient,
        W,
        blocks=WEIGHTS_AND_BIAS if few.fit_intercept else {"W": np.s_[:-1]},
        seed=seed,
    )
    return Check("gradient", report.ok, report.verdict)


def check_objective(objective: Objective, *, seed: int = 0) -> list[Check]:
    """All four checks on an objective."""
    return [
        right_gradient(objective, seed=seed),
        chance_loss(objective, seed=seed),
        rises_with_strength(objective, seed=seed),
        overfits(objective, seed=seed),
    ]


def check_sanity(classifier: Any, X: Any, y: Any) -> list[Check]:
    """All four checks on a classifier's objective for these data.

    >>> from halfspaces import LinearClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> all(check.ok for check in check_sanity(LinearClassifier(loss="hinge"), X, y))
    True
    """
    return check_objective(classifier.objective(X, y))


def check_registry_sanity(*, seed: int = 0) -> list[Check]:
    """The sanity checks of every registered loss on scikit-learn's digits."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    blocks = Blocks(digits.data, digits.target)
    standardization = Moments.of(blocks).standardization(blocks.dtype.name)
    checks: list[Check] = []
    for name, loss in LOSSES.items():
        objective = Objective(loss, L2(0.01), blocks, 10, standardization)
        for check in check_objective(objective, seed=seed):
            checks.append(replace(check, words=f"{name}: {check.words}"))
    return checks


@dataclass(frozen=True)
class SanityChecks:
    """A callback that checks the objective of a run before its second turn.

    Raises
    ------
    ValueError
        With the sentences of the failed checks.
    """

    seed: int = 0

    def __call__(self, run: Run) -> None:
        """Check at the first call of a run."""
        if len(run.history) != 1:
            return
        checks = check_objective(run.objective, seed=self.seed)
        failed = [check.words for check in checks if not check.ok]
        if failed:
            raise ValueError("A sanity check failed: " + " ".join(failed))
