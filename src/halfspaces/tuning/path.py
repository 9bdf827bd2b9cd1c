"""A path: the same objective for falling strengths, each solved and certified from where the one before ended.

One sketch of the Gram matrix serves all strengths, and what the data loss told at one strength (its value and gradient
at W, the pairs that correct its curvature) is known at the next: each begins with a step, not with a visit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces.certificate import Anchor
from halfspaces.loop.callbacks import Store, store_in
from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Callback, problem_of
from halfspaces.losses.base import Loss
from halfspaces.objective import Objective
from halfspaces.optimizers.choose import choose_for
from halfspaces.optimizers.lbfgs import LBFGS
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.proofs.screening import gap_safe
from halfspaces.request import Evaluation, Request
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.support.validation import check_numbers

FIRST_SMOOTHING = 0.5  # of a loss with kinks, where its largest strength is asked for


@dataclass(frozen=True, eq=False)
class Path:
    """What was found at each of S falling strengths.

    Parameters
    ----------
    strengths : array, shape (S,)
    W : array, shape (D+1, S, C)
    results : list of Result
        Of each strength alone, without states.
    screened : array, shape (S,)
        Weights of which the certificate proves that they are 0 at the minimum.
    """

    strengths: Array
    W: Array = field(repr=False)
    results: list[Result] = field(repr=False)
    screened: Array

    @property
    def loss(self) -> Array:
        """L(W) at each strength, (S,)."""
        return np.array([result.loss[0] for result in self.results])

    @property
    def gap(self) -> Array:
        """Proven bounds on L(W) − min L, (S,)."""
        return np.array([result.gap[0] for result in self.results])

    @property
    def passes(self) -> Array:
        """Visits to all examples that each strength took, (S,)."""
        return np.array([result.passes for result in self.results])

    @property
    def seconds(self) -> Array:
        """That each strength took, (S,)."""
        return np.array([result.seconds for result in self.results])

    @property
    def nonzeros(self) -> Array:
        """Weights that are not 0, (S,)."""
        return np.count_nonzero(self.W[:-1], axis=(0, 2))

    @property
    def converged(self) -> bool:
        """Whether every strength reached its tolerance."""
        return all(result.converged for result in self.results)


def solve_path(
    objective: Objective,
    strengths: Sequence[float] | Array,
    optimizer: Optimizer | None = None,
    *,
    tol: float = 1e-3,
    max_passes: float = 1000,
    each: Callable[[float, Result], Any] | None = None,
) -> Path:
    """Minimize for each strength of the objective's penalty, from the largest to the smallest.

    Parameters
    ----------
    objective : Objective
        Of one member, its penalty `L1` or `ElasticNet`; the strength that it carries does not matter.
    strengths : sequence of floats
    optimizer : Optimizer, optional
        The one that fits the objective, unless given.
    tol, max_passes : float
        As of `minimize`, at each strength.
    each : callable, optional
        Told each strength and its result when it is there.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If a strength is negative or not finite.
    TypeError
        If the optimizer does not take the penalty.

    References
    ----------
    Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via coordinate descent, 2010,
    https://doi.org/10.18637/jss.v033.i01

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from sklearn.datasets import load_digits
    >>> objective = LinearClassifier(penalty="l1").objective(*load_digits(return_X_y=True))
    >>> path = solve_path(objective, largest_strength(objective) * np.array([1.0, 0.5, 0.25]))
    >>> path.converged, int(path.nonzeros[0]), bool(np.all(np.diff(path.nonzeros) > 0))
    (True, 0, True)
    """
    check_numbers("strengths", tuple(map(float, strengths)), at_least=0)
    falling = np.sort(np.asarray(strengths, dtype=np.float64))[::-1]
    results, screened = [], []
    steps = along(
        objective,
        falling,
        optimizer or choose_for(objective).optimizer,
        tol=tol,
        max_passes=max_passes,
    )
    for strength, result, member, last in steps:
        results.append(result)
        assert last is not None  # nothing was kept
        screened.append(int(np.count_nonzero(gap_safe(member, last))))
        if each is not None:
            each(strength, results[-1])
    W = np.concatenate([result.W for result in results], axis=1)
    return Path(falling, W, results, np.array(screened))


def along(
    objective: Objective,
    strengths: Iterable[float],
    optimizer: Optimizer,
    *,
    tol: float,
    max_passes: float,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
) -> Iterator[tuple[float, Result, Objective, Evaluation | None]]:
    """Each strength in turn, its result, the objective that has it, and the last evaluation of that.

    Strengths that a store holds are not solved again; of these there is no evaluation but the last.
    An optimizer that can be moved goes on from its state, which is not for keeping: it is changed in place. Any other
    begins at the W before. A `Store` among the callbacks keeps what is done. Raises KeyboardInterrupt where a run
    was interrupted.
    """
    store = store_in(callbacks)
    kept = (
        None
        if store is None
        else _Kept(store, f"{problem_of(objective, optimizer)} {tol} {max_passes}")
    )
    W, state, before = None, None, None
    member, seen = objective, deque(maxlen=1)  # the last evaluation
    for index, strength in enumerate(strengths):
        penalty: Any = replace(objective.penalty, strength=float(strength))  # pyright: ignore[reportCallIssue, reportArgumentType]
        member = member.with_penalty(penalty, observe=seen.append)
        found = None if kept is None else kept.found(index, float(strength), member)
        if found is not None:
            result, before = found
        else:
            W = member.zeros(len(member.total_weight)) if W is None else W
            begun: dict[str, Any] = {
                "resume": None if store is None else store.run(member, optimizer)
            }
            if before is not None:
                begun["state"] = optimizer.continued(member, state, before)
            seen.clear()
            limits: dict[str, Any] = {"tol": tol, "max_passes": max_passes}
            result = minimize(
                member, optimizer, W, **limits, **begun, callbacks=callbacks, progress=progress
            )
            if result.reason is Reason.INTERRUPTED:
                raise KeyboardInterrupt
            before = seen[0] if seen else member.evaluate(Request(result.state.W))
            if kept is not None:
                kept.keep(index, float(strength), result, before, member)
        W, state = result.W, result.state
        yield float(strength), replace(result, state=None, loop=None), member, before


@dataclass
class _Kept:
    """The strengths that are done, in the files of a store: a result each, and the state of the last."""

    store: Store
    problem: str

    def __post_init__(self) -> None:
        names = self.store.names("state-*")
        self.last = int(names[-1].removeprefix("state-")) if names else -1

    def found(
        self, index: int, strength: float, member: Objective
    ) -> tuple[Result, Evaluation | None] | None:
        """A result that was kept, of the last with its state and evaluation; None where there is none."""
        if index > self.last:
            return None
        result = self._read(f"strength-{index:04}", strength, member)
        if index < self.last:
            return result, None
        state, before = self._read(f"state-{index:04}", strength, member)
        return replace(result, state=state), before

    def _read(self, name: str, strength: float, member: Objective) -> Any:
        told = self.store.read(name, member)
        if told is None or told["problem"] != self.problem or told["strength"] != strength:
            raise ValueError(f"{self.store} holds another run; give another, or empty it.")
        return told["value"]

    def keep(
        self, index: int, strength: float, result: Result, before: Evaluation, member: Objective
    ) -> None:
        """First the result; with the file of the state a strength is done, and the one before is of no more use."""
        values = {
            "strength": replace(result, state=None, loop=None),
            "state": (result.state, before),
        }
        for name, value in values.items():
            told = {"problem": self.problem, "strength": strength, "value": value}
            self.store.write(f"{name}-{index:04}", told, member)
        self.store.remove(f"state-{index - 1:04}")
        self.last = index


def largest_strength(objective: Objective) -> Array:
    """λ_max of each member, (M,): for L1 the smallest strength at which all weights are 0 at the minimum.

    max |Σ_i w_i x_i ∂L_i/∂s / Σ_i w_i| at W = 0 with the best bias, from the class sums: no visit to the data. Elastic
    net has the same. A loss with kinks has several gradients there; that of its first smoothing is taken, so that a
    little smaller strengths may have the same minimum.

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.penalties.l1 import L1
    >>> objective = Objective(Softmax(), L1(1.0), Blocks(np.eye(2), np.arange(2)), n_classes=2)
    >>> largest_strength(objective).tolist()
    [0.25]
    """
    gradient = gradient_without_weights(
        objective.loss, objective.anchor, fit_intercept=objective.fit_intercept
    )
    return np.max(np.abs(gradient), axis=(0, 2))


def gradient_without_weights(loss: Loss, anchor: Anchor, *, fit_intercept: bool) -> Array:
    """The data gradient (D, M, C) at W = 0 with the best bias."""
    members, classes = anchor.frequencies.shape
    loss, labels = loss if loss.smooth else loss.smoothed(FIRST_SMOOTHING), np.arange(classes)
    bias = np.zeros((members, classes))
    if fit_intercept:
        blocks = Blocks(np.zeros((classes, 1)), labels, np.ascontiguousarray(anchor.frequencies.T))
        constant = Objective(loss, NoPenalty(), blocks, classes)
        result = minimize(constant, LBFGS(), constant.zeros(members), tol=1e-9)
        if result.reason is Reason.INTERRUPTED:
            raise KeyboardInterrupt
        bias = result.W[-1]
    slopes = loss.value_and_grad(np.repeat(bias[None], classes, axis=0), labels)[1]
    return np.einsum("dmy,ymc->dmc", anchor.sums, slopes)
