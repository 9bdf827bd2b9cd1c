"""Separable classes: said before a fit whose strength is too small for an answer worth having.

Classes are separable if some W gives every example (of positive weight) a margin above 0:

    margin_i(W) = s_y − max_{j≠y} s_j

and for one-vs-all losses min_j t_j s_j, where t_j is 1 for the right class and −1 for the others. Then L(tW) of a loss
that falls forever (softmax, logistic) tends to λ R(tW) as t grows: without a penalty no W is the best; with a tiny λ
the loss is nearly 0 and ‖W‖ is what λ makes it. Hinges and smoothed labels have a finite answer at any λ; there is
nothing to warn of.

λ is *too small* if the minimum of L is below a thousandth of L(0), where `minimize` ceases to measure its tolerance by
the loss itself. Both sides of that are proved:

* min L is at least the minimum over the C class means, weighted by the class frequencies, since L_i is convex in x_i
  (Jensen). That takes the class sums, which every fit needs anyway: ordinary strengths cost no pass (`worth_checking`).
* min L is at most L(tW) for a separating W and any t. Such a W is looked for by a few steps on the squared hinge
  (`find_separation`). Preconditioned by the Gram matrix, the first is the least-squares solution, which separates at
  once where there are more features than examples.

A W that was found is a proof: its margins are computed in float64 and exceed all that rounding can do to them. That
none was found proves nothing.

References
----------
Albert & Anderson, On the existence of maximum likelihood estimates in logistic regression models, 1984,
https://doi.org/10.1093/biomet/71.1.1; Candès & Sur, The phase transition for the existence of the maximum likelihood
estimate in high-dimensional logistic regression, 2020, https://doi.org/10.1214/18-AOS1789
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from halfspaces.certificate import Anchor
from halfspaces.loop.result import Reason
from halfspaces.loop.run import LEAST_LOSS
from halfspaces.losses.base import Loss
from halfspaces.losses.hinge import SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.surrogates import SquaredPlus
from halfspaces.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.request import Evaluation
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array, Block
from halfspaces.support.validation import check_number

if TYPE_CHECKING:
    from halfspaces.loop.run import Run


RIGHT = 30.0  # a score so right that every margin is met
AMPLE = (
    10.0  # times the least strength: clear of it, however much wider the margin can still be made
)
PLAUSIBLE = 0.1  # part of the loss at W = 0 above which a look at every margin is a waste
HOPELESS = 0.03  # part of the loss at W = 0 that must be in reach, for a search to go on
MEANS_PASSES = 200.0  # over C class means each: next to nothing
RIDGE = 1e-10  # of the search: what no example sees stays 0, where rounding would lengthen W
BINS = 256  # of margins
SCALES = 40  # lengths of W to try


class SeparationWarning(UserWarning):
    """The classes are separable and the strength is too small for an answer worth having."""


@dataclass(frozen=True, eq=False)
class Separation:
    """What a search for separating parameters found; `str()` says in one sentence what it means and what to do.

    Parameters
    ----------
    separable : bool
        Proved: `W` gives every example of positive weight a margin above 0. False means not found, no more.
    margin : float
        The least margin of an example under W; 0 where none was found.
    W : array, shape (D+1, 1, C), or None
        The witness, in standardized units, with ‖W[:-1]‖ = 1.
    least_strength : float
        Below this λ the minimum of L is less than a thousandth of L(0), proved; 0 where nothing is.
    strength : float or None
        λ of the objective's penalty: 0 without one, None for a constraint.
    falls_forever : bool
        Whether the loss has no minimum on separable classes without a penalty.
    passes : float
        What the search cost.
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
        return (
            self.falls_forever and self.strength is not None and self.strength < self.least_strength
        )

    @property
    def advised_strength(self) -> float:
        """Ten times the least strength, rounded up to one digit: no such λ is warned of."""
        if not 0 < self.least_strength < math.inf:
            return 0.0
        ample = AMPLE * self.least_strength
        unit = 10.0 ** math.floor(math.log10(ample))
        return float(f"{math.ceil(ample / unit) * unit:.0e}")

    def __str__(self) -> str:
        if not self.separable:
            return (
                f"No W was found in {self.passes:.3g} passes that classifies every training example correctly; "
                "that is no proof that there is none."
            )
        found = (
            "The classes are linearly separable: every training example can be classified correctly "
            f"(margin {self.margin:.2g} at ‖W‖ = 1)"
        )
        if not self.falls_forever:
            return f"{found}; this loss has a finite answer at any strength."
        if not self.too_small:
            return f"{found}; the penalty is strong enough for an answer worth having."
        few = f"strength={self.strength:g} is too small to give finite weights worth having; take a strength"
        none = "without a penalty no finite weights are the best; take a penalty such as 'l2' with a strength"
        return (
            f"{found}, and {few if self.strength else none} of at least {self.advised_strength:g}, or choose it on "
            "validation data (halfspaces train does, LinearClassifierCV too)."
        )


def warn_if_separable(
    objective: Objective, *, max_passes: float = 20, stacklevel: int = 2
) -> Separation | None:
    """Before a fit: look for a separation if the strength calls for it, and warn if the strength is too small.

    Returns None where there was nothing to look for; that costs no pass beyond the class sums.

    Warns
    -----
    SeparationWarning
        `str(separation)`, as from the caller of the function that calls this one.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> objective = Objective(Softmax(), L2(1e-9), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     separation = warn_if_separable(objective)
    >>> print(caught[0].message)  # doctest: +ELLIPSIS
    The classes are linearly separable: ... strength=1e-09 is too small ... take a strength of at least 6e-05, or ...
    """
    if not worth_checking(objective):
        return None
    separation = find_separation(objective, max_passes=max_passes)
    if separation.too_small:
        warnings.warn(str(separation), SeparationWarning, stacklevel=stacklevel + 1)
    return separation


def worth_checking(objective: Objective) -> bool:
    """Whether the strength may be too small: unless proved otherwise, by the class means alone.

    False for a loss that has a finite answer anyway and for constraints.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from halfspaces import LinearClassifier
    >>> objective = LinearClassifier().objective(*load_digits(return_X_y=True))
    >>> [worth_checking(replace(objective, penalty=L2(strength))) for strength in (1e-2, 1e-4, 1e-8)]
    [False, False, True]
    """
    strength, frequencies = _strength(objective.penalty), objective.anchor.frequencies[0]
    if (
        strength is None
        or np.sum(frequencies > 0) < 2
        or not falls_forever(objective.loss, objective.n_classes)
    ):
        return False
    if strength == 0:
        return True
    member = replace(objective, penalty=_with_strength(objective.penalty, strength))
    floor = LEAST_LOSS * objective.loss.chance_value(objective.n_classes)
    return (
        _bound_at_zero(member, objective.anchor) <= floor
        and _bound_of_means(member, objective.anchor, floor) <= floor
    )


def falls_forever(loss: Loss, n_classes: int) -> bool:
    """Whether the loss of an example tends to 0 and never gets there, however right its scores are.

    >>> from halfspaces.losses.hinge import Hinge
    >>> from halfspaces.losses.softmax import Softmax
    >>> [falls_forever(loss, 3) for loss in (Softmax(), Softmax(label_smoothing=0.1), Hinge())]
    [True, False, False]
    """
    scores = RIGHT * (2 * np.eye(1, n_classes) - 1)
    value, slope = loss.value_and_grad(scores, np.zeros(1, dtype=np.int64))
    return bool(value[0] <= LEAST_LOSS * loss.chance_value(n_classes) and np.any(slope != 0))


def find_separation(objective: Objective, *, max_passes: float = 20) -> Separation:
    """Look for a W that classifies every example of positive weight correctly.

    Steps of L-BFGS on the mean squared hinge with next to no penalty, until one separates and its least strength is
    clear of the objective's own, or until the loss falls too slowly to get there within `max_passes`.

    Parameters
    ----------
    objective : Objective
        One member; its loss says which margin is meant, its penalty what a strength is.
    max_passes : float
        A limit on visits to all examples; more of them find narrower separations.

    Raises
    ------
    ValueError
        If `max_passes` is not above 0.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> objective = Objective(Softmax(), NoPenalty(), Blocks(np.eye(3), np.arange(3)), n_classes=3)
    >>> separation = find_separation(objective)
    >>> separation.separable, round(separation.margin, 4), separation.passes
    (True, 0.7071, 2.5)
    >>> xor = Blocks(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0]))
    >>> find_separation(Objective(Softmax(), NoPenalty(), xor, n_classes=2)).separable
    False
    """
    check_number("find_separation(max_passes=...)", max_passes, above=0)
    search, strength = _search(objective), _strength(objective.penalty)
    chance = search.loss.chance_value(objective.n_classes)
    endless = falls_forever(objective.loss, objective.n_classes)
    best = Separation(False, 0.0, None, 0.0, strength, endless, 0.0)
    passes, looked_at, losses = 0.0, math.inf, []
    for evaluation in _evaluations(search):
        loss, passes = float(evaluation.data[0]), passes + evaluation.visited
        losses.append(min([loss, *losses[-1:]]))
        if loss <= min(looked_at / 2, PLAUSIBLE * chance):
            looked_at, passes = loss, passes + 0.5
            best = max(
                best,
                _judged(objective, evaluation.request.W, best),
                key=lambda found: (found.separable, found.least_strength),
            )
        settled = (
            best.separable
            and not best.least_strength <= (strength or 0) < AMPLE * best.least_strength
        )
        stalled = not best.separable and _hopeless(losses, max_passes - passes, HOPELESS * chance)
        if settled or stalled or loss == 0 or passes >= max_passes:
            break
    return replace(best, passes=passes)


def _strength(penalty: Penalty) -> float | None:
    """λ, the least of a stack's; 0 without a penalty; None for a constraint, which bounds W by itself."""
    if isinstance(penalty, NoPenalty):
        return 0.0
    strength: Any = getattr(penalty, "strength", None)
    return None if strength is None else float(np.min(strength))


def _with_strength(penalty: Penalty, strength: float) -> Penalty:
    known: Any = penalty
    return L2(strength) if isinstance(penalty, NoPenalty) else replace(known, strength=strength)


def _bound_at_zero(member: Objective, anchor: Anchor) -> float:
    """A bound on min L from below: the best of a few dual points t (π − onehot(y_i)).

    It is no better than that of the class means, but settles ordinary strengths in no time.
    """
    t, labels = np.geomspace(1e-3, 1, 7), np.arange(member.n_classes)
    points = t[:, None] * (anchor.frequencies - np.eye(member.n_classes)[:, None, :])
    frequencies, values = anchor.frequencies[0], member.loss.conjugate(points, labels)
    conjugate = frequencies[frequencies > 0] @ values[frequencies > 0]
    G = t[:, None] * anchor.pull(1.0, np.zeros_like(anchor.frequencies))
    return float(np.max(-conjugate - member.penalty.conjugate(-G)))


def _bound_of_means(member: Objective, anchor: Anchor, floor: float) -> float:
    """A bound on min L from below: that of the minimum over the class means, as far as it takes to know the side."""
    frequencies = anchor.frequencies[0]
    means = (anchor.sums[:, 0] / np.where(frequencies > 0, frequencies, 1.0)).T
    if isinstance(member.penalty, L2):
        means = np.asarray(
            np.linalg.qr(means.T, mode="r")
        ).T  # turned into at most C dimensions: ΣW² does not see it
    blocks = Blocks(np.ascontiguousarray(means), np.arange(member.n_classes), frequencies, n_jobs=1)
    few = replace(member, blocks=blocks, standardization=None)

    def settled(run: "Run") -> Reason | None:
        known = run.lower[0] > floor or run.history.last("loss")[0] <= floor
        return Reason.STOPPED_BY_CALLBACK if known else None

    optimizer = choose_for(few).optimizer
    result = minimize(few, optimizer, tol=1e-2, max_passes=MEANS_PASSES, callbacks=[settled])
    return float(result.loss[0] - result.gap[0])


def _search(objective: Objective) -> Objective:
    """The squared hinge on the objective's own data, every example of positive weight counted once."""
    weight = objective.blocks.weight
    blocks = (
        objective.blocks
        if weight is None
        else replace(objective.blocks, weight=np.where(weight > 0, 1.0, 0.0))
    )
    loss = SquaredHinge() if objective.loss.shift_invariant else OneVsAll(SquaredPlus())
    return replace(objective, loss=loss, penalty=L2(RIDGE), blocks=blocks)


def _evaluations(search: Objective) -> Iterator[Evaluation]:
    """One after the other, as the optimizer asks for them, until no step helps."""
    optimizer: Any = choose_for(search).optimizer
    state = optimizer.init(search.zeros(), search)
    while state.done is None:
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a trial too far: the line search shortens it
            evaluation = search.evaluate(optimizer.propose(state))
        yield evaluation
        state = optimizer.update(state, evaluation)


def _hopeless(losses: list[float], passes_left: float, aim: float) -> bool:
    """Whether the falling losses miss their aim even if they go on to shrink as in the last two passes."""
    if len(losses) < 4:
        return False
    rate = math.sqrt(losses[-1] / losses[-3])
    return losses[-1] * rate ** max(passes_left, 0.0) > aim


def _judged(objective: Objective, W: Array, before: Separation) -> Separation:
    """What W proves."""
    margins, weights = _margins(objective, W)
    length = float(np.linalg.norm(W[:-1]))
    if margins.min() <= 0 or length == 0:
        return before
    witness, margins = W / length, margins / length
    least = _least_strength(objective, witness, margins, weights) if before.falls_forever else 0.0
    return replace(
        before, separable=True, margin=float(margins.min()), W=witness, least_strength=least
    )


def _margins(objective: Objective, W: Array) -> tuple[Array, Array]:
    """Margins of the examples of positive weight, less what rounding can have added to them; and the weights."""
    linear, (V, c) = objective.linear, objective.linear.fold(W, np.dtype(np.float64))
    # |fl(x·v) − x·v| ≤ n ε/(1 − n ε) |x|·|v| in any order of summation; a margin is the difference of two scores.
    rounding, largest = 4 * (len(V) + 2) * float(np.finfo(np.float64).eps), np.abs(V).max(axis=1)

    def visit(block: Block) -> tuple[Array, Array]:
        X, y, weight, _ = block
        scores, rows = linear.scores((V, c), X), np.arange(len(y))
        right = scores[rows, y]
        scores[rows, y] = -math.inf
        nearest = scores.max(axis=1)
        margin = right - nearest if objective.loss.shift_invariant else np.minimum(right, -nearest)
        margin -= rounding * (abs(X) @ largest + np.abs(c).max())
        weight = np.ones(len(y)) if weight is None else weight
        return margin[weight > 0], weight[weight > 0]

    margins, weights = zip(*objective.blocks.map(visit), strict=True)
    return np.concatenate(margins), np.concatenate(weights)


def _least_strength(objective: Objective, W: Array, margins: Array, weights: Array) -> float:
    """The largest λ with L(tW) ≤ L(0)/1000 for some t, of a loss that falls forever; 0 for a constraint.

    Such a loss rises with the wrong scores: an example costs at most what it would if all were as near as the nearest.
    """
    if _strength(objective.penalty) is None:
        return 0.0
    order = np.argsort(margins)
    # Bins that widen with the rank, each at its least margin: safe, and exact where the loss is.
    first = np.unique(np.append(0, np.geomspace(1, len(order), BINS).astype(int) - 1))
    least, masses = margins[order[first]], np.add.reduceat(weights[order], first) / weights.sum()
    template = np.eye(1, objective.n_classes)
    template = template if objective.loss.shift_invariant else 2 * template - 1
    labels, unit = np.zeros(len(first), dtype=np.int64), _with_strength(objective.penalty, 1.0)
    aim = LEAST_LOSS * objective.loss.chance_value(objective.n_classes)
    strengths = []
    for t in np.geomspace(1 / least[-1], RIGHT / least[0], SCALES):
        data = masses @ objective.loss.value_and_grad(t * least[:, None] * template, labels)[0]
        strengths.append((aim - data) / unit.value(t * W[:-1])[0])
    return max(0.0, float(max(strengths)))
