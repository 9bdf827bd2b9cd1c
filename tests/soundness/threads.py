"""Fits in concurrent threads have the bits of the same fits one after another.

    python -m tests.soundness.threads 1000    # prints the fits that differ; exits with 1 then

Servers and joblib's threading backend fit this way. BLAS's number of threads belongs to the whole
process, and a product has other last bits with another number.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import cycle, islice, product
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.losses import LOSSES
from halfspaces.tuning.path import solve_path
from tests.same_bits import digest

TYPES = ("float64", "float32", "float16", "uint8", "sparse")
AT_ONCE = 6  # threads: more than cores, so that fits begin and end during others
ROWS, FEATURES, CLASSES = 600, 701, 16  # enough that BLAS cuts up products among its threads

Case = tuple[str, str, str]  # kind, loss, type


@cache
def data(kind: str) -> tuple[Any, np.ndarray]:
    """Counts, in one of the types."""
    r = np.random.default_rng(0)
    y = r.integers(0, CLASSES, ROWS)
    rates = r.gamma(1.0, 2.0, (CLASSES, FEATURES))
    X = r.poisson(rates[y])
    return csr_array(X.astype("float64")) if kind == "sparse" else X.astype(kind), y


def _path(X: Any, y: Any, **options: Any) -> np.ndarray:
    objective = LinearClassifier(penalty="elastic_net", **options).objective(X, y)
    path = solve_path(objective, [0.1, 0.03], max_passes=4)
    return np.stack([result.W for result in path.results])


def _fit(classifier: Callable[..., Any], **fixed: Any) -> Callable[..., np.ndarray]:
    def fit(X: Any, y: Any, **options: Any) -> np.ndarray:
        fitted = classifier(**fixed, **options, max_passes=6, verbose=-1).fit(X, y)
        return np.column_stack([fitted.coef_, fitted.intercept_, fitted.decision_function(X).T])

    return fit


KINDS: dict[str, Callable[..., np.ndarray]] = {
    "l2": _fit(LinearClassifier),
    "l1": _fit(LinearClassifier, penalty="l1"),
    "elastic_net": _fit(LinearClassifier, penalty="elastic_net", strength=0.1),
    "lbfgs": _fit(LinearClassifier, optimizer="lbfgs", strength=1e-4),
    "sgd": _fit(LinearClassifier, optimizer="sgd"),
    "search": _fit(LinearClassifierCV, strengths=[0.1, 0.01], cv=2),
    "path": _path,
}
CASES: list[Case] = list(product(KINDS, LOSSES, TYPES))


def bits(case: Case) -> str:
    """A digest of what a fit returns."""
    kind, loss, name = case
    return digest(KINDS[kind](*data(name), loss=loss, n_jobs=1))


def different(cases: list[Case]) -> Iterator[Case]:
    """The cases that have other bits when fitted at once than one after another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = {case: bits(case) for case in set(cases)}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for case, found in zip(cases, pool.map(bits, cases), strict=True):
                if found != alone[case]:
                    yield case


def some(count: int) -> list[Case]:
    """So many cases, in a random order that mixes all kinds, again and again."""
    order = np.random.default_rng(0).permutation(len(CASES))
    return list(islice(cycle(CASES[i] for i in order), count))


def main(count: int) -> int:
    """Print the cases that differ."""
    differ = list(different(some(count)))
    for case in differ:
        print("differs:", *case)
    print(f"{len(differ)} of {count} fits in {AT_ONCE} threads differ from serial ones.")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
