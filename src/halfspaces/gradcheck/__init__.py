"""Gradient checks: is the analytic gradient the slope of the loss?

`numerical_gradient` is the slow, simple definition; `check_gradient` compares an analytic gradient with it on a sample
of the coordinates and says in words what is wrong. Three things make it trustworthy:

* steps and tolerances follow from the measured rounding noise of f, so that float32 is reported and not blamed;
* a kink inside the interval of a difference is recognized and the interval shrunk; at the kink itself the analytic
  value need only lie between the one-sided slopes, and the coordinate is entered in a ledger;
* a random direction sees the coordinates that were not sampled: f(x + td) − f(x) − t⟨g, d⟩ falls like t² only if all
  of g is right.

`check_component` and `check_registry` apply this to losses and penalties; `halfspaces.gradcheck.sanity` holds what else to check
before a long training.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from halfspaces.gradcheck.differences import (
    Judge,
    Layout,
    Line,
    Noise,
    Parameters,
    Scheme,
    relative_error,
    replaced,
    scalar,
    taylor_rate,
)
from halfspaces.gradcheck.report import BlockRow, Coordinate, GradientReport
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty
from halfspaces.support.validation import check_number, nearest

__all__ = [
    "WEIGHTS_AND_BIAS",
    "BlockRow",
    "Check",
    "Coordinate",
    "GradientReport",
    "Problem",
    "check_component",
    "check_gradient",
    "check_prox",
    "check_registry",
    "data_loss",
    "numerical_gradient",
    "prox_slack",
    "relative_error",
    "small_problem",
]

Array = Any  # an array of any library that NumPy converts

WEIGHTS_AND_BIAS: Mapping[str, Any] = {
    "weights": np.s_[:-1],
    "bias": np.s_[-1],
}  # the blocks of W (D+1, M, C)


def numerical_gradient(
    f: Callable[[Array], Any], W: Array, step: float = 1e-5, scheme: Scheme = "centered"
) -> np.ndarray:
    """Slope of f along every coordinate: (f(x + h) − f(x − h))/2h, or forward (f(x + h) − f(x))/h.

    Parameters
    ----------
    f : callable
        Takes an array like W, float64, and returns one number. It must not keep or change the array.
    W : array of any shape
        Copied and converted to float64: never modified.
    step : float > 0
        h, the same for all coordinates.
    scheme : "centered" or "forward"
        Errors fall like h² or like h; the evaluations are 2n or n + 1.

    Returns
    -------
    gradient : float64 array, shape of W

    Raises
    ------
    ValueError
        If `step` or `scheme` is not one of these.
    TypeError
        If f returns an array of several numbers.

    Examples
    --------
    >>> numerical_gradient(lambda W: (W**2).sum(), [1.0, -2.0]).round(6).tolist()
    [2.0, -4.0]
    """
    check_number("numerical_gradient(step=...)", step, above=0)
    _check_scheme(scheme)
    W = np.array(W, dtype=np.float64)
    forward = scheme == "forward"
    here = scalar(f(W)) if forward else math.nan
    gradient = np.empty_like(W)
    for index in np.ndindex(W.shape):
        at = W[index]
        # Dividing by upper − lower, not by the h that was asked for, since x + h is rounded.
        upper, lower = at + step, at if forward else at - step
        W[index] = upper
        high = scalar(f(W))
        W[index] = lower
        low = here if forward else scalar(f(W))
        W[index] = at
        gradient[index] = (high - low) / (upper - lower)
    return gradient


def check_gradient(
    f: Callable[[Parameters], Any],
    gradient: Parameters | Callable[[Parameters], Parameters],
    W: Parameters,
    *,
    step: float | None = None,
    scheme: Scheme = "centered",
    samples: int = 50,
    blocks: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
    kink: bool = True,
    seed: int = 0,
) -> GradientReport:
    """Compare an analytic gradient with differences of f.

    Parameters
    ----------
    f : callable
        Takes parameters like W, in float64, and returns one number.
    gradient : callable, array or mapping
        ∇f as a function of the parameters, or its value at W.
    W : array, or mapping of block names to arrays
        Where to check; float32 is converted. A mapping is handed to f and `gradient` as a dict.
    step : float > 0, optional
        h is `step` times max(1, |coordinate|). By default the cube root (forward: the square root) of f's relative
        rounding noise, which balances rounding and truncation.
    scheme : "centered" or "forward"
    samples : int ≥ 1
        Coordinates drawn from each block; a smaller block is checked whole.
    blocks : mapping of names to indices, optional
        Parts of one array that are sampled and reported apart: `WEIGHTS_AND_BIAS` for parameters (D+1, M, C).
    tolerance : float > 0, optional
        Largest relative error that passes: 1e-6 (forward: 1e-5), and more where f or the gradient is not in float64.
    kink : bool
        Whether to look for kinks. Without, every coordinate is judged by one difference.
    seed : int
        Of the coordinates and the direction.

    Returns
    -------
    report : GradientReport
        `report.ok`, `report.verdict`, `report.worst`, ...

    Raises
    ------
    ValueError
        If f(W) is not finite, or shapes and blocks do not fit W.
    TypeError
        If f returns an array of several numbers.

    References
    ----------
    Moré & Wild, Estimating computational noise, SIAM J. Sci. Comput. 2011, https://doi.org/10.1137/100786125

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([1.0, 2.0, 3.0])
    >>> print(check_gradient(lambda W: (W**2).sum(), lambda W: 4 * W, W).verdict)
    The gradient is wrong: at W[...] it is ..., where the slope is ... (relative error 3.3e-01); 3 of the 3 checked
    coordinates disagree. The ratio analytic/numerical is 2 everywhere: a factor 2 too many, or a ½ that only f has.
    """
    check_number("check_gradient(samples=...)", samples, at_least=1, integer=True)
    _check_scheme(scheme)
    layout = Layout.of(W, blocks)
    at = layout.pack(W, "W")
    given = gradient(layout.unpack(at)) if callable(gradient) else gradient
    analytic = layout.pack(given, "gradient")
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(at.size)
    direction /= np.linalg.norm(direction)
    ray = Line(lambda t: f(layout.unpack(at + t * direction)), at=0.0)
    noise = Noise.of(ray, given)
    judge = Judge.of(noise, analytic, scheme=scheme, step=step, tolerance=tolerance, kink=kink)

    def check(block: str, position: int) -> Coordinate:
        line = Line(lambda x: f(layout.unpack(replaced(at, position, x))), at=float(at[position]))
        slope = float(analytic[position])
        return Coordinate(block, *layout.index(position), line.at, slope, *judge(line, slope))

    coordinates = tuple(
        check(block, int(position))
        for block, positions in layout.blocks.items()
        for position in np.sort(rng.permutation(positions)[:samples])
    )
    slope = float(analytic @ direction)
    return GradientReport(
        coordinates=coordinates,
        direction=Coordinate("direction", "a random direction", (), 0.0, slope, *judge(ray, slope)),
        rate=taylor_rate(ray, slope, noise),
        tolerance=judge.tolerance,
        weakness=noise.weakness(judge.tolerance),
    )


def _check_scheme(scheme: str) -> None:
    if scheme not in ("centered", "forward"):
        raise ValueError(
            f"scheme={scheme!r} is not known: {nearest(scheme, ('centered', 'forward'))}"
        )


class Problem(NamedTuple):
    """A small weighted problem: X (N, D), y (N,), weight (N,), W (D+1, M, C)."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    W: np.ndarray


def small_problem(
    n_examples: int = 20,
    n_features: int = 7,
    n_members: int = 2,
    n_classes: int = 4,
    *,
    seed: int = 0,
) -> Problem:
    """A random problem in float64, small enough that every coordinate can be checked.

    >>> small_problem().W.shape
    (8, 2, 4)
    """
    rng = np.random.default_rng(seed)
    return Problem(
        X=rng.standard_normal((n_examples, n_features)),
        y=rng.integers(n_classes, size=n_examples),
        weight=rng.uniform(0.5, 2.0, size=n_examples),
        W=rng.standard_normal((n_features + 1, n_members, n_classes)),
    )


def data_loss(loss: Loss, problem: Problem, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ w_i L_i / Σ w_i of each member, shape (M,), and its gradient, shape of W: the formula in plain NumPy.

    >>> from halfspaces.losses.softmax import Softmax
    >>> problem = small_problem(n_classes=10)
    >>> data_loss(Softmax(), problem, 0 * problem.W)[0].round(4).tolist()  # ln 10
    [2.3026, 2.3026]
    """
    X, y, weight, _ = problem
    loss_values, dscores = loss.value_and_grad(np.tensordot(X, W[:-1], 1) + W[-1], y)
    share = weight / weight.sum()
    dscores = share[:, None, None] * dscores
    gradient = np.concatenate([np.tensordot(X.T, dscores, 1), dscores.sum(axis=0, keepdims=True)])
    return share @ loss_values, gradient


def check_component(
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    *,
    problem: Problem | None = None,
    **options: Any,
) -> GradientReport:
    """Check the gradient of a data loss, of a smooth penalty, or of both together, on a small problem.

    Parameters
    ----------
    loss : Loss, optional
    penalty : Penalty, optional
        Must be smooth; for the others there is `check_prox`.
    problem : Problem, optional
        `small_problem()` by default.
    **options
        Of `check_gradient`.

    Returns
    -------
    report : GradientReport
        With the blocks "weights" and "bias".

    Examples
    --------
    >>> from halfspaces.losses.hinge import Hinge
    >>> from halfspaces.penalties.l2 import L2
    >>> check_component(Hinge(), L2(0.1)).ok
    True
    """
    problem = small_problem() if problem is None else problem

    def value(W: np.ndarray) -> float:
        data = 0.0 if loss is None else data_loss(loss, problem, W)[0].sum()
        return data + (0.0 if penalty is None else penalty.value(W[:-1]).sum())

    def gradient(W: np.ndarray) -> np.ndarray:
        total = np.zeros_like(W) if loss is None else data_loss(loss, problem, W)[1]
        if penalty is not None:
            total[:-1] += penalty.gradient(W[:-1])
        return total

    return check_gradient(value, gradient, problem.W, **{"blocks": WEIGHTS_AND_BIAS, **options})


@dataclass(frozen=True)
class Check:
    """The outcome of a check that is not about a gradient, in one sentence with figures."""

    name: str
    ok: bool
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


def prox_slack(penalty: Penalty, W: Array, step: Any, V: Array) -> np.ndarray:
    """How far the three-point inequality of p = prox(W, step) holds, (M,): negative where p is no minimum.

    With h(V) = Σ (V − W)²/(2 step) + λR(V), which is strongly convex: h(V) ≥ h(p) + Σ (V − p)²/(2 step).

    >>> from halfspaces.penalties.l1 import L1
    >>> W = np.ones((1, 1, 1))
    >>> prox_slack(L1(0.1), W, step=1.0, V=-W).round(3).tolist()
    [0.2]
    """
    p = penalty.prox(W, step)

    def half_squares(A: Array, B: Array) -> Array:
        return np.sum((A - B) ** 2 / (2 * step), axis=(0, 2))

    return (
        penalty.value(V)
        + half_squares(V, W)
        - penalty.value(p)
        - half_squares(p, W)
        - half_squares(V, p)
    )


def check_prox(
    penalty: Penalty, *, problem: Problem | None = None, step: float = 0.3, seed: int = 0
) -> Check:
    """Whether no random V, near or far, beats prox(W, step).

    >>> from halfspaces.penalties.l1 import L1
    >>> print(check_prox(L1(0.1)))
    prox: L1(strength=0.1) is beaten by none of 200 random points (least slack ...).
    """
    W = (small_problem() if problem is None else problem).W[:-1]
    rng = np.random.default_rng(seed)
    p = penalty.prox(W, step)
    points = [
        penalty.prox(p + 10.0 ** -(k % 5) * rng.standard_normal(W.shape), step) for k in range(200)
    ]
    slack = min(float(np.min(prox_slack(penalty, W, step, V))) for V in points)
    ok = slack >= -1e-9 * (1 + float(np.sum(W**2)) / step)
    found = (
        "is beaten by none of 200 random points"
        if ok
        else "is no minimum: a random point is better"
    )
    return Check("prox", ok, f"{penalty} {found} (least slack {slack:.1e}).")


def _example(kind: type[Penalty]) -> Penalty:
    """An instance of a registered penalty, with a strength for each of two members if it takes one."""
    return kind(**{"strength": (0.1, 0.3)} if "strength" in {f.name for f in fields(kind)} else {})  # type: ignore


def check_registry(*, seed: int = 0) -> dict[str, GradientReport | Check]:
    """Check every registered loss (and its smoothed form) and penalty, apart and together.

    >>> all(report.ok for report in check_registry().values())
    True
    """
    problem = small_problem(seed=seed)
    losses = dict(LOSSES) | {
        f"{name}, smoothed": loss.smoothed(0.1) for name, loss in LOSSES.items() if not loss.smooth
    }
    penalties = {name: _example(kind) for name, kind in PENALTIES.items()}
    smooth = {name: penalty for name, penalty in penalties.items() if penalty.smooth}
    reports: dict[str, GradientReport | Check] = {}
    for name, loss in losses.items():
        reports[name] = check_component(loss, problem=problem)
        for other, penalty in smooth.items():
            reports[f"{name} + {other}"] = check_component(loss, penalty, problem=problem)
    reports |= {
        name: check_component(None, penalty, problem=problem) for name, penalty in smooth.items()
    }
    return reports | {
        f"prox of {name}": check_prox(penalty, problem=problem)
        for name, penalty in penalties.items()
    }
