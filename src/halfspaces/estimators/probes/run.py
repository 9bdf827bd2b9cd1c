"""`probe`: a published protocol of linear probes on embeddings, in one call."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse, vstack

from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.finite import check_finite
from halfspaces.estimators.given import features_of, labels_of
from halfspaces.estimators.probes.draws import Draw
from halfspaces.estimators.probes.labels import indicators
from halfspaces.estimators.probes.protocols import Protocol, protocol_of
from halfspaces.estimators.probes.result import ProbeResult, ProbeRow, ProbeRun
from halfspaces.estimators.probes.scores import SCORES, SEVERAL_LABELS, Value, of_runs
from halfspaces.estimators.probes.solve import Engine, Solved, solve
from halfspaces.support.types import Array
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.distinct import positions
from halfspaces.system.progress import Bar

TEXTS = "OUS"  # kinds of arrays of texts
TEST = "test"  # the name of a test set that has none


@dataclass(frozen=True, eq=False)
class Examples:
    """Embeddings, labels as positions of classes (n,) or 0 and 1 (n, L), and as they were given."""

    X: Any
    y: Array
    labels: Array


@one_blas_thread()
def probe(
    X: object,
    y: object,
    tests: object,
    *,
    protocol: str | Protocol = "clip",
    validation: object = None,
    shots: Sequence[int] | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    normalize: bool | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> ProbeResult:
    """Run a published protocol of linear probes.

    For each run, λ* = argmax_λ score(argmin_W Σ L_i/n + λ Σ W²) over the protocol's strengths, by
    the accuracy of its held-out rows; the final fit at λ* is scored on every test set. All
    strengths of a run are one path, solved together with the final fit, each to a proven bound.

    Parameters
    ----------
    X : array or sparse matrix, shape (N, D)
        Embeddings of the training rows; tensors of torch are taken, too.
    y : array, shape (N,) or (N, L)
        Labels; or 0 and 1 for each of L labels where a row may have several: one problem a label.
    tests : (X, y), or mapping of names to (X, y)
        Rows that are scored and nothing else.
    protocol : str or Protocol, default "clip"
        A name of `PROTOCOLS`: "clip", "dinov2", "dinov3", "vtab", "mteb" or "fewshot".
    validation : (X, y) or None
        The validation split; without one, training rows are held out as the protocol has it.
    shots : sequence of int or None
        Training rows of each class that a run fits; None for the protocol's own.
    repeats, seed, normalize : int, int, bool or None
        Runs, the seed of the first one, and whether each row is divided by its length; None for
        the protocol's own.
    n_jobs : int or None
        Worker threads; None for every core.
    verbose : int, default 0
        0: a progress bar after the first second, on a terminal. −1: silent.

    Returns
    -------
    ProbeResult

    Raises
    ------
    ValueError, TypeError
        In one sentence, for unknown names, numbers out of range, too few rows, labels of a test
        set that no training row has, and data that do not fit each other.

    References
    ----------
    Those of the protocol, in its `sources`; Alain & Bengio, Understanding intermediate layers using
    linear classifier probes, 2016, https://arxiv.org/abs/1610.01644

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> result = probe(X[:900] / 16, y[:900], (X[900:] / 16, y[900:]), protocol="mteb", repeats=3)
    >>> [row.score for row in result.rows], len(result.runs)
    (['accuracy', 'macro_f1'], 3)
    >>> bool(result.mean() > 0.8)
    True
    """
    changes: dict[str, Any] = {"shots": shots, "repeats": repeats}
    used = protocol_of(protocol).changed(**changes, seed=seed, normalize=normalize)
    pool, n_train, held_out, classes = _checked(used, X, y, tests, validation)
    if used.repeats > 1 and not used.rows.is_drawn(validation=validation is not None):
        raise ValueError(
            f"repeats={used.repeats} would repeat one result: protocol {used.name!r} draws nothing "
            "where there is a validation split; give shots, or leave repeats out."
        )
    seeds = range(used.seed, used.seed + used.repeats)
    draws = used.rows.draws(pool.labels, n_train, seeds)
    runs: list[ProbeRun] = []
    values: dict[tuple[str, int | None, str], list[Value]] = {}
    n_runs = used.repeats * len(getattr(used.rows, "shots", [1]))
    engine = Engine(n_jobs, verbose if n_runs == 1 else -1)
    with Bar(f"{used.name} probe", n_runs, "runs", shown=verbose >= 0 and n_runs > 1) as bar:
        for draw in draws:
            started = time.perf_counter()
            solved = solve(used, pool.X, pool.y, draw, engine)
            runs.append(_run(used, draw, solved, time.perf_counter() - started))
            for name, test in held_out.items():
                for score, value in _scored(used, solved, test, classes):
                    values.setdefault((name, draw.shots, score), []).append(value)
            bar.advance()
    rows = tuple(
        ProbeRow(
            name,
            score,
            k,
            *of_runs(each),
            tuple(value.mean for value in each),
            len(held_out[name].y),
        )
        for (name, k, score), each in values.items()
    )
    return ProbeResult(used, rows, tuple(runs))


def _run(protocol: Protocol, draw: Draw, solved: Solved, seconds: float) -> ProbeRun:
    grid = protocol.grid.values
    n_final = len(draw.fitted) + len(draw.held_out) * draw.refit
    at_edge = len(grid) > 1 and solved.value in (min(grid), max(grid))
    return ProbeRun(
        draw.shots,
        n_final,
        len(draw.held_out),
        draw.refit,
        solved.value,
        solved.strength,
        at_edge,
        solved.converged,
        seconds,
    )


def _scored(
    protocol: Protocol, solved: Solved, test: Examples, n_classes: int
) -> Iterator[tuple[str, Value]]:
    scores = solved.scores(test.X)
    several = test.y.ndim == 2
    for name in SEVERAL_LABELS if several else protocol.scores:
        if several or SCORES[name].needs(n_classes):
            yield name, SCORES[name].of(test.y, scores)


# --- data -----------------------------------------------------------------------------------------


def _checked(
    protocol: Protocol, X: object, y: object, tests: object, validation: object
) -> tuple[Examples, int, dict[str, Examples], int]:
    """The pool, its training rows, the test sets, and the number of classes."""
    named = tests if isinstance(tests, Mapping) else {TEST: tests}
    if not named:
        raise ValueError("tests is empty; give at least one test set (X, y).")
    features = _features("X", X, protocol)
    labels = _labels("y", y)
    classes = np.unique(labels) if labels.ndim == 1 else np.arange(labels.shape[1])
    if labels.ndim == 1:
        check_two(classes)
    train = _examples("X", features, labels, classes)

    def part(name: str, given: object) -> Examples:
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError(f"{name} must be (X, y), got a {type(given).__name__}.")
        rows = _features(name, given[0], protocol)
        if rows.shape[1] != train.X.shape[1]:
            raise ValueError(
                f"{name} has {rows.shape[1]:,} features a row, and the training rows have "
                f"{train.X.shape[1]:,}; give embeddings of one encoder."
            )
        return _examples(name, rows, _labels(name, given[1]), classes)

    held_out = {str(name): part(f"The test set {name!r}", given) for name, given in named.items()}
    if validation is None:
        return train, len(train.y), held_out, len(classes)
    val = part("The validation split", validation)
    rows = vstack([train.X, val.X], "csr") if issparse(train.X) else None
    both = Examples(
        np.concatenate([train.X, val.X]) if rows is None else rows,
        np.concatenate([train.y, val.y]),
        np.concatenate([train.labels, val.labels]),
    )
    return both, len(train.y), held_out, len(classes)


def _features(name: str, X: Any, protocol: Protocol) -> Any:
    X = features_of(name, X)
    if not issparse(X):
        X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"{name} has shape {X.shape}; give embeddings of shape (n, D).")
    check_finite(name, X)
    if not protocol.normalize:
        return X.tocsr() if issparse(X) else X
    from sklearn.preprocessing import normalize

    wide = X if X.dtype in (np.float32, np.float64) else X.astype(np.float32)
    return normalize(wide)


def _labels(name: str, y: object) -> Array:
    """Labels (n,), or 0 and 1 (n, L)."""
    columns = indicators(name, y)
    return labels_of(name, y) if columns is None else columns


def _examples(name: str, X: Any, y: Array, classes: Array) -> Examples:
    """Rows with labels as positions of the classes."""
    if X.shape[0] != len(y):
        raise ValueError(f"{name} has {X.shape[0]} rows and {len(y)} labels; give one a row.")
    if y.ndim == 2:
        if y.shape[1] != len(classes):
            raise ValueError(f"{name} has {y.shape[1]} labels, and not {len(classes)}.")
        return Examples(X, y, y)
    if (y.dtype.kind in TEXTS) != (classes.dtype.kind in TEXTS):
        raise ValueError(
            f"{name} has labels such as {y[:1].tolist()[0]!r}, and the training rows have "
            f"{classes[:1].tolist()[0]!r}; give labels of one kind."
        )
    known = np.isin(y, classes)
    if not known.all():
        unknown = y[~known][:1].tolist()[0]
        raise ValueError(f"{name} has the label {unknown!r}, which no training row has.")
    return Examples(X, positions(y, classes), y)
