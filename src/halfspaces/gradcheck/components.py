"""Checks of losses and penalties: their gradients and proxes."""

from typing import Any

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.problem import WEIGHTS_AND_BIAS, Problem, data_loss, small_problem
from halfspaces.gradcheck.report import Check, GradientReport
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.penalties import PENALTIES
from halfspaces.penalties.base import Penalty

POINTS = 200  # random points by which a prox is tested


def check_component(
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    *,
    problem: Problem | None = None,
    **options: Any,
) -> GradientReport:
    """Check the gradient of a data loss, of a smooth penalty or of their sum, on a small problem.

    Parameters
    ----------
    loss : Loss, optional
    penalty : Penalty, optional
        Must be smooth; `check_prox` checks the others.
    problem : Problem, optional
        `small_problem()` by default.
    **options
        Options of `check_gradient`.

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


def prox_slack(
    penalty: Penalty, W: np.ndarray, step: float | np.ndarray, V: np.ndarray
) -> np.ndarray:
    """The slack (M,) of the three-point inequality at p = prox(W, step); negative: p is no minimum.

    h(V) = Σ (V − W)²/(2 step) + λR(V) is strongly convex, so h(V) ≥ h(p) + Σ (V − p)²/(2 step).

    >>> from halfspaces.penalties.l1 import L1
    >>> W = np.ones((1, 1, 1))
    >>> prox_slack(L1(0.1), W, step=1.0, V=-W).round(3).tolist()
    [0.2]
    """
    p = penalty.prox(W, step)

    def half_squares(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        return np.sum((A - B) ** 2 / (2 * step), axis=(0, 2))

    at_V = penalty.value(V) + half_squares(V, W)
    return at_V - penalty.value(p) - half_squares(p, W) - half_squares(V, p)


def check_prox(
    penalty: Penalty, *, problem: Problem | None = None, step: float = 0.3, seed: int = 0
) -> Check:
    """Whether no random V, near or far, has a lower objective than prox(W, step).

    >>> from halfspaces.penalties.l1 import L1
    >>> print(check_prox(L1(0.1)))
    prox: L1(strength=0.1) is beaten by none of 200 random points (least slack ...).
    """
    W = (small_problem() if problem is None else problem).W[:-1]
    rng = np.random.default_rng(seed)
    p = penalty.prox(W, step)
    distances = [10.0 ** -(k % 5) for k in range(POINTS)]
    points = [penalty.prox(p + far * rng.standard_normal(W.shape), step) for far in distances]
    slack = min(float(np.min(prox_slack(penalty, W, step, V))) for V in points)
    ok = slack >= -1e-9 * (1 + float(np.sum(W**2)) / step)
    found = "is no minimum: a random point is better"
    if ok:
        found = f"is beaten by none of {POINTS} random points"
    return Check("prox", ok, f"{penalty} {found} (least slack {slack:.1e}).")


def _example(kind: type[Penalty]) -> Penalty:
    """A registered penalty, with a strength for each of two members if it has one."""
    create: Any = kind
    return create(strength=(0.1, 0.3)) if kind.has_strength else create()


def check_registry(*, seed: int = 0) -> dict[str, GradientReport | Check]:
    """Check every registered loss, smoothed loss and penalty, and loss plus penalty.

    >>> all(report.ok for report in check_registry().values())
    True
    """
    problem = small_problem(seed=seed)
    losses = dict(LOSSES)
    for name, loss in LOSSES.items():
        if not loss.smooth:
            losses[f"{name}, smoothed"] = loss.smoothed(0.1)
    penalties = {name: _example(kind) for name, kind in PENALTIES.items()}
    smooth = {name: penalty for name, penalty in penalties.items() if penalty.smooth}
    reports: dict[str, GradientReport | Check] = {}
    for name, loss in losses.items():
        reports[name] = check_component(loss, problem=problem)
        for other, penalty in smooth.items():
            reports[f"{name} + {other}"] = check_component(loss, penalty, problem=problem)
    for name, penalty in smooth.items():
        reports[name] = check_component(None, penalty, problem=problem)
    for name, penalty in penalties.items():
        reports[f"prox of {name}"] = check_prox(penalty, problem=problem)
    return reports
