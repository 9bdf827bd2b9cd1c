"""What a page shows of a board: every number, computed by the library."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.loop.result import Reason
from halfspaces.objective.request import Evaluation, Request
from halfspaces.page.board import Board, Side
from halfspaces.page.geometry import regions, zero_lines
from halfspaces.page.settings import name_of
from halfspaces.page.steps import objective_of, subgradient
from halfspaces.page.wording import Sentence
from halfspaces.page.working import number, working
from halfspaces.support.types import Array

PAGE_ROWS = 100  # of the table of points
CURVE_POINTS = 400
GROWN = 2.0  # times the loss before the steps: what a step size that is too large does
ORDERS = ("number", "loss")


@dataclass(frozen=True, eq=False)
class SideView:
    """The numbers of one side at the parameters that are shown."""

    board: Board
    number: int

    @property
    def side(self) -> Side:
        """The side itself."""
        return self.board.sides[self.number]

    @property
    def W(self) -> Array:
        """The parameters that are shown (D+1, 1, C)."""
        return self.board.shown(self.number)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Loss and gradient on the points to fit."""
        with np.errstate(all="ignore"):
            return objective_of(self.board, self.side).evaluate(Request(self.W))

    @cached_property
    def scores(self) -> Array:
        """The scores of all points (N, C)."""
        linear = objective_of(self.board, self.side).linear
        with np.errstate(all="ignore"):
            folded = linear.fold(self.W, np.dtype(np.float64))
            return linear.scores(folded, self.board.points.X).reshape(-1, self.board.n_classes)

    @cached_property
    def point_losses(self) -> Array:
        """The loss of each point (N,)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.side.settings.loss.value(self.scores, self.board.points.y))

    @property
    def parameters(self) -> dict[str, Any]:
        """W, its gradient, and the slopes that were measured."""
        W = self.W
        with np.errstate(all="ignore"):
            gradient = self.evaluation.gradient.copy()
            if self.evaluation.penalty_gradient is None:
                objective = objective_of(self.board, self.side)
                gradient[:-1] += subgradient(objective, W)
        shape = W[:, 0].shape
        numerical = np.full(shape, np.nan)
        error = np.full(shape, np.nan)
        kink = np.zeros(shape, bool)
        for place, slope in self.side.numerical.items():
            numerical[place] = slope.numerical
            error[place] = slope.error
            kink[place] = slope.kink
        known = bool(self.side.numerical)
        return {
            "W": W[:, 0],
            "gradient": gradient[:, 0],
            "numerical": _with_none(numerical) if known else None,
            "relative_error": _with_none(error) if known else None,
            "kink": kink,
            "worst": float(np.nanmax(error)) if known else None,
        }

    @property
    def losses(self) -> dict[str, Any]:
        """The loss and its terms, and how good the classifier is."""
        board = self.board
        held_out = board.points.held_out
        evaluation = self.evaluation
        right = np.argmax(self.scores, axis=1) == board.points.y
        track = self.side.track
        last = track[self._place] if len(track) else dict[str, Any]()
        return {
            "data": float(evaluation.data[0]),
            "penalty": float(evaluation.penalty[0]),
            "total": float(evaluation.total[0]),
            "accuracy": float(right[~held_out].mean()),
            "validation_loss": float(self.point_losses[held_out].mean()) if any(held_out) else None,
            "validation_accuracy": float(right[held_out].mean()) if any(held_out) else None,
            "gap": float(evaluation.gap[0]),
            "steps": self._place + 1 if len(track) else 0,
            "step_size": last.get("step"),
            "update_ratio": last.get("update_ratio"),
            "gradient_norm": last.get("gradient_norm"),
        }

    @property
    def _place(self) -> int:
        """The row of the track that is shown."""
        last = len(self.side.track) - 1
        return last if self.board.at is None else min(self.board.at, last)

    def rows(self, first: int, order: str) -> dict[str, Any]:
        """Some rows of the table: number, x, y, class, held out, scores, loss."""
        points = self.board.points
        places = np.arange(len(points))
        if order == "loss":
            places = np.argsort(-self.point_losses, kind="stable")
        first = max(0, min(first, len(points) - 1))
        return {
            "first": first,
            "count": len(points),
            "order": order,
            "rows": [
                [
                    int(place),
                    *points.X[place].tolist(),
                    int(points.y[place]),
                    bool(points.held_out[place]),
                    *self.scores[place].tolist(),
                    float(self.point_losses[place]),
                ]
                for place in places[first : first + PAGE_ROWS]
            ],
            "mean": float(self.evaluation.data[0]),
        }

    @property
    def plane(self) -> dict[str, Any]:
        """Regions of the classes, the lines where scores are 0, and arrows."""
        W = self.W[:, 0]
        lines, arrows = zero_lines(W, self.board.box)
        return {"regions": regions(W, self.board.box), "lines": lines, "arrows": arrows}

    @property
    def curve(self) -> dict[str, Any]:
        """The curves of the steps, thinned to some hundred points."""
        track = self.side.track
        count = len(track)
        places = np.unique(np.linspace(0, max(count - 1, 0), CURVE_POINTS).astype(int)).tolist()
        places = places if count else []
        names = {"data": "data_loss", "penalty": "penalty", "total": "loss"}
        curve: dict[str, Any] = {"steps": [place + 1 for place in places]}
        curve |= {name: _short(track.column(source, places)) for name, source in names.items()}
        held_out = _short(track.column("validation_loss", places))
        curve["validation"] = held_out if np.isfinite(held_out).any() else None
        return curve

    @property
    def working(self) -> dict[str, Any] | None:
        """The loss of the chosen point, term by term."""
        point = self.board.selected
        if point is None:
            return None
        label = int(self.board.points.y[point])
        loss = self.side.settings.loss
        with np.errstate(all="ignore"):
            lines = working(loss, self.scores[point], label)
        name = name_of(loss)
        return {"point": point, "label": label, "name": name, "lines": lines}

    @property
    def status(self) -> tuple[str, Sentence]:
        """How the steps went: ok, warning or error, and a sentence."""
        side = self.side
        loss = float(self.evaluation.total[0])
        track = side.track
        if side.ended == Reason.DIVERGED.name or not np.isfinite(self.evaluation.data[0]):
            return "error", Sentence("status.diverged")
        if not np.isfinite(loss):
            return "warning", Sentence("status.outside")
        if side.steps > 1:
            first = track.column("loss", [len(track) - side.steps])[0]
            if loss > GROWN * max(first, side.settings.loss.chance_value(self.board.n_classes)):
                values = {"first": number(first), "last": number(loss)}
                return "warning", Sentence("status.grown", values)
        if side.ended:
            return "ok", Sentence(f"status.{side.ended.lower()}")
        if not len(track):
            return "ok", Sentence("status.start")
        values = {"steps": f"{len(track):,}", "loss": number(loss)}
        return "ok", Sentence("status.steps", values)


def _short(values: list[float]) -> list[float]:
    """As exact as a picture needs."""
    return [float(f"{value:.6g}") for value in values]


def _with_none(values: Array) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]


def plain(value: Any) -> Any:
    """As JSON can say it: arrays as lists, numbers that are not finite as words.

    >>> plain({"a": np.array([1.0, np.nan]), "b": np.inf})
    {'a': [1.0, 'nan'], 'b': 'inf'}
    """
    if isinstance(value, float) and not isinstance(value, np.generic):  # most of all
        return value if math.isfinite(value) else str(value)
    if isinstance(value, np.ndarray):
        listed = value.tolist()
        return listed if value.dtype.kind in "biu" or np.isfinite(value).all() else plain(listed)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
