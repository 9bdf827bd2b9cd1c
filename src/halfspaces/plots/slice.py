"""A slice of the loss landscape: the data loss, the penalty and their sum along a line."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.loop.result import Result
from halfspaces.losses.hinge import Hinge
from halfspaces.objective.objective import Objective
from halfspaces.plots.display import BLACK, BLUE, RED, Display, legend, number
from halfspaces.plots.sources import Member, check_alone, objective_of, of_member
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

POINTS = 201
ENLARGED = 12  # kinks
PLACES = 32  # evaluated at once
ROWS = 512  # whose scores at these places fit the cache


def values_at(
    objective: Objective, W: Array, directions: Array, places: Array
) -> tuple[Array, Array]:
    """Data losses and penalties (P,) at W + Σ_k places[:, k] · directions[:, k].

    W has shape (D+1, C), directions (D+1, K, C), places (P, K). Scores are linear along directions:
    X is multiplied by K + 1 matrices, however many places there are.
    """
    objective = objective.in_double
    corners = np.concatenate([W[:, None], directions], axis=1)
    factors = np.concatenate([np.ones((len(places), 1)), places], axis=1)
    scores = objective.scores(corners).reshape(-1, *corners.shape[1:])
    y = np.asarray(objective.blocks.labels())
    weights = objective.blocks.weights().reshape(len(y), -1)[:, 0]
    data = np.zeros(len(places))
    penalty = np.zeros(len(places))
    for start in range(0, len(places), PLACES):
        part = slice(start, start + PLACES)
        for first in range(0, len(y), ROWS):
            rows = slice(first, first + ROWS)
            there = np.einsum("pk,nkc->npc", factors[part], scores[rows])
            data[part] += weights[rows] @ objective.loss.value_and_grad(there, y[rows])[0]
        points = np.einsum("pk,dkc->dpc", factors[part], corners[:-1])
        penalty[part] = objective.penalty.value(points)
    return data / weights.sum(), penalty


@dataclass(eq=False)
class SliceDisplay(Display):
    """The data loss, the penalty and their sum along a line: L(W + t · direction) against t.

    The hinge loss is piecewise linear along a line, with a kink where a margin is just met,
    s_j − s_y + Δ = 0. The kinks around its least value are drawn enlarged.

    Parameters
    ----------
    t, data, penalty : array, shape (P,)
    name : str
        Of the direction.
    kinks : int
        The number of kinks of the data loss between the ends.
    near : array, shape (2, n)
        The t of those around its least value, and the data loss there.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier("hinge", strength=0.1).fit(X, y)
    >>> display = SliceDisplay.from_estimator(classifier, X, y)
    >>> display.data.shape, display.near.shape
    ((201,), (2, 12))
    """

    kind: ClassVar[str] = "slice"
    t: Array = field(repr=False)
    data: Array = field(repr=False)
    penalty: Array = field(repr=False)
    name: str = "t"
    kinks: int = 0
    near: Array = field(default_factory=lambda: np.zeros((2, 0)), repr=False)

    @classmethod
    def from_estimator(cls, estimator: "LinearModel", X: Any, y: Array, **options: Any) -> Self:
        """Through the weights of a fitted classifier: the loss on these rows.

        Options are those of `from_objective`.
        """
        objective = objective_of(estimator, X, y)
        classifier: Any = getattr(estimator, "classifier_", estimator)
        return cls.from_objective(objective, classifier.parameters(objective), **options)

    @classmethod
    def from_result(
        cls, result: Result, objective: Objective, *, member: int = 0, **options: Any
    ) -> Self:
        """Through one member of a result of `minimize`; options are those of `from_objective`."""
        W = Member(result, objective, member).W
        return cls.from_objective(of_member(objective, member), W, **options)

    @classmethod
    def from_objective(
        cls,
        objective: Objective,
        W: Array,
        direction: Array | None = None,
        *,
        reach: float = 1.0,
        name: str = "",
    ) -> Self:
        """Through W (D+1, 1, C), along a direction (D+1, 1, C) from −reach to reach times it.

        None takes a random direction as long as W.

        Raises
        ------
        ValueError
            For an objective or W of several members.
        """
        check_alone(objective)
        if W.ndim != 3 or W.shape[1] != 1:
            raise ValueError(f"W has shape {W.shape}, and one member is drawn; give (D+1, 1, C).")
        if direction is None:
            direction = random_direction(W, seed=0)
            name = name or "random direction, in lengths of W"
        t = np.linspace(-reach, reach, POINTS)
        data, penalty = values_at(objective, W[:, 0], direction, t[:, None])
        kinks = _kinks(objective, W, direction, reach)
        first = int(np.searchsorted(kinks, t[data.argmin()])) - ENLARGED // 2
        near = kinks[max(first, 0) :][:ENLARGED]
        heights = values_at(objective, W[:, 0], direction, near[:, None])[0]
        return cls(t, data, penalty, name or "t", len(kinks), np.stack([near, heights]))

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        total = self.data + self.penalty
        least = float(self.t[total.argmin()])
        kinks = f" The data loss has {self.kinks:,} kinks." if self.kinks else ""
        return (
            f"Data loss, penalty and their sum along a line through W: the sum is least, "
            f"{number(float(total.min()))}, at {number(least)}, and {number(float(total[0]))} and "
            f"{number(float(total[-1]))} at the ends.{kinks}"
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        ax.plot(self.t, self.data + self.penalty, color=BLACK, lw=2, label="data loss + penalty")
        ax.plot(self.t, self.data, color=BLUE, ls="--", label="data loss")
        ax.plot(self.t, self.penalty, color=RED, ls=":", label="penalty")
        ax.axvline(0, color=BLACK, lw=0.6)
        ax.set(xlabel=self.name, ylabel="loss")
        legend(ax)
        if self.kinks:
            self._draw_kinks(ax)

    def _draw_kinks(self, ax: "Axes") -> None:
        """The data loss around its least value, enlarged."""
        inset = ax.inset_axes((0.32, 0.55, 0.36, 0.33))
        inset.plot(*self.near, color=BLUE, ls="--", marker="o", markersize=4)
        inset.set(xticks=[], yticks=[])
        inset.spines[:].set_visible(True)
        title = f"data loss around its least: {self.near.shape[1]} of {self.kinks:,} kinks"
        paper = {"fc": "white", "ec": "none", "pad": 1}
        inset.set_title(title, fontsize=8, bbox=paper)


def random_direction(W: Array, seed: int) -> Array:
    """A random direction as long as W, or of length 1 at W = 0."""
    direction = np.random.default_rng(seed).normal(size=W.shape)
    length = float(np.linalg.norm(W)) or 1.0
    return direction * (length / np.linalg.norm(direction))


def _kinks(objective: Objective, W: Array, direction: Array, reach: float) -> Array:
    """Where s_j − s_y + Δ = 0 along the line, in order; none for losses other than the hinge."""
    loss = objective.loss
    if not isinstance(loss, Hinge):
        return np.zeros(0)
    labels = objective.blocks.labels()
    rows = np.arange(len(labels))
    here = objective.scores(W)
    ahead = objective.scores(direction)
    violation = here - here[rows, labels][:, None] + loss.margin
    slope = ahead - ahead[rows, labels][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = -violation / slope
    t[rows, labels] = np.nan
    return np.sort(t[np.abs(t) <= reach])
