"""Fitted classifiers to and from one .safetensors file with JSON metadata; loading runs no code
from the file.
"""

import dataclasses
import os
import platform
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

import halfspaces
from halfspaces.estimators.calibration import Calibration
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_loss, make_noise, make_penalty
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.linear import LinearModel
from halfspaces.files import safetensors_file
from halfspaces.files.checked import check_depth, checked
from halfspaces.files.components import check_registered, decode, encode
from halfspaces.files.notes import Label, Notes, Stored, check_class_names, search_note
from halfspaces.files.safetensors_file import ModelFileError, model_path
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array
from halfspaces.system.atomic import brief
from halfspaces.system.errors import UnknownComponentError

if TYPE_CHECKING:
    from halfspaces.features import Feature


_NOT_SAVED = {"callbacks", "random_state"}
_FEATURES = "features."  # before the names of the arrays of a feature
_LABELS = re.compile(r"[<>=|]?(b1|[iu][1248]|f\d{1,2}|U\d{1,9}|O)")  # types whose values JSON holds
_MOST_LABEL_BYTES = 1 << 26
_UNFIT = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)


def versions() -> dict[str, str]:
    """The versions of halfspaces, its numerical libraries and Python."""
    packages = {module.__name__: module.__version__ for module in (halfspaces, np, scipy)}
    return {**packages, "python": platform.python_version()}


def features_of(classifier: Any) -> "Feature | None":
    """The fitted feature whose rows a loaded classifier takes, unless it was fitted anew since;
    None for plain rows.
    """
    return None if hasattr(classifier, "result_") else getattr(classifier, "features_", None)


def save(
    classifier: LinearClassifier | LinearClassifierCV,
    path: str | os.PathLike[str],
    *,
    features: "Feature | None" = None,
    **notes: Any,
) -> None:
    """Write a fitted classifier to one .safetensors file, all of it or nothing.

    Parameters
    ----------
    classifier : LinearClassifier or LinearClassifierCV
        Of the latter, `classifier_` is stored with its calibration, and the table of the search as
        the note `search`; its predictions are the same.
    path : path
    features : Feature or None
        The fitted feature that computed the rows of X. It is stored as text and arrays, and `load`
        returns it as `features_`. None stores the feature of a loaded classifier, if it has one.
    **notes
        Stored as metadata: numbers, strings, lists and dicts of them. Those that commands read are
        `class_names` (the name of label 0, 1, ...), `image_shape`, `metrics`, `data`, `run` and
        `search`.

    Raises
    ------
    ModelFileError
        If the file cannot be written, or a label, parameter, note or feature has no place in it,
        and for `class_names` that do not name every class.

    Examples
    --------
    >>> import tempfile
    >>> from halfspaces.features import HueHistogram
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    >>> hue = HueHistogram(bins=6).fit(images)
    >>> classifier = LinearClassifier(strength=0.1).fit(hue.transform(images), np.arange(20) % 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(classifier, f"{folder}/model.safetensors", features=hue)
    ...     loaded = load(f"{folder}/model.safetensors")
    >>> loaded.features_, loaded.predict(loaded.features_.transform(images[:2])).shape
    (HueHistogram(bins=6), (2,))
    """
    if not isinstance(classifier, LinearModel):
        given = f"save needs a LinearClassifier, got a {type(classifier).__name__}"
        raise ModelFileError(
            f"{given}; of a pipeline give its last step, and its first as features=."
        )
    if not hasattr(classifier, "coef_"):
        raise ModelFileError("The classifier is not fitted yet; call fit before save.")
    if isinstance(classifier, LinearClassifierCV):
        notes = {"search": search_note(classifier), **notes}
        classifier = classifier.classifier_
    notes = {**_earlier(classifier), **notes}
    _check_notes(notes, classifier.classes_)
    coef, _ = classifier._arrays()
    kept = {"coef": coef, "intercept": np.asarray(classifier.intercept_)}
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
    words, arrays = _feature_parts(features or features_of(classifier), classifier.n_features_in_)
    tensors |= {f"{_FEATURES}{name}": array for name, array in arrays.items()}
    parameters = {
        name: encode(value)
        for name, value in classifier.get_params().items()
        if name not in _NOT_SAVED
    }
    metadata = {
        "version": halfspaces.__version__,
        "versions": versions()
        if hasattr(classifier, "result_")
        else classifier.notes_.get("versions"),
        "parameters": parameters,
        "classes": classifier.classes_.tolist(),
        "classes_dtype": classifier.classes_.dtype.str,
        "features_dtype": getattr(classifier, "features_dtype_", None),
        **({} if words is None else {"features": words}),
        "feature_names": getattr(classifier, "feature_names_in_", np.array([])).tolist(),
        "n_iter": classifier.n_iter_,
        "calibration": encode(classifier.calibration_),
        "fit": _fit_notes(classifier),
        "notes": encode(notes),
    }
    safetensors_file.write(path, tensors, metadata)


def load(path: str | os.PathLike[str]) -> LinearClassifier:
    """The fitted classifier in a file that `save` wrote; what was noted beside it is its `notes_`.

    The suffix .safetensors may be left out.

    Where its rows are those of a feature, this is its `features_`, fitted:
    `sklearn.pipeline.make_pipeline` of both predicts images.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, damaged, foreign, oversized or of a newer format.
    """
    path = model_path(path)
    tensors, metadata = safetensors_file.read(path)
    try:
        return _rebuilt(tensors, metadata)
    except UnknownComponentError as error:
        needed = brief(f"needs {error.name!r}, which is not part of halfspaces")
        raise ModelFileError(
            f"The model file {os.fspath(path)} {needed} {halfspaces.__version__} "
            "and not registered; give --plugin FILE, or import the module that registers it first."
        ) from error
    except _UNFIT as error:
        problem = brief(f"it has no {error}" if isinstance(error, KeyError) else error)
        raise ModelFileError(
            f"The model file {os.fspath(path)} is not one of a LinearClassifier ({problem}); "
            "give one that save wrote."
        ) from error


def _rebuilt(tensors: dict[str, Array], metadata: dict[str, Any]) -> LinearClassifier:
    """The classifier, once all of it is known to fit together: nothing is left to fail at its first
    prediction.
    """
    check_depth(metadata)
    stored = checked(Stored, metadata)
    parameters = {name: decode(value) for name, value in stored.parameters.items()}
    check_registered(parameters)
    classifier = LinearClassifier(**parameters)
    classifier._check_options()
    make_loss(classifier.loss)
    make_penalty(classifier.penalty, classifier.strength)
    make_noise(classifier.noise)
    classifier.classes_ = _labels(stored.classes, stored.classes_dtype)
    described = {name: tensor for name, tensor in tensors.items() if name.startswith(_FEATURES)}
    _put_coefficients(
        classifier, {name: tensor for name, tensor in tensors.items() if name not in described}
    )
    _put_features(classifier, stored.features, described)
    if stored.features_dtype is not None:  # files of earlier versions have none
        classifier.features_dtype_ = stored.features_dtype
    classifier.n_iter_ = stored.n_iter
    classifier.calibration_ = decode(stored.calibration)
    _check_calibration(classifier)
    names = stored.feature_names
    if names:
        classifier.feature_names_in_ = np.array(names, dtype=object)
        if len(names) != classifier.n_features_in_:
            raise ValueError(
                f"{len(names)} feature_names do not fit {classifier.n_features_in_} features"
            )
    notes = decode(stored.notes)
    _check_held(notes, classifier.classes_)
    about = {name: metadata[name] for name in ("version", "versions", "fit") if name in metadata}
    classifier.notes_ = {**about, **notes}
    return classifier


def _check_notes(notes: dict[str, Any], classes: Array) -> None:
    """Raise ModelFileError for notes that `load` would refuse."""
    try:
        _check_held(decode(encode(notes)), classes)
    except ValueError as error:
        raise ModelFileError(f"The notes cannot be saved: {error}; correct them.") from None


def _check_held(notes: Any, classes: Array) -> None:
    """Raise ValueError for notes of other types than they are read with."""
    check_depth(notes)
    check_class_names(checked(Notes, notes).class_names, classes)


def _labels(classes: list[Label], dtype: str) -> Array:
    """Class labels in their stored type, once the type is known to be one of labels and small."""
    if not _LABELS.fullmatch(dtype):
        raise ValueError(f"classes_dtype {dtype!r} is no type of labels")
    if np.dtype(dtype).itemsize * len(classes) > _MOST_LABEL_BYTES:
        raise ValueError(f"classes_dtype {dtype!r} asks for too much memory")
    labels = np.array(classes, dtype=np.dtype(dtype))
    if len(labels) < 2 or len(set(labels.tolist())) < len(labels) or labels.tolist() != classes:
        raise ValueError("classes are not two or more labels of one type, each once")
    return labels


def _put_coefficients(classifier: LinearClassifier, tensors: dict[str, Array]) -> None:
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


def _feature_parts(feature: Any, columns: int) -> tuple[str | None, dict[str, Array]]:
    """Text and arrays of a feature with this number of columns; (None, {}) without a feature."""
    from halfspaces.features import serialization

    if feature is None:
        return None, {}
    try:
        words, arrays = serialization.to_state(feature)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    made = len(feature.get_feature_names_out())
    if made != columns:
        raise ModelFileError(
            f"The feature {words} makes {made} columns and the classifier takes {columns}; "
            "give its own."
        )
    return words, arrays


def _put_features(
    classifier: LinearClassifier, words: str | None, tensors: dict[str, Array]
) -> None:
    if words is None:
        if tensors:
            raise ValueError("it has arrays of a feature and no features")
        return
    from halfspaces.features import serialization

    arrays = {name.removeprefix(_FEATURES): tensor for name, tensor in tensors.items()}
    classifier.features_ = serialization.from_state(words, arrays, classifier.n_features_in_)


def _check_calibration(classifier: LinearClassifier) -> None:
    learned, classes = classifier.calibration_, len(classifier.classes_)
    if learned is None:
        return
    if not isinstance(learned, Calibration):
        raise TypeError(f"calibration {learned!r} is none")
    learned.probabilities(np.zeros((1, classes)))  # it says what does not fit


def _earlier(classifier: LinearClassifier) -> dict[str, Any]:
    """What was noted beside a loaded classifier that was not fitted since."""
    if hasattr(classifier, "result_"):
        return {}
    return {
        name: note
        for name, note in classifier.notes_.items()
        if name not in ("version", "versions", "fit")
    }


def _fit_notes(classifier: LinearClassifier) -> dict[str, Any]:
    if not hasattr(classifier, "result_"):
        return classifier.notes_["fit"]
    result = classifier.result_
    numbers = {
        "loss": result.loss,
        "data_loss": result.data_loss,
        "penalty": result.penalty,
        "gap": result.gap,
    }
    return {
        "reason": str(result.reason),
        "optimizer": repr(classifier.optimizer_),
        **{name: encode(float(np.max(value))) for name, value in numbers.items()},
        "passes": result.passes,
        "seconds": result.seconds,
    }
