"""What a model file says beside its tensors: the entries that are read back, with their types."""

from typing import Annotated, Any

from pydantic import Field

from halfspaces.files.checked import Held, shown
from halfspaces.support.types import Array

Label = bool | int | float | str
Side = Annotated[int, Field(ge=1, lt=1 << 31)]


class Notes(Held):
    """The notes of a model that commands read; others may have any type.

    Parameters
    ----------
    class_names : list of str or None
        The name of label 0, 1, ...; every class of the model is such a label, or one of the names.
    image_shape : list of int or None
        Height, width and, maybe, channels of the images.
    metrics : dict
        Accuracies by the name of a part of the data, and other values.
    data, run : str or None
        The name of the training data, and the run file.
    """

    class_names: list[str] | None = None
    image_shape: Annotated[list[Side], Field(min_length=2, max_length=3)] | None = None
    metrics: dict[str, Any] | None = None
    data: str | None = None
    run: str | None = None


class Stored(Held):
    """The metadata of a model file."""

    version: str | None = None
    versions: dict[str, str] | None = None
    parameters: dict[str, Any]
    classes: list[Label]
    classes_dtype: str
    features: str | None = None
    features_dtype: str | None = None
    feature_names: list[str]
    n_iter: Annotated[int, Field(ge=0)]
    calibration: Any = None
    fit: dict[str, str | float | int | None] = Field(default_factory=dict)
    notes: Any


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
