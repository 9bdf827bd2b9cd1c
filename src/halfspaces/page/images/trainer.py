"""What trains for the page: a function that is handed in, since commands lie above the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from halfspaces.datasets import Dataset, Features
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.search import ScoredStrength
from halfspaces.features import Feature
from halfspaces.loop.result import Reason
from halfspaces.loop.run import Run
from halfspaces.support.types import Array

Parts = dict[str, Any]  # what a page is sent


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training leaves behind.

    Parameters
    ----------
    classifier : LinearClassifier
        Fitted to all training rows.
    dataset : Dataset
        As it was opened.
    feature : Feature or None
        The fitted feature, if the rows are features of images.
    names : sequence of str
        Of the classifier's classes.
    X, X_test : rows that the classifier takes
        Of the training rows, and of the test rows if there are any.
    accuracies : mapping
        The accuracy on "train", "validation" and "test" rows, as far as there are any.
    part : str
        "test", or "train" where there are no test rows.
    y, predicted : array
        Labels and predictions of the rows of this part.
    model, report : callable
        The content of the model's file, and of the report as HTML in a language.
    """

    classifier: LinearClassifier
    dataset: Dataset
    feature: Feature | None
    names: Sequence[str]
    X: Features = field(repr=False)
    X_test: Features | None = field(repr=False)
    accuracies: Mapping[str, float]
    part: str
    y: Array = field(repr=False)
    predicted: Array = field(repr=False)
    model: Callable[[], bytes]
    report: Callable[[str], bytes]


class Watcher(Protocol):
    """What a training calls while it goes on; as a callback of fits it may end them."""

    def __call__(self, run: Run) -> Reason | None:
        """After every evaluation."""
        ...

    def opened(self, dataset: Dataset, names: Sequence[str]) -> None:
        """When the data are open; names are those of the classes."""
        ...

    def described(self, feature: Feature) -> None:
        """When the features are computed."""
        ...

    def scored(self, scored: ScoredStrength) -> None:
        """When the held-out rows of a λ are scored."""
        ...

    def chosen(self, strength: float) -> None:
        """When λ is chosen."""
        ...


class Trainer(Protocol):
    """Trains with options named as those of `halfspaces train`.

    Raises
    ------
    ValueError, OSError, ImportError
        In one sentence.
    KeyboardInterrupt
        If the watcher has ended it before there was a model.
    """

    def __call__(self, options: Mapping[str, object], watcher: Watcher) -> Trained:
        """Train."""
        ...
