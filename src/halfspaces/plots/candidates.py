"""A race of features, or of losses and penalties: the held-out accuracy of each candidate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Self

from halfspaces.plots.display import BLUE, RED, Display, legend, number, shortened
from halfspaces.tuning.race import Race

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 44  # characters of a name


@dataclass(frozen=True)
class Raced:
    """A candidate after its last round: its accuracy with the standard error, and its rows.

    The error is None where one row was held out.
    """

    name: str
    rows: int
    score: float
    error: float | None

    @property
    def words(self) -> str:
        """In words."""
        error = "" if self.error is None else f" ± {number(self.error)}"
        return f"{self.name} {number(self.score)}{error} ({self.rows:,} rows)"


@dataclass(eq=False)
class CandidatesDisplay(Display):
    """Held-out accuracy of the candidates of a race, with one standard error to each side.

    Those of the last round come first; others were fitted to fewer rows when they fell out.

    Parameters
    ----------
    candidates : list of Raced
        From the top of the picture down.
    winner : str
        The name of the simplest within a standard error of the best.

    Examples
    --------
    >>> rows = [{"name": "hog", "rows": 800, "score": 0.9, "error": 0.01}]
    >>> print(CandidatesDisplay.from_rows(rows, winner="hog").alt)
    Held-out accuracy of the candidates of a race; the winner is hog. hog 0.9 ± 0.01 (800 rows).
    """

    kind: ClassVar[str] = "candidates"
    candidates: list[Raced] = field(repr=False)
    winner: str

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Of a fitted `AutoClassifier` or `AutoFeatures`.

        Raises
        ------
        ValueError
            If it has raced nothing.
        """
        race = getattr(estimator, "race_", None)
        if race is None:
            raise ValueError(
                f"{type(estimator).__name__} has raced nothing; give a fitted AutoClassifier or "
                "AutoFeatures."
            )
        return cls.from_result(race)

    @classmethod
    def from_result(cls, race: Race) -> Self:
        """Of a race."""
        raced = [
            Raced(each.name, each.rows, each.score, each.error if isfinite(each.error) else None)
            for each in race.last_entries
        ]
        return cls(raced, race.winner.name)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], *, winner: str) -> Self:
        """Of plain rows, such as the notes of a saved model have: name, rows, score and error."""
        raced = [Raced(row["name"], row["rows"], row["score"], row["error"]) for row in rows]
        return cls(raced, winner)

    @property
    def shape(self) -> tuple[float, float]:
        """Wide enough for the names, and as high as there are candidates."""
        return 8.0, 1.4 + 0.35 * len(self.candidates)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        each = "; ".join(raced.words for raced in self.candidates)
        about = "Held-out accuracy of the candidates of a race"
        return f"{about}; the winner is {self.winner}. {each}."

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        most = max(raced.rows for raced in self.candidates)
        labelled: set[str] = set()
        for place, raced in enumerate(self.candidates):
            won = raced.name == self.winner
            told = f"fitted to {raced.rows:,} rows" + (": the winner" if won else "")
            ax.errorbar(
                raced.score,
                place,
                xerr=raced.error or 0.0,
                color=RED if won else BLUE,
                marker="D" if won else "o",
                markerfacecolor=None if raced.rows == most else "white",
                capsize=3,
                linestyle="none",
                label=None if told in labelled else told,
            )
            labelled.add(told)
        names = [shortened(raced.name, LONGEST) for raced in self.candidates]
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set(xlabel="accuracy on held-out rows, ± one standard error")
        legend(ax)
