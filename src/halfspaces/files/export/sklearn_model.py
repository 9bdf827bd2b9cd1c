"""Fitted classifiers as those of scikit-learn."""

from typing import Any

import numpy as np

from halfspaces.files.export.parts import Classifier, Parts, parts_of_rows
from halfspaces.files.models import features_of


def to_sklearn(classifier: Classifier) -> Any:
    """A fitted scikit-learn classifier with the same labels, and the same probabilities where there
    are any.

    Returns
    -------
    LogisticRegression, SGDClassifier, LinearSVC or Pipeline
        `LogisticRegression` where probabilities are a softmax, or a logistic of two classes;
        `SGDClassifier(loss="log_loss")` where each of more classes has its own logistic;
        `LinearSVC` where there are none. `coef_` is float64, in raw units. Of a loaded classifier
        with `features_` a `Pipeline` of both, which takes images.

    Raises
    ------
    ValueError
        If the classifier is not fitted, or its calibration is none of halfspaces.
    """
    from sklearn import linear_model, svm
    from sklearn.pipeline import make_pipeline

    parts = parts_of_rows(classifier)
    V, c = parts.logits
    model = getattr(linear_model if parts.link else svm, sklearn_class(parts))(
        **sklearn_options(parts)
    )
    model.coef_, model.intercept_, model.classes_ = np.ascontiguousarray(V.T), c, parts.classes
    model.n_features_in_ = len(V)
    if hasattr(classifier, "feature_names_in_"):
        model.feature_names_in_ = classifier.feature_names_in_
    feature = features_of(classifier)
    return model if feature is None else make_pipeline(feature, model)


def sklearn_class(parts: Parts) -> str:
    """The class that has the same probabilities."""
    if parts.link is None:
        return "LinearSVC"
    return "LogisticRegression" if parts.binary or parts.link == "softmax" else "SGDClassifier"


def sklearn_options(parts: Parts) -> dict[str, Any]:
    """The arguments of this class."""
    return {"loss": "log_loss"} if sklearn_class(parts) == "SGDClassifier" else {}
