"""A kind of classifier in model files: its tensors, and how they are put back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from halfspaces.estimators.base import ScoreModel
from halfspaces.estimators.components import make_loss, make_penalty
from halfspaces.files.notes import Stored
from halfspaces.support.types import Array


class Kind(ABC):
    """What a model file has of one class of classifiers beside what all have.

    A new class of classifiers is one subclass, and one row in `halfspaces.files.models.KINDS`.
    """

    made: ClassVar[type[Any]]  # the class
    fitted: ClassVar[str]  # the attribute that a fitted classifier has

    @abstractmethod
    def tensors(self, classifier: Any) -> dict[str, Array]:
        """The arrays of a fitted classifier by name; ModelFileError if they have no place."""

    def metadata(self, classifier: Any) -> dict[str, Any]:
        """What the file says of it beside its parameters, labels and notes, as JSON."""
        return {}

    @property
    def name(self) -> str:
        """That of the class."""
        return self.made.__name__

    def make(self, parameters: Mapping[str, Any]) -> ScoreModel:
        """The classifier that is not fitted, its options checked."""
        classifier = self.made(**parameters)
        classifier._check_options()
        make_loss(classifier.loss)
        make_penalty(classifier.penalty, classifier.strength)
        self.check(classifier)
        return classifier

    @abstractmethod
    def check(self, classifier: Any) -> None:
        """Raise for options of this class that are not known."""

    @abstractmethod
    def fill(self, classifier: Any, tensors: Mapping[str, Array], stored: Stored) -> None:
        """Set the fitted attributes, once tensors and metadata are known to fit together.

        `classes_` is set. Errors are of any kind in `UNFIT` of `halfspaces.files.models`, in words
        without an end.
        """

    def libraries(self) -> list[ModuleType]:
        """The libraries that compute its scores, beside NumPy and SciPy."""
        return []
