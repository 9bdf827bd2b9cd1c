"""Losses of W, X, y and reg: their value, their gradient, and whether they loop over examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from halfspaces.course.findings import Failure, Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.results import Check, array, close, finite, generator, pair
from halfspaces.course.texts import DOCTOR
from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.doctor import diagnose
from halfspaces.losses.base import Loss
from halfspaces.penalties.l2 import L2
from halfspaces.support.types import Array

ARGUMENTS = "W X y"
SIZES = ((7, 5, 3), (12, 4, 6), (9, 11, 4))  # N, D, C of regular problems
SPECIAL = ((1, 3, 2), (6, 8, 5))  # one example; the last class has none
FEW, MANY = 6, 40  # examples between which loops are counted
LEAST_MARGIN = 1e-3  # distance of all margins from the kink at 0


class Problem(NamedTuple):
    """Hidden data."""

    W: Array
    X: Array
    y: Array
    reg: float

    @property
    def scores(self) -> Array:
        """The scores (N, C)."""
        return self.X @ self.W

    @property
    def sizes(self) -> Mapping[str, int]:
        """N, D and C."""
        return {"N": len(self.y), "D": self.W.shape[0], "C": self.W.shape[1]}


Variants = Mapping[str, Callable[[Problem], float]]  # what a wrong loss would be, by its remark


def _penalty(problem: Problem) -> float:
    return problem.reg * float(np.sum(problem.W**2))


PENALTIES: Variants = {
    "": _penalty,
    "loss_no_penalty": lambda p: 0.0,
    "loss_half_penalty": lambda p: _penalty(p) / 2,
    "loss_minus_penalty": lambda p: -_penalty(p),
    "loss_penalty_sum": lambda p: p.reg * float(np.sum(p.W)),
    "loss_penalty_reg": lambda p: float(np.sum(p.W**2)),
    "loss_penalty_mean": lambda p: p.reg * float(np.mean(p.W**2)),
    "loss_penalty_mean ": lambda p: _penalty(p) / len(p.y),
}


@dataclass(frozen=True)
class LossJudge:
    """Judges functions (W, X, y, reg) → (loss, dW) against a loss of the library.

    Parameters
    ----------
    loss : Loss
    of_wrong : mapping of remarks to functions
        Data losses of well-known mistakes.
    """

    loss: Loss
    of_wrong: Variants

    def right(self, problem: Problem) -> tuple[float, Array]:
        """The loss and its gradient (D, C)."""
        values, slopes = self.loss.value_and_grad(problem.scores, problem.y)
        penalty = L2(problem.reg or 1.0)
        W = problem.W[:, None, :]
        strength = 1.0 if problem.reg else 0.0
        loss = float(np.mean(values)) + strength * float(penalty.value(W)[0])
        gradient = problem.X.T @ slopes / len(problem.y)
        return loss, gradient + strength * penalty.gradient(W)[:, 0, :]

    def problems(self, seed: int) -> list[Problem]:
        """Regular problems, then special ones."""
        rng = generator(seed, "losses")
        regular = [made(rng, sizes) for sizes in SIZES]
        one, absent = (made(rng, sizes) for sizes in SPECIAL)
        return [*regular, one, absent._replace(y=absent.y % (absent.W.shape[1] - 1))]

    def checks(self, function: str) -> dict[str, Check]:
        """The checks of the value and of the gradient."""

        def value(handin: HandIn, seed: int) -> Remark | None:
            return self._value(handin, function, self.problems(seed))

        def gradient(handin: HandIn, seed: int) -> Remark | None:
            return self._gradient(handin, function, self.problems(seed))

        return {f"{function}.loss": value, f"{function}.gradient": gradient}

    def no_loop(self, function: str) -> dict[str, Check]:
        """The check that it works on all examples at once, and right."""

        def check(handin: HandIn, seed: int) -> Remark | None:
            problems = self.problems(seed)
            return self._value(handin, function, problems) or _loop(handin, function, problems[0])

        return {f"{function}.vectorized": check}

    def _value(self, handin: HandIn, function: str, problems: Sequence[Problem]) -> Remark | None:
        values = [called(handin, function, problem)[0] for problem in problems]
        for value in values:
            finite(value)
        is_right = [
            close(value, self.right(problem)[0])
            for value, problem in zip(values, problems, strict=True)
        ]
        if all(is_right):
            return None
        regular = len(SIZES)
        if all(is_right[:regular]):
            wrong = problems[is_right.index(False)]
            is_absent = wrong is problems[-1]
            return Remark("loss_absent") if is_absent else Remark("loss_sizes", wrong.sizes)
        found = self._known(values[:regular], problems[:regular])
        if found or not any(is_right):
            return Remark(found or "loss_unknown")
        return Remark("loss_sizes", problems[is_right.index(False)].sizes)

    def _known(self, values: Sequence[float], problems: Sequence[Problem]) -> str:
        """The mistake that explains all values, or empty."""
        data: Variants = {"": self._data, **self.of_wrong, **_of_examples(self.terms)}
        for of_data, data_value in data.items():
            for of_penalty, penalty_value in PENALTIES.items():
                guesses = [data_value(p) + penalty_value(p) for p in problems]
                if all(map(close, values, guesses)):
                    return (of_data or of_penalty).strip()
        return ""

    def terms(self, problem: Problem) -> Array:
        """The losses of the examples (N,)."""
        return self.loss.value_and_grad(problem.scores, problem.y)[0]

    def _data(self, problem: Problem) -> float:
        return float(np.mean(self.terms(problem)))

    def _gradient(
        self, handin: HandIn, function: str, problems: Sequence[Problem]
    ) -> Remark | None:
        wrong: Problem | None = None
        for problem in problems:
            _, dW = called(handin, function, problem)
            needed = self.right(problem)[1]
            if not (isinstance(dW, np.ndarray) and dW.shape == needed.shape):
                return diagnosed(handin, function) or _shape(dW, needed)
            finite(array(dW, needed.shape))
            if not close(dW, needed):
                wrong = wrong or problem
        if wrong is None:
            return None
        is_wrong = self._value(handin, function, problems) is not None
        if is_wrong and _is_of_own_loss(handin, function):
            return Remark("gradient_of_wrong_loss")
        return diagnosed(handin, function) or Remark("gradient_sizes", wrong.sizes)


def _shape(dW: object, needed: Array) -> Remark | None:
    try:
        array(dW, needed.shape)
    except Failure as failure:
        return failure.remark
    return None


def _of_examples(terms: Callable[[Problem], Array]) -> Variants:
    """Sums in place of means, and losses of some examples only."""
    return {
        "loss_sum": lambda p: float(np.sum(terms(p))),
        "loss_twice": lambda p: float(np.mean(terms(p))) / len(p.y),
        "loss_one_example": lambda p: float(terms(p)[-1]) / len(p.y),
        "loss_one_example ": lambda p: float(terms(p)[0]) / len(p.y),
        "loss_one_example  ": lambda p: float(terms(p)[0]),
        "loss_one_example   ": lambda p: float(terms(p)[-1]),
        "loss_all_but_last": lambda p: float(np.sum(terms(p)[:-1])) / len(p.y),
    }


def made(rng: np.random.Generator, sizes: tuple[int, int, int]) -> Problem:
    """A problem of these sizes, without margins at a kink; each class has an example if N ≥ C."""
    n, d, c = sizes
    while True:
        X = rng.standard_normal((n, d)) + 0.3
        y = rng.permutation(np.arange(n) % c)
        problem = Problem(rng.standard_normal((d, c)), X, y, float(rng.uniform(0.2, 0.6)))
        scores = problem.scores
        margins = scores - scores[np.arange(n), y][:, None] + 1
        if np.abs(margins).min() > LEAST_MARGIN:
            return problem


def called(handin: HandIn, function: str, problem: Problem) -> tuple[float, object]:
    """What the function returns for a problem."""
    return pair(handin.call(function, *problem, names=ARGUMENTS).value)


def _loop(handin: HandIn, function: str, problem: Problem) -> Remark | None:
    """Whether a line runs more often with more examples; the failure has its place."""
    counts: list[Mapping[int, int]] = []
    for n in (FEW, MANY):
        rows = np.resize(np.arange(len(problem.y)), n)
        more = problem._replace(X=problem.X[rows], y=problem.y[rows])
        counts.append(handin.call(function, *more, count=True).lines)
    few, many = counts
    growth = {line: count - few.get(line, 0) for line, count in many.items()}
    line = max(growth, key=lambda line: growth[line], default=0)
    if growth.get(line, 0) < (MANY - FEW) // 2:
        return None
    values = {"few": few.get(line, 0), "fewer": FEW, "many": many[line], "more": MANY}
    raise Failure(Remark("loop", values), line)


def _asked(handin: HandIn, function: str) -> Callable[..., Any]:
    """The function for the gradient doctor, which tries more than hand-ins must be able to do."""

    def asked(W: Array, X: Array, y: Array, reg: float) -> object:
        try:
            return handin.call(function, W, X, y, reg).value
        except Failure as failure:
            raise ValueError(failure.remark.key) from failure

    return asked


def _is_of_own_loss(handin: HandIn, function: str) -> bool:
    """Whether the gradient is that of the function's own loss: a short check."""
    W, X, y, reg = PUBLIC
    asked = _asked(handin, function)
    try:
        report = check_gradient(lambda W: asked(W, X, y, reg)[0], asked(W, X, y, reg)[1], W)
    except (ValueError, TypeError, ArithmeticError):
        report = None
    ended = handin.ended_by(function)
    if ended is not None:
        raise ended
    return report is not None and report.outcome == "right"


def diagnosed(handin: HandIn, function: str) -> Remark | None:
    """What the gradient doctor finds in a function, on data of its own; None if it is right."""
    W, X, y, reg = PUBLIC
    try:
        diagnosis = diagnose(_asked(handin, function), W, X=X, y=y, reg=reg)
    except (ValueError, TypeError, ArithmeticError):
        diagnosis = None
    ended = handin.ended_by(function)
    if ended is not None:
        raise ended
    if diagnosis is None or not (diagnosis.hints or diagnosis.outcome == "right"):
        return Remark("gradient_unknown")
    if diagnosis.outcome == "right":
        return None
    hint = diagnosis.hints[0]
    return Remark(DOCTOR, {"hint": hint.name, "words": hint.words})


def _public() -> Problem:
    """Data of the gradient doctor, whose words name entries: not the hidden ones."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, 11))
    W = rng.standard_normal((11, 3)) / 3
    return Problem(W, X, np.array([0, 1, 2, 0, 1, 0, 2, 0]), 0.7)


PUBLIC = _public()
