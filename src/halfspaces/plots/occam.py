"""Train and test error against λ: too weak a penalty overfits, too strong a one underfits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.plots.display import BLACK, BLUE, RED, Display, legend, logarithmic, number
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRENGTHS = np.geomspace(10, 1e-6, 15)


@dataclass(eq=False)
class OccamDisplay(Display):
    """Errors on training rows and on other rows against λ; the best λ is marked.

    Parameters
    ----------
    strengths, training, test : array, shape (S,)
        λ, and the part of the rows that is wrong.
    """

    kind: ClassVar[str] = "occam"
    strengths: Array = field(repr=False)
    training: Array = field(repr=False)
    test: Array = field(repr=False)

    @classmethod
    def from_data(
        cls,
        X: Array,
        y: Array,
        X_test: Array,
        y_test: Array,
        *,
        strengths: Sequence[float] | Array = STRENGTHS,
        **options: Any,
    ) -> Self:
        """Fit X, y with each λ, from the strongest; `options` are those of `LinearClassifier`."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning

        from halfspaces.estimators.classifier import LinearClassifier

        classifier = LinearClassifier(verbose=-1, warm_start=True, **options)
        grid = np.sort(np.asarray(strengths, dtype=float))[::-1]
        errors = []
        for strength in grid:
            classifier.set_params(strength=float(strength))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                classifier.fit(X, y)
            errors.append((1 - classifier.score(X, y), 1 - classifier.score(X_test, y_test)))
        training, test = np.array(errors).T
        return cls(grid, training, test)

    @property
    def best(self) -> int:
        """The position of the least test error; of equals, the strongest λ."""
        return int(np.nanargmin(self.test))

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        weakest = int(self.strengths.argmin())
        return (
            f"Errors against λ: test rows have the least, {self.test[self.best]:.1%}, at "
            f"λ = {number(self.strengths[self.best])}; with the weakest penalty it is "
            f"{self.test[weakest]:.1%}, and {self.training[weakest]:.1%} on training rows."
        )

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        ax.plot(self.strengths, self.training, "s--", color=BLACK, label="training rows", ms=4)
        ax.plot(self.strengths, self.test, "o-", color=BLUE, label="test rows", ms=4)
        label = f"least test error: λ = {number(self.strengths[self.best])}"
        ax.axvline(self.strengths[self.best], color=RED, ls=":", label=label)
        logarithmic(ax, "x", self.strengths)
        ax.set(xlabel="λ (weak penalty left, strong right)", ylabel="error")
        ax.set_ylim(bottom=0)
        legend(ax)
