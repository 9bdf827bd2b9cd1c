"""What callers give as X and y: arrays, tensors, data frames, sparse matrices; else one sentence.

Dense rows of numbers are passed on as they are, as arrays of NumPy: nothing here copies or visits
them, but bfloat16, which becomes float32, exactly, and rows on another device.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import is_array_api_obj
from scipy.sparse import issparse

from halfspaces.engines.collections import is_collection, labels_here, place_collection
from halfspaces.support.types import Array
from halfspaces.system import one_hot, tensors
from halfspaces.system.blas import OUTSIDE
from halfspaces.system.libraries import as_numpy, is_foreign

if TYPE_CHECKING:  # keeps the readers out of the import of this module
    from halfspaces.datasets import Dataset

NOT_NUMBERS = {"S": "bytes", "U": "strings", "M": "dates", "m": "time differences", "O": "objects"}
MISSING = ("NAType", "NaTType")  # types of pandas, which need not be installed


def examples_of(X: Any, y: Any) -> tuple[Any, Any]:
    """X and y; an iterable of batches (X, y), given as X alone, is written to disk once.

    A collection of Dask or Ray becomes rows on its engine; y may then name a column of X.

    >>> X, y = examples_of([(np.eye(2), [0, 1]), (np.eye(2), [1, 1])], None)
    >>> X.shape, y.tolist()
    ((4, 2), [0, 1, 1, 1])
    """
    if is_collection(X):
        return place_collection(X, y)
    y = labels_here(y)
    data = batches_of(X, y)
    return (X, y) if data is None else (data.X, data.y)


def batches_of(X: Any, y: Any) -> "Dataset | None":
    """The data set of an iterable of batches (X, y), given as X alone; None for other data.

    >>> batches_of([(np.zeros((2, 3, 8, 8)), [0, 1])], None).image_shape
    (8, 8, 3)
    """
    if y is not None or hasattr(X, "shape"):
        return None
    from halfspaces.datasets.batches import are_batches, from_batches

    return from_batches(X, name="X") if are_batches(X) else None


def features_of(name: str, X: Any) -> Any:
    """X where its rows hold numbers; lists and tensors become arrays.

    Raises
    ------
    TypeError
        For arrays of libraries that exchange none by DLPack, and for types that no product takes.
    ValueError
        For dates, strings and bytes, and for items of different shapes.
    """
    if is_collection(X):
        return place_collection(X, None)[0]
    X = _of_numpy(name, X)
    if isinstance(X, (list, tuple)):
        X = _stacked(name, X)
    if isinstance(X, np.ndarray):
        if X.dtype.name == "bfloat16":
            X = tensors.widened(X)
        _check_numbers(name, X)
    elif hasattr(X, "collect_schema") and not hasattr(X, "shape"):
        raise TypeError(
            f"{name} is a {type(X).__name__}, which is not read yet; give its collect()."
        )
    elif hasattr(X, "columns") and hasattr(X, "dtypes"):  # a data frame
        for column, dtype in zip(X.columns, X.dtypes, strict=True):
            if getattr(dtype, "kind", "O") not in "biuf":
                _check_column(f"Column {column!r} of {name}", np.asarray(X[column]))
    return X


def labels_of(name: str, y: object) -> Array:
    """Labels as an array of NumPy's types; bytes are decoded.

    Of one-hot labels (N, C) the column of the 1, with a warning that says so; of a data frame the
    name of this column.

    >>> labels_of("y", [b"cat", b"dog"]).tolist()
    ['cat', 'dog']

    Raises
    ------
    TypeError
        For arrays of libraries that exchange none by DLPack.
    ValueError
        For a missing label, several labels a row, bytes that are not UTF-8 and labels that cannot
        be sorted.
    """
    y = _of_numpy(name, labels_here(y))
    if isinstance(y, (list, tuple)):
        y = list(map(as_numpy, y)) if any(map(is_foreign, y[:1])) else y
    names = _columns(y)
    if len(names) > 1:
        return _of_one_hot(name, _of_frame(name, y, names), names)
    plain = getattr(getattr(y, "dtype", None), "numpy_dtype", None)  # of nullable types
    labels = np.asarray(y)
    if labels.ndim == 0:
        raise ValueError(f"{name} should be a 1d array, got {y!r}; give one label a row.")
    _check_none_missing(name, labels)
    if one_hot.has_columns(labels):
        return _of_one_hot(name, labels)
    if labels.dtype.kind not in "OS":
        return labels if plain is None else labels.astype(plain)
    if plain is not None and plain.kind != "O":
        return labels.astype(plain)
    if labels.dtype.kind == "S" or any(isinstance(label, bytes) for label in labels.flat):
        labels = _decoded(name, labels)
    kinds = sorted({type(label).__name__ for label in labels.flat})
    if len(kinds) > 1 and "str" in kinds:
        raise ValueError(f"{name} mixes labels of the types {', '.join(kinds)}; give one type.")
    return labels


def weight_of_each_class(class_weight: Mapping[object, float], classes: Array) -> Array:
    """The weights of the classes (C,), 1 where none is given; a text stands for a label shown so.

    >>> weight_of_each_class({"1": 10, "2": 1}, np.array(["1", "2"])).tolist()
    [10.0, 1.0]

    Raises
    ------
    ValueError
        If a class has no weight while another key is no class.
    """
    weights = {_plain(key): float(weight) for key, weight in class_weight.items()}
    names = classes.tolist()
    shown: dict[object, object] = {str(name): name for name in names}
    if not set(weights) & set(names):
        weights = {shown.get(key, key): weight for key, weight in weights.items()}
    unknown = [key for key in weights if key not in names]
    without = [name for name in names if name not in weights]
    if unknown and without:
        raise ValueError(
            f"class_weight has the key {unknown[0]!r}, and the class {without[0]!r} has no weight; "
            f"the classes are {', '.join(map(repr, names[:10]))}, so give keys of this type."
        )
    return np.array([weights.get(name, 1.0) for name in names])


def _plain(key: object) -> object:
    """A label as `tolist` of the classes gives it."""
    key = key.item() if isinstance(key, np.generic) else key
    return key.decode() if isinstance(key, bytes) else key


def _of_numpy(name: str, values: Any) -> Any:
    """An array of another library as one of NumPy; TypeError for those that cannot be one."""
    if isinstance(values, np.ndarray) or issparse(values) or not is_array_api_obj(values):
        return values
    if is_foreign(values):
        try:
            return as_numpy(values)
        except TypeError as error:
            raise TypeError(f"{name}: {error}.") from error
    library = type(values).__module__.partition(".")[0]
    raise TypeError(
        f"{name} is an array of {library}, and those of NumPy, torch, CuPy or JAX are taken;"
        f" give numpy.asarray({name})."
    )


def _of_one_hot(name: str, y: Array, names: Sequence[object] = ()) -> Array:
    """The column of the 1 in each row: its name, if columns have names."""
    classes = one_hot.classes_of(f"{name} is", y)
    of = "the name of the column" if names else "the column"
    warnings.warn(
        f"{name} has the shape {y.shape} of one-hot labels: the class is {of} of the 1.",
        stacklevel=OUTSIDE + 4,  # through `check_data` and `fit`
    )
    if not names:
        return classes
    is_of_one_type = len({type(each) for each in names}) == 1 and not isinstance(names[0], tuple)
    return np.array(names if is_of_one_type else list(map(str, names)))[classes]


def _columns(y: Any) -> Sequence[object]:
    """The names of the columns of a data frame; none of anything else."""
    if not hasattr(y, "columns") or not hasattr(y, "shape"):
        return ()
    return list(getattr(y, "column_names", y.columns))


def _of_frame(name: str, y: Any, names: Sequence[object]) -> Array:
    """The values (N, C) of a data frame, of any types; ValueError for what is no number."""
    if twice := [column for column in names if names.count(column) > 1]:
        raise ValueError(f"{name} has the column {twice[0]!r} twice; give each class one.")
    columns = {column: np.asarray(y[column]) for column in names}
    for column, values in columns.items():
        _check_none_missing(f"{name}[{column!r}]", values)
        known = values.dtype.kind in "biuf"
        if not known and not all(isinstance(each, (bool, int, float)) for each in values.tolist()):
            raise ValueError(
                f"{name} has {len(names)} columns, and {column!r} holds no numbers; give one column"
                f" of labels, such as {name}[{column!r}], or columns of 0 and 1, one a class."
            )
    return np.stack(list(columns.values()), axis=1)


def _stacked(name: str, items: Iterable[object]) -> object:
    """The list as an array, where its items have one shape."""
    items = [_of_numpy(f"{name}[{row}]", item) for row, item in enumerate(items)]
    try:
        return np.asarray(items)
    except ValueError as error:
        shapes = sorted({_shape(item) for item in items}, key=str)
        if len(shapes) < 2:
            raise
        raise ValueError(
            f"{name} holds items of different shapes, such as {shapes[0]} and {shapes[1]}; resize "
            "images to one size by halfspaces.datasets.images, and give one row of numbers for"
            " each."
        ) from error


def _shape(item: Any) -> tuple[int, ...]:
    try:
        return np.shape(item)
    except ValueError:
        return (len(item),)


def _check_numbers(name: str, values: Array) -> None:
    kind = values.dtype.kind
    if kind == "O":
        kind = next((_kind(value) for value in values.flat if _kind(value) != "O"), "O")
    if kind in "SUMm":
        raise ValueError(
            f"{name} holds {NOT_NUMBERS[kind]}, not numbers; convert them first, for example by "
            "astype(float), or leave them out."
        )


def _check_column(name: str, values: Array) -> None:
    """Raise for a column of a data frame that holds no numbers."""
    if values.ndim > 1 or any(np.ndim(value) for value in values[:1]):
        raise ValueError(
            f"{name} holds lists; give them as X, for example numpy.stack(frame[column])."
        )
    _check_numbers(name, values)


def _kind(value: object) -> str:
    """The kind of NumPy's type of one object; "O" for numbers and all others."""
    if isinstance(value, (str, bytes)):
        return "U" if isinstance(value, str) else "S"
    return "M" if hasattr(value, "isoformat") and type(value).__name__ not in MISSING else "O"


def missing_labels(labels: Array) -> Array:
    """Which labels are missing, in one dimension: NaN, None and NA are no labels.

    >>> missing_labels(np.array(["cat", None], object)).tolist()
    [False, True]
    """
    if labels.dtype.kind == "f":
        return np.isnan(labels).ravel()
    if labels.dtype.kind == "O":
        return np.array([_is_missing(label) for label in labels.flat], dtype=bool)
    return np.zeros(labels.size, dtype=bool)


def _check_none_missing(name: str, labels: Array) -> None:
    if labels.dtype.kind not in "fO":  # millions of labels: no array of as many
        return
    missing = missing_labels(labels)
    if missing.any():
        row = int(np.argmax(missing))
        raise ValueError(
            f"{name}[{row}] is missing ({labels.ravel()[row]}, where NaN, None and NA are no "
            "labels); leave such rows out, or give them a label of their own."
        )


def _is_missing(label: object) -> bool:
    return (
        label is None
        or type(label).__name__ in MISSING
        or (isinstance(label, float) and np.isnan(label))
    )


def _decoded(name: str, labels: Array) -> Array:
    try:
        decoded = [x.decode() if isinstance(x, bytes) else x for x in labels.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} holds bytes that are not UTF-8; decode them to strings."
        ) from error
    return np.asarray(decoded).reshape(labels.shape)
