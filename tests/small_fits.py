"""Data from fixed seeds and fits of them, for the runs whose bits `same_bits.py` compares."""

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

Arrays = Mapping[str, Any]  # what a run computed, by name

RUNS: dict[str, Callable[[], Arrays]] = {}
LARGE = (1 << 16, 1 << 9)  # rows and columns: so many elements that the compiled kernels are used


def run(function: Callable[[], Arrays]) -> Callable[[], Arrays]:
    """Register a run under the name of its function."""
    RUNS[function.__name__.replace("_", " ")] = function
    return function


# ------------------------------------------------------------------------------------------- names


def found(name: str, *modules: str) -> Any:
    """A name from the first of these modules that has it: some names move to another module."""
    for module in modules:
        try:
            return getattr(importlib.import_module(f"halfspaces.{module}"), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"{name} is in none of {', '.join(modules)}.")


def optimizers() -> Mapping[str, Any]:
    """The registered optimizers by name."""
    return found("OPTIMIZERS", "optimizers", "optimizers.choose", "optimizers.auto")


# -------------------------------------------------------------------------------------------- data


@cache
def digits() -> tuple[Any, Any]:
    """1,797 images of digits, uint8."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X.astype(np.uint8), y


def few_digits() -> tuple[Any, Any]:
    """The first 600 of them."""
    X, y = digits()
    return X[:600], y[:600]


def clusters(n: int, features: int, classes: int, dtype: Any = np.float32) -> tuple[Any, Any]:
    """Overlapping classes: noise about a mean for each class."""
    rng = np.random.default_rng(n + features)
    y = rng.integers(classes, size=n)
    means = rng.standard_normal((classes, features), dtype=np.float32)
    return (rng.standard_normal((n, features), dtype=np.float32) + 0.3 * means[y]).astype(dtype), y


@cache
def large_bytes() -> tuple[Any, Any]:
    """Rows of uint8, enough for the compiled kernels."""
    rng = np.random.default_rng(0)
    y = rng.integers(5, size=LARGE[0])
    means = rng.integers(32, size=(5, LARGE[1]), dtype=np.uint8)
    return rng.integers(128, size=LARGE, dtype=np.uint8) + means[y], y


def sparse_rows(n: int, features: int) -> tuple[Any, Any]:
    """Rows with 20 values each; the classes prefer different columns."""
    rng = np.random.default_rng(features)
    y = rng.integers(4, size=n)
    columns = rng.integers(features, size=(n, 20))
    columns[:, :5] = columns[:, :5] // 4 + y[:, None] * (features // 4)
    values = rng.uniform(0.5, 1.5, size=n * 20).astype(np.float32)
    rows = np.repeat(np.arange(n), 20)
    return csr_array((values, (rows, columns.ravel())), shape=(n, features)), y


@cache
def images() -> tuple[Any, Any]:
    """Random colour images with structure: coarse squares and a little noise, uint8."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(200, size=(40, 6, 6, 3)).repeat(4, axis=1).repeat(4, axis=2)
    noise = rng.integers(50, size=(40, 24, 24, 3))
    return (coarse + noise).astype(np.uint8), np.arange(40) % 3


# ----------------------------------------------------------------------------------------- fitting


def of_fit(classifier: Any) -> dict[str, Any]:
    """The weights of a fitted classifier, and the loss and gap of its result."""
    result = classifier.result_
    return {
        "coef": classifier.coef_,
        "intercept": classifier.intercept_,
        "loss": result.loss,
        "gap": result.gap,
    }


def fit(data: tuple[Any, Any], *, fitting: Any = None, **options: Any) -> dict[str, Any]:
    """Fit a `LinearClassifier` with these options; `fitting` is for its method `fit`."""
    from halfspaces import LinearClassifier

    return of_fit(LinearClassifier(**options).fit(*data, **(fitting or {})))


def search(data: tuple[Any, Any], *, fitting: Any = None, **options: Any) -> dict[str, Any]:
    """Fit a `LinearClassifierCV` with these options."""
    from halfspaces import LinearClassifierCV

    classifier = LinearClassifierCV(**options).fit(*data, **(fitting or {}))
    return {
        "coef": classifier.coef_,
        "intercept": classifier.intercept_,
        "strengths": classifier.strengths_,
        "scores": classifier.scores_,
    }


def objective(data: tuple[Any, Any], **options: Any) -> Any:
    """The objective that a `LinearClassifier` with these options minimizes."""
    from halfspaces import LinearClassifier

    return LinearClassifier(**options).objective(*data)


def of_result(result: Any) -> dict[str, Any]:
    """W of a result of `minimize`, its loss, gap and number of passes."""
    return {"W": result.W, "loss": result.loss, "gap": result.gap, "passes": result.passes}


def named(parts: Mapping[str, Arrays]) -> Arrays:
    """The arrays of several fits as those of one run."""
    return {
        f"{part}.{name}": array for part, found in parts.items() for name, array in found.items()
    }
