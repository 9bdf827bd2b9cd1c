"""What hears of a training while it goes on: it prints, or shows a page."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from halfspaces.cli import class_balance, race_report, report, strength_report
from halfspaces.cli.image_features import Rows
from halfspaces.datasets import Dataset
from halfspaces.estimators.base import ScoreModel
from halfspaces.loop.run import Callback
from halfspaces.tuning.race import Race

Model = TypeVar("Model", bound=ScoreModel)


class Listener:
    """It hears of each part of a training and does nothing.

    Parameters
    ----------
    callbacks : sequence of callables
        Called with the run after every evaluation, beside those of the recipe.
    """

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self.callbacks = tuple(callbacks)

    def follow(self, model: Model) -> Model:
        """The model, whose fit also calls the callbacks."""
        if self.callbacks:
            model.set_params(callbacks=[*model.get_params()["callbacks"], *self.callbacks])
        return model

    def reading(self, data: str) -> AbstractContextManager[object]:
        """A context in which the data are read."""
        return nullcontext()

    def opened(self, dataset: Dataset) -> None:
        """The data are open."""

    def counted(self, dataset: Dataset, class_weight: Any) -> None:
        """The examples of each class may be counted."""

    def raced(self, race: Race) -> None:
        """What was "auto" is decided."""

    def noted(self, note: str) -> None:
        """Why nothing is raced."""

    def described(self, rows: Rows, *, asked_to_flip: bool) -> None:
        """The features are computed."""

    def step_size(self, test: Any) -> None:
        """A range test has found a step size."""

    def searched(
        self, search: strength_report.Search, rows: str, seconds: float, never: Sequence[str]
    ) -> None:
        """λ is chosen; as `strength_report.search`."""


class Printed(Listener):
    """It prints, as `halfspaces train` does."""

    def reading(self, data: str) -> AbstractContextManager[object]:
        """Show a spinner."""
        return report.reading(data)

    def opened(self, dataset: Dataset) -> None:
        """Print the data set."""
        report.dataset(dataset)

    def counted(self, dataset: Dataset, class_weight: Any) -> None:
        """Print what classes of few examples call for."""
        for sentence in class_balance.sentences(dataset, class_weight):
            report.pair("", sentence)

    def noted(self, note: str) -> None:
        """Print the note."""
        report.pair("race", note)

    def raced(self, race: Race) -> None:
        """Print the race."""
        race_report.show(race)

    def described(self, rows: Rows, *, asked_to_flip: bool) -> None:
        """Print the feature."""
        report.described(rows, asked_to_flip=asked_to_flip)

    def step_size(self, test: Any) -> None:
        """Print the step size."""
        report.range_test(test)

    def searched(
        self, search: strength_report.Search, rows: str, seconds: float, never: Sequence[str]
    ) -> None:
        """Print the grid of λ."""
        strength_report.search(search, rows, seconds, never)
