"""A path of L1 strengths, each certified to 1e-3, against peers that solve single strengths of it
from nothing.

The judge is F = mean softmax loss + λ Σ|W| in float64 and plain NumPy, features standardized, the
bias free. Peers are run with limits that double, each run timed alone, until one is within 1e-3 of
the lowest objective known or the time is up; in between, and beyond the last, the logarithm of the
distance is taken as linear in the time.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.data import Data, MissingError, read
from benchmarks.objectives import softmax
from benchmarks.race import BAR, THREADS
from benchmarks.store import Store

Array = np.ndarray
Weights = tuple[Array, Array]

STRENGTHS, RATIO = 20, 1000.0  # from the largest strength down to a thousandth of it
SAMPLED = (4, 9, 14, 19)  # of these the peers solve some
CAP = 120.0  # seconds of a peer for one strength


def run(store: Store, *, quick: bool, cap: float = CAP) -> None:
    for name in ("digits",) if quick else ("cifar", "fashion"):
        try:
            data = read(name)
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        ours = _ours(data)
        passes = sum(ours["passes"])
        told = f"{ours['seconds']:.1f} s, {passes:.0f} passes"
        print(f"  {name}: {told}, certified: {ours['certified']}")
        rivals = {}
        X = data.standardized(np.float32)
        for peer, fit in PEERS.items():
            for index in SAMPLED[:2] if quick else SAMPLED:
                row = _rival(
                    data,
                    fit,
                    X,
                    ours["strengths"][index],
                    ours["loss"][index],
                    5.0 if quick else cap,
                )
                if row is not None:
                    rivals.setdefault(peer, {})[str(index)] = row
                    print(f"  {peer}, strength {index}: {row}", flush=True)
        store.put("l1path", name, ours | {"rivals": rivals})


def _ours(data: Data) -> dict[str, Any]:
    """The whole path from raw features: moments, sketch, loop and proofs in its seconds."""
    from halfspaces import LinearClassifier
    from halfspaces.tuning.largest_strength import largest_strength
    from halfspaces.tuning.path import solve_path

    few = np.union1d(np.unique(data.y, return_index=True)[1], np.arange(200))
    warm = LinearClassifier(penalty="l1").objective(data.X[few], data.y[few])
    solve_path(warm, largest_strength(warm) * np.array([1.0, 0.5]))
    start = time.perf_counter()
    objective = LinearClassifier(penalty="l1").objective(data.X, data.y)
    path = solve_path(
        objective, largest_strength(objective) * np.geomspace(1, 1 / RATIO, STRENGTHS), tol=BAR
    )
    return {
        "seconds": time.perf_counter() - start,
        "strengths": path.strengths.tolist(),
        "passes": path.passes.tolist(),
        "each": path.seconds.tolist(),
        "loss": path.loss.tolist(),
        "gap": path.gap.tolist(),
        "nonzeros": path.nonzeros.tolist(),
        "screened": path.screened.tolist(),
        "certified": path.converged,
    }


def judged(data: Data, strength: float, weights: Weights) -> float:
    """F(W, b) for standardized features."""
    W, b = (part.astype(np.float64) for part in weights)
    total, start = 0.0, 0
    for X in data.standardized_chunks():
        total += float(softmax(X @ W + b, data.y[start : start + len(X)])[0].sum())
        start += len(X)
    return total / len(data.X) + strength * float(np.abs(W).sum())


def _rival(
    data: Data,
    fit: Callable[..., Weights | None],
    X: Array,
    strength: float,
    lowest: float,
    cap: float,
) -> dict[str, Any] | None:
    """Seconds to 1e-3 above the lowest objective,
    and whether they were measured or extrapolated.
    """
    curve: list[tuple[float, float]] = []
    limit = 5
    while True:
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            weights = fit(X, data.y, strength, limit)
        seconds = time.perf_counter() - start
        if weights is None:
            return None
        objective = judged(data, strength, weights)
        lowest = min(lowest, objective)
        stuck = bool(curve) and objective > curve[-1][1] * (1 - 1e-9)  # it has stopped by itself
        curve.append((seconds, objective))
        distance = objective / lowest - 1
        if distance <= BAR or 2.5 * seconds > cap or stuck:
            break
        limit *= 2
    return {
        "seconds": at_the_bar(curve, lowest, BAR),
        "measured": distance <= BAR,
        "curve": curve,
        "passes": limit,
    }


def at_the_bar(curve: list[tuple[float, float]], lowest: float, bar: float) -> float:
    """Log-linear between the last two runs, or beyond them;
    the last run's seconds where they tell nothing.
    """
    if len(curve) < 2:
        return curve[-1][0]
    (t0, d0), (t1, d1) = (
        (seconds, math.log(max(F / lowest - 1, 1e-9))) for seconds, F in curve[-2:]
    )
    if d1 >= d0:
        return math.inf
    return t0 + (t1 - t0) * max((math.log(bar) - d0) / (d1 - d0), 0.0)


def _cyanure(X: Array, y: Array, strength: float, limit: int) -> Weights | None:
    try:
        from cyanure.estimators import Classifier
    except ImportError:
        return None
    logging.disable(logging.INFO)
    model = Classifier(
        loss="logistic", multi_class="multinomial", penalty="l1", lambda_1=strength,
        fit_intercept=True, max_iter=limit, tol=1e-12, n_threads=THREADS, verbose=False, safe=False,
    ).fit(X, y.copy())  # fmt: skip
    return np.asarray(model.coef_), np.asarray(model.intercept_).ravel()


def _saga(X: Array, y: Array, strength: float, limit: int) -> Weights | None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=1 / (strength * len(X)), l1_ratio=1, solver="saga", tol=1e-12, max_iter=limit
    )
    model.fit(X, y)
    return model.coef_.T, model.intercept_


PEERS = {"cyanure": _cyanure, "sklearn saga": _saga}
