"""One run of a probe: the sweep over the protocol's strengths, and the final fit."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.probes.draws import Draw
from halfspaces.estimators.probes.protocols import Protocol
from halfspaces.support.types import Array


@dataclass(frozen=True)
class Engine:
    """How fits are run: worker threads, and `verbose` of the classifiers."""

    n_jobs: int | None = None
    verbose: int = -1

    def options(self, protocol: Protocol) -> dict[str, Any]:
        """Options of the classifiers of a protocol."""
        return {
            "standardize": False,
            "max_passes": protocol.max_passes,
            "n_jobs": self.n_jobs,
            "verbose": self.verbose,
        }


@dataclass(frozen=True, eq=False)
class Solved:
    """A fitted probe.

    Parameters
    ----------
    classifiers : tuple
        One, whose classes are positions among all classes; for several labels a row, one a label,
        or None for a label that the fitted rows all have, or all lack.
    value : float
        The chosen strength in the protocol's unit.
    strength : float
        λ.
    constant : array, shape (C,) or (L,)
        Scores of classes that no fitted row has, and of labels without a classifier.
    basis : array, shape (D, n), or None
        Orthonormal columns, in whose coordinates the rows are.
    """

    classifiers: tuple[Any, ...]
    value: float
    strength: float
    constant: Array
    basis: Array | None = None

    @property
    def converged(self) -> bool:
        """Whether the final fit ended within its tolerance."""
        return all(each is None or each.result_.converged for each in self.classifiers)

    def scores(self, X: Any) -> Array:
        """Scores (n, C), or (n, L) of L labels."""
        if self.basis is not None:
            X = X @ self.basis
        scores = np.tile(self.constant, (X.shape[0], 1))
        if len(self.classifiers) == 1:
            (only,) = self.classifiers
            own = only.decision_function(X)
            scores[:, only.classes_] = own if own.ndim == 2 else np.stack([-own, own], axis=1)
            return scores
        for column, each in enumerate(self.classifiers):
            if each is not None:
                scores[:, column] = each.decision_function(X)
        return scores


def solve(protocol: Protocol, X: Any, y: Array, draw: Draw, engine: Engine) -> Solved:
    """Choose λ on the held-out rows and fit, for one class a row (N,) or several labels (N, L).

    Rows outside the draw are left out. Fewer rows than features are turned into the coordinates of
    their span: the optimal W lies in it, since R(W) grows with what is orthogonal to it.
    Schölkopf, Herbrich & Smola, A generalized representer theorem, 2001,
    https://doi.org/10.1007/3-540-44581-1_27
    """
    n_classes = int(y.max()) + 1
    used = np.union1d(draw.fitted, draw.held_out)
    if len(used) < len(y):
        X, y = X[used], y[used]
        fitted, held_out = (np.searchsorted(used, rows) for rows in (draw.fitted, draw.held_out))
        draw = replace(draw, fitted=fitted, held_out=held_out)
    basis = _basis(X, draw)
    if basis is not None:
        X = X @ basis
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `Solved.converged` says so
        if y.ndim == 2:
            solved = of_labels(protocol, X, y, draw, engine)
        else:
            solved = _of_classes(protocol, X, y, n_classes, draw, engine)
    return replace(solved, basis=basis)


def _basis(X: Any, draw: Draw) -> Array | None:
    """An orthonormal basis (D, n) of the span of the n rows that are fitted; None if n ≥ D."""
    rows = X if draw.refit else X[draw.fitted]
    if issparse(X) or rows.shape[0] >= X.shape[1]:
        return None
    exact = np.linalg.qr(rows.T.astype(np.float64))[0]
    return exact.astype(np.result_type(X.dtype, np.float32))


def _of_classes(
    protocol: Protocol, X: Any, y: Array, n_classes: int, draw: Draw, engine: Engine
) -> Solved:
    n_final = len(draw.fitted) + len(draw.held_out) * draw.refit
    grid = protocol.grid.strengths(n_final, n_classes)
    none = np.full(n_classes, -np.inf)
    if len(grid) == 1:
        ((value, strength),) = grid.items()
        fit = _fit(protocol, X, y, draw.fitted, strength, engine)
        return Solved((fit,), value, strength, none)
    search = _sweep(protocol, X, y, draw, tuple(grid.values()), "accuracy", engine)
    value = next(value for value, strength in grid.items() if strength == search.strength_)
    return Solved((search,), value, search.strength_, none)


def of_labels(protocol: Protocol, X: Any, Y: Array, draw: Draw, engine: Engine) -> Solved:
    """One binary problem a label, at one strength: that of the best mean average precision.

    Labels that the rows to choose λ on all lack do not count there.
    """
    n_final = len(draw.fitted) + len(draw.held_out) * draw.refit
    grid = protocol.grid.strengths(n_final, 2)
    values, strengths = zip(*sorted(grid.items(), key=lambda item: -item[1]), strict=True)
    final = np.union1d(draw.fitted, draw.held_out) if draw.refit else draw.fitted
    best = 0
    if len(strengths) > 1:
        sweeps = [
            _sweep(protocol, X, column, draw, strengths, "average_precision", engine).scores_[:, 0]
            for column in Y.T
            if column[draw.held_out].any() and 0 < column[draw.fitted].mean() < 1
        ]
        if not sweeps:
            raise ValueError(
                "No label occurs both among the rows to fit and those to choose λ on; "
                "give more rows."
            )
        best = int(np.argmax(np.mean(sweeps, axis=0)))
    fits = tuple(
        _fit(protocol, X, column, final, strengths[best], engine)
        if 0 < column[final].mean() < 1
        else None
        for column in Y.T
    )
    constant = np.where(Y[final].mean(axis=0) > 0.5, 1.0, -1.0)
    return Solved(fits, values[best], strengths[best], constant)


def _sweep(
    protocol: Protocol,
    X: Any,
    y: Array,
    draw: Draw,
    strengths: tuple[float, ...],
    scoring: str,
    engine: Engine,
) -> LinearClassifierCV:
    """The fitted search; with `draw.refit` all rows are a member of its stack."""
    search = LinearClassifierCV(strengths=strengths, scoring=scoring, **engine.options(protocol))
    if not draw.refit:
        validation = (X[draw.held_out], y[draw.held_out])
        return search.fit(X[draw.fitted], y[draw.fitted], validation=validation)
    return search.set_params(cv=[(draw.fitted, draw.held_out)]).fit(X, y)


def _fit(
    protocol: Protocol, X: Any, y: Array, rows: Array, strength: float, engine: Engine
) -> LinearClassifier:
    if len(rows) < len(y):
        X, y = X[rows], y[rows]
    return LinearClassifier(strength=strength, **engine.options(protocol)).fit(X, y)
