"""The competitors, one function each: fit standardized features and leave snapshots on a track.

Two kinds: those that can be watched record their trajectory in one run; the others (`rerun`) are
run with growing limits, and the time of each run counts alone. What is tuned before the clock
starts costs them nothing.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from benchmarks import objectives
from benchmarks.data import Data
from benchmarks.track import Enough, Task, Track

Array = np.ndarray
Info = dict[str, Any]  # what a solver tells beside its snapshots
Solve = Callable[[Task, Array, Array, Track], Info | None]

TINY = 1e-12
DOUBLING = [2**k for k in range(16)]
TOLERANCES = [10.0 ** (0.5 - k / 2) for k in range(16)]


@dataclass(frozen=True)
class Solver:
    """A competitor and what it can do."""

    name: str
    losses: tuple[str, ...]
    solve: Solve
    needs: str = "sklearn"
    features: str = (
        "float32"  # "raw", "float32" or "float64" (raw ones are standardized by the solver)
    )
    reruns: bool = False
    penalizes_bias: bool = False
    # Whether a fit of a few rows comes first, so that nobody pays for imports and starting threads.
    warm: bool = True
    most_parameters: float = np.inf  # beyond, out of its reach by design
    note: str = ""

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.needs) is not None


SOLVERS: dict[str, Solver] = {}


def solver(name: str, *losses: str, **options: Any) -> Callable[[Solve], Solve]:
    """Register a competitor."""

    def register(solve: Solve) -> Solve:
        SOLVERS[name] = Solver(name, losses, solve, **options)
        return solve

    return register


def rerun(
    track: Track,
    fit: Callable[[Any], tuple[Any, float]],
    budgets: Iterable[Any],
    growth: float = 2.0,
) -> None:
    """Fit with one limit after another, each from nothing; ends with the time or when nothing
    changes any more.

    `fit` returns what gives (W, b), to be taken off the clock, and the passes.
    """
    before, last = None, 0.0
    for budget in budgets:
        if growth * last > 1.3 * track.limit:
            return
        track.start()
        weights, passes = fit(budget)
        with track.paused():
            W, b = weights()
        track.add(W, b, passes, judge=True)
        last = track.now
        if before is not None and all(
            np.array_equal(old, new) for old, new in zip(before, (W, b), strict=True)
        ):
            return
        before = W, b


# --------------------------------------------------------------------------------------- halfspaces

UNWATCHED = "halfspaces, as it is"
SHORT = 20.0  # seconds of a fit that may be done twice
OUTSIDE = {
    "moments": ("Moments", "of"),
    "class sums": ("Anchor", "of"),
    "sketch": ("Gram", "build"),
}


def _halfspaces(task: Task, X: Array, y: Array, track: Track, tol: float, *, watched: bool) -> Info:
    """Public interface; time outside the loop is measured by wrapping its entry points here."""
    from halfspaces import LinearClassifier
    from halfspaces.loop.result import Reason

    seen: list[Any] = [None]

    def record(run: Any) -> Any:
        try:
            if watched and run.W is not seen[0]:
                seen[0] = run.W
                track.add(run.W[:-1, 0], run.W[-1, 0], run.passes)
            return Reason.STOPPED_BY_CALLBACK if track.seconds > track.limit else None
        except Enough:
            return Reason.STOPPED_BY_CALLBACK

    classifier = LinearClassifier(
        task.loss,
        strength=task.strength,
        tol=tol,
        max_passes=1e5,
        callbacks=[record],
        n_jobs=task.threads,
        verbose=-1,
    )
    with _outside(track) as outside:
        track.start()
        classifier.fit(X, y)
        seconds, result = track.seconds, classifier.result_
        with contextlib.suppress(Enough):
            track.add(result.W[:-1, 0], result.W[-1, 0], result.passes, last=True)
    loss, gap = float(result.loss[0]), float(result.gap[0])
    told = {
        "seconds": seconds,
        "passes": result.passes,
        "loss": loss,
        "gap": gap,
        "reason": str(result.reason),
    }
    return {**told, "tol": tol, "outside": outside}


@contextlib.contextmanager
def _outside(track: Track) -> Iterator[dict[str, float]]:
    """Seconds (clock stops aside) of what happens outside the loop;
    absent where its name is not found any more.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith("halfspaces.")]
    spent: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = track.seconds
            result = function(*args, **kwargs)
            spent[name] = spent.get(name, 0.0) + track.seconds - start
            return result

        return call

    with contextlib.ExitStack() as patched:
        for label, (owner, name) in OUTSIDE.items():
            for kind in {getattr(module, owner) for module in modules if hasattr(module, owner)}:
                replaced = timed(label, getattr(kind, name))
                patched.enter_context(mock.patch.object(kind, name, replaced))
        yield spent


@solver(
    "halfspaces",
    *objectives.LOSSES,
    needs="halfspaces",
    features="raw",
    note="tol = 1e-6, the whole path",
)
def halfspaces(task: Task, X: Array, y: Array, track: Track) -> Info:
    return _halfspaces(task, X, y, track, 1e-6, watched=True)


@solver(UNWATCHED, *objectives.LOSSES, needs="halfspaces", features="raw", warm=False)
def halfspaces_default(task: Task, X: Array, y: Array, track: Track) -> Info:
    """The first fit of a process, which may have to compile, and a second one;
    the marks are those of the second.
    """
    told = _halfspaces(task, X, y, track, 1e-3, watched=False)
    first = told["seconds"]
    if first < SHORT:
        track.forget()
        told = _halfspaces(task, X, y, track, 1e-3, watched=False)
    return {**told, "first": first}


@solver("reference", *objectives.LOSSES, needs="halfspaces", features="float64")
def reference(task: Task, X: Array, y: Array, track: Track) -> Info:
    return _halfspaces(task, X, y, track, 1e-7, watched=True)


# ------------------------------------------------------------------------------------- scikit-learn


def _logistic(task: Task, N: int, name: str, max_iter: int = 100_000) -> Any:
    from sklearn.linear_model import LogisticRegression

    C = 1 / (2 * task.strength * N)
    return LogisticRegression(C=C, solver=name, max_iter=max_iter, tol=TINY, random_state=0)


def _unpack(w: Array, n_classes: int) -> tuple[Array, Array]:
    rows = w.reshape((n_classes, -1), order="F")
    return rows[:, :-1].T, rows[:, -1]


@solver("sklearn lbfgs", "softmax")
def sklearn_lbfgs(task: Task, X: Array, y: Array, track: Track) -> None:
    """Every evaluation is a pass; each that is the best so far is a snapshot."""
    from sklearn.linear_model import _logistic as module

    original = module.optimize.minimize

    def watched(fun: Any, start: Array, args: Any, **options: Any) -> Any:
        calls, best = 0, np.inf

        def counted(w: Array, *args: Any) -> Any:
            nonlocal calls, best
            value, gradient = fun(w, *args)
            calls += 1
            if value < best:
                best = value
                track.add(*_unpack(w, task.n_classes), calls, float(value))
            return value, gradient

        return original(counted, start, args=args, **options)

    with mock.patch.object(module.optimize, "minimize", watched):
        track.start()
        _logistic(task, len(X), "lbfgs").fit(X, y)


@solver("sklearn newton-cg", "softmax")
def sklearn_newton_cg(task: Task, X: Array, y: Array, track: Track) -> None:
    """Each outer iteration is a snapshot;
    a gradient or a product with the Hessian is a pass, a value half of one.
    """
    from sklearn.linear_model import _logistic as module

    original, passes = module._newton_cg, 0.0

    def counted(function: Callable[..., Any], cost: float) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal passes
            passes += cost
            return function(*args)

        return call

    def watched(grad_hess: Any, func: Any, grad: Any, x0: Array, **options: Any) -> Any:
        def outer(w: Array, *args: Any) -> Any:
            nonlocal passes
            track.add(*_unpack(w, task.n_classes), passes, judge=True)
            passes += 1
            gradient, product = grad_hess(w, *args)
            return gradient, counted(product, 1)

        w, iterations = original(
            grad_hess=outer, func=counted(func, 0.5), grad=counted(grad, 1), x0=x0, **options
        )  # fmt: skip
        track.add(*_unpack(w, task.n_classes), passes, judge=True)
        return w, iterations

    with mock.patch.object(module, "_newton_cg", watched):
        track.start()
        _logistic(task, len(X), "newton-cg").fit(X, y)


def _sklearn_weights(model: Any) -> Callable[[], tuple[Array, Array]]:
    return lambda: (model.coef_.T, model.intercept_)


@solver("sklearn newton-cholesky", "softmax", reruns=True, most_parameters=1500)
def sklearn_newton_cholesky(task: Task, X: Array, y: Array, track: Track) -> None:
    def fit(limit: int) -> tuple[Any, float]:
        return _sklearn_weights(_logistic(task, len(X), "newton-cholesky", limit).fit(X, y)), limit

    rerun(track, fit, range(1, 100), growth=1.2)


@solver("sklearn saga", "softmax", reruns=True)
def sklearn_saga(task: Task, X: Array, y: Array, track: Track) -> None:
    def fit(limit: int) -> tuple[Any, float]:
        return _sklearn_weights(_logistic(task, len(X), "saga", limit).fit(X, y)), limit

    rerun(track, fit, DOUBLING)


def _linear_svc(task: Task, X: Array, **options: Any) -> Any:
    from sklearn.svm import LinearSVC

    scale = 100.0 if options.get("dual") is False else _dual_bias(X)
    return LinearSVC(
        C=1 / (2 * task.strength * len(X)), intercept_scaling=scale, random_state=0, **options
    )


def _dual_bias(X: Array) -> float:
    """The constant feature that carries b:
    LIBLINEAR penalizes (b / scale)², and its dual is slowed by large scales.
    """
    return max(20.0, float(np.sqrt(X.shape[1])))


@solver(
    "LinearSVC primal", "ova_squared_hinge", features="float64", reruns=True, penalizes_bias=True
)
def linear_svc_primal(task: Task, X: Array, y: Array, track: Track) -> None:
    """Newton's method with conjugate gradients;
    the limit is on its iterations, passes are unknown.
    """

    def fit(limit: int) -> tuple[Any, float]:
        return _sklearn_weights(
            _linear_svc(task, X, dual=False, tol=TINY, max_iter=limit).fit(X, y)
        ), np.nan

    rerun(track, fit, DOUBLING)


@solver("LinearSVC dual", "ova_squared_hinge", features="float64", reruns=True, penalizes_bias=True)
def linear_svc_dual(task: Task, X: Array, y: Array, track: Track) -> None:
    """Dual coordinate descent; a pass is an epoch."""

    def fit(limit: int) -> tuple[Any, float]:
        return _sklearn_weights(
            _linear_svc(task, X, dual=True, tol=TINY, max_iter=limit).fit(X, y)
        ), limit

    rerun(track, fit, DOUBLING)


@solver("LinearSVC", "crammer_singer", features="float64", reruns=True, penalizes_bias=True)
def linear_svc_crammer_singer(task: Task, X: Array, y: Array, track: Track) -> None:
    """The limit is its tolerance: it does not heed one on iterations."""

    def fit(tolerance: float) -> tuple[Any, float]:
        return _sklearn_weights(
            _linear_svc(task, X, multi_class="crammer_singer", tol=tolerance).fit(X, y)
        ), np.nan

    rerun(track, fit, TOLERANCES)


@solver("SGDClassifier", "ova_squared_hinge", reruns=True)
def sgd_classifier(task: Task, X: Array, y: Array, track: Track) -> Info:
    """Averaged over the second half, with η constant and falling with t^¼; η₀ of both tuned."""
    from sklearn.linear_model import SGDClassifier

    def model(rows: int, power: float, eta: float, limit: int) -> Any:
        return SGDClassifier(
            loss="squared_hinge",
            alpha=2 * task.strength,
            learning_rate="invscaling",
            eta0=eta,
            power_t=power,
            average=max(1, rows * limit // 2),
            max_iter=limit,
            tol=None,
            n_jobs=task.threads,
            random_state=0,
        )

    some, epochs = _some(X, y)
    steps = [10.0**-k for k in np.arange(0, 7.5, 0.5)]
    etas = {
        power: _best(
            steps,
            task,
            *some,
            lambda eta, power=power: model(len(some[0]), power, eta, epochs).fit(*some),
        )
        for power in (0.0, 0.25)
    }

    def fit(budget: tuple[int, float]) -> tuple[Any, float]:
        limit, power = budget
        return _sklearn_weights(model(len(X), power, etas[power], limit).fit(X, y)), limit

    rerun(track, fit, [(limit, power) for limit in DOUBLING for power in etas], growth=1.5)
    return {f"eta0 at power {power:g}": eta for power, eta in etas.items()}


def _some(
    X: Array, y: Array, rows: int = 5_000, visits: int = 10_000
) -> tuple[tuple[Array, Array], int]:
    """Rows to tune on, and epochs."""
    keep = np.random.default_rng(0).permutation(len(X))[:rows]
    return (X[keep], y[keep]), max(1, visits // len(keep))


def _best(steps: list[float], task: Task, X: Array, y: Array, fit: Callable[[float], Any]) -> float:
    """The step size with the lowest objective;
    from the largest down, until two in a row have been worse.
    """
    data = Data(X, y, task.n_classes, standardize=False)
    best, lowest, worse = steps[0], np.inf, 0
    for step in steps:
        model = fit(step)
        weights = model if isinstance(model, tuple) else _sklearn_weights(model)()
        with np.errstate(all="ignore"):
            value = float(objectives.values(data, task.loss, task.strength, [weights])[0])
        if value < lowest:
            best, lowest, worse = step, value, 0
        elif np.isfinite(lowest):
            worse += 1
        if worse == 2:
            break
    return best


# ------------------------------------------------------------------------------------------ Cyanure


@solver("cyanure", "softmax", "ova_squared_hinge", needs="cyanure", reruns=True)
def cyanure(task: Task, X: Array, y: Array, track: Track) -> None:
    """Its own choice of solver (QNing over MISO);
    its λ₁ is 2λ, and λ where its squared hinge has a ½.
    """
    import logging

    from cyanure.estimators import Classifier

    logging.disable(logging.INFO)
    softmax = task.loss == "softmax"
    kind = {"loss": "logistic", "multi_class": "multinomial"} if softmax else {"loss": "sqhinge"}

    def fit(limit: int) -> tuple[Any, float]:
        model = Classifier(
            **kind,
            penalty="l2",
            lambda_1=(2 if softmax else 1) * task.strength,
            fit_intercept=True,
            max_iter=limit,
            tol=TINY,
            n_threads=task.threads,
            verbose=False,
            safe=False,
        ).fit(X, y.copy())
        return lambda: (np.asarray(model.coef_), np.asarray(model.intercept_).ravel()), limit

    rerun(track, fit, DOUBLING)


# ---------------------------------------------------------------------------------------- LIBLINEAR


@solver("LIBLINEAR", "ova_squared_hinge", "crammer_singer", needs="liblinear", features="float64",
        reruns=True, penalizes_bias=True)  # fmt: skip
def liblinear(task: Task, X: Array, y: Array, track: Track) -> None:
    """Its newest release; primal Newton with a free bias, or Crammer and Singer's;
    the limit is its tolerance.
    """
    from liblinear.liblinearutil import problem, train

    scale = _dual_bias(X) if task.loss == "crammer_singer" else 1.0
    kind = f"-s 4 -B {scale!r}" if task.loss == "crammer_singer" else "-s 2 -B 1 -R"
    features = problem(y, X, scale)
    C = 1 / (2 * task.strength * len(X))

    def fit(tolerance: float) -> tuple[Any, float]:
        model = train(features, f"{kind} -c {C!r} -e {tolerance!r} -q")

        def weights() -> tuple[Array, Array]:
            rows = X.shape[1] + 1
            W = np.ctypeslib.as_array(model.w, shape=(rows * task.n_classes,)).reshape(
                rows, task.n_classes
            )
            W = W[:, np.argsort(model.get_labels())]
            return W[:-1].copy(), scale * W[-1]

        return weights, np.nan

    rerun(track, fit, TOLERANCES)


# -------------------------------------------------------------------------------------------- torch


def _torch_loss(loss: str) -> Callable[[Any, Any], Any]:
    """Mean loss of scores and labels."""
    import torch

    def right(scores: Any, y: Any) -> Any:
        return scores.gather(1, y[:, None])

    def hinge(scores: Any, y: Any) -> Any:
        return torch.relu(scores - right(scores, y) + 1).sum() / len(y) - 1

    def crammer_singer(scores: Any, y: Any) -> Any:
        own = right(scores, y)
        others = scores.scatter(1, y[:, None], -torch.inf)
        return torch.relu(others.amax(dim=1) - own[:, 0] + 1).mean()

    def ova_squared_hinge(scores: Any, y: Any) -> Any:
        flipped = scores.scatter(1, y[:, None], -right(scores, y))
        return torch.relu(flipped + 1).square().sum() / len(y)

    losses = {
        "hinge": hinge,
        "crammer_singer": crammer_singer,
        "ova_squared_hinge": ova_squared_hinge,
    }
    return losses.get(loss, torch.nn.functional.cross_entropy)


@solver("torch lbfgs", "softmax", "ova_squared_hinge", needs="torch")
def torch_lbfgs(task: Task, X: Array, y: Array, track: Track) -> None:
    """Strong Wolfe line search, 20 pairs;
    every evaluation is a pass, each that is the best so far a snapshot.
    """
    import torch

    torch.set_num_threads(task.threads)
    features, labels, loss = torch.from_numpy(X), torch.from_numpy(y), _torch_loss(task.loss)
    W = torch.zeros(X.shape[1], task.n_classes, requires_grad=True)
    b = torch.zeros(task.n_classes, requires_grad=True)
    limits = {"max_iter": 10**6, "max_eval": 10**7, "tolerance_grad": 0, "tolerance_change": 0}
    optimizer = torch.optim.LBFGS([W, b], history_size=20, line_search_fn="strong_wolfe", **limits)
    passes, best = 0, np.inf

    def closure() -> Any:
        nonlocal passes, best
        optimizer.zero_grad()
        value = loss(torch.addmm(b, features, W), labels) + task.strength * W.square().sum()
        value.backward()
        passes += 1
        if value.item() < best:
            best = value.item()
            track.add(W.detach().numpy(), b.detach().numpy(), passes, best)
        if track.seconds > track.limit:
            raise Enough
        return value

    track.start()
    optimizer.step(closure)


@solver("torch sgd", *objectives.LOSSES, needs="torch", reruns=True)
def torch_sgd(task: Task, X: Array, y: Array, track: Track) -> Info:
    """Batches of 256, Nesterov momentum 0.9, cosine to 0 over each limit;
    the step size tuned, and a third of it.
    """
    import torch

    torch.set_num_threads(task.threads)
    loss, batch = _torch_loss(task.loss), 256

    def fit(X: Array, y: Array, step: float, epochs: int) -> tuple[Any, Any]:
        features, labels = torch.from_numpy(X), torch.from_numpy(y)
        W = torch.zeros(X.shape[1], task.n_classes, requires_grad=True)
        b = torch.zeros(task.n_classes, requires_grad=True)
        groups = [{"params": [W], "weight_decay": 2 * task.strength}, {"params": [b]}]
        optimizer = torch.optim.SGD(groups, lr=step, momentum=0.9, nesterov=True)
        steps = epochs * -(-len(X) // batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        shuffle = torch.Generator().manual_seed(0)
        for _ in range(epochs):
            for rows in torch.randperm(len(X), generator=shuffle).split(batch):
                optimizer.zero_grad()
                loss(torch.addmm(b, features[rows], W), labels[rows]).backward()
                optimizer.step()
                schedule.step()
        return W.detach().numpy(), b.detach().numpy()

    some, epochs = _some(X, y)
    steps = [10.0**-k for k in np.arange(0.5, 6, 0.5)]
    step = _best(steps, task, *some, lambda step: fit(*some, step, epochs))

    def run(budget: tuple[int, float]) -> tuple[Any, float]:
        limit, factor = budget
        weights = fit(X, y, factor * step, limit)
        return lambda: weights, limit

    rerun(track, run, [(limit, factor) for limit in DOUBLING for factor in (1.0, 0.3)], growth=1.5)
    return {"lr": step}
