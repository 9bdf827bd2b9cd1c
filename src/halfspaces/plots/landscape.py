"""The loss landscape: slices of L through W along one direction or two, and the path taken."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from halfspaces.objective import Objective
from halfspaces.plots.display import BLACK, BLUE, RED, Display, legend, number
from halfspaces.request import Request
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS_1D = 201
POINTS_2D = 41
MEMBERS = 64  # points evaluated in one visit to the data


def values_at(objective: Objective, points: Array) -> tuple[Array, Array]:
    """Data losses and penalties (P,) at points (D+1, P, C)."""
    data = []
    penalty = []
    for start in range(0, points.shape[1], MEMBERS):
        part = np.ascontiguousarray(points[:, start : start + MEMBERS])
        evaluation = objective.evaluate(Request(part, gradient=False))
        data.append(evaluation.exact_data)
        penalty.append(np.broadcast_to(evaluation.penalty, evaluation.exact_data.shape))
    return np.concatenate(data), np.concatenate(penalty)


@dataclass(eq=False)
class SliceDisplay(Display):
    """The data loss, the penalty and their sum along a line W + t · direction.

    The hinge loss is piecewise linear along a line: its kinks are seen.

    Parameters
    ----------
    t, data, penalty : array, shape (P,)
    name : str
        Of the direction.
    """

    kind: ClassVar[str] = "slice"
    t: Array = field(repr=False)
    data: Array = field(repr=False)
    penalty: Array = field(repr=False)
    name: str = "t"

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
        """Through W (D+1, 1, C).

        Along `direction`, from −reach to reach times it; None takes a random direction as long as
        W.
        """
        if direction is None:
            direction = random_direction(W, seed=0)
            name = name or "random direction, in lengths of W"
        t = np.linspace(-reach, reach, POINTS_1D)
        data, penalty = values_at(objective, W + t[None, :, None] * direction)
        return cls(t, data, penalty, name or "t")

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        total = self.data + self.penalty
        least = float(self.t[total.argmin()])
        return (
            f"Data loss, penalty and their sum along a line through W: the sum is least, "
            f"{number(float(total.min()))}, at {number(least)}, and {number(float(total[0]))} and "
            f"{number(float(total[-1]))} at the ends."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        ax.plot(self.t, self.data + self.penalty, color=BLACK, lw=2, label="data loss + penalty")
        ax.plot(self.t, self.data, color=BLUE, ls="--", label="data loss")
        ax.plot(self.t, self.penalty, color=RED, ls=":", label="penalty")
        ax.axvline(0, color=BLACK, lw=0.6)
        ax.set(xlabel=self.name, ylabel="loss")
        legend(ax)


@dataclass(eq=False)
class LandscapeDisplay(Display):
    """Contours of L on a plane through W, the path of iterates, and the steepest direction.

    Parameters
    ----------
    a, b : array, shape (P,)
        Coordinates along the two directions.
    data, penalty : array, shape (P, P)
        A row for each b.
    path : array, shape (n, 2)
        The iterates, projected onto the plane.
    steepest : array, shape (2,)
        The negative gradient at the start of the path, within the plane.
    names : (str, str)
        Of the directions.
    term : str
        "loss", "data_loss" or "penalty": what is drawn.
    """

    kind: ClassVar[str] = "landscape"
    size: ClassVar[tuple[float, float]] = (6.0, 5.0)
    a: Array = field(repr=False)
    b: Array = field(repr=False)
    data: Array = field(repr=False)
    penalty: Array = field(repr=False)
    path: Array = field(repr=False)
    steepest: Array
    names: tuple[str, str]
    term: str = "loss"

    @classmethod
    def from_path(
        cls, objective: Objective, path: Array, *, term: str = "loss", margin: float = 0.3
    ) -> Self:
        """The plane of a path of iterates (n, D+1, C): its first two principal directions.

        They are those of the iterates' differences from the last, where the plane goes through.
        """
        if term not in ("loss", "data_loss", "penalty"):
            raise ValueError(f"term must be 'loss', 'data_loss' or 'penalty', got {term!r}.")
        end = path[-1]
        moves = (path - end).reshape(len(path), -1)
        _, _, rows = np.linalg.svd(moves, full_matrices=False)
        first = rows[0]
        second = rows[1] if len(rows) > 1 else random_direction(first[:, None], 1)[:, 0]
        second = second - first * (first @ second)
        plane = np.stack([first, second / np.linalg.norm(second)])
        places = moves @ plane.T
        a, b = _range(places[:, 0], margin), _range(places[:, 1], margin)
        if np.ptp(b) < 0.3 * np.ptp(a):
            b = np.linspace(-0.4 * np.ptp(a), 0.4 * np.ptp(a), POINTS_2D) + places[:, 1].mean()
        grid = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
        points = end[:, None, :] + (grid @ plane).reshape(-1, *end.shape).transpose(1, 0, 2)
        data, penalty = values_at(objective, points)
        shape = len(b), len(a)
        gradient = objective.evaluate(Request(path[0][:, None])).gradient[:, 0].ravel()
        names = "first principal direction of the path", "second"
        return cls(
            a,
            b,
            data.reshape(shape),
            penalty.reshape(shape),
            places,
            -(plane @ gradient),
            names,
            term,
        )

    @property
    def values(self) -> Array:
        """What is drawn (P, P)."""
        by_term = {"loss": self.data + self.penalty, "data_loss": self.data}
        return by_term.get(self.term, self.penalty)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        values = self.values
        name = self.term.replace("_", " ")
        return (
            f"Contours of the {name} on a plane through the end of a path of {len(self.path)} "
            f"iterates, between {number(float(values.min()))} and {number(float(values.max()))}; "
            "an arrow shows the steepest descent at its start."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        values = self.values
        low = float(values.min())
        levels = low + np.ptp(values) * np.linspace(0, 1, 15) ** 2  # closer near the minimum
        if np.ptp(values) <= 0:
            levels = np.array([low - 1, low + 1])
        shades = ax.contourf(self.a, self.b, values, levels, cmap="Greys", alpha=0.6)
        ax.contour(self.a, self.b, values, levels[1::2], colors="black", linewidths=0.5)
        name = self.term.replace("_", " ")
        ax.figure.colorbar(shades, ax=ax, format=lambda value, _: number(value), label=name)
        ax.plot(*self.path.T, color=RED, lw=1.5, marker="o", markersize=3, label="path")
        ax.plot(*self.path[-1], color=BLUE, marker="*", markersize=13, ls="", label="end")
        length = float(np.linalg.norm(self.steepest))
        if length > 0:
            reach = 0.2 * min(np.ptp(self.a), np.ptp(self.b)) / length
            tip = self.path[0] + reach * self.steepest
            ax.annotate(
                "steepest descent",
                self.path[0],
                tip,
                fontsize=8,
                ha="center",
                color=BLUE,
                arrowprops={"arrowstyle": "<-", "color": BLUE, "lw": 2},
            )
        ax.set(xlabel=self.names[0], ylabel=self.names[1])
        legend(ax)


def random_direction(W: Array, seed: int) -> Array:
    """A random direction as long as W, or of length 1 at W = 0."""
    direction = np.random.default_rng(seed).normal(size=W.shape)
    length = float(np.linalg.norm(W)) or 1.0
    return direction * (length / np.linalg.norm(direction))


def _range(places: Array, margin: float) -> Array:
    low, high = float(places.min()), float(places.max())
    room = margin * (high - low or 1.0)
    return np.linspace(low - room, high + room, POINTS_2D)
