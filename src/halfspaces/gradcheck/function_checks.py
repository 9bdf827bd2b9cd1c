"""The course's sanity checks, of a user's function: its value by chance, with a penalty, on few
examples, and its gradient after some steps.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.parameters import Layout, scalar
from halfspaces.gradcheck.report import Check
from halfspaces.gradcheck.user_function import UserFunction

SMALL = 1e-4  # scale of W at which a classifier only guesses
NEAR = 0.02  # relative distance from a guess's loss
LEARNED = 0.01  # of a guess's loss
BURN_IN = 5  # steps before the gradient is checked once more
SAMPLES = 50  # coordinates of that check
HUGE = 1e300
_ROUNDS = 5
_STEPS = 500


def function_checks(subject: UserFunction, *, seed: int, trains: bool = True) -> Iterator[Check]:
    """The checks that a function's arguments allow, one by one; some minimize the loss."""
    X, y, strength = subject.data
    if not subject.data.has_rows or not _are_labels(y):
        return
    yield _chance(subject, seed)
    if strength is not None and Layout.of(subject.W, None).pack_real(subject.W, "W").any():
        yield _rises(subject)
    if not trains:
        return
    learner = _Learner(_without_penalty(subject))
    n_features = np.asarray(X).size // len(y)
    if len(y) < n_features:
        yield _overfits(learner)
    yield _burn_in(learner, seed)


def _are_labels(y: Any) -> bool:
    values = np.asarray(y)
    if values.dtype.kind not in "biuf":
        return False
    return bool(np.array_equal(values, np.round(values)) and len(np.unique(values)) <= len(y) // 2)


def _without_penalty(subject: UserFunction) -> UserFunction:
    return subject if subject.data.strength is None else subject.with_data(strength=0.0)


def _chance(subject: UserFunction, seed: int) -> Check:
    """Whether the loss at small random W is that of a guess by any of the known losses."""
    few = _without_penalty(subject)
    layout = Layout.of(few.W, None)
    rng = np.random.default_rng(seed)
    value = scalar(few.f(layout.unpack(SMALL * rng.standard_normal(layout.size))))
    classes = len(np.unique(np.asarray(few.data.y)))
    known = {
        f"ln {classes}, that of softmax": math.log(classes),
        f"{classes - 1}, that of the multiclass hinge loss": classes - 1.0,
        "1, that of a hinge loss": 1.0,
        f"{classes} ln 2, that of {classes} logistic losses": classes * math.log(2),
        f"{classes}, that of {classes} hinge losses, or of one with j = y": float(classes),
    }
    n = len(few.data.y)
    if any(math.isclose(value * n, chance, rel_tol=NEAR) for chance in known.values()):
        words = f"at small random W the data loss is {value:.5g}, that of a guess divided by {n}"
        return Check("chance loss", False, f"{words}: is it divided by N once too often?")
    for factor, added in ((1.0, ""), (0.5, ", halved"), (n, ", added up")):
        for words, chance in known.items():
            if math.isclose(value, factor * chance, rel_tol=NEAR):
                sentence = f"at small random W the data loss is {value:.5g}, which is {words}"
                return Check("chance loss", True, f"{sentence} for a guess{added}.")
    guess = f"ln {classes} = {math.log(classes):.4g} by softmax and {classes - 1} by the hinge loss"
    sentence = f"at small random W the data loss is {value:.5g}; a guess has {guess}"
    ok = math.isfinite(value)
    return Check("chance loss", ok, f"{sentence}: is it what your loss should have?")


def _rises(subject: UserFunction) -> Check:
    """Whether the loss rises with λ."""
    strengths = (0.0, 0.1, 1.0)
    values = [scalar(subject.with_data(strength=each).f(subject.W)) for each in strengths]
    ok = values[0] < values[1] < values[2]
    figures = ", ".join(f"{v:.5g} at {s:g}" for v, s in zip(values, strengths, strict=True))
    rises = "rises" if ok else "does not rise"
    return Check("strength", ok, f"the loss {rises} with the strength: {figures}.")


class _Learner:
    """Minimizes a user's function by L-BFGS, with its own gradient."""

    def __init__(self, subject: UserFunction) -> None:
        self.subject = subject
        self.layout = Layout.of(subject.W, None)

    def __call__(self, at: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, finite also where f overflows, and the gradient."""
        value, gradient = self.subject.call(self.layout.unpack(at), self.subject.data)
        slopes = np.real(self.layout.pack(gradient, "gradient"))
        number = scalar(value)
        if not (math.isfinite(number) and np.isfinite(slopes).all()):
            return HUGE, np.zeros_like(at)
        return number, slopes

    def after(self, start: np.ndarray, steps: int) -> np.ndarray:
        """The parameters after some steps."""
        from scipy.optimize import minimize

        size = abs(self(start)[0]) or 1.0

        def scaled(at: np.ndarray) -> tuple[float, np.ndarray]:
            value, slopes = self(at)
            return value / size, slopes / size

        options = {"maxiter": steps, "gtol": 1e-9, "ftol": 1e-14}
        return minimize(scaled, start, jac=True, method="L-BFGS-B", options=options).x


def _overfits(learner: _Learner) -> Check:
    """Whether the loss of a few examples can be reduced to 0."""
    at = learner.layout.pack_real(learner.subject.W, "W")
    chance = value = learner(SMALL * at)[0]
    for _ in range(_ROUNDS):
        at = learner.after(at, _STEPS)
        value = min(value, learner(at)[0])
        if abs(value) <= LEARNED * abs(chance):
            break
    ok = abs(value) <= LEARNED * abs(chance)
    learned = "are learned by heart" if ok else "are not learned"
    unless = "" if ok else "; right if the loss is never 0, as with smoothed labels"
    figures = f"loss {value:.2g}, where a guess has {chance:.3g}{unless}"
    n = len(learner.subject.data.y)
    return Check("overfit", ok, f"{n} examples {learned} without a penalty: {figures}.")


def _burn_in(learner: _Learner, seed: int) -> Check:
    """Whether the gradient is right after some steps, too: at the start many terms look alike."""
    subject = learner.subject
    start = learner.layout.pack_real(subject.W, "W")
    W = learner.layout.unpack(learner.after(start, BURN_IN))
    report = check_gradient(subject.f, subject.gradient, W, samples=SAMPLES, seed=seed)
    ok = report.outcome != "wrong"
    words = "the gradient of the data loss is right there, too." if ok else report.verdict
    return Check("burn-in", ok, f"after {BURN_IN} steps of L-BFGS: {words}")
