"""Fitted classifiers to and from one .safetensors file with JSON metadata; loading runs no code
from the file.
"""

import os
import platform
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

import halfspaces
from halfspaces.datasets.conventions import Conventions
from halfspaces.estimators.base import ScoreModel, reliable_probabilities
from halfspaces.estimators.calibration import Calibration
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.network import NetworkClassifier
from halfspaces.estimators.reliability import Reliability
from halfspaces.estimators.threshold import Threshold
from halfspaces.files import safetensors_file
from halfspaces.files.checked import check_depth, checked
from halfspaces.files.components import check_registered, decode, encode
from halfspaces.files.kinds import Kind
from halfspaces.files.linear_models import LinearKind
from halfspaces.files.network_models import NetworkKind
from halfspaces.files.notes import Label, Notes, Stored, check_class_names, search_note
from halfspaces.files.safetensors_file import ModelFileError, model_path
from halfspaces.support.types import Array
from halfspaces.system.atomic import brief
from halfspaces.system.errors import UnknownComponentError

if TYPE_CHECKING:
    from halfspaces.features import Feature


# By the name that a file has of its classifier; files of earlier versions have none.
KINDS: dict[str, Kind] = {kind.name: kind for kind in (LinearKind(), NetworkKind())}
EARLIER = LinearKind().name

_NOT_SAVED = {"callbacks", "random_state"}
_FEATURES = "features."  # before the names of the arrays of a feature
_LABELS = re.compile(r"[<>=|]?(b1|[iu][1248]|f\d{1,2}|U\d{1,9}|O)")  # types whose values JSON holds
_MOST_LABEL_BYTES = 1 << 26
UNFIT = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


def versions(classifier: ScoreModel) -> dict[str, str]:
    """The versions of halfspaces, of the libraries that compute this classifier, and Python."""
    libraries: list[Any] = [halfspaces, np, scipy, *_kind_of(classifier).libraries()]
    packages = {module.__name__: str(module.__version__) for module in libraries}
    return {**packages, "python": platform.python_version()}


def _versions_noted(classifier: ScoreModel) -> dict[str, str] | None:
    """The versions with which a classifier was fitted; None where they are not known."""
    if hasattr(classifier, "result_"):
        return versions(classifier)
    return classifier.notes_.get("versions")


def features_of(classifier: Any) -> "Feature | None":
    """The fitted feature whose rows a loaded classifier takes, unless it was fitted anew since;
    None for plain rows.
    """
    return None if hasattr(classifier, "result_") else getattr(classifier, "features_", None)


def save(
    classifier: "LinearClassifier | LinearClassifierCV | NetworkClassifier",
    path: str | os.PathLike[str],
    *,
    features: "Feature | None" = None,
    **notes: Any,
) -> None:
    """Write a fitted classifier to one .safetensors file, all of it or nothing.

    Parameters
    ----------
    classifier : LinearClassifier, LinearClassifierCV or NetworkClassifier
        Of a search, `classifier_` is stored with its calibration, and the table of the search as
        the note `search`; its predictions are the same. Of a network, the tensors of `module_`, and
        its recipe: a module of your own has none and is refused.
    path : path
    features : Feature or None
        The fitted feature that computed the rows of X. It is stored as text and arrays, and `load`
        returns it as `features_`. None stores the feature of a loaded classifier, if it has one.
    **notes
        Stored as metadata: numbers, strings, lists and dicts of them. Those that commands read are
        `class_names` (the name of label 0, 1, ...), `image_shape` and `planar` (those of a
        `Dataset`), `pixel_range`, `metrics`, `data`, `run` and `search`.

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
    if not isinstance(classifier, LinearClassifier | LinearClassifierCV | NetworkClassifier):
        given = f"save needs a LinearClassifier, got a {type(classifier).__name__}"
        raise ModelFileError(
            f"{given}; of a pipeline give its last step, and its first as features=."
        )
    kind = _kind_of(classifier)
    if not hasattr(classifier, kind.fitted):
        raise ModelFileError("The classifier is not fitted yet; call fit before save.")
    if isinstance(classifier, LinearClassifierCV):
        notes = {"search": search_note(classifier), **notes}
        classifier = classifier.classifier_
    notes = {**_earlier(classifier), **notes}
    _check_notes(notes, classifier.classes_)
    tensors = kind.tensors(classifier)
    words, arrays = _feature_parts(features or features_of(classifier), classifier.n_features_in_)
    tensors |= {f"{_FEATURES}{name}": array for name, array in arrays.items()}
    parameters = {
        name: encode(value)
        for name, value in classifier.get_params().items()
        if name not in _NOT_SAVED
    }
    metadata = {
        "version": halfspaces.__version__,
        "versions": _versions_noted(classifier),
        "classifier": kind.name,
        "parameters": parameters,
        "classes": classifier.classes_.tolist(),
        "classes_dtype": classifier.classes_.dtype.str,
        "features_dtype": getattr(classifier, "features_dtype_", None),
        **({} if words is None else {"features": words}),
        "feature_names": getattr(classifier, "feature_names_in_", np.array([])).tolist(),
        "n_iter": classifier.n_iter_,
        **_learned_on_held_out_rows(classifier),
        "fit": _fit_notes(classifier),
        "notes": encode(notes),
        **kind.metadata(classifier),
    }
    safetensors_file.write(path, tensors, metadata)


def load(path: str | os.PathLike[str]) -> Any:
    """The fitted classifier in a file that `save` wrote; what was noted beside it is its `notes_`.

    It is a LinearClassifier or a NetworkClassifier, as it was saved. The suffix .safetensors may be
    left out.

    Where its rows are those of a feature, this is its `features_`, fitted:
    `sklearn.pipeline.make_pipeline` of both predicts images.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, damaged, foreign, oversized or of a newer format.
    ImportError
        For a network, if torch is missing.
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
    except UNFIT as error:
        problem = brief(f"it has no {error}" if isinstance(error, KeyError) else error)
        raise ModelFileError(
            f"The model file {os.fspath(path)} is not one of a {_named(metadata)} ({problem}); "
            "give one that save wrote."
        ) from error


def _kind_of(classifier: Any) -> Kind:
    return KINDS["NetworkClassifier" if isinstance(classifier, NetworkClassifier) else EARLIER]


def _named(metadata: dict[str, Any]) -> str:
    """The class of the classifier in a file; that of earlier versions if it is none."""
    name = metadata.get("classifier")
    return name if isinstance(name, str) and name in KINDS else EARLIER


def _rebuilt(tensors: dict[str, Array], metadata: dict[str, Any]) -> ScoreModel:
    """The classifier, once all of it is known to fit together: nothing is left to fail at its first
    prediction.
    """
    check_depth(metadata)
    stored = checked(Stored, metadata)
    parameters = {name: decode(value) for name, value in stored.parameters.items()}
    check_registered(parameters)
    kind = KINDS[EARLIER if stored.classifier is None else stored.classifier]
    classifier = kind.make(parameters)
    classifier.classes_ = _labels(stored.classes, stored.classes_dtype)
    described = {name: tensor for name, tensor in tensors.items() if name.startswith(_FEATURES)}
    own = {name: tensor for name, tensor in tensors.items() if name not in described}
    kind.fill(classifier, own, stored)
    _put_features(classifier, stored.features, described)
    if stored.features_dtype is not None:  # files of earlier versions have none
        classifier.features_dtype_ = stored.features_dtype
    classifier.n_iter_ = stored.n_iter
    classifier.calibration_ = decode(stored.calibration)
    classifier.threshold_ = _threshold(stored.threshold, len(classifier.classes_))
    _check_calibration(classifier)
    classifier.reliability_ = decode(stored.reliability)
    _check_reliability(classifier)
    notes = decode(stored.notes)
    names = stored.feature_names or _columns(notes, classifier)
    if names:
        classifier.feature_names_in_ = np.array(names, dtype=object)
        if len(names) != classifier.n_features_in_:
            raise ValueError(
                f"{len(names)} feature_names do not fit {classifier.n_features_in_} features"
            )
    _check_held(notes, classifier.classes_)
    about = {name: metadata[name] for name in ("version", "versions", "fit") if name in metadata}
    classifier.notes_ = {**about, **notes}
    return classifier


def _columns(notes: Any, classifier: ScoreModel) -> list[str]:
    """The columns of the table that the command line trained on, if they are the features."""
    conventions = notes.get("conventions") if isinstance(notes, dict) else None
    columns = Conventions.from_note(conventions).columns or ()
    return list(columns) if len(columns) == classifier.n_features_in_ else []


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


def _put_features(classifier: ScoreModel, words: str | None, tensors: dict[str, Array]) -> None:
    if words is None:
        if tensors:
            raise ValueError("it has arrays of a feature and no features")
        return
    from halfspaces.features import serialization

    arrays = {name.removeprefix(_FEATURES): tensor for name, tensor in tensors.items()}
    classifier.features_ = serialization.from_state(words, arrays, classifier.n_features_in_)


def _learned_on_held_out_rows(classifier: ScoreModel) -> dict[str, Any]:
    return {
        "calibration": encode(classifier.calibration_),
        "threshold": encode(classifier.threshold_),
        "reliability": encode(classifier.reliability_),
    }


def _check_calibration(classifier: ScoreModel) -> None:
    learned, classes = classifier.calibration_, len(classifier.classes_)
    if learned is None:
        return
    if not isinstance(learned, Calibration):
        raise TypeError(f"calibration {learned!r} is none")
    learned.probabilities(np.zeros((1, classes)))  # it says what does not fit


def _threshold(stored: object, n_classes: int) -> Threshold | None:
    chosen = decode(stored)
    if chosen is not None and not (isinstance(chosen, Threshold) and n_classes == 2):
        raise TypeError(f"threshold {chosen!r} is none of two classes")
    return chosen


def _check_reliability(classifier: ScoreModel) -> None:
    learned = classifier.reliability_
    if learned is None:
        return
    if not isinstance(learned, Reliability):
        raise TypeError(f"reliability {learned!r} is none")
    classes = len(classifier.classes_)
    if len(learned.sets.by_class) != classes:
        raise ValueError(f"its reliability has no order statistics of each of {classes} classes")
    reliable_probabilities(classifier, np.zeros((1, classes)))  # it says what does not fit


def _earlier(classifier: Any) -> dict[str, Any]:
    """What was noted beside a loaded classifier that was not fitted since."""
    if hasattr(classifier, "result_"):
        return {}
    return {
        name: note
        for name, note in classifier.notes_.items()
        if name not in ("version", "versions", "fit")
    }


def _fit_notes(classifier: Any) -> dict[str, Any]:
    if not hasattr(classifier, "result_"):
        return classifier.notes_["fit"]
    result = classifier.result_
    epochs = getattr(classifier.optimizer_, "epochs", None)
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
        **({} if epochs is None else {"epochs": epochs}),
        "passes": result.passes,
        "seconds": result.seconds,
    }
