"""Separable classes: a warning where the strength is too small for useful weights.

Classes are separable if some W gives every example (of positive weight) a margin above 0:

    margin_i(W) = s_y − max_{j≠y} s_j

and for one-vs-all losses min_j t_j s_j, where t_j is 1 for the right class and −1 for the others.
Then L(tW) of a loss that falls forever (softmax, logistic) tends to λ R(tW) as t grows: without a
penalty no W is the best; with a tiny λ the loss is nearly 0 and λ alone decides ‖W‖. Hinges and
smoothed labels have a finite minimum at any λ: no warning is needed.

Both sides of "too small" are proved (`halfspaces.proofs.least_strength`). A separating W is
searched for by a few steps on the squared hinge (`find_separation`). Preconditioned by the Gram
matrix, the first is the least-squares solution, which separates at once where there are more
features than examples. A W that was found is a proof: its margins are computed in float64 and
exceed any effect of rounding. None found proves nothing.

References
----------
Albert & Anderson, On the existence of maximum likelihood estimates in logistic regression models,
1984, https://doi.org/10.1093/biomet/71.1.1; Candès & Sur, The phase transition for the existence of
the maximum likelihood estimate in high-dimensional logistic regression, 2020,
https://doi.org/10.1214/18-AOS1789
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces.losses.hinge import SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.surrogates import SquaredPlus
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.least_strength import (
    falls_forever,
    least_loss,
    least_strength,
    may_be_too_small,
    strength_of,
)
from halfspaces.support.types import Array, Block
from halfspaces.support.validation import check_number

AMPLE = (
    10.0  # times the least strength: clear of it, however much wider the margin can still be made
)
PLAUSIBLE = 0.1  # part of the loss at W = 0: above it margins are not worth computing
HOPELESS = 0.03  # part of the loss at W = 0 that must be in reach, for a search to go on
RIDGE = 1e-10  # of the search: without it rounding would lengthen W where no example has features


class SeparationWarning(UserWarning):
    """The classes are separable and the strength is too small for useful weights."""


@dataclass(frozen=True, eq=False)
class Separation:
    """The result of a search for separating parameters; `str()` says what it means and what to do.

    Parameters
    ----------
    separable : bool
        Proved: `W` gives every example of positive weight a margin above 0. False: not found.
    margin : float
        The least margin of an example under W; 0 where none was found.
    W : array, shape (D+1, 1, C), or None
        The proof, in standardized units, with ‖W[:-1]‖ = 1.
    least_strength : float
        Below this λ the minimum of L is proved to be less than a thousandth of L(0); 0 without a
        proof.
    strength : float or None
        λ of the objective's penalty: 0 without one, None for a constraint.
    falls_forever : bool
        Whether the loss has no minimum on separable classes without a penalty.
    passes : float
        Spent by the search.
    """

    separable: bool
    margin: float
    W: Array | None = field(repr=False)
    least_strength: float
    strength: float | None
    falls_forever: bool
    passes: float

    @property
    def too_small(self) -> bool:
        """Whether the loss falls forever and λ is below the least strength: a reason to warn."""
        if not self.falls_forever or self.strength is None:
            return False
        return self.strength < self.least_strength

    @property
    def advised_strength(self) -> float:
        """Ten times the least strength, rounded up to one digit: λ without a warning."""
        if not 0 < self.least_strength < math.inf:
            return 0.0
        ample = AMPLE * self.least_strength
        unit = 10.0 ** math.floor(math.log10(ample))
        return float(f"{math.ceil(ample / unit) * unit:.0e}")

    def __str__(self) -> str:
        if not self.separable:
            return (
                f"No W was found in {self.passes:.3g} passes that classifies every training "
                "example correctly; that is no proof that there is none."
            )
        found = (
            "The classes are linearly separable: every training example can be classified "
            f"correctly (margin {self.margin:.2g} at ‖W‖ = 1)"
        )
        if not self.falls_forever:
            return f"{found}; this loss has a finite answer at any strength."
        if not self.too_small:
            return f"{found}; the penalty is strong enough for an answer worth having."
        return f"{found}, and {self._advice()}"

    def _advice(self) -> str:
        """What to do about a strength that is too small."""
        advice = (
            f"of at least {self.advised_strength:g}, or choose it on validation data "
            "(halfspaces train does, LinearClassifierCV too)."
        )
        if self.strength:
            few = f"strength={self.strength:g} is too small to give finite weights worth having"
            return f"{few}; take a strength {advice}"
        none = "without a penalty no finite weights are the best"
        return f"{none}; take a penalty such as 'l2' with a strength {advice}"


def warn_if_separable(
    objective: Objective,
    *,
    lower: float = -math.inf,
    max_passes: float = 20,
    stacklevel: int = 2,
) -> Separation | None:
    """Search for a separation if the strength may be too small, and warn if it is.

    Returns None where no search was needed; that costs no pass beyond the class sums. `lower` is a
    proven bound on min L, such as a fit knows: above L(0)/1000 no search is needed.

    Warns
    -----
    SeparationWarning
        `str(separation)`, with the caller of the calling function as its place.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.rows.blocks import Blocks
    >>> objective = Objective(Softmax(), L2(1e-9), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     separation = warn_if_separable(objective)
    >>> print(caught[0].message)  # doctest: +ELLIPSIS
    The classes are linearly separable: ... take a strength of at least 6e-05, or ...
    """
    if not worth_checking(objective, lower):
        return None
    separation = find_separation(objective, max_passes=max_passes)
    if separation.too_small:
        warnings.warn(str(separation), SeparationWarning, stacklevel=stacklevel + 1)
    return separation


def worth_checking(objective: Objective, lower: float = -math.inf) -> bool:
    """Whether the strength may be too small, unless `lower` or the class means prove it is not.

    False for constraints, and for a loss that has a finite minimum at any strength.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from halfspaces import LinearClassifier
    >>> objective = LinearClassifier().objective(*load_digits(return_X_y=True))
    >>> strengths = (1e-2, 1e-4, 1e-8)
    >>> [worth_checking(replace(objective, penalty=L2(strength))) for strength in strengths]
    [False, False, True]
    """
    strength = strength_of(objective.penalty)
    several = np.sum(objective.anchor.frequencies[0] > 0) > 1
    endless = falls_forever(objective.loss, objective.n_classes)
    if strength is None or not (several and endless):
        return False
    if strength == 0:
        return True
    return lower <= least_loss(objective) and may_be_too_small(objective, strength)


def find_separation(objective: Objective, *, max_passes: float = 20) -> Separation:
    """Search for a W that classifies every example of positive weight correctly.

    Steps of L-BFGS on the mean squared hinge with next to no penalty, until one separates and its
    least strength is clear of the objective's own, or until the loss falls too slowly to get there
    within `max_passes`.

    Parameters
    ----------
    objective : Objective
        One member; its loss defines the margin, its penalty the strength.
    max_passes : float
        A limit on visits to all examples; more of them find narrower separations.

    Raises
    ------
    ValueError
        If `max_passes` is not above 0.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.none import NoPenalty
    >>> from halfspaces.rows.blocks import Blocks
    >>> objective = Objective(Softmax(), NoPenalty(), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> separation = find_separation(objective)
    >>> separation.separable, round(separation.margin, 4), separation.passes
    (True, 0.7071, 2.5)
    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> xor = Blocks(corners, np.array([0, 1, 1, 0]))
    >>> find_separation(Objective(Softmax(), NoPenalty(), xor, n_classes=2)).separable
    False
    """
    check_number("find_separation(max_passes=...)", max_passes, above=0)
    search = _search(objective)
    strength = strength_of(objective.penalty) or 0
    chance = search.loss.chance_value(objective.n_classes)
    best = _nothing_found(objective)
    passes = 0.0
    judged = math.inf  # the loss at which margins were computed last
    losses: list[float] = []
    for evaluation in _evaluations(search):
        loss = float(evaluation.data[0])
        passes += evaluation.visited
        losses.append(min([loss, *losses[-1:]]))
        if loss <= min(judged / 2, PLAUSIBLE * chance):
            judged = loss
            passes += 0.5
            found = _judge(objective, evaluation.request.W, best)
            best = max(best, found, key=lambda each: (each.separable, each.least_strength))
        clear = not best.least_strength <= strength < AMPLE * best.least_strength
        settled = best.separable and clear
        stalled = not best.separable and _hopeless(losses, max_passes - passes, HOPELESS * chance)
        if settled or stalled or loss == 0 or passes >= max_passes:
            break
    return replace(best, passes=passes)


def _nothing_found(objective: Objective) -> Separation:
    """The result of a search before its first step."""
    return Separation(
        separable=False,
        margin=0.0,
        W=None,
        least_strength=0.0,
        strength=strength_of(objective.penalty),
        falls_forever=falls_forever(objective.loss, objective.n_classes),
        passes=0.0,
    )


def _search(objective: Objective) -> Objective:
    """The squared hinge on the objective's data, every example of positive weight counted once."""
    blocks = objective.blocks
    if blocks.weight is not None:
        blocks = replace(blocks, weight=np.where(blocks.weight > 0, 1.0, 0.0))
    loss = SquaredHinge() if objective.loss.shift_invariant else OneVsAll(SquaredPlus())
    return replace(objective, loss=loss, penalty=L2(RIDGE), blocks=blocks)


def _evaluations(search: Objective) -> Iterator[Evaluation]:
    """Evaluations as the optimizer requests them, until no step helps."""
    optimizer: Any = choose_for(search, lbfgs=True).optimizer
    state = optimizer.init(search.zeros(), search)
    while state.done is None:
        # The line search shortens a trial that is not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            evaluation = search.evaluate(optimizer.propose(state))
        yield evaluation
        state = optimizer.update(state, evaluation)


def _hopeless(losses: list[float], passes_left: float, target: float) -> bool:
    """Whether falling losses miss the target even if they shrink on as in the last two passes."""
    if len(losses) < 4:
        return False
    rate = math.sqrt(losses[-1] / losses[-3])
    return losses[-1] * rate ** max(passes_left, 0.0) > target


def _judge(objective: Objective, W: Array, before: Separation) -> Separation:
    """What W proves; `before` where it does not separate."""
    margins, weights = _margins(objective, W)
    length = float(np.linalg.norm(W[:-1]))
    if margins.min() <= 0 or length == 0:
        return before
    W = W / length
    margins = margins / length
    least = least_strength(objective, W, margins, weights) if before.falls_forever else 0.0
    return replace(before, separable=True, margin=float(margins.min()), W=W, least_strength=least)


def _margins(objective: Objective, W: Array) -> tuple[Array, Array]:
    """Proven margins of the examples of positive weight, and their weights.

    In float64, less the most that rounding can have added.
    """
    linear = objective.linear
    V, c = linear.fold(W, np.dtype(np.float64))
    # |fl(x·v) − x·v| ≤ n ε/(1 − n ε) |x|·|v| in any order of summation; a margin is the difference
    # of two scores.
    rounding = 4 * (len(V) + 2) * float(np.finfo(np.float64).eps)
    largest = np.abs(V).max(axis=1)

    def visit(block: Block) -> tuple[Array, Array]:
        scores = linear.scores((V, c), block.X)
        rows = np.arange(len(block.y))
        right = scores[rows, block.y]
        scores[rows, block.y] = -math.inf
        nearest = scores.max(axis=1)
        margin = right - nearest if objective.loss.shift_invariant else np.minimum(right, -nearest)
        margin -= rounding * (abs(block.X) @ largest + np.abs(c).max())
        weight = np.ones(len(block.y)) if block.weight is None else block.weight
        return margin[weight > 0], weight[weight > 0]

    margins, weights = zip(*objective.blocks.map(visit), strict=True)
    return np.concatenate(margins), np.concatenate(weights)
