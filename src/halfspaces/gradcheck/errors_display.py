"""The relative error of an analytic gradient, coordinate by coordinate."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.gradcheck.diagnosis import Diagnosis
from halfspaces.gradcheck.judge import Coordinate
from halfspaces.gradcheck.report import GradientReport
from halfspaces.plots.display import BLACK, BLUE, ORANGE, RED, Display, legend, logarithmic, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST = 1e-16  # an error of 0 is drawn here
MARKS = {"right": (BLUE, "o"), "cannot tell": (ORANGE, "s"), "wrong": (RED, "X")}


@dataclass(eq=False)
class GradientErrorsDisplay(Display):
    """Relative errors |a − n| / (|a| + |n|) of the checked coordinates, with the verdict on each.

    Parameters
    ----------
    coordinates : list of Coordinate
    tolerance : float
        Errors below it are ignored.
    parts : tuple of (str, int)
        The parts of a diagnosis and their numbers of coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from halfspaces.gradcheck import check_gradient
    >>> W = np.array([1.0, 2.0, 3.0])
    >>> report = check_gradient(lambda W: (W**2).sum(), lambda W: [2, 4, 12] * W / W, W)
    >>> print(GradientErrorsDisplay.from_report(report).alt)
    Relative errors of 3 coordinates: 1 wrong, the largest 0.333 at W[2].
    """

    kind: ClassVar[str] = "gradient-errors"
    coordinates: list[Coordinate] = field(repr=False)
    tolerance: float
    parts: tuple[tuple[str, int], ...] = ()

    @classmethod
    def from_report(cls, report: GradientReport) -> Self:
        """Of a report of `check_gradient`."""
        return cls(list(report.coordinates), report.tolerance)

    @classmethod
    def from_diagnosis(cls, diagnosis: Diagnosis) -> Self:
        """Of all parts of a diagnosis.

        Raises
        ------
        ValueError
            If the gradient's shape was wrong, so that no coordinate was checked.
        """
        reports = list(diagnosis.parts.values())
        if not reports:
            raise ValueError(f"No coordinate was checked: {diagnosis.hint}")
        coordinates = [each for report in reports for each in report.coordinates]
        parts = tuple((name, len(part.coordinates)) for name, part in diagnosis.parts.items())
        return cls(coordinates, max(report.tolerance for report in reports), parts)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        wrong = sum(c.outcome == "wrong" for c in self.coordinates)
        worst = max(self.coordinates, key=lambda c: c.error)
        return (
            f"Relative errors of {len(self.coordinates):,} coordinates: {wrong:,} wrong, the "
            f"largest {number(worst.error)} at {worst.name}."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        errors = np.array([min(max(c.error, LEAST), 1.0) for c in self.coordinates])
        for outcome, (color, marker) in MARKS.items():
            places = [k for k, c in enumerate(self.coordinates) if c.outcome == outcome]
            if places:
                look: Any = {"color": color, "marker": marker, "ls": "", "ms": 4}
                ax.plot(places, errors[places], label=f"{outcome} ({len(places):,})", **look)
        ax.axhline(self.tolerance, color=BLACK, lw=0.8, ls="--", label="tolerance")
        logarithmic(ax, "y", np.array([LEAST, 1.0]))
        ax.set(xlabel=self._heading, ylabel="relative error", ylim=(LEAST / 3, 3))
        legend(ax)

    @property
    def _heading(self) -> str:
        if len(self.parts) < 2:
            return "coordinate"
        counted = ", then ".join(f"{count:,} of the {name}" for name, count in self.parts)
        return f"coordinate: {counted}"
