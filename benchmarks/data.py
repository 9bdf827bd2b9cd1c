"""The data sets: real images and features, and made embeddings;
raw for halfspaces, standardized for its peers.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

Array = np.ndarray

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("HALFSPACES_DATA", ROOT.parent / "shared" / "data")).resolve()
FOLDERS = {
    "cifar": "cifar-10-batches-bin",
    "fashion": "fashion-mnist",
    "digits": None,
    "dna": "libsvm/dna.scale",
    "encoded": "cifar-10-batches-bin",
}
ENCODED_ROWS = 9000  # of CIFAR-10's test images


class MissingError(Exception):
    """A data set that is not on this machine."""


@dataclass(frozen=True, eq=False)
class Data:
    """Features as they came, X (N, D), labels 0..C−1, and the standardization in float64,
    computed here.
    """

    X: Array
    y: Array
    n_classes: int
    standardize: bool = True  # False: the features are standardized already

    @cached_property
    def mean(self) -> Array:
        if not self.standardize:
            return np.zeros(self.X.shape[1])
        return sum(np.sum(X, axis=0, dtype=np.float64) for X in self._chunks(self.X)) / len(self.X)

    @cached_property
    def scale(self) -> Array:
        if not self.standardize:
            return np.ones(self.X.shape[1])
        squares = sum(np.sum((X - self.mean) ** 2, axis=0) for X in self._chunks(self.X))
        scale = np.sqrt(squares / len(self.X))
        return np.where(scale <= 1e-6 * np.abs(self.mean), 1.0, scale)

    def standardized(self, dtype: type) -> Array:
        """Mean 0 and variance 1, C-contiguous: what the peers are given."""
        return np.concatenate([X.astype(dtype) for X in self.standardized_chunks()])

    def standardized_chunks(self, rows: int = 2000) -> Iterator[Array]:
        """The same in float64, some rows at a time."""
        for X in self._chunks(self.X, rows):
            yield (X - self.mean) / self.scale

    @staticmethod
    def _chunks(X: Array, rows: int = 2000) -> Iterator[Array]:
        return (X[start : start + rows] for start in range(0, len(X), rows))


def read(name: str, rows: int | None = None) -> Data:
    """A data set by name, "embeddings-C" for made ones with C classes;
    `rows` takes evenly spaced ones.
    """
    data = (
        embeddings(int(name.removeprefix("embeddings-")), rows or 50_000)
        if "-" in name
        else _real(name)
    )
    if rows is None or rows >= len(data.X):
        return data
    keep = np.linspace(0, len(data.X) - 1, rows).astype(int)
    return Data(data.X[keep], data.y[keep], data.n_classes)


def _real(name: str) -> Data:
    from halfspaces import datasets

    folder = FOLDERS[name]
    if folder is not None and not (FOLDER / folder).exists():
        raise MissingError(
            f"{FOLDER / folder} is not there; HALFSPACES_DATA names the folder of data sets."
        )
    if name == "dna":
        from sklearn.datasets import load_svmlight_file

        X, y = load_svmlight_file(str(FOLDER / folder), n_features=180)
        X = X.toarray().astype(np.float32)
    elif name == "encoded":
        X, y = _encoded(FOLDER / FOLDERS["encoded"])
    else:
        opened = datasets.open(FOLDER / folder if folder else name)
        X, y = opened.X, opened.y
    classes, labels = np.unique(y, return_inverse=True)
    return Data(np.ascontiguousarray(X), labels.astype(np.int64), len(classes))


def _encoded(folder: Path) -> tuple[Array, Array]:
    """CIFAR-10's test images, 96 x 96 bilinear, by EfficientNet-Lite0: its last map, mean pooled.

    Embeddings of a pretrained network: columns are correlated, and classes nearly separable.
    """
    from halfspaces import datasets
    from halfspaces.features import Encoder

    data = datasets.open(folder)
    try:
        encoder = Encoder(size=96).fit(data.images(data.X_test)[:1])
    except ImportError as error:
        raise MissingError(str(error)) from error
    X = encoder.transform(data.images(data.X_test)[:ENCODED_ROWS])
    return X, np.asarray(data.y_test)[:ENCODED_ROWS]


def embeddings(n_classes: int, rows: int, n_features: int = 768) -> Data:
    """Class means N(0, I)/2 plus noise of singular values k^-0.7, rotated; rows of length √D."""
    rng = np.random.default_rng(0)
    means = 0.5 * rng.standard_normal((n_classes, n_features))
    rotation = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    y = rng.integers(n_classes, size=rows)
    y[:n_classes] = np.arange(n_classes)[:rows]
    noise = (
        rng.standard_normal((rows, n_features)) * np.arange(1, n_features + 1) ** -0.7
    ) @ rotation
    X = means[y] + noise
    X *= np.sqrt(n_features) / np.linalg.norm(X, axis=1, keepdims=True)
    return Data(X.astype(np.float32), y.astype(np.int64), n_classes)
