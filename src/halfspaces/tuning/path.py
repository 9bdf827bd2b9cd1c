"""A path: falling strengths of one objective, each solved from the end of the one before.

One sketch of the Gram matrix serves all strengths. The value and gradient of the data loss at the
last W, and the pairs that correct its curvature, hold at the next strength, too: each begins with a
step, not with a visit to the data.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import Reason, Result
from halfspaces.loop.run import Callback
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.proofs.minimize import minimize
from halfspaces.proofs.screening import gap_safe
from halfspaces.support.types import Array
from halfspaces.support.validation import check_numbers
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.digest import problem_of
from halfspaces.tuning.store import Store, store_in


@dataclass(frozen=True, eq=False)
class Path:
    """The results of S falling strengths.

    Parameters
    ----------
    strengths : array, shape (S,)
    W : array, shape (D+1, S, C)
    results : list of Result
        Of each strength alone, without states.
    screened : array, shape (S,)
        Number of weights that the certificate proves to be 0 at the minimum.
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
        """Visits to all examples for each strength, (S,)."""
        return np.array([result.passes for result in self.results])

    @property
    def seconds(self) -> Array:
        """Of each strength, (S,)."""
        return np.array([result.seconds for result in self.results])

    @property
    def nonzeros(self) -> Array:
        """Number of weights that are not 0, (S,)."""
        return np.count_nonzero(self.W[:-1], axis=(0, 2))

    @property
    def converged(self) -> bool:
        """Whether every strength reached its tolerance."""
        return all(result.converged for result in self.results)


@one_blas_thread()
def solve_path(
    objective: Objective,
    strengths: Sequence[float] | Array,
    optimizer: Optimizer | None = None,
    *,
    tol: float = 1e-3,
    max_passes: float = 3000,
    each: Callable[[float, Result], Any] | None = None,
) -> Path:
    """Minimize for each strength of the objective's penalty, from the largest to the smallest.

    Parameters
    ----------
    objective : Objective
        Of one member, its penalty `L1` or `ElasticNet`; the strength that it carries does not
        matter.
    strengths : sequence of floats
    optimizer : Optimizer, optional
        The one that fits the objective, unless given.
    tol, max_passes : float
        As of `minimize`, at each strength.
    each : callable, optional
        Called with each strength and its result as soon as it is solved.

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
    Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via coordinate
    descent, 2010, https://doi.org/10.18637/jss.v033.i01

    Examples
    --------
    >>> from halfspaces import LinearClassifier
    >>> from halfspaces.tuning.largest_strength import largest_strength
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
        optimizer or choose_for(objective, path=True).optimizer,
        tol=tol,
        max_passes=max_passes,
    )
    for strength, result, member, last in steps:
        results.append(result)
        assert last is not None  # without a store
        has_gradient = last.data_gradient is not None
        evaluation = last if has_gradient else member.evaluate(Request(result.W))
        screened.append(int(np.count_nonzero(gap_safe(member, evaluation))))
        if each is not None:
            each(strength, results[-1])
    W = np.concatenate([result.W for result in results], axis=1)
    return Path(falling, W, results, np.array(screened))


class Solved(NamedTuple):
    """One strength of a path."""

    strength: float
    result: Result  # without state
    objective: Objective
    last: Evaluation | None  # of the run; None of a stored strength, except the last stored


def along(
    objective: Objective,
    strengths: Iterable[float],
    optimizer: Optimizer,
    *,
    tol: float,
    max_passes: float,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
) -> Iterator[Solved]:
    """Solve each strength in turn.

    An optimizer goes on from its state where it can (`Optimizer.continued`); the state is changed
    in place. Any other starts at the W before. A `Store` among the callbacks stores each strength
    that is solved; stored strengths are not solved again. Raises KeyboardInterrupt where a run was
    interrupted.
    """
    store = store_in(callbacks)
    stored = None
    if store is not None:
        stored = _StoredPath(store, f"{problem_of(objective, optimizer)} {tol} {max_passes}")
    seen: deque[Evaluation] = deque(maxlen=1)  # the last evaluation
    member = objective
    result: Result | None = None
    last: Evaluation | None = None
    for index, strength in enumerate(map(float, strengths)):
        penalty = objective.penalty.with_strength(strength)
        member = member.with_penalty(penalty, observe=seen.append)
        found = None if stored is None else stored.read(index, strength, member)
        if found is not None:
            result, last = found
        else:
            state = None
            if result is not None and last is not None:
                state = optimizer.continued(member, result.state, last)
            seen.clear()
            result = minimize(
                member,
                optimizer,
                member.zeros(len(member.total_weight)) if result is None else result.W,
                tol=tol,
                max_passes=max_passes,
                callbacks=callbacks,
                resume=None if store is None else store.run(member, optimizer),
                state=state,
                progress=progress,
            )
            if result.reason is Reason.INTERRUPTED:
                raise KeyboardInterrupt
            last = seen[0] if seen else member.evaluate(Request(result.state.W))
            if stored is not None:
                stored.write(index, strength, result, last, member)
        yield Solved(strength, replace(result, state=None, loop=None), member, last)


@dataclass
class _StoredPath:
    """The solved strengths in a store: the result of each, and the state of the last.

    Parameters
    ----------
    store : Store
    problem : str
        Must be the same for a stored strength to count.
    """

    store: Store
    problem: str

    def __post_init__(self) -> None:
        names = self.store.names("state-[0-9][0-9][0-9][0-9]")
        self.last = int(names[-1].removeprefix("state-")) if names else -1

    def read(
        self, index: int, strength: float, member: Objective
    ) -> tuple[Result, Evaluation | None] | None:
        """A stored result, with state and evaluation if it is the last; None where not stored."""
        if index > self.last:
            return None
        result = self._value(f"strength-{index:04}", strength, member)
        if not isinstance(result, Result):
            raise self._other_run()
        if index < self.last:
            return result, None
        match self._value(f"state-{index:04}", strength, member):
            case (state, Evaluation() as evaluation):
                pass
            case _:
                raise self._other_run()
        return replace(result, state=state), evaluation

    def _value(self, name: str, strength: float, member: Objective) -> Any:
        entry = self.store.read(name, member)
        is_entry = isinstance(entry, dict) and {"problem", "strength", "value"} <= set(entry)
        if not is_entry or (entry["problem"], entry["strength"]) != (self.problem, strength):
            raise self._other_run()
        return entry["value"]

    def _other_run(self) -> ValueError:
        return ValueError(f"{self.store} holds another run; give another, or empty it.")

    def write(
        self, index: int, strength: float, result: Result, last: Evaluation, member: Objective
    ) -> None:
        """Store the result, then the state, which marks it as solved; remove the state before."""
        values = {
            "strength": replace(result, state=None, loop=None),
            "state": (result.state, last),
        }
        for name, value in values.items():
            entry = {"problem": self.problem, "strength": strength, "value": value}
            self.store.write(f"{name}-{index:04}", entry, member)
        self.store.remove(f"state-{index - 1:04}")
        self.last = index
