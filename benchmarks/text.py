"""L1 on TF-IDF rows of made documents, one class against the rest, beside LIBLINEAR.

The judge is F = mean loss + λ Σ|W| in float64 and plain NumPy, without bias and standardization.
LIBLINEAR minimizes Σ|w| + C Σ_i l_i for each class, the same for C = 1/(λN). It is run with
tolerances that fall until it is within 1e-3 of the lowest objective known, its best run counts;
halfspaces proves 1e-3. Each is run alone, in turn, three times; medians count.
"""

import time
import warnings
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse

from benchmarks.race import BAR
from benchmarks.store import Store

Array = np.ndarray

TOPICS = 20
WORDS = 100  # of a document
LOSSES = ("ova_logistic", "ova_squared_hinge", "softmax")  # LIBLINEAR has no L1 softmax
PARTS = (10.0, 100.0, 500.0)  # of the largest strength
TOLERANCES = (1.0, 1e-1, 1e-2, 1e-3)  # of LIBLINEAR
TURNS = 3


def run(store: Store, *, quick: bool) -> None:
    X, y = documents(1000, 5000) if quick else documents()
    for loss in LOSSES:
        parts = PARTS[:2] if loss == "softmax" else PARTS
        for part in parts[:1] if quick else parts:
            row = _compared(X, y, loss, part, 1 if quick or loss == "softmax" else TURNS)
            print(f"  {loss}, λ_max/{part:.0f}: {row}", flush=True)
            store.put("text", f"{loss} {part:.0f}", row)


def documents(
    n: int = 20_000, n_words: int = 50_000, seed: int = 0
) -> tuple[scipy.sparse.csr_array, Array]:
    """TF-IDF rows (float32) of length 1, and topics."""
    X, y = word_counts(n, n_words, seed)
    occurrences = np.bincount(X.indices, minlength=n_words)
    X.data = (1 + np.log(X.data)) * (np.log((1 + n) / (1 + occurrences)) + 1)[X.indices]
    X = scipy.sparse.csr_array(X / np.sqrt(X.power(2).sum(axis=1))[:, None], dtype=np.float32)
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X, y


def word_counts(
    n: int = 20_000, n_words: int = 50_000, seed: int = 0
) -> tuple[scipy.sparse.csr_array, Array]:
    """How often each word is in each document (float64), and topics.

    Half the words of a document follow Zipf's law, half that of its topic, e^N(0, 1) times Zipf's.
    """
    rng = np.random.default_rng(seed)
    zipf = 1 / np.arange(1, n_words + 1)
    laws = zipf * np.exp(rng.standard_normal((TOPICS, n_words)))
    y = rng.integers(TOPICS, size=n)
    words = np.empty((n, WORDS), np.int64)
    for topic, law in enumerate(laws):
        rows = np.flatnonzero(y == topic)
        words[rows] = _drawn(rng, law, (len(rows), WORDS))
    common = rng.random((n, WORDS)) < 0.5
    words[common] = _drawn(rng, zipf, int(common.sum()))
    rows = np.repeat(np.arange(n, dtype=np.int32), WORDS)
    counts = scipy.sparse.coo_array(
        (np.ones(n * WORDS), (rows, words.ravel().astype(np.int32))), shape=(n, n_words)
    )
    X = scipy.sparse.csr_array(counts)
    X.sum_duplicates()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X, y


def _drawn(rng: np.random.Generator, law: Array, shape: int | tuple[int, int]) -> Array:
    return np.minimum(np.searchsorted(np.cumsum(law / law.sum()), rng.random(shape)), len(law) - 1)


def _compared(
    X: scipy.sparse.csr_array, y: Array, loss: str, part: float, turns: int
) -> dict[str, Any]:
    from halfspaces import LinearClassifier, minimize
    from halfspaces.optimizers.choose import choose_for
    from halfspaces.tuning.largest_strength import largest_strength

    def made(strength: float) -> Any:
        plain = LinearClassifier(
            loss, "l1", strength=strength, standardize=False, fit_intercept=False
        )
        return plain.objective(X, y)

    strength = largest_strength(made(1.0)) / part
    warm = made(strength)
    minimize(warm, choose_for(warm).optimizer, tol=BAR, max_passes=2)  # compiles
    wide = X.astype(np.float64)
    ours: list[float] = []
    theirs: dict[float, list[float]] = {}
    found: dict[float, float] = {}
    result: Any = None
    for _ in range(turns):
        start = time.perf_counter()
        objective = made(strength)
        result = minimize(objective, choose_for(objective).optimizer, tol=BAR)
        ours.append(time.perf_counter() - start)
        for tolerance in TOLERANCES if loss != "softmax" else ():
            start = time.perf_counter()
            W = _liblinear(wide, y, loss, strength, tolerance)
            theirs.setdefault(tolerance, []).append(time.perf_counter() - start)
            found[tolerance] = judged(wide, y, loss, strength, W)
    own = judged(wide, y, loss, strength, result.W[:-1, 0])
    lowest = min([own, *found.values()])
    near = [median(theirs[each]) for each, F in found.items() if F / lowest - 1 <= BAR]
    return {
        "seconds": median(ours),
        "passes": result.passes,
        "proven": float(result.gap[0] / result.loss[0]),
        "distance": own / lowest - 1,
        "nonzeros": int(np.count_nonzero(result.W)),
        "liblinear": min(near, default=None),
        "runs": {str(each): (median(theirs[each]), F / lowest - 1) for each, F in found.items()},
    }


def judged(X: Any, y: Array, loss: str, strength: float, W: Array) -> float:
    """F(W) for W (D, C)."""
    scores = X @ W
    right = np.arange(W.shape[1]) == y[:, None]
    if loss == "softmax":
        losses = np.logaddexp.reduce(scores, axis=1) - scores[right]
    else:
        margins = np.where(right, scores, -scores)
        each = (
            np.logaddexp(0, -margins)
            if loss == "ova_logistic"
            else np.clip(1 - margins, 0, None) ** 2
        )
        losses = each.sum(axis=1)
    return float(losses.mean() + strength * np.abs(W).sum())


def _liblinear(X: Any, y: Array, loss: str, strength: float, tolerance: float) -> Array:
    """W (D, C)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import LinearSVC

    shared: dict[str, Any] = {
        "C": 1 / (strength * len(y)),
        "fit_intercept": False,
        "tol": tolerance,
        "random_state": 0,
        "max_iter": 10_000,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if loss == "ova_squared_hinge":
            return LinearSVC(penalty="l1", dual=False, **shared).fit(X, y).coef_.T
        model = OneVsRestClassifier(LogisticRegression(l1_ratio=1, solver="liblinear", **shared))
        return np.concatenate([each.coef_ for each in model.fit(X, y).estimators_]).T
