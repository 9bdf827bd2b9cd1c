"""Sanity checks to run before a long training: on the objective itself, with the data and options of the training.

Each can fail, and says in one sentence with figures what it saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from halfspaces.gradcheck import WEIGHTS_AND_BIAS, Check, check_gradient
from halfspaces.loop.result import Reason
from halfspaces.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.request import Request
from halfspaces.rows.blocks import Blocks, stacked
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from halfspaces.loop.run import Run


SMALL = 1e-4  # scale of W at which a classifier only guesses
FEW = 20  # examples to learn by heart


def _random_parameters(objective: Objective, scale: float, seed: int) -> Array:
    return scale * np.random.default_rng(seed).standard_normal(objective.zeros().shape)


def _sample(objective: Objective, size: int, seed: int) -> Objective:
    """The objective over some of the rows, in float64."""
    rows = np.random.default_rng(seed).permutation(objective.n_examples)[:size]
    blocks = objective.blocks.subset(rows)
    X = stacked(list(blocks.map(lambda block: block.X.astype(np.float64))))
    X = X if blocks.center is None else X + blocks.center
    return replace(objective, blocks=Blocks(X, blocks.labels(), n_jobs=1))


def chance_loss(objective: Objective, *, tolerance: float = 0.02, seed: int = 0) -> Check:
    """Whether the data loss at small random W is that of a guess: ln C for softmax, (C−1)Δ for the hinge, ..."""
    few = _sample(objective, 500, seed)
    value = float(
        few.evaluate(Request(_random_parameters(few, SMALL, seed), gradient=False)).data[0]
    )
    chance = objective.loss.chance_value(objective.n_classes)
    ok = abs(value - chance) <= tolerance * abs(chance)
    verdict = "as it should be" if ok else "where a guess has another (are the features scaled?)"
    words = f"at small random W the data loss is {value:.5g}, {verdict} for {objective.n_classes} classes ({chance:.5g})."
    return Check("chance loss", ok, words)


def rises_with_strength(
    objective: Objective, *, strengths: Sequence[float] = (0.0, 0.01, 0.1, 1.0), seed: int = 0
) -> Check:
    """Whether the loss rises with λ at a fixed W ≠ 0; a penalty without a strength passes."""
    penalty: Any = objective.penalty
    if not hasattr(penalty, "strength"):
        return Check("strength", True, f"{penalty} has no strength to rise with.")
    few, W = _sample(objective, 500, seed), _random_parameters(objective, 0.1, seed)
    members = [
        replace(few, penalty=replace(penalty, strength=strength)) for strength in sorted(strengths)
    ]
    totals = [float(member.evaluate(Request(W, gradient=False)).total[0]) for member in members]
    ok = all(low < high for low, high in pairwise(totals))
    figures = ", ".join(
        f"{total:.5g} at λ = {strength:g}"
        for total, strength in zip(totals, sorted(strengths), strict=True)
    )
    return Check(
        "strength",
        ok,
        f"the loss {'rises' if ok else 'does not rise'} with the strength: {figures}.",
    )


def overfits(objective: Objective, *, tolerance: float = 0.01, seed: int = 0) -> Check:
    """Whether a few examples can be driven to (nearly) no loss without a penalty: if not, do not train on more."""
    few = replace(_sample(objective, FEW, seed), penalty=NoPenalty())
    chance = few.loss.chance_value(few.n_classes)
    y = few.blocks.labels()
    least = float(
        np.mean(-few.loss.conjugate(np.zeros((len(y), few.n_classes)), y))
    )  # above 0 for smoothed labels
    optimizer = choose_for(few).optimizer
    aim = least + tolerance * (chance - least)
    near = minimize(few, optimizer, tol=0.0, max_passes=500, callbacks=[_below(0.5 * aim)])
    value = float(near.data_loss[0])
    ok = value <= aim
    verdict = (
        "learned by heart"
        if ok
        else "not learned (is the gradient right, are equal rows labelled differently?)"
    )
    return Check(
        "overfit",
        ok,
        f"{few.n_examples} examples are {verdict}: loss {value:.2g}, where a guess has {chance:.3g}.",
    )


def _below(value: float) -> Any:
    def stop(run: "Run") -> Reason | None:
        return (
            Reason.STOPPED_BY_CALLBACK if np.all(run.history.last("data_loss") <= value) else None
        )

    return stop


def right_gradient(objective: Objective, *, seed: int = 0) -> Check:
    """Whether the objective's gradient is its slope, at sampled weights and biases, in float64 on some of the rows."""
    few = _sample(objective, 100, seed)
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
    >>> all(check.ok for check in check_sanity(LinearClassifier(loss="hinge"), *load_digits(return_X_y=True)))
    True
    """
    return check_objective(classifier.objective(X, y))


def check_registry_sanity(*, seed: int = 0) -> list[Check]:
    """The sanity checks of every registered loss on the bundled digits."""
    from halfspaces import LinearClassifier, datasets
    from halfspaces.losses import LOSSES

    digits = datasets.open("digits")
    checks = []
    for name, loss in LOSSES.items():
        objective = LinearClassifier(loss=loss, penalty=L2(0.01)).objective(digits.X, digits.y)
        checks += [
            replace(check, words=f"{name}: {check.words}")
            for check in check_objective(objective, seed=seed)
        ]
    return checks


@dataclass(frozen=True)
class SanityChecks:
    """A callback that runs the checks on the objective of a run before its second turn, and raises if one fails.

    Raises
    ------
    ValueError
        With the sentences of the checks that failed.
    """

    seed: int = 0

    def __call__(self, run: "Run") -> None:
        """Check at the first call of a run."""
        if len(run.history) != 1:
            return
        failed = [
            check.words for check in check_objective(run.objective, seed=self.seed) if not check.ok
        ]
        if failed:
            raise ValueError("A sanity check failed: " + " ".join(failed))
