"""Linear classifiers in model files: coefficients, and what they are centred by."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_noise
from halfspaces.files.kinds import Kind
from halfspaces.files.notes import Stored
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array
from halfspaces.system.libraries import as_numpy


class LinearKind(Kind):
    """`coef` and `intercept`; `center` and moments where there are any."""

    made = LinearClassifier
    fitted = "coef_"

    def tensors(self, classifier: LinearClassifier) -> dict[str, Array]:
        """The arrays of a fitted classifier."""
        coef, _ = classifier._arrays()
        kept = {"coef": coef, "intercept": np.asarray(as_numpy(classifier.intercept_))}
        tensors = {
            name: array.astype(np.result_type(array.dtype, np.float32), copy=False)
            for name, array in kept.items()
        }
        if classifier._center is not None:
            tensors["center"] = classifier._center
        if classifier._moments is not None:  # what partial_fit goes on from
            tensors |= {
                f"moments_{name}": np.asarray(value)
                for name, value in vars(classifier._moments).items()
            }
        return tensors

    def check(self, classifier: LinearClassifier) -> None:
        """Raise for noise that is not known."""
        make_noise(classifier.noise)

    def fill(
        self, classifier: LinearClassifier, tensors: Mapping[str, Array], stored: Stored
    ) -> None:
        """Set coefficients, intercept, centre and moments."""
        coef, intercept = tensors["coef"], tensors["intercept"]
        classes = len(classifier.classes_)
        rows = 1 if classes == 2 else classes
        if coef.ndim != 2 or len(coef) != rows or coef.shape[1] == 0 or intercept.shape != (rows,):
            raise ValueError(
                f"coef {coef.shape} and intercept {intercept.shape} do not fit {classes} classes"
            )
        center, at_center = tensors.get("center"), tensors.get("intercept_at_center", intercept)
        if at_center.shape != (rows,) or (center is not None and center.shape != coef.shape[1:]):
            raise ValueError("center and intercept_at_center do not fit coef")
        for name, tensor in tensors.items():
            if tensor.dtype not in (np.float32, np.float64) or not np.isfinite(tensor).all():
                raise ValueError(f"the tensor {name!r} is not of finite float32 or float64 numbers")
        moments = [tensors.get(f"moments_{entry.name}") for entry in dataclasses.fields(Moments)]
        shapes = [None if part is None else part.shape for part in moments]
        if moments[0] is not None and shapes != [(), coef.shape[1:], coef.shape[1:]]:
            raise ValueError("moments do not fit coef")
        if center is not None and at_center is not intercept:  # earlier versions rounded intercept
            intercept = at_center - coef.astype(np.float64) @ center
        classifier.coef_, classifier.intercept_ = coef, intercept
        classifier._center = center
        classifier._moments = None if moments[0] is None else Moments(*moments)  # pyright: ignore[reportArgumentType]
        classifier.n_features_in_ = coef.shape[1]
