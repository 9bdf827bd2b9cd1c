"""What a model file says beside its tensors: the entries that are read back, with their types."""

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field

from halfspaces.files.checked import Held, shown
from halfspaces.support.types import Array
from halfspaces.tuning.race import Race

Label = bool | int | float | str
Side = Annotated[int, Field(ge=1, lt=1 << 31)]


class SearchRow(Held):
    """One λ of a search.

    Parameters
    ----------
    strength : float
    score : float
        Mean score of the held-out rows.
    error, low, high : float or None
        Standard error of the mean, and its 95 % interval.
    train_loss : float or None
        Mean loss of the training rows.
    nonzeros : int or None
        Weights that are not 0, of the fit to all rows.
    """

    strength: Annotated[float, Field(gt=0)]
    score: float
    error: float | None = None
    low: float | None = None
    high: float | None = None
    train_loss: float | None = None
    nonzeros: Annotated[int, Field(ge=0)] | None = None


class SearchNote(Held):
    """The table of a search for λ.

    Parameters
    ----------
    scoring : str
        The score, such as "accuracy".
    strength : float
        The λ that was chosen.
    rows : list of SearchRow
        From the largest λ down, those that were solved.
    """

    scoring: str
    strength: Annotated[float, Field(gt=0)]
    rows: Annotated[list[SearchRow], Field(min_length=1)]


class RaceRow(Held):
    """A candidate of a race after its last round.

    Parameters
    ----------
    name : str
    rows : int
        That it was fitted to.
    score : float
        Its accuracy on the held-out rows.
    error : float or None
        The standard error; None where one row was held out.
    seconds : float
    """

    name: str
    rows: Annotated[int, Field(ge=1)]
    score: float
    error: float | None
    seconds: float


class RaceNote(Held):
    """How features, or loss and penalty, were chosen.

    Parameters
    ----------
    winner : str
        The simplest candidate within a standard error of the best.
    rows : list of RaceRow
        Those that came farthest first.
    left_out : dict
        The candidates that were not raced, with the reason.
    """

    winner: str
    rows: Annotated[list[RaceRow], Field(min_length=1)]
    left_out: dict[str, str]


class Notes(Held):
    """The notes of a model that commands read; others may have any type.

    Parameters
    ----------
    class_names : list of str or None
        The name of label 0, 1, ...; every class of the model is such a label, or one of the names.
    image_shape : list of int or None
        Height, width and, maybe, channels of the images.
    planar : bool or None
        Whether a row stores one channel of an image after the other; None where it is not known.
    pixel_range : list of float or None
        The least and the largest value of the training images.
    metrics : dict
        Accuracies by the name of a part of the data, and other values.
    data, run : str or None
        The name of the training data, and the run file.
    search : SearchNote or None
        How λ was chosen.
    race : RaceNote or None
        How features, or loss and penalty, were chosen, if they were raced.
    """

    class_names: list[str] | None = None
    image_shape: Annotated[list[Side], Field(min_length=2, max_length=3)] | None = None
    planar: bool | None = None
    pixel_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    metrics: dict[str, Any] | None = None
    data: str | None = None
    run: str | None = None
    search: SearchNote | None = None
    race: RaceNote | None = None


class StoredInputs(Held):
    """How a row becomes the input of a network."""

    n_features: Side
    image_shape: Annotated[list[Side], Field(min_length=3, max_length=3)] | None = None
    planar: bool = False


class Stored(Held):
    """The metadata of a model file; `classifier` is the name of the classifier's class."""

    version: str | None = None
    versions: dict[str, str] | None = None
    classifier: str | None = None
    parameters: dict[str, Any]
    classes: list[Label]
    classes_dtype: str
    features: str | None = None
    features_dtype: str | None = None
    feature_names: list[str]
    n_iter: Annotated[int, Field(ge=0)]
    calibration: Any = None
    threshold: Any = None
    reliability: Any = None
    fit: dict[str, str | float | int | None] = Field(default_factory=dict)
    notes: Any
    inputs: StoredInputs | None = None


class Searched(Protocol):
    """The attributes of a fitted search for λ that are noted."""

    cv_results_: Mapping[str, Array]
    strength_: float
    scoring: Any


_COLUMNS = {
    "param_strength": "strength",
    "mean_test_score": "score",
    "standard_error": "error",
    "interval_low": "low",
    "interval_high": "high",
    "mean_train_loss": "train_loss",
    "nonzeros": "nonzeros",
}


def search_note(search: Searched) -> dict[str, Any]:
    """The table of a search as a note: `checked(SearchNote, note)` reads it.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> table = {"param_strength": np.array([1.0, 0.1]), "mean_test_score": np.array([0.5, np.nan])}
    >>> search_note(SimpleNamespace(cv_results_=table, strength_=1.0, scoring="accuracy"))["rows"]
    [{'strength': 1.0, 'score': 0.5}]
    """
    results = search.cv_results_
    rows = [
        {
            name: int(value) if name == "nonzeros" else float(value)
            for column, name in _COLUMNS.items()
            if column in results and np.isfinite(value := results[column][position])
        }
        for position in np.flatnonzero(np.isfinite(results["mean_test_score"]))
    ]
    scoring = search.scoring if isinstance(search.scoring, str) else "score"
    return {"scoring": scoring, "strength": float(search.strength_), "rows": rows}


def race_note(race: Race) -> dict[str, Any]:
    """A race as a note: `checked(RaceNote, note)` reads it."""
    rows = [
        {
            "name": entry.name,
            "rows": entry.rows,
            "score": entry.score,
            "error": entry.error if np.isfinite(entry.error) else None,
            "seconds": round(entry.seconds, 2),
        }
        for entry in race.last_entries
    ]
    return {"winner": race.winner.name, "rows": rows, "left_out": dict(race.left_out)}


def check_class_names(names: list[str] | None, classes: Array) -> None:
    """Raise ValueError, without an end, unless each class is a name or the position of its name.

    >>> import numpy as np
    >>> check_class_names(["cat", "dog", "eel"], np.array([1, 2, 3]))
    Traceback (most recent call last):
    ValueError: its 3 class_names belong to labels 0 to 2, and it has the class 3
    """
    if names is None:
        return
    if classes.dtype.kind in "biu":
        unnamed = classes[(classes < 0) | (classes >= len(names))].tolist()
    else:
        unnamed = [label for label in classes.tolist() if label not in names]
    if unnamed:
        last = len(names) - 1
        raise ValueError(
            f"its {len(names)} class_names belong to labels 0 to {last}, "
            f"and it has the class {shown(unnamed[0])}"
        )
