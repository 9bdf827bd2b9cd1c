"""What is known of a wrong gradient: its values, f's slopes, and how both depend on the data."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from halfspaces.gradcheck.parameters import Layout
from halfspaces.gradcheck.report import GradientReport
from halfspaces.gradcheck.user_function import UserFunction

VISIBLE = 1e-3  # of the largest slope: differences below it are no evidence


class ScoreSlopes(NamedTuple):
    """Slopes of the scores, (N, C), that explain those of W, and the multiples of W beside them.

    dW = Xᵀ S + kW has one solution if there are fewer examples than features.
    """

    analytic: np.ndarray
    numerical: np.ndarray
    analytic_multiple: float
    numerical_multiple: float
    right: np.ndarray  # mask of the right classes, (N, C)

    @property
    def wrong(self) -> np.ndarray:
        """Mask of the entries that differ, (N, C)."""
        return ~close(self.analytic, self.numerical)


@dataclass(frozen=True)
class Evidence:
    """One wrong gradient.

    Parameters
    ----------
    subject : UserFunction
    report : GradientReport
    """

    subject: UserFunction
    report: GradientReport

    @cached_property
    def layout(self) -> Layout:
        """Names and positions of the coordinates."""
        return Layout.of(self.subject.W, None)

    @cached_property
    def analytic(self) -> np.ndarray:
        """The analytic gradient as a vector, nan where it was not checked."""
        return self._vector("analytic")

    @cached_property
    def numerical(self) -> np.ndarray:
        """The slopes of f as a vector, nan where they were not computed."""
        return self._vector("numerical")

    @cached_property
    def at(self) -> np.ndarray:
        """W as a vector."""
        return self.layout.pack_real(self.subject.W, "W")

    @property
    def is_complete(self) -> bool:
        """Whether every coordinate was checked."""
        return bool(np.isfinite(self.numerical).all() and np.isfinite(self.analytic).all())

    def _vector(self, field: str) -> np.ndarray:
        values = np.full(self.layout.size, np.nan)
        for coordinate in self.report.coordinates:
            position = self.layout.position(coordinate.array, coordinate.index)
            values[position] = getattr(coordinate, field)
        return values

    def arrays(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Name, analytic and numerical slopes of each array."""
        analytic = self.layout.split(self.analytic)
        numerical = self.layout.split(self.numerical)
        return [(name, analytic[name], numerical[name]) for name in analytic]

    @cached_property
    def scores(self) -> ScoreSlopes | None:
        """Slopes of the scores, where X and y are known and tell them."""
        X, y, _ = self.subject.data
        if y is None or not self.is_complete:
            return None
        labels = np.asarray(y)
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0:
            return None
        for _, analytic, numerical in self.arrays():
            if analytic.ndim != 2:
                continue
            slopes = (analytic, numerical)
            if X is None:
                found = [(each, 0.0) for each in slopes]
            else:
                found = [self._explained(each, np.asarray(X)) for each in slopes]
            if None in found:
                continue
            (a, own), (n, slope) = found  # pyright: ignore[reportGeneralTypeIssues]
            if len(a) == len(labels) and labels.max() < a.shape[1]:
                right = np.eye(a.shape[1], dtype=bool)[labels]
                return ScoreSlopes(_without_noise(a), _without_noise(n), own, slope, right)
        return None

    def _explained(self, slopes: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, float] | None:
        """(S, k) of dW = Xᵀ S + kW, or None if they do not explain dW."""
        by_rows = self.subject.by_rows
        rows = X if by_rows else X.T
        dW = slopes if by_rows else slopes.T
        W = self.layout.split(self.at)
        if rows.ndim != 2 or len(dW) != rows.shape[1] or len(rows) >= rows.shape[1]:
            return None
        weights = next(w if by_rows else w.T for w in W.values() if w.shape == slopes.shape)
        inverse = np.linalg.pinv(rows.T)
        rest = dW - rows.T @ (inverse @ dW)
        own = weights - rows.T @ (inverse @ weights)
        k = float((rest * own).sum() / (own * own).sum()) if own.any() else 0.0
        if np.linalg.norm(k * weights) <= VISIBLE * np.linalg.norm(dW):
            k = 0.0
        if np.linalg.norm(rest - k * own) > VISIBLE * np.linalg.norm(dW):
            return None
        return inverse @ (dW - k * weights), k


def _without_noise(slopes: np.ndarray) -> np.ndarray:
    """Slopes with exact zeros."""
    return np.where(close(slopes, np.zeros_like(slopes)), 0.0, slopes)


def close(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether entries agree to a thousandth of the largest, (n, ...)."""
    size = max(float(np.max(np.abs(a), initial=0.0)), float(np.max(np.abs(b), initial=0.0)))
    return np.abs(a - b) <= VISIBLE * size
