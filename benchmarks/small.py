"""Small data, hinges and cross-validation beside scikit-learn and LIBLINEAR, in turns in one
process.

* `sklearn`: a fit with the defaults on scikit-learn's own data sets, beside scikit-learn.
* `cv`: strengths × folds, `LinearClassifierCV` beside `LogisticRegressionCV`.
* `liblinear`: squared hinge, hinge and Crammer-Singer without a bias, beside LIBLINEAR's dual.
* `penalties`: L1 and elastic net with hinges, which have no peer.

The judge is F = mean loss + λ ΣW² in float64 and plain NumPy, the bias as it is given. It is
compared with a proven bound on its minimum, that of a fit to 1e-4 off the clock. A peer runs at the
loosest of its tolerances with which F is within 1e-3 of the bound. All have had a fit off the clock
before. Medians of five turns count, of three where a fit takes over 20 s. Peers get standardized
float64 rows, prepared off the clock. LogisticRegression has the faster of all threads and one: on
shared cores one is faster by far. scikit-learn's LinearSVC penalizes the bias, F does not: in the
first part it minimizes another objective, and a distance over 1e-3 says how far from this one it
ends.
"""

import importlib
import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from benchmarks.data import Data, MissingError, read
from benchmarks.objectives import LOSSES, Weights, ova_hinge
from benchmarks.race import BAR
from benchmarks.store import Store
from benchmarks.text import word_counts

Array = np.ndarray
Fit = Callable[[], Any]
Row = dict[str, Any]
Named = Iterator[tuple[str, Callable[[], Row]]]

JUDGES = LOSSES | {"ova_hinge": ova_hinge}
HINGES = ("ova_squared_hinge", "ova_hinge", "crammer_singer")
BUNDLED = ("iris", "wine", "breast_cancer", "digits")
STRENGTHS = (1e-2, 1e-4)
SMALLER = (1e-3, 1e-5)  # of many rows
QUICK = (0.1,)  # of a few documents
GRID, FOLDS = tuple(np.geomspace(1, 1e-5, 10).tolist()), 5
PENALIZED = (
    ("squared_hinge", "elastic_net"),
    ("hinge", "elastic_net"),
    ("hinge", "l1"),
    ("crammer_singer", "l1"),
)
TOLERANCES = tuple(10.0**-k for k in range(7))  # of scikit-learn
DEFAULT = 1e-4
FINER = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6)  # of LIBLINEAR
PROOF = 1e-4  # of the bound on the minimum
TURNS, FEWER, LONG = 5, 3, 20.0  # fewer turns where a fit takes so many seconds
LEAST = 1e-3  # of F at W = 0: where the bound is less, distances are relative to this, as tol is
LIMIT = 10_000  # iterations of scikit-learn, passes of ours beside LIBLINEAR
FIRST = 10  # epochs of LIBLINEAR that tell how many the cap allows
CAP = 120.0  # seconds of a fit of LIBLINEAR


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    quick: bool
    cap: float

    def some(self, every: Sequence[Any], first: int = 1) -> Sequence[Any]:
        return every[:first] if self.quick else every

    @property
    def rows(self) -> int | None:
        return 200 if self.quick else None


@dataclass(frozen=True, eq=False)
class Problem:
    """What all solve: raw rows are ours, standardized ones theirs and the judge's."""

    raw: Any
    X: Any
    y: Array
    loss: str
    strength: float

    def F(self, weights: Weights) -> float:
        W, b = weights
        losses, _ = JUDGES[self.loss](self.X @ W + b, self.y)
        return float(losses.mean() + self.strength * np.sum(W**2))

    def above(self, weights: Weights, bound: float) -> float:
        """The relative distance of F from a bound."""
        zero = 0 * weights[0], 0 * weights[1]
        return (self.F(weights) - bound) / max(bound, LEAST * self.F(zero))


@dataclass(frozen=True, eq=False)
class Peer:
    """Another library: a model for a tolerance and a limit on iterations or epochs."""

    fit: Callable[[float, int], Any]
    tolerances: tuple[float, ...]
    threaded: bool = False  # whether one thread is tried, too
    otherwise: float | None = None  # the tolerance where none comes to the bar
    limit: int = LIMIT
    cap: float = 0.0  # seconds to which the limit is raised


# --------------------------------------------------------------------------------------- the parts


def run(
    store: Store,
    *,
    quick: bool,
    only: Sequence[str] = (),
    problems: Sequence[str] = ("",),
    cap: float = CAP,
) -> None:
    """Some parts, of them the problems whose names begin so."""
    settings = Settings(quick, cap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of limits and of options that will go
        for part in only or PARTS:
            rows = store["small"].setdefault(part, {})
            for name, measured in PARTS[part](settings):
                if name.startswith(tuple(problems)):
                    rows[name] = measured()
                    store.put("small", part, rows)
                    print(f"  {part}: {name}: {told(rows[name])}", flush=True)


def beside_sklearn(settings: Settings) -> Named:
    """Our defaults, and scikit-learn's but for C and tolerance."""
    from halfspaces import LinearClassifier

    for name in settings.some(BUNDLED):
        data = bundled(name)
        X = data.standardized(np.float64)
        for strength in settings.some(STRENGTHS):
            for loss in ("softmax", *HINGES):
                problem = Problem(data.X, X, data.y, loss, strength)
                model = LinearClassifier(loss, strength=strength, tol=BAR)
                raced = partial(_raced, problem, model, _sklearn_peers, settings)
                yield f"{name}, {loss}, {strength:g}", raced


def cross_validation(settings: Settings) -> Named:
    """The same strengths and folds, scored by accuracy."""
    for name in settings.some(BUNDLED):
        yield name, partial(_cross_validated, bundled(name), settings)


def beside_liblinear(settings: Settings) -> Named:
    """Centred and scaled rows (words as they are counted), no bias."""
    from halfspaces import LinearClassifier

    options: dict[str, Any] = {
        "fit_intercept": False,
        "standardize": False,
        "tol": BAR,
        "max_passes": LIMIT,  # epochs of dual ascent are cheap: LIBLINEAR has no limit either
    }
    for name, strengths, made in _with_liblinear(settings):
        try:
            ours, X, y = made()
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        for strength in settings.some(strengths):
            for loss in settings.some(HINGES, 2):
                problem = Problem(ours, X, y, loss, strength)
                model = LinearClassifier(loss, strength=strength, **options)
                raced = partial(_raced, problem, model, _liblinear, settings)
                yield f"{name}, {loss}, {strength:g}", raced


def penalties(settings: Settings) -> Named:
    """Seconds, passes and proven gap."""
    from halfspaces import LinearClassifier

    for name in ("digits",) if settings.quick else ("digits", "cifar"):
        try:
            data = bundled(name, settings.rows) if name in BUNDLED else read(name, 1500)
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        for loss, penalty in settings.some(PENALIZED):
            model = LinearClassifier(loss, penalty, strength=STRENGTHS[0], tol=BAR)
            yield f"{name}, {loss}, {penalty}", partial(_alone, model, data, settings)


PARTS: dict[str, Callable[[Settings], Named]] = {
    "sklearn": beside_sklearn,
    "cv": cross_validation,
    "liblinear": beside_liblinear,
    "penalties": penalties,
}


# ---------------------------------------------------------------------------------------- the data


def bundled(name: str, rows: int | None = None) -> Data:
    """A data set of scikit-learn, its first rows."""
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return Data(X[:rows], y[:rows], len(np.unique(y)))


def _with_liblinear(
    settings: Settings,
) -> Iterator[tuple[str, tuple[float, ...], Callable[[], tuple[Any, Any, Array]]]]:
    """Names, strengths, and what makes our rows, theirs and the labels."""
    rows = settings.rows
    yield "digits", STRENGTHS, lambda: _scaled(bundled("digits", rows), np.float64)
    yield "words", QUICK if settings.quick else SMALLER, lambda: _words(settings)
    if not settings.quick:
        yield "dna", STRENGTHS, lambda: _scaled(read("dna"), np.float64)
        yield "fashion", SMALLER, lambda: _scaled(read("fashion"), np.float32)


def _scaled(data: Data, dtype: type) -> tuple[Array, Array, Array]:
    ours = data.standardized(dtype)
    return ours, ours.astype(np.float64, copy=False), data.y


def _words(settings: Settings) -> tuple[Any, Any, Array]:
    counts, y = word_counts(100, 200) if settings.quick else word_counts()
    return counts, counts, np.unique(y, return_inverse=True)[1]  # a few may miss a topic


# --------------------------------------------------------------------------------------- the peers


def _sklearn_peers(problem: Problem, _: float) -> dict[str, Peer]:
    if problem.loss != "softmax":
        return {"scikit-learn": Peer(_svc(problem), TOLERANCES, otherwise=DEFAULT)}
    packages = {"scikit-learn": "sklearn", "scikit-learn-intelex": "sklearnex"}
    return {
        name: Peer(_logistic(problem, package), TOLERANCES, threaded=True, otherwise=DEFAULT)
        for name, package in packages.items()
        if importlib.util.find_spec(package) is not None
    }


def _logistic(problem: Problem, package: str) -> Callable[[float, int], Any]:
    C = _logistic_C(problem.strength, problem.y, len(problem.y))
    kind = importlib.import_module(f"{package}.linear_model").LogisticRegression
    return lambda tol, limit: kind(C=C, tol=tol, max_iter=limit).fit(problem.X, problem.y)


def _logistic_C(strength: Any, y: Array, n: int) -> Any:
    """With two classes scikit-learn penalizes w = W_1 − W_0, and w² / 2 = W_0² + W_1²."""
    return 1 / ((1 if y.max() == 1 else 2) * strength * n)


def _svc(problem: Problem, **options: Any) -> Callable[[float, int], Any]:
    from sklearn.svm import LinearSVC

    together = problem.loss == "crammer_singer"
    options |= {
        "C": 1 / (2 * problem.strength * len(problem.y)),
        "loss": "hinge" if problem.loss == "ova_hinge" else "squared_hinge",
        "multi_class": "crammer_singer" if together else "ovr",
        "random_state": 0,
    }
    return lambda tol, limit: LinearSVC(tol=tol, max_iter=limit, **options).fit(
        problem.X, problem.y
    )


def _liblinear(problem: Problem, cap: float) -> dict[str, Peer]:
    """Its dual, and as many epochs as the cap allows."""
    fit = _svc(problem, dual=True, fit_intercept=False)
    return {"LIBLINEAR": Peer(fit, FINER, limit=FIRST, cap=cap)}


def weights_of(model: Any, loss: str) -> Weights:
    """W (D, C) and b (C,); of two classes scikit-learn has one column, here there are two."""
    W, b = model.coef_.T, np.ravel(model.intercept_)
    if W.shape[1] > 1:
        return W, b
    part = 1.0 if loss.startswith("ova") else 0.5
    return part * np.hstack([-W, W]), part * np.hstack([-b, b])


# ------------------------------------------------------------------------------------- the measures


def _raced(
    problem: Problem,
    model: Any,
    peers_of: Callable[[Problem, float], dict[str, Peer]],
    settings: Settings,
) -> Row:
    from sklearn.base import clone

    def fit() -> Any:
        return clone(model).fit(problem.raw, problem.y)

    bound, longest = _bound(problem, model), _timed(fit)[0]
    peers = peers_of(problem, settings.cap)
    runs = {name: _at_the_bar(problem, peer, bound, settings.cap) for name, peer in peers.items()}
    longest = max([longest, *(run["seconds"] for run in runs.values())])
    fits = {"ours": fit}
    fits |= {name: _again(peers[name], run) for name, run in runs.items() if not run["stopped"]}
    threaded = [name for name in fits if name in peers and peers[name].threaded]
    seconds, last = _in_turns(fits, longest, settings, threaded)
    for name, run in runs.items():
        run["seconds"] = seconds.get(name, run["seconds"])
        run["ratio"] = seconds["ours"] / run["seconds"]
    W = last["ours"].result_.W[:, 0].astype(np.float64)
    return _own(last["ours"], seconds["ours"]) | {
        "distance": problem.above((W[:-1], W[-1]), bound),
        "peers": runs,
    }


def _again(peer: Peer, run: dict[str, Any]) -> Fit:
    return lambda: peer.fit(run["tolerance"], run["limit"])


def _bound(problem: Problem, model: Any) -> float:
    """A proven lower bound on the minimum."""
    from sklearn.base import clone

    from halfspaces.optimizers.dual_ascent import DualAscent

    tight = clone(model).set_params(tol=PROOF)
    if problem.loss in HINGES:
        tight.set_params(optimizer=DualAscent())
    result = tight.fit(problem.raw, problem.y).result_
    return float(result.loss[0] - result.gap[0])


def _at_the_bar(problem: Problem, peer: Peer, bound: float, cap: float) -> Row:
    """The loosest tolerance with which a peer is within the bar; else its default, or where it was
    stopped.
    """
    run: Row = {"limit": peer.limit}
    for tolerance in peer.tolerances:
        run = _tried(problem, peer, bound, tolerance, run["limit"])
        while run["distance"] > BAR and run["cut"] and 2 * run["seconds"] < peer.cap:
            longer = int(run["limit"] * peer.cap / run["seconds"])
            run = _tried(problem, peer, bound, tolerance, longer)
        if run["distance"] <= BAR:
            return run
        if run["cut"] or 2 * run["seconds"] > cap:
            break
    if peer.otherwise is not None:
        return _tried(problem, peer, bound, peer.otherwise, peer.limit)
    return run | {"stopped": True}


def _tried(problem: Problem, peer: Peer, bound: float, tolerance: float, limit: int) -> Row:
    seconds, model = _timed(lambda: peer.fit(tolerance, limit))
    return {
        "seconds": seconds,
        "tolerance": tolerance,
        "limit": limit,
        "cut": bool(np.max(model.n_iter_) >= limit),
        "distance": problem.above(weights_of(model, problem.loss), bound),
        "stopped": False,
    }


def _cross_validated(data: Data, settings: Settings) -> Row:
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    from halfspaces import LinearClassifierCV

    X, y = data.standardized(np.float64), data.y
    strengths = np.array(settings.some(GRID, 3))
    splitter = StratifiedKFold(3 if settings.quick else FOLDS, shuffle=True, random_state=0)
    folds = list(splitter.split(X, y))
    Cs = _logistic_C(strengths, y, len(folds[0][0]))
    other: dict[str, Any] = {"scoring": "accuracy", "l1_ratios": (0,), "max_iter": LIMIT}
    fits: dict[str, Fit] = {
        "ours": lambda: LinearClassifierCV(strengths=strengths, cv=folds).fit(data.X, y),
        "scikit-learn": lambda: LogisticRegressionCV(
            Cs=Cs, cv=folds, use_legacy_attributes=False, **other
        ).fit(X, y),
    }
    longest = max(_timed(fit)[0] for fit in fits.values())
    seconds, last = _in_turns(fits, longest, settings, ["scikit-learn"])
    accuracy = last["ours"].scores_.mean(axis=1)
    theirs = np.asarray(last["scikit-learn"].scores_).reshape(len(folds), -1).mean(axis=0)
    run = {
        "seconds": seconds["scikit-learn"],
        "ratio": seconds["ours"] / seconds["scikit-learn"],
        "tolerance": DEFAULT,
        "accuracy": float(theirs.max()),
        "stopped": False,
    }
    return _own(last["ours"], seconds["ours"]) | {
        "accuracy": float(np.nanmax(accuracy)),
        "differs": float(np.nanmax(np.abs(accuracy - theirs))),
        "peers": {"scikit-learn": run},
    }


def _alone(model: Any, data: Data, settings: Settings) -> Row:
    from sklearn.base import clone

    def fit() -> Any:
        return clone(model).fit(data.X, data.y)

    longest, _ = _timed(fit)
    seconds, last = _in_turns({"ours": fit}, longest, settings)
    return _own(last["ours"], seconds["ours"]) | {"peers": {}}


def _own(model: Any, seconds: float) -> Row:
    result = model.result_
    return {
        "seconds": seconds,
        "passes": float(result.passes),
        "proven": float(result.gap[0] / result.loss[0]),
        "certified": bool(result.converged),
        "optimizer": type(model.optimizer_).__name__,
    }


def _in_turns(
    fits: dict[str, Fit], longest: float, settings: Settings, threaded: Sequence[str] = ()
) -> tuple[dict[str, float], dict[str, Any]]:
    """Median seconds and the last model of each; for some the faster of all threads and one."""
    from threadpoolctl import threadpool_limits

    turns = 1 if settings.quick else FEWER if longest > LONG else TURNS
    seconds: dict[tuple[str, bool], list[float]] = {}
    last = {}
    for _ in range(turns):
        for name, fit in fits.items():
            for alone in (False, True) if name in threaded else (False,):
                with threadpool_limits(1 if alone else None):
                    spent, last[name] = _timed(fit)
                seconds.setdefault((name, alone), []).append(spent)
    medians = {key: median(each) for key, each in seconds.items()}
    return {name: min(s for (of, _), s in medians.items() if of == name) for name in fits}, last


def _timed(fit: Fit) -> tuple[float, Any]:
    start = time.perf_counter()
    model = fit()
    return time.perf_counter() - start, model


def told(row: Row) -> str:
    """A line on a row, for the console."""
    proof = f"{row['proven']:.1e} proven" if row["certified"] else "NOT CERTIFIED"
    parts = [f"{row['seconds']:.3g} s, {row['passes']:.3g} passes, {proof}, {row['optimizer']}"]
    for name, run in row["peers"].items():
        more, less = ("> ", "< ") if run["stopped"] else ("", "")
        how = f", {run['distance']:.1e} above" if "distance" in run else ""
        parts.append(f"{name} {more}{run['seconds']:.3g} s (tol {run['tolerance']:g}{how})")
        parts.append(f"ours/theirs {less}{run['ratio']:.2f}")
    return "; ".join(parts)
