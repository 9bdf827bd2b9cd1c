"""A race of optimizers: the distance to the minimum against passes or seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Result
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import LBFGS, SGD, GradientDescent
from halfspaces.optimizers.choose import choose_for
from halfspaces.optimizers.update_rules import Adam, Momentum
from halfspaces.plots.display import LINES, Display, legend, logarithmic, number
from halfspaces.plots.loss_curve import LossCurve
from halfspaces.plots.sources import check_alone, objective_of
from halfspaces.proofs.minimize import minimize
from halfspaces.support.types import Array
from halfspaces.tuning.step_size import find_step_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

EXACT_PASSES = 500  # for the minimum
FLOOR = 1e-6  # relative distances below it are drawn at it


@dataclass(frozen=True, eq=False)
class Runner:
    """The curve of one optimizer: the objective on all rows after so many passes and seconds."""

    name: str
    passes: Array = field(repr=False)
    seconds: Array = field(repr=False)
    loss: Array = field(repr=False)


@dataclass(eq=False)
class RaceDisplay(Display):
    """(L(W) − least)/least against passes or seconds, of several optimizers on one objective.

    Parameters
    ----------
    runners : list of Runner
    least : float
        The least objective known: that of an exact solution, where there is one.
    against : str
        "passes" or "seconds".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> display = RaceDisplay.from_result({"auto": classifier.result_})
    >>> [runner.name for runner in display.runners]
    ['auto']
    """

    kind: ClassVar[str] = "race"
    runners: list[Runner]
    least: float
    against: str = "passes"

    @classmethod
    def from_estimator(cls, estimator: "LinearModel", X: Any, y: Array, **options: Any) -> Self:
        """Of the objective that a fitted classifier has minimized, on these rows.

        Options are those of `from_objective`.
        """
        return cls.from_objective(objective_of(estimator, X, y), **options)

    @classmethod
    def from_objective(
        cls,
        objective: Objective,
        optimizers: Mapping[str, Optimizer[Any]] | None = None,
        *,
        passes: float = 30,
        against: str = "passes",
    ) -> Self:
        """Run each optimizer on an objective of one member; None takes those of the lecture.

        Methods of minibatches are judged by their loss on all rows after each pass, which is not
        counted as a pass.

        Raises
        ------
        ValueError
            For an objective of several members, and for another axis than passes and seconds.
        """
        check_alone(objective)
        _check_axis(against)
        optimizers = _lineup(objective, passes) if optimizers is None else optimizers
        best = choose_for(objective).optimizer
        exact = minimize(objective, best, tol=1e-6, max_passes=EXACT_PASSES, progress=False)
        runners = [_run(objective, name, each, passes) for name, each in optimizers.items()]
        seen = min(float(np.nanmin(runner.loss)) for runner in runners)
        return cls(runners, min(seen, float(exact.loss[0])), against)

    @classmethod
    def from_result(cls, results: Mapping[str, Result], *, against: str = "passes") -> Self:
        """Of results of one objective by name; minibatches' losses are running means.

        Each member of a stack is a runner; distances are from the least loss of all.

        Raises
        ------
        ValueError
            For another axis than passes and seconds.
        """
        _check_axis(against)
        runners = []
        for name, result in results.items():
            seconds = np.asarray(result.history["seconds"], dtype=float)
            runners += [
                Runner(curve.name, curve.passes, seconds, curve.smoothed)
                for curve in LossCurve.all_of(result.history, name)
            ]
        least = min(float(result.loss.min()) for result in results.values())
        return cls(runners, least, against)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        ends = [
            f"{runner.name} ends {number(self._distance(runner)[-1])} above"
            for runner in self.runners
        ]
        return f"The distance to the minimum against {self.against}: {'; '.join(ends)}."

    def _distance(self, runner: Runner) -> Array:
        """(L − least)/least, at least FLOOR."""
        scale = abs(self.least) or 1.0
        return np.maximum((runner.loss - self.least) / scale, FLOOR)

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        for position, runner in enumerate(self.runners):
            line = LINES[position % len(LINES)]
            along = runner.passes if self.against == "passes" else runner.seconds
            every = max(1, len(along) // 8)
            ax.plot(
                along,
                self._distance(runner),
                color=line.color,
                linestyle=line.linestyle,
                marker=line.marker,
                markevery=every,
                markersize=4,
                label=runner.name,
            )
        name = "passes over the data" if self.against == "passes" else "seconds"
        ax.set(xlabel=name, ylabel="(L − minimum) / minimum")
        logarithmic(ax, "y", np.concatenate([self._distance(runner) for runner in self.runners]))
        legend(ax)


def _check_axis(against: str) -> None:
    if against not in ("passes", "seconds"):
        raise ValueError(f"against must be 'passes' or 'seconds', got {against!r}.")


def _lineup(objective: Objective, passes: float) -> dict[str, Optimizer[Any]]:
    """The optimizers of the lecture that can minimize this objective."""
    suggestion = find_step_size(objective).suggestion
    step = 10 * suggestion
    epochs = max(1, int(passes))
    full: dict[str, Optimizer[Any]] = {"L-BFGS": LBFGS(), "gradient descent": GradientDescent()}
    if not (objective.penalty.smooth and objective.loss.smooth):
        full = {}
    return {
        "auto": choose_for(objective).optimizer,
        **full,
        "SGD": SGD(step_size=step, epochs=epochs),
        "SGD with momentum": SGD(step_size=suggestion, epochs=epochs, update_rule=Momentum()),
        "Adam": SGD(step_size=1e-3, epochs=epochs, update_rule=Adam()),
    }


def _run(objective: Objective, name: str, optimizer: Optimizer[Any], passes: float) -> Runner:
    taken: list[float] = [0.0]
    seconds: list[float] = [0.0]
    losses: list[float] = [float(objective.loss.chance_value(objective.n_classes))]
    paused = 0.0

    def watch(run: Any) -> None:
        nonlocal paused
        due = not optimizer.stochastic or run.passes >= taken[-1] + 1 or len(taken) == 1
        if not due:
            return
        now = run.seconds - paused
        if optimizer.stochastic:
            loss = float(objective.assess(run.W)[0][0])
            loss += float(objective.penalty.value(run.W[:-1])[0])
            paused += run.seconds - paused - now
        else:
            loss = float(run.history.last("loss")[0])
        taken.append(run.passes)
        seconds.append(now)
        losses.append(loss)

    minimize(objective, optimizer, tol=1e-7, max_passes=passes, callbacks=[watch], progress=False)
    best = np.minimum.accumulate(losses) if not optimizer.stochastic else np.array(losses)
    return Runner(name, np.array(taken), np.array(seconds), best)
