"""Step-size schedules: the factor on the step size at a point of the run.

`factor(progress, epoch)` receives the part of the run that is done (0 to 1) and the number of
epochs, a real number.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from halfspaces.support.validation import check_number


class Schedule(ABC):
    """A factor on the step size."""

    @abstractmethod
    def factor(self, progress: float, epoch: float) -> float:
        """The factor when `progress` (0 to 1) of the run, or `epoch` epochs, are done."""


@dataclass(frozen=True)
class Constant(Schedule):
    """1, always."""

    def factor(self, progress: float, epoch: float) -> float:
        """1."""
        return 1.0


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplied by `decay` after every `every` epochs; None: after each third of the run.

    >>> Step().factor(progress=0.5, epoch=5.0)
    0.1
    >>> Step(every=2, decay=0.1).factor(progress=0.5, epoch=4.5)
    0.010000000000000002
    """

    every: float | None = None
    decay: float = 0.1

    def __post_init__(self) -> None:
        if self.every is not None:
            check_number("Step(every=...)", self.every, above=0)
        check_number("Step(decay=...)", self.decay, above=0)

    def factor(self, progress: float, epoch: float) -> float:
        """decay^⌊epoch / every⌋, or decay^⌊3 progress⌋."""
        return self.decay ** math.floor(3 * progress if self.every is None else epoch / self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From 1 down to `final` along half a cosine.

    Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        check_number("Cosine(final=...)", self.final, at_least=0)

    def factor(self, progress: float, epoch: float) -> float:
        """final + (1 − final)(1 + cos π progress)/2."""
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class InverseTime(Schedule):
    """1/(1 + decay · epoch), the 1/t schedule of stochastic approximation.

    Robbins & Monro 1951, https://doi.org/10.1214/aoms/1177729586
    """

    decay: float = 1.0

    def __post_init__(self) -> None:
        check_number("InverseTime(decay=...)", self.decay, at_least=0)

    def factor(self, progress: float, epoch: float) -> float:
        """1/(1 + decay · epoch)."""
        return 1 / (1 + self.decay * epoch)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rises linearly from 0 to 1 over the first `epochs` epochs, then follows another schedule."""

    epochs: float = 1.0
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        check_number("WarmUp(epochs=...)", self.epochs, above=0)

    def factor(self, progress: float, epoch: float) -> float:
        """min(1, epoch / epochs), at least 1 %, times the other schedule's factor."""
        return max(min(1.0, epoch / self.epochs), 0.01) * self.then.factor(progress, epoch)


@dataclass(frozen=True)
class RangeTest(Schedule):
    """Grows exponentially from `lowest` to `highest` over the run: the step-size range test.

    References
    ----------
    Smith, Cyclical learning rates for training neural networks, 2017,
    https://doi.org/10.1109/WACV.2017.58
    """

    lowest: float = 1e-6
    highest: float = 1e2

    def __post_init__(self) -> None:
        check_number("RangeTest(lowest=...)", self.lowest, above=0)
        check_number("RangeTest(highest=...)", self.highest, above=self.lowest)

    def factor(self, progress: float, epoch: float) -> float:
        """lowest · (highest/lowest)^progress."""
        return self.lowest * (self.highest / self.lowest) ** progress


SCHEDULES: dict[str, Schedule] = {
    "constant": Constant(),
    "step": Step(),
    "cosine": Cosine(),
    "inverse_time": InverseTime(),
    "warm_up": WarmUp(1.0, Cosine()),
}
