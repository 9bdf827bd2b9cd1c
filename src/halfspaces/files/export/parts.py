"""The parts of a fitted classifier that predict: weights, classes, map to probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from halfspaces.estimators.base import ScoreModel
from halfspaces.estimators.calibration import Sigmoid, Temperature
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_loss
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.network import NetworkClassifier
from halfspaces.files.models import features_of
from halfspaces.support.types import Array

Classifier = LinearClassifier | LinearClassifierCV


@dataclass(frozen=True, eq=False)
class Link:
    """How scores become labels and probabilities.

    Scores are (N, C), or (N, 1) for two classes. Probabilities are softmax of factor · scores +
    offset, or each class's logistic of it, normalized; for two classes the logistic. `link` is None
    where there are none.
    """

    classes: Array
    link: str | None  # "softmax", "sigmoid"
    factor: Array | float = 1.0
    offset: Array | float = 0.0

    @property
    def binary(self) -> bool:
        """Whether there are two classes, whose scores are one column."""
        return len(self.classes) == 2

    @property
    def reorders(self) -> bool:
        """Whether the largest of factor · scores + offset may not be the largest score."""
        return bool(np.any(self.offset)) or np.ndim(self.factor) > 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Parts(Link):
    """What a prediction of linear scores needs: (x − center) V + c."""

    V: Array
    c: Array
    center: Array | None

    @property
    def folded(self) -> tuple[Array, Array]:
        """V and c of rows that are not centred, in float64, which large offsets need."""
        V = self.V.astype(np.float64)
        return V, self.c if self.center is None else self.c - self.center.astype(np.float64) @ V

    @property
    def logits(self) -> tuple[Array, Array]:
        """`folded` with factor and offset.

        Their largest is the label, their softmax or logistic the probabilities.
        """
        V, c = self.folded
        return V * self.factor, c * self.factor + self.offset


def parts_of(classifier: Classifier) -> Parts:
    """The parts of a classifier of plain rows; ValueError where its rows are those of a feature."""
    check_plain(classifier)
    return parts_of_rows(classifier)


def check_plain(classifier: Any) -> None:
    """Raise ValueError for a classifier whose rows are those of a feature."""
    feature = features_of(classifier)
    if feature is not None:
        raise ValueError(
            f"The model's rows are those of {feature}, which ONNX, torch and NumPy cannot compute; "
            "use halfspaces.export.to_sklearn, or train without --features, on pixels."
        )


def parts_of_rows(classifier: Classifier) -> Parts:
    """The same, with the rows that its feature makes where it has one."""
    if isinstance(classifier, NetworkClassifier):
        raise ValueError(
            "A network can be exported to ONNX alone: scikit-learn, torch's Linear and NumPy's few "
            "lines are xW + b; its model file has the tensors of its module by name, which "
            "safetensors.torch.load_file reads."
        )
    if not hasattr(classifier, "coef_"):
        raise ValueError("The classifier is not fitted yet; call fit before exporting it.")
    fitted = classifier.classifier_ if isinstance(classifier, LinearClassifierCV) else classifier
    V, c, center = fitted._linear()
    return Parts(**vars(link_of(fitted)), V=V, c=c, center=center)


def link_of(fitted: ScoreModel) -> Link:
    """How the scores of a fitted classifier become labels and probabilities."""
    if fitted.threshold_ is not None:
        raise ValueError(
            f"The model has a threshold ({fitted.threshold_.rule}), which exports have no place "
            "for; train without --threshold, or set threshold_ to None and compare scores yourself."
        )
    link, factor, offset = _link(fitted)
    return Link(fitted.classes_, link, factor, offset)


def _link(fitted: ScoreModel) -> tuple[str | None, Any, Any]:
    learned, link = fitted.calibration_, make_loss(fitted.loss).probability
    if isinstance(learned, Temperature):
        return "softmax", learned.inverse_temperature, 0.0
    if isinstance(learned, Sigmoid):
        return "sigmoid", np.array(learned.slopes), np.array(learned.offsets)
    if learned is not None:
        raise ValueError(
            f"A calibration {learned!r} cannot be exported; use Temperature or Sigmoid."
        )
    # The two one-vs-all columns mirror each other, so their difference is twice the log-odds.
    return link, 0.5 if link == "sigmoid" and len(fitted.classes_) == 2 else 1.0, 0.0
