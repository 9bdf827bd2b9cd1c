"""Fitted classifiers to and from one .safetensors file with JSON metadata; loading runs no code from the file."""

import dataclasses
import math
import os
from typing import Any

import numpy as np

import halfspaces
from halfspaces import calibration, losses, model_file, optimizers, penalties, surrogates
from halfspaces.cross_validation import LinearClassifierCV
from halfspaces.estimators import LinearClassifier
from halfspaces.model_file import ModelFileError
from halfspaces.moments import Moments

Array = np.ndarray

_COMPONENTS = {
    name: kind
    for module in (losses, surrogates, penalties, optimizers, calibration)
    for name, kind in vars(module).items()
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and not name.startswith("_")
}
_NOT_SAVED = {"callbacks", "random_state"}


def save(classifier: LinearClassifier | LinearClassifierCV, path: str | os.PathLike[str], **notes: Any) -> None:
    """Write a fitted classifier to one .safetensors file, all of it or nothing.

    Parameters
    ----------
    classifier : LinearClassifier or LinearClassifierCV
        Of the latter its `classifier_` is kept, with its calibration: it predicts the same, without the search.
    path : path
    **notes
        Kept as metadata: numbers, strings, lists and dicts of them (class names, metrics, image shape).

    Raises
    ------
    ModelFileError
        If the file cannot be written, or a label, parameter or note has no place in it.
    """
    if not hasattr(classifier, "coef_"):
        raise ModelFileError("The classifier is not fitted yet; call fit before save.")
    if isinstance(classifier, LinearClassifierCV):
        classifier = classifier.classifier_
    tensors = {"coef": classifier.coef_, "intercept": classifier.intercept_}
    if classifier._center is not None:
        tensors |= {"center": classifier._center, "intercept_at_center": classifier._intercept_at_center}
    if classifier._moments is not None:  # what partial_fit goes on from
        tensors |= {f"moments_{name}": np.asarray(value) for name, value in vars(classifier._moments).items()}
    parameters = {name: _encode(value) for name, value in classifier.get_params().items() if name not in _NOT_SAVED}
    metadata = {
        "version": halfspaces.__version__,
        "parameters": parameters,
        "classes": classifier.classes_.tolist(),
        "classes_dtype": classifier.classes_.dtype.str,
        "feature_names": getattr(classifier, "feature_names_in_", np.array([])).tolist(),
        "n_iter": classifier.n_iter_,
        "calibration": _encode(classifier.calibration_),
        "fit": _fit_notes(classifier),
        "notes": _encode({**_earlier(classifier), **notes}),
    }
    model_file.write(path, tensors, metadata)


def load(path: str | os.PathLike[str]) -> LinearClassifier:
    """The fitted classifier in a file that `save` wrote; what was noted beside it is its `notes_`.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, damaged, foreign or of a newer format.
    """
    tensors, metadata = model_file.read(path)
    try:
        return _rebuilt(tensors, metadata)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ModelFileError(
            f"The model file {os.fspath(path)} is not one of a LinearClassifier ({problem}); give one that save wrote."
        ) from error


def _rebuilt(tensors: dict[str, Array], metadata: dict[str, Any]) -> LinearClassifier:
    parameters = {name: _decode(value) for name, value in metadata["parameters"].items()}
    classifier = LinearClassifier(**parameters)
    classes = np.array(metadata["classes"], dtype=np.dtype(metadata["classes_dtype"]))
    rows = 1 if len(classes) == 2 else len(classes)
    coef, intercept = tensors["coef"], tensors["intercept"]
    if coef.ndim != 2 or len(coef) != rows or intercept.shape != (rows,):
        raise ValueError(f"coef {coef.shape} and intercept {intercept.shape} do not fit {len(classes)} classes")
    classifier.coef_, classifier.intercept_, classifier.classes_ = coef, intercept, classes
    classifier._center = tensors.get("center")
    moments = [tensors.get(f"moments_{entry.name}") for entry in dataclasses.fields(Moments)]
    classifier._moments = None if moments[0] is None else Moments(*moments)  # pyright: ignore[reportArgumentType]
    classifier._intercept_at_center = tensors.get("intercept_at_center", intercept)
    classifier.n_features_in_, classifier.n_iter_ = coef.shape[1], metadata["n_iter"]
    classifier.calibration_ = _decode(metadata.get("calibration"))  # files of earlier versions have none
    if metadata["feature_names"]:
        classifier.feature_names_in_ = np.array(metadata["feature_names"], dtype=object)
    classifier.notes_ = {"version": metadata["version"], "fit": metadata["fit"], **_decode(metadata["notes"])}
    return classifier


def _earlier(classifier: LinearClassifier) -> dict[str, Any]:
    """What was noted beside a loaded classifier that was not fitted since."""
    if hasattr(classifier, "result_"):
        return {}
    return {name: note for name, note in classifier.notes_.items() if name not in ("version", "fit")}


def _fit_notes(classifier: LinearClassifier) -> dict[str, Any]:
    if not hasattr(classifier, "result_"):
        return classifier.notes_["fit"]
    result = classifier.result_
    numbers = {"loss": result.loss, "data_loss": result.data_loss, "penalty": result.penalty, "gap": result.gap}
    return {
        "reason": str(result.reason),
        "optimizer": repr(classifier.optimizer_),
        **{name: _encode(float(np.max(value))) for name, value in numbers.items()},
        "passes": result.passes,
        "seconds": result.seconds,
    }


def _encode(value: Any) -> Any:
    """JSON for parameters and notes; a component becomes its class's name and its hyperparameters."""
    if type(value) is _COMPONENTS.get(type(value).__name__):
        fields = {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"component": type(value).__name__, **fields}
    if isinstance(value, dict):
        return {"pairs": [[_encode(key), _encode(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_encode(item) for item in value]
    if isinstance(value, np.generic):
        return _encode(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ModelFileError(
        f"{value!r} cannot be written into a model file; use numbers, strings, or halfspaces' own components."
    )


def _decode(value: Any) -> Any:
    if isinstance(value, dict) and "component" in value:
        name = value["component"]
        if name not in _COMPONENTS:
            raise ValueError(f"component {name!r} is not part of halfspaces {halfspaces.__version__}")
        return _COMPONENTS[name](**{key: _decode(item) for key, item in value.items() if key != "component"})
    if isinstance(value, dict):
        return {_hashable(_decode(key)): _decode(item) for key, item in value["pairs"]}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return value


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
