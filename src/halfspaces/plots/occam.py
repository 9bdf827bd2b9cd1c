"""Train and test error against λ: too weak a penalty overfits, too strong a one underfits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.plots.display import BLACK, BLUE, RED, Display, legend, logarithmic, number
from halfspaces.plots.sources import check_linear
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

KEPT = "loss", "standardize", "fit_intercept", "class_weight", "n_jobs"  # of an estimator
STRENGTHS = np.geomspace(10, 1e-6, 15)


@dataclass(eq=False)
class OccamDisplay(Display):
    """Errors on training rows and on other rows against λ; the best λ is marked.

    The error is the part of the rows whose class is not predicted. Occam's razor, that of competing
    hypotheses the simplest is the best, is seen where the error on other rows has its least.

    Parameters
    ----------
    strengths, training, test : array, shape (S,)
        λ, and the part of the rows that is wrong.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> parts = X[::2], y[::2], X[1::2], y[1::2]
    >>> display = OccamDisplay.from_data(*parts, strengths=[10.0, 0.01])
    >>> display.strengths[display.best]
    np.float64(0.01)
    """

    kind: ClassVar[str] = "occam"
    strengths: Array = field(repr=False)
    training: Array = field(repr=False)
    test: Array = field(repr=False)

    @classmethod
    def from_estimator(
        cls, estimator: "LinearModel", X: Array, y: Array, X_test: Array, y_test: Array, **more: Any
    ) -> Self:
        """Fit X, y with the loss and the options of a classifier, and each λ of the L2 penalty.

        More options are those of `from_data`.
        """
        check_linear(estimator)
        classifier: Any = getattr(estimator, "classifier_", estimator)
        options = classifier.get_params(deep=False)
        kept = {name: options[name] for name in KEPT if name in options}
        return cls.from_data(X, y, X_test, y_test, **kept, **more)

    @classmethod
    def from_result(cls, *_: Any) -> Self:
        """ValueError: the picture needs a fit with each λ, which a result is not."""
        raise ValueError(
            "A result is of one fit, and this picture needs one with each λ; "
            "use OccamDisplay.from_data(X, y, X_test, y_test)."
        )

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
        """Fit X, y with each λ, from the strongest; `options` are those of `LinearClassifier`.

        Raises
        ------
        ValueError
            For rows and labels that `LinearClassifier` refuses.
        """
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
