"""W, X and y that are made up for a function, in the shapes that functions of courses have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from halfspaces.gradcheck.parameters import Parameters, copied

N_EXAMPLES = 20
N_FEATURES = 24  # more than examples: slopes of the scores follow from those of W
N_CLASSES = 5
STRENGTH = 0.7  # seen beside the rounding of the data loss, and other than its own powers
# Labels of the first examples: classes of different sizes.
LABELS = (0, 1, 2, 0, 3, 1, 0, 4, 2, 1, 0, 2, 1, 0, 3, 0, 1, 2, 4, 0)


class Data(NamedTuple):
    """What a loss is computed from beside its parameters; None where it takes no such argument."""

    X: Any = None
    y: Any = None
    strength: Any = None

    def copied(self) -> "Data":
        """With copies of X and y."""
        return self._replace(X=copied(self.X), y=copied(self.y))

    @property
    def has_rows(self) -> bool:
        """Whether there are examples with one label or target each."""
        return self.X is not None and getattr(self.y, "ndim", 0) == 1


class Trial(NamedTuple):
    """One combination of shapes; `by_rows` if X has an example a row and W a class a column."""

    W: Parameters
    data: Data
    by_rows: bool


class _Shapes(NamedTuple):
    W: tuple[int, ...]
    X: np.ndarray
    y: np.ndarray
    biases: Sequence[tuple[int, ...]]
    by_rows: bool


def trials(
    roles: Mapping[str, str], given: Mapping[str, Any], rng: np.random.Generator
) -> Iterator[Trial]:
    """Combinations of shapes for arguments with these roles, the most usual first.

    `given` are values by role that are used as they are.
    """
    X = np.asarray(given.get("X", rng.standard_normal((N_EXAMPLES, N_FEATURES))))
    y = np.asarray(given.get("y", np.resize(LABELS, len(X))))
    if y.ndim and len(y) not in X.shape and "X" in given:
        raise ValueError(f"X has the shape {X.shape}, and y {y.shape}: give a label for each row.")
    are_labels = y.ndim == 1 and y.dtype.kind in "iu"
    classes = int(y.max()) + 1 if "y" in given and are_labels else N_CLASSES
    one_hot = np.eye(classes)[y] if are_labels and y.min() >= 0 else y
    signs = y if "y" in given else (y % 2).astype(int)
    strength = given.get("strength", STRENGTH) if "strength" in roles.values() else None
    names = [name for name, role in roles.items() if role in ("weights", "bias", "scores")]

    def data(X: Any, y: Any) -> Data:
        """What the function takes of them."""
        taken = roles.values()
        return Data(X if "X" in taken else None, y if "y" in taken else None, strength)

    if "scores" in roles.values():
        scores = given.get("scores", rng.standard_normal((len(X), classes)))
        for labels in (y, one_hot):
            yield Trial({names[0]: scores}, data(None, labels), by_rows=True)
        return
    if "weights" in given:
        W = given["weights"]
        named = W if isinstance(W, Mapping) or len(names) > 1 else {names[0]: W}
        for labels in (y, one_hot):
            yield Trial(named, data(X, labels), by_rows=True)
        return
    for shapes in _combinations(X.reshape(len(X), -1), y, one_hot, signs, classes):
        weights = rng.standard_normal(shapes.W) / np.sqrt(X[0].size)
        for bias_shape in shapes.biases if len(names) > 1 else ((),):
            bias = np.asarray(0.1 * rng.standard_normal(bias_shape))
            arrays = {"weights": weights, "bias": bias}
            W = {name: arrays[roles[name]] for name in names}
            yield Trial(W, data(shapes.X, shapes.y), shapes.by_rows)


def _combinations(
    X: np.ndarray, y: np.ndarray, one_hot: np.ndarray, signs: np.ndarray, classes: int
) -> Iterator[_Shapes]:
    D = X.shape[1]
    yield _Shapes((D, classes), X, y, ((classes,), (1, classes)), by_rows=True)
    yield _Shapes((classes, D), X.T, y, ((classes,), (classes, 1)), by_rows=False)
    yield _Shapes((classes, D), X, y, ((classes,), (1, classes)), by_rows=True)
    yield _Shapes((D,), X, signs, ((), (1,)), by_rows=True)
    yield _Shapes((D, classes), X, one_hot, ((classes,), (1, classes)), by_rows=True)
    yield _Shapes((classes, D), X.T, one_hot.T, ((classes, 1),), by_rows=False)
    yield _Shapes((D, 1), X, signs[:, None], ((), (1,), (1, 1)), by_rows=True)
    yield _Shapes((D, 1), X.T, signs[None], ((), (1,)), by_rows=False)


def as_tensors(trial: Trial) -> Trial:
    """The same with tensors of torch, whose gradients are asked for."""
    import torch

    def tensor(array: Any) -> Any:
        is_numeric = isinstance(array, np.ndarray) and array.dtype.kind in "biufc"
        return torch.tensor(array) if is_numeric else array

    W = trial.W
    if isinstance(W, Mapping):
        W = {name: tensor(array).requires_grad_() for name, array in W.items()}
    X, y, strength = trial.data
    return Trial(W, Data(tensor(X), tensor(y), strength), trial.by_rows)
