"""The error of numerical gradients against their step h: the V of truncation and rounding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.gradcheck.complex_step import ComplexStep
from halfspaces.gradcheck.differences import relative_error
from halfspaces.gradcheck.parameters import Layout, Parameters, scalar
from halfspaces.plots.display import LINES, Display, legend, logarithmic, number
from halfspaces.support.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = np.logspace(-1, -14, 40)
LEAST = 1e-16  # an error of 0 is drawn here


@dataclass(eq=False)
class GradientStepsDisplay(Display):
    """Relative error of differences of f against the step h, beside an analytic slope.

    Where the slope is right, the error of the forward difference falls like h and that of the
    centred one like h², until rounding grows like 1/h; where it is wrong, both end at the size of
    its error. A complex step has no such limit, where f takes complex numbers.

    Parameters
    ----------
    steps : array, shape (S,)
    errors : mapping of names to arrays (S,)
        By the kind of difference.
    name : str
        The coordinate, or "a random direction".

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([1.0, 2.0, 3.0])
    >>> display = GradientStepsDisplay.from_function(lambda W: np.exp(W).sum(), np.exp, W)
    >>> sorted(display.errors)
    ['centred', 'complex step', 'forward']
    >>> bool(display.errors["centred"].min() < display.errors["forward"].min())
    True
    """

    kind: ClassVar[str] = "gradient-steps"
    steps: Array = field(repr=False)
    errors: Mapping[str, Array] = field(repr=False)
    name: str

    @classmethod
    def from_function(
        cls,
        f: Callable[[Parameters], Any],
        gradient: Callable[[Parameters], Parameters] | Parameters,
        W: Parameters,
        *,
        position: int | None = None,
        steps: Array = STEPS,
        seed: int = 0,
    ) -> Self:
        """Of a coordinate, by its position in the flattened W; along a random direction if None."""
        layout = Layout.of(W, None)
        at = layout.pack_real(W, "W")
        slopes = gradient(layout.unpack(at)) if callable(gradient) else gradient
        direction = layout.scales(at) * np.random.default_rng(seed).uniform(-1, 1, at.size)
        if position is not None:
            direction = np.zeros_like(at)
            direction[position] = layout.scales(at)[position]
        analytic = float(np.real(layout.pack(slopes, "gradient")) @ direction)

        def along(t: float) -> float:
            return scalar(f(layout.unpack(at + t * direction)))

        here = along(0.0)
        forward = [(along(t) - here) / t for t in steps]
        centred = [(along(t) - along(-t)) / (2 * t) for t in steps]
        found = {"forward": forward, "centred": centred}
        exact = ComplexStep(f, layout, at).slope(direction) if layout.is_numpy else np.nan
        if np.isfinite(exact) and exact:
            found["complex step"] = [exact] * len(steps)
        errors = {
            name: np.array([relative_error(analytic, slope) for slope in slopes])
            for name, slopes in found.items()
        }
        name = "a random direction" if position is None else layout.name(position)
        return cls(np.asarray(steps, dtype=float), errors, name)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        best = {name: int(values.argmin()) for name, values in self.errors.items()}
        told = ", ".join(
            f"{name} {number(self.errors[name][k])} at h = {number(self.steps[k])}"
            for name, k in best.items()
            if name != "complex step"
        )
        return f"Relative error against the step h, for {self.name}: the least is {told}."

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        for (name, values), line in zip(self.errors.items(), LINES, strict=False):
            look: Any = {**line._asdict(), "markersize": 3}
            ax.plot(self.steps, np.maximum(values, LEAST), label=name, **look)
        logarithmic(ax, "x", self.steps)
        logarithmic(ax, "y", np.array([LEAST, 1.0]))
        ax.set(xlabel=f"step h, for {self.name}", ylabel="relative error")
        legend(ax)
