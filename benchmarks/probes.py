"""Many sets of labels over one X: one solve beside the matrix products that it must do.

200 sets of 2 to 10 classes over 20,000 made embeddings of 768 correlated columns, each certified to
1e-3. The products are X W and Xᵀ S of the same shapes, in float32 by BLAS on every core, as often
as the solve visits the rows. scikit-learn's `LogisticRegression` fits some of the sets, and their
mean stands for all: extrapolated, and labelled so.
"""

import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks.roofline import best_of
from benchmarks.store import Store

Array = np.ndarray

ROWS, COLUMNS, SETS = 20_000, 768, 200
CLASSES = (2, 11)
LATENT = 64  # directions that columns and labels have in common
TURNS = 5
SAMPLED = 4  # sets that scikit-learn fits


def run(store: Store, *, quick: bool) -> None:
    X, Y = made(2000, 96, 12) if quick else made(ROWS, COLUMNS, SETS)
    row = _raced(X, Y, 1 if quick else TURNS)
    store.put("probes", f"{Y.shape[1]} sets", row)
    print(
        "  "
        + ", ".join(f"{key} {value:.4g}" for key, value in row.items() if isinstance(value, float))
    )


def made(rows: int, columns: int, sets: int, seed: int = 0) -> tuple[Array, Array]:
    """Embeddings (N, D) in float32 and labels (N, P), by noisy directions that they share."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((rows, LATENT))
    mixed = latent @ rng.standard_normal((LATENT, columns))
    X = (mixed + 2 * rng.standard_normal((rows, columns))).astype(np.float32)
    counts = rng.integers(*CLASSES, sets)
    labels = [
        np.argmax(
            latent @ rng.standard_normal((LATENT, count)) + 3 * rng.standard_normal((rows, count)),
            axis=1,
        )
        for count in counts
    ]
    return X, np.stack(labels, axis=1)


def _raced(X: Array, Y: Array, turns: int) -> dict[str, Any]:
    from halfspaces import LabelSetsClassifier

    model = LabelSetsClassifier(verbose=-1)
    model.fit(X, Y)
    seconds, products = [], []
    for _ in range(turns):  # in turns: the machine's rate may change
        start = time.perf_counter()
        model.fit(X, Y)
        seconds.append(time.perf_counter() - start)
        products.append(_products(X, model))
    return {
        "seconds": float(median(seconds)),
        "products": float(median(products)),
        "ratio": float(median(s / p for s, p in zip(seconds, products, strict=True))),
        "worst gap": float(np.max(model.gap_ / model.loss_)),
        "columns": sum(map(len, model.classes_)),
        "passes": float(np.mean([each.result_.passes for each in model.classifiers_])),
        "scikit-learn, extrapolated": _sklearn(X, Y),
    }


def _products(X: Array, model: Any) -> float:
    """Seconds of X W and Xᵀ S of each stack, as often as it visited the rows."""
    rng = np.random.default_rng(0)
    total = 0.0
    stacks: dict[tuple[int, float], int] = {}
    for classifier in model.classifiers_:
        stack = len(classifier.classes_), classifier.result_.passes
        stacks[stack] = stacks.get(stack, 0) + len(classifier.classes_)
    for (_, passes), columns in stacks.items():
        W = rng.standard_normal((X.shape[1], columns), dtype=np.float32)
        S = rng.standard_normal((X.shape[0], columns), dtype=np.float32)
        total += passes * best_of(2, lambda W=W, S=S: (X @ W, X.T @ S))
    return total


def _sklearn(X: Array, Y: Array) -> float:
    """Seconds of all sets, from some, at its default tolerance."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    Z = StandardScaler().fit_transform(X)
    start = time.perf_counter()
    for column in Y.T[:SAMPLED]:
        LogisticRegression(C=1 / (2 * 0.01 * len(X)), max_iter=1000).fit(Z, column)
    return (time.perf_counter() - start) / min(SAMPLED, Y.shape[1]) * Y.shape[1]
