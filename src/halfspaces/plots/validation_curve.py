"""The validation curve: held-out scores against λ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.estimators.metrics.intervals import Z
from halfspaces.estimators.scoring import score_name
from halfspaces.plots.display import BLACK, BLUE, GREEN, RED, Display, legend, logarithmic, number
from halfspaces.support.types import Array
from halfspaces.tuning.selection import best_of, one_standard_error_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The columns of `cv_results_`, by their names in the rows of a saved model.
COLUMNS = {
    "strength": "param_strength",
    "score": "mean_test_score",
    "error": "standard_error",
    "low": "interval_low",
    "high": "interval_high",
}


@dataclass(eq=False)
class ValidationCurveDisplay(Display):
    """Mean held-out score against λ, with 95 % intervals as bars; the chosen λ is marked.

    Beside it the strongest λ whose score is within one standard error of the best (Breiman et al.,
    Classification and Regression Trees, 1984, section 3.4.3, https://doi.org/10.1201/9781315139470).

    Parameters
    ----------
    strengths, scores : array, shape (S,)
        λ, and the mean score of the held-out rows.
    low, high : array, shape (S,)
        The ends of the interval of the score; nan where they are not known.
    training : array, shape (S,), or None
        The score of the training rows, where it was measured.
    chosen : float
    within_one_error : float or None
        The λ of the rule of one standard error; None without standard errors.
    score : str
        What a score is called.

    Examples
    --------
    >>> table = [(1.0, 0.80), (0.1, 0.91), (0.01, 0.92)]
    >>> rows = [{"strength": strength, "score": p, "error": 0.02} for strength, p in table]
    >>> display = ValidationCurveDisplay.from_rows(rows, chosen=0.01, score="accuracy")
    >>> display.within_one_error
    0.1
    >>> print(display.alt)
    Held-out accuracy against λ from 1 to 0.01: the best is 0.92 at λ = 0.01; chosen is λ = 0.01.
    """

    kind: ClassVar[str] = "path"
    strengths: Array = field(repr=False)
    scores: Array = field(repr=False)
    low: Array = field(repr=False)
    high: Array = field(repr=False)
    training: Array | None = field(repr=False)
    chosen: float
    within_one_error: float | None
    score: str = "score"

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Of a fitted search for λ.

        Parameters
        ----------
        estimator : LinearClassifierCV or GridSearchCV
            A GridSearchCV that varies one strength alone.

        Raises
        ------
        ValueError
            If there was no search, or another parameter was varied.
        """
        results = getattr(estimator, "cv_results_", None)
        if results is None:
            raise ValueError(
                f"{type(estimator).__name__} has not compared strengths; give a fitted "
                "LinearClassifierCV, or a model for which `halfspaces train` chose λ."
            )
        chosen = getattr(estimator, "strength_", None)
        return cls.from_result(results, chosen=chosen, score=score_name(estimator.scoring))

    @classmethod
    def from_result(
        cls, result: Mapping[str, Any], *, chosen: float | None = None, score: str = "score"
    ) -> Self:
        """Of the table `cv_results_` of a search.

        Parameters
        ----------
        result : mapping
            Columns param_strength (or one other whose name ends so) and mean_test_score; maybe
            standard_error or std_test_score, interval_low, interval_high, mean_train_score.
        chosen : float or None
            None: the λ with the best score.
        score : str
            What a score is called.

        Raises
        ------
        ValueError
            If not exactly one strength was varied.
        """
        names = [name for name in result if name.startswith("param_")]
        if len(names) != 1 or not names[0].endswith("strength"):
            varied = ", ".join(name.removeprefix("param_") for name in names) or "nothing"
            raise ValueError(f"This search varied {varied}; give one that varied the strength.")
        strengths = np.asarray(result[names[0]], dtype=float)
        kept = np.flatnonzero(~np.asarray(result.get("dropped", np.zeros(len(strengths), bool))))
        order = kept[np.argsort(-strengths[kept], kind="stable")]  # from the strongest penalty

        def column(name: str, otherwise: Array) -> Array:
            return np.asarray(result[name], dtype=float)[order] if name in result else otherwise

        strengths = strengths[order]
        unknown = np.full(len(order), np.nan)
        mean = column("mean_test_score", unknown)
        folds = sum(name.startswith("split") and name.endswith("test_score") for name in result)
        spread = column("std_test_score", unknown) / np.sqrt(max(folds - 1, 1))
        error = column("standard_error", spread)
        ties = column("tie_breaker", np.zeros(len(order)))
        training = column("mean_train_score", unknown)
        best = best_of(mean, ties)
        within = None
        if np.isfinite(error[best]):
            within = float(strengths[one_standard_error_of(mean, error, ties)])
        return cls(
            strengths,
            mean,
            column("interval_low", mean - Z * error),
            column("interval_high", mean + Z * error),
            training if np.isfinite(training).any() else None,
            float(strengths[best]) if chosen is None else chosen,
            within,
            score,
        )

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, float | None]],
        *,
        chosen: float | None = None,
        score: str = "score",
    ) -> Self:
        """Of plain rows, such as the notes of a saved model have.

        Each row has a strength and a score, and maybe the standard error of the score and the ends
        of its interval: error, low, high. Other entries are not drawn.
        """
        rows = list(rows)
        table = {
            column: np.array([row.get(name) for row in rows], dtype=float)
            for name, column in COLUMNS.items()
            if any(row.get(name) is not None for row in rows)
        }
        return cls.from_result(table, chosen=chosen, score=score)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        best = int(np.nanargmax(self.scores))
        return (
            f"Held-out {self.score} against λ from {number(self.strengths[0])} to "
            f"{number(self.strengths[-1])}: the best is {number(self.scores[best])} at "
            f"λ = {number(self.strengths[best])}; chosen is λ = {number(self.chosen)}."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        bars = np.stack([self.scores - self.low, self.high - self.scores])
        ax.errorbar(
            self.strengths,
            self.scores,
            yerr=np.nan_to_num(bars),
            color=BLUE,
            marker="o",
            markersize=4,
            capsize=3,
            label="held-out rows, 95 % interval",
        )
        ax.axvline(self.chosen, color=RED, label=f"chosen: λ = {number(self.chosen)}")
        if self.within_one_error is not None:
            label = f"one standard error: λ = {number(self.within_one_error)}"
            ax.axvline(self.within_one_error, color=GREEN, ls="--", label=label)
        if self.training is not None:
            style = {"color": BLACK, "ls": ":", "marker": "s", "markersize": 4}
            ax.plot(self.strengths, self.training, label="training rows", **style)
        logarithmic(ax, "x", self.strengths)
        ax.set(xlabel="λ (weak penalty left, strong right)", ylabel=f"held-out {self.score}")
        legend(ax)
