"""One adversarial fit for each seed, and what it breaks.

A fit has a random loss, penalty, optimizer, type of data, offset up to 1e6, scale of the features,
weights, warm start and a limit of a few passes. Four things must hold:

* no bound that any evaluation proves lies above an upper bound of the minimum: the loss, in plain
  float64, at the best W that this fit or one in float64 of columns about their mean has found;
* the end is no worse than the start, nor than W = 0;
* the loss that is reported is that of W, in plain float64, to rounding;
* no exception.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.loop.minimize import minimize as bare_minimize
from halfspaces.loop.result import Reason
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.objective.request import Evaluation
from halfspaces.optimizers import LBFGS, ProximalGradient, ProximalNewton
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.preconditioners.gram import Gram
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array

PENALTIES = (L2, L1, ElasticNet, MaxNorm)
DTYPES = ("uint8", "float16", "float32", "float64", "sparse float32", "sparse float64")
TOLERANCE = 1e-9  # of the plain float64 values themselves


@dataclass
class Case:
    """One adversarial problem, and how it is fitted."""

    objective: Objective
    optimizer: Any
    start: Array | None
    tol: float
    max_passes: float
    tightens: bool
    words: str


def draw(seed: int) -> Case:
    """The problem of a seed."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.choice([2, 2, 3, 5]))
    N = int(rng.integers(2 * n_classes, 120))
    D = int(rng.integers(1, 9))
    y = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=N - n_classes)])
    if rng.uniform() < 0.2:  # rare classes
        y = np.where(rng.uniform(size=N) < 0.9, 0, y)
        y[:n_classes] = np.arange(n_classes)
    signal = rng.choice([0.0, 0.3, 1.0, 10.0])
    X = signal * rng.standard_normal((n_classes, D))[y] + rng.standard_normal((N, D))
    X *= 10.0 ** rng.uniform(-3, 3, size=D if rng.uniform() < 0.5 else 1)
    offset = rng.choice([0.0, 0.0, 1.0, 1e2, 1e4, 1e6])
    dtype = str(rng.choice(DTYPES))
    rows = _stored(X + offset * (rng.uniform(size=D) < 0.7), dtype)
    weight = None
    if rng.uniform() < 0.4:
        weight = 10.0 ** rng.uniform(-4, 4, size=n_classes)[y]
    # Of a generator of its own, so that the other draws stay those of the seed.
    if np.random.default_rng([seed, 2]).uniform() < 0.1:  # a class without weight
        weight = np.where(y == n_classes - 1, 0.0, np.ones(N) if weight is None else weight)
    loss = list(LOSSES.values())[rng.integers(len(LOSSES))]
    strength = 10.0 ** rng.uniform(-8, 2)
    penalty = PENALTIES[rng.integers(len(PENALTIES))](strength)
    blocks = Blocks(rows, y, weight, n_jobs=1)
    standardization = None
    if rng.uniform() < 0.5:
        standardization = Moments.of(blocks).standardization()
        blocks = standardization.without_offsets(blocks)
    intercept = bool(rng.uniform() < 0.8)
    if not intercept and standardization is not None:
        standardization = replace(standardization, mean=0 * standardization.mean)
        blocks = replace(blocks, center=None)
    objective = Objective(loss, penalty, blocks, n_classes, standardization, intercept)
    start = None
    if rng.uniform() < 0.5:
        start = 10.0 ** rng.uniform(-3, 6) * rng.standard_normal(objective.zeros().shape)
        start[: rng.integers(D + 1)] = 0
        start[-1] *= intercept
        start[:-1] = penalty.prox(start[:-1], 0.0) if isinstance(penalty, MaxNorm) else start[:-1]
    optimizers = [choose_for(objective).optimizer, ProximalGradient()]
    if penalty.smooth:
        optimizers += [LBFGS(), LBFGS(preconditioner=Gram())]
    if penalty.thresholds(1) is not None:
        optimizers += [ProximalNewton()]
    optimizer = optimizers[rng.integers(len(optimizers))]
    tol = 10.0 ** -int(rng.integers(2, 8))
    sizes = f"{dtype}, N {N}, D {D}, C {n_classes}, offset {offset:g}"
    words = f"seed {seed}: {loss}, {penalty}, {sizes}, {optimizer}"
    return Case(
        objective,
        optimizer,
        start,
        tol,
        float(rng.choice([3, 10, 30])),
        bool(rng.uniform() < 0.7),
        words,
    )


def _stored(X: Array, dtype: str) -> Any:
    if dtype == "uint8":
        return np.clip(X - X.min(), 0, 255).astype(np.uint8)
    if dtype == "float16":
        return np.clip(X, -6e4, 6e4).astype(np.float16)
    if dtype.startswith("sparse"):
        return csr_array(np.where(np.abs(X) > np.median(np.abs(X)), X, 0).astype(dtype.split()[1]))
    return X.astype(dtype)


def broken(seed: int) -> list[str]:
    """What the fit of this seed breaks, in words."""
    case = draw(seed)
    seen: list[Evaluation] = []
    watched = replace(case.objective, observe=seen.append)
    try:
        run = minimize if case.tightens else bare_minimize
        result = run(watched, case.optimizer, case.start, tol=case.tol, max_passes=case.max_passes)
    except Exception as error:  # any exception is a fault
        return [f"{case.words}: {type(error).__name__}: {error}"]
    plain = Plain.of(case.objective)
    values = [plain.loss_at(W) for W in (result.W, case.objective.zeros(), plain.best_W(result.W))]
    upper = min(values)
    margin = TOLERANCE * (1 + abs(upper))
    faults = []
    lower = max(
        [float(evaluation.lower[0]) for evaluation in seen]
        + [float(result.loss[0] - result.gap[0])]
    )
    if lower > upper + margin:
        faults.append(f"{case.words}: proved {lower:.10g}, but there is a W of loss {upper:.10g}")
    start = values[1] if case.start is None else min(values[1], plain.loss_at(case.start))
    precision = float(np.finfo(case.objective.blocks.dtype).eps)
    size = plain.size_at(result.W) + float(case.objective.row_length[0]) * np.linalg.norm(result.W)
    rounding = 8 * precision * (abs(start) + size)
    within = case.tol * abs(values[0]) if result.reason is Reason.CERTIFIED else 0.0
    if not values[0] <= start + rounding + margin + within:
        faults.append(
            f"{case.words}: ends at {values[0]:.10g}, began at {start:.10g} ({result.reason.name})"
        )
    if not abs(result.loss[0] - values[0]) <= 8 * precision * (abs(values[0]) + size) + margin:
        faults.append(f"{case.words}: reports {result.loss[0]:.10g}, is {values[0]:.10g}")
    return faults


@dataclass
class Plain:
    """The objective in plain float64: no blocks, no folding, centred columns."""

    loss: Loss
    penalty: Penalty
    X: Array  # standardized as the objective says
    y: Array
    weight: Array
    intercept: bool
    n_classes: int

    @classmethod
    def of(cls, objective: Objective) -> "Plain":
        """The same objective."""
        X: Any = objective.blocks.X
        dense = (X if isinstance(X, np.ndarray) else X.toarray()).astype(np.float64)
        standardization = objective.standardization
        if standardization is not None:
            dense = (dense - standardization.mean) / standardization.scale
        y = objective.blocks.y
        weight = objective.blocks.weights()
        return cls(
            objective.loss,
            objective.penalty,
            dense,
            y,
            weight,
            objective.fit_intercept,
            objective.n_classes,
        )

    def loss_at(self, W: Array) -> float:
        """L(W)."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.X @ W[:-1, 0] + (W[-1, 0] if self.intercept else 0)
            values = self.loss.value_and_grad(scores, self.y)[0]
            value = self.weight @ values / self.weight.sum() + self.penalty.value(W[:-1])[0]
        return float(value) if np.isfinite(value) else np.inf

    def size_at(self, W: Array) -> float:
        """The mean of Σ|x||W|: what rounding errors in scores are relative to."""
        sizes = np.abs(self.X) @ np.abs(W[:-1, 0]) + np.abs(W[-1, 0])
        spread = np.abs(self.X).max(axis=0, initial=0) @ np.abs(W[:-1, 0])
        steep = np.abs(self.loss.value_and_grad(self.X @ W[:-1, 0] + W[-1, 0], self.y)[1]).max()
        return float((sizes.max() + spread.max()) * max(1.0, steep))

    def best_W(self, W: Array) -> Array:
        """A W near the minimum, by a fit from W in float64 of columns about their mean."""
        mean = self.weight @ self.X / self.weight.sum() if self.intercept else 0 * self.X[0]
        blocks = Blocks(self.X - mean, self.y, self.weight, n_jobs=1)
        problem = Objective(
            self.loss, self.penalty, blocks, self.n_classes, fit_intercept=self.intercept
        )
        optimizer = (
            ProximalNewton() if self.penalty.thresholds(1) is not None else ProximalGradient()
        )
        start = W.copy()
        start[-1] += np.einsum("d,dmc->mc", mean, W[:-1])
        W = minimize(problem, optimizer, start, tol=1e-6, max_passes=40).W.copy()
        W[-1] -= np.einsum("d,dmc->mc", mean, W[:-1])
        return W
