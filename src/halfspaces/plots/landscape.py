"""The loss landscape: contours of L on a plane through W, and the path of an optimizer."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Result
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.plots.display import BLACK, BLUE, RED, legend, number
from halfspaces.plots.slice import random_direction, values_at
from halfspaces.plots.sources import Member, OfObjective, check_alone, of_member
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 33
TERMS = ("loss", "data_loss", "penalty")


@dataclass(eq=False)
class LandscapeDisplay(OfObjective):
    """Contours of L on a plane through W, the path of iterates, and the steepest descent.

    Shades and solid contours are the sum; contours of the data loss are dashed, those of the
    penalty dotted. The arrow is −∇L at the start of the path, within the plane.

    The plane is spanned by the first two principal directions of the path (Li et al., Visualizing
    the Loss Landscape of Neural Nets, 2018, section 7, https://doi.org/10.48550/arXiv.1712.09913).

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
        "loss", "data_loss" or "penalty": what is shaded. Of "loss" the terms have contours, too.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> display = LandscapeDisplay.from_estimator(classifier, X, y)
    >>> display.data.shape, display.path.shape[1]
    ((33, 33), 2)
    """

    kind: ClassVar[str] = "landscape"
    size: ClassVar[tuple[float, float]] = (6.6, 6.0)
    a: Array = field(repr=False)
    b: Array = field(repr=False)
    data: Array = field(repr=False)
    penalty: Array = field(repr=False)
    path: Array = field(repr=False)
    steepest: Array
    names: tuple[str, str]
    term: str = "loss"

    @classmethod
    def from_objective(
        cls, objective: Objective, optimizer: Optimizer[Any] | None = None, *, term: str = "loss"
    ) -> Self:
        """Of the path of an optimizer from W = 0; None takes the one that "auto" chooses."""
        check_alone(objective)
        path: list[Array] = [objective.zeros()[:, 0]]
        minimize(
            objective,
            optimizer or choose_for(objective).optimizer,
            callbacks=[lambda run: path.append(run.W[:, 0].copy())],
        )
        return cls.from_path(objective, np.array(path), term=term)

    @classmethod
    def from_result(
        cls, result: Result, objective: Objective, *, member: int = 0, **options: Any
    ) -> Self:
        """The plane of W = 0, one member of a result and the gradient at 0.

        A result does not hold its iterates, so that the path is the line from 0 to W. Options are
        those of `from_path`.
        """
        W = Member(result, objective, member).W[:, 0]
        path = np.stack([np.zeros_like(W), W])
        return cls.from_path(of_member(objective, member), path, **options)

    @classmethod
    def from_path(
        cls, objective: Objective, path: Array, *, term: str = "loss", margin: float = 0.3
    ) -> Self:
        """The plane of a path of iterates (n, D+1, C), such as a callback has collected.

        Its directions are principal for the differences of the iterates from the last, where the
        plane goes through. Of iterates on a line the second is that of the gradient at the start.

        Raises
        ------
        ValueError
            For another term, and for an objective of several members.
        """
        if term not in TERMS:
            raise ValueError(f"term must be 'loss', 'data_loss' or 'penalty', got {term!r}.")
        check_alone(objective)
        end = path[-1]
        moves = (path - end).reshape(len(path), -1)
        start = objective.evaluate(Request(path[0][:, None]))
        descent = -np.ravel(start.gradient)  # of the data loss alone at kinks of the penalty
        plane = _plane(moves, descent)
        places = moves @ plane.T
        lowest, highest = places.min(axis=0), places.max(axis=0)
        side = (1 + 2 * margin) * (np.max(highest - lowest) or 1.0)
        a, b = side * np.linspace(-0.5, 0.5, POINTS) + ((lowest + highest) / 2)[:, None]
        grid = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
        directions = plane.reshape(2, *end.shape).transpose(1, 0, 2)
        data, penalty = values_at(objective, end, directions, grid)
        shape = len(b), len(a)
        names = "first principal direction of the path", "second"
        if len(path) == 2:
            names = "direction from the start to the end", "the gradient's, across it"
        return cls(
            a,
            b,
            data.reshape(shape),
            penalty.reshape(shape),
            places,
            plane @ descent,
            names,
            term,
        )

    @property
    def values(self) -> Array:
        """What is shaded (P, P)."""
        by_term = {"loss": self.data + self.penalty, "data_loss": self.data}
        return by_term.get(self.term, self.penalty)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        values = self.values
        name = self.term.replace("_", " ")
        apart = ", those of its two terms" if self.term == "loss" else ""
        return (
            f"Contours of the {name} on a plane through the end of a path of {len(self.path)} "
            f"iterates, between {number(float(values.min()))} and {number(float(values.max()))}"
            f"{apart}, the path, and an arrow for the steepest descent at its start."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        values = self.values
        shades = ax.contourf(self.a, self.b, values, _levels(values, 15), cmap="Greys", alpha=0.5)
        ax.contour(self.a, self.b, values, _levels(values, 8), colors="black", linewidths=0.5)
        name = self.term.replace("_", " ")
        ax.figure.colorbar(shades, ax=ax, format=lambda value, _: number(value), label=name)
        if self.term == "loss":
            self._draw_terms(ax)
        ax.plot(*self.path.T, color=BLACK, lw=1.5, marker="o", markersize=4, label="path")
        ax.plot(*self.path[-1], color=BLACK, marker="*", markersize=14, ls="", label="end")
        self._draw_steepest(ax)
        # Of one scale, so that the steepest descent is at right angles to the contours.
        ax.set(xlabel=self.names[0], ylabel=self.names[1], aspect="equal")
        legend(ax)

    def _draw_terms(self, ax: "Axes") -> None:
        """Contours of the data loss and of the penalty."""
        terms = (("data loss", self.data, BLUE, "--"), ("penalty", self.penalty, RED, ":"))
        for name, values, color, style in terms:
            if np.ptp(values) > 0:
                levels = _levels(values, 6)
                ax.contour(
                    self.a, self.b, values, levels, colors=color, linewidths=1, linestyles=style
                )
                ax.plot([], [], color=color, ls=style, lw=1, label=name)

    def _draw_steepest(self, ax: "Axes") -> None:
        """An arrow along the steepest descent at the start of the path."""
        length = float(np.linalg.norm(self.steepest))
        if length == 0:
            return
        reach = 0.2 * min(np.ptp(self.a), np.ptp(self.b)) / length
        tip = self.path[0] + reach * self.steepest
        arrow = {"arrowstyle": "-|>", "color": BLACK, "lw": 2.5, "mutation_scale": 16}
        ax.annotate("", tip, self.path[0], arrowprops=arrow)
        ax.plot([], [], color=BLACK, lw=2.5, marker=">", markersize=8, label="steepest descent")


def _plane(moves: Array, descent: Array) -> Array:
    """Two orthonormal directions (2, n): the principal ones of the moves.

    Where they have only one: it, and the descent's part across it.
    """
    _, lengths, rows = np.linalg.svd(moves, full_matrices=False)
    first = rows[0]
    if len(rows) > 1 and lengths[1] > 1e-6 * lengths[0]:
        return rows[:2]
    for second in (descent, random_direction(first, 1)):
        across = second - first * (first @ second)
        if np.linalg.norm(across) > 1e-6 * np.linalg.norm(second):
            break
    return np.stack([first, across / np.linalg.norm(across)])


def _levels(values: Array, count: int) -> Array:
    """Levels of contours, closer near the minimum."""
    low, height = float(values.min()), float(np.ptp(values))
    if height <= 0:
        return np.array([low - 1, low + 1])
    return low + height * np.linspace(0, 1, count) ** 2
