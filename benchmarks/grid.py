"""Strengths × folds in one solve, each certified to 1e-4, against as many separate fits: our own
and scikit-learn's.

Of the separate fits some are run, and their mean stands for all: extrapolated, and labelled so. The
ideal is the time that the passes take at this machine's rate of square products.
"""

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.data import Data, MissingError, read
from benchmarks.l1path import at_the_bar
from benchmarks.objectives import softmax
from benchmarks.roofline import sgemm
from benchmarks.store import Store

Array = np.ndarray

TOL = 1e-4
SPAN = 1e-6  # the least strength beside the largest
SAMPLED = (0.1, 0.35, 0.6, 0.85)  # of the strengths, those that are fitted alone
CAP = 150.0  # seconds of scikit-learn for one member
GRIDS = {
    "cifar": (20, 5),
    "embeddings-100": (40, 1),
}  # strengths, folds; one fold is a tenth held out


def run(store: Store, *, quick: bool, cap: float = CAP) -> None:
    for name, (n_strengths, n_folds) in ({"digits": (5, 3)} if quick else GRIDS).items():
        try:
            data = read(name)
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        row = _raced(data, n_strengths, n_folds, 2.0 if quick else cap)
        store.put("grid", name, row)
        print(
            f"  {name}: "
            + ", ".join(
                f"{key} {value:.4g}" for key, value in row.items() if isinstance(value, float)
            )
        )


def _raced(data: Data, n_strengths: int, n_folds: int, cap: float) -> dict[str, Any]:
    from halfspaces import LinearClassifier
    from halfspaces.optimizers.choose import choose_for
    from halfspaces.proofs.minimize import minimize
    from halfspaces.tuning.grid import fold_objectives, solve_grid
    from halfspaces.tuning.largest_strength import largest_strength

    few = data.X[:200], np.arange(200) % 2
    warm = LinearClassifier().objective(*few)
    solve_grid(fold_objectives(warm, [np.arange(100)]), [1.0, 0.1], choose_for(warm).optimizer)
    rate, folds = sgemm(3072), _folds(data.y, n_folds)
    start = time.perf_counter()
    objective = LinearClassifier(strength=1.0).objective(data.X, data.y)
    top = largest_strength(objective)
    strengths = top * np.geomspace(1, SPAN, n_strengths)
    members = fold_objectives(objective, [train for train, _ in folds])
    grid = solve_grid(members, strengths, choose_for(objective).optimizer, tol=TOL)
    seconds = time.perf_counter() - start
    rate = max(rate, sgemm(3072))
    passes = float(grid.passes[:, 0].sum())
    (N, D), C = data.X.shape, data.n_classes
    ideal = 1e-9 * 4 * N * D * C * len(members) * passes / rate

    cold, differences, theirs, measured = [], [], [], True
    for part in SAMPLED:
        index = int(part * n_strengths)
        train, test = folds[0]
        start = time.perf_counter()
        alone = LinearClassifier(strength=float(grid.strengths[index])).objective(
            data.X[train], data.y[train]
        )
        result = minimize(alone, choose_for(alone).optimizer, tol=TOL)
        cold.append(time.perf_counter() - start)
        held_out = replace(alone.blocks, X=data.X[test], y=data.y[test])
        scores = alone.on(held_out).scores(result.W)
        mine = (
            grid.objectives[0]
            .on(objective.blocks.subset(test))
            .scores(grid.W[:, index, 0][:, None])
        )
        right = [float(np.mean(each.argmax(axis=1) == data.y[test])) for each in (scores, mine)]
        differences.append(abs(right[0] - right[1]))
        found, exact = _sklearn(
            data, train, float(grid.strengths[index]), float(grid.loss[index, 0]), cap
        )
        theirs.append(found)
        measured &= exact
        strength = grid.strengths[index]
        print(
            f"    λ = {strength:.3g}: alone {cold[-1]:.2f} s, scikit-learn {found:.0f} s",
            flush=True,
        )
    every = n_strengths * n_folds
    return {
        "seconds": seconds,
        "ideal": ideal,
        "ratio": seconds / ideal,
        "passes": passes / len(grid.strengths),
        "gap": float(np.max(grid.gap / grid.loss)),
        "cold": every * float(np.mean(cold)),
        "faster than cold": every * float(np.mean(cold)) / seconds,
        "sklearn": every * float(np.mean(theirs)),
        "faster than sklearn": every * float(np.mean(theirs)) / seconds,
        "difference of accuracy": max(differences),
        "sklearn reached": bool(measured),
        "strengths": grid.strengths.tolist(),
        "each": grid.passes[:, 0].tolist(),
        "folds": n_folds,
    }


def _folds(y: Array, n_folds: int) -> list[tuple[Array, Array]]:
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(max(n_folds, 2) if n_folds > 1 else 10, shuffle=True, random_state=0)
    return list(folds.split(np.zeros((len(y), 1)), y))[:n_folds]


def _sklearn(
    data: Data, train: Array, strength: float, lowest: float, cap: float
) -> tuple[float, bool]:
    """Seconds of one fit to within 1e-4 of the lowest objective,
    and whether that was reached or extrapolated.
    """
    from sklearn.linear_model import LogisticRegression

    raw, y = data.X[train].astype(np.float64), data.y[train]
    scale = raw.std(axis=0)
    X = ((raw - raw.mean(axis=0)) / np.where(scale > 0, scale, 1.0)).astype(np.float32)
    del raw
    curve: list[tuple[float, float]] = []
    limit = 25
    while True:
        model = LogisticRegression(C=1 / (2 * strength * len(y)), tol=1e-10, max_iter=limit)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        seconds = time.perf_counter() - start
        scores = (
            X @ model.coef_.T.astype(np.float32) + model.intercept_.astype(np.float32)
        ).astype(np.float64)
        loss = float(softmax(scores, y)[0].mean()) + strength * float(
            (model.coef_.astype(np.float64) ** 2).sum()
        )
        lowest = min(lowest, loss)
        curve.append((seconds, loss))
        reached = loss / lowest - 1 <= TOL
        if reached or 2.5 * seconds > cap or model.n_iter_.max() < limit:
            return (seconds if reached else max(at_the_bar(curve, lowest, TOL), seconds)), reached
        limit *= 2
