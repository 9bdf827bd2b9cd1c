"""The gradient doctor: checks a user's gradient, and if it is wrong, names the likely bug."""

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from halfspaces.gradcheck.call_checks import call_checks, data_hint
from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.diagnosis import Diagnosis
from halfspaces.gradcheck.evidence import Evidence
from halfspaces.gradcheck.function_checks import function_checks
from halfspaces.gradcheck.hints import Hint, find_hint
from halfspaces.gradcheck.kinks import Flip, flips, terms_of
from halfspaces.gradcheck.made_up import STRENGTH, Data
from halfspaces.gradcheck.parameters import Parameters, scalar, shapes_of
from halfspaces.gradcheck.report import GradientReport
from halfspaces.gradcheck.score_hints import score_hint
from halfspaces.gradcheck.shape_hints import order_hint, shape_hint
from halfspaces.gradcheck.user_function import UserFunction, of_function

SAMPLES = 200  # coordinates of a block: enough for all of a small problem
WEAK = 0.01  # strengths below which the penalty is checked with another: rounding would hide it
_SEED_WORDS = "f draws at random: it was checked with the random seeds fixed before each call."
_NO_TRAINING = "Checks that minimize f are left out, as f has the noise of float16."


def diagnose(
    function: Callable[..., Any],
    W: Parameters = None,
    *,
    gradient: Callable[..., Any] | None = None,
    terms: Callable[[Parameters], Any] | None = None,
    samples: int = SAMPLES,
    tolerance: float | None = None,
    seed: int = 0,
    **arguments: Any,
) -> Diagnosis:
    """Check a loss and its gradient, and name the likely bug.

    Parameters
    ----------
    function : callable
        Returns (value, gradient); or the value, if `gradient` is given or torch can derive it. Its
        arguments are W alone, or have the names W, b, X, y, reg, scores (or usual others, such as
        theta and labels).
    W : array, tensor, or (nested) mapping or list of them, optional
        Where to check. Made up, as X and y, for a function that takes them.
    gradient : callable, optional
        The gradient, with the same arguments.
    terms : callable, optional
        The terms of the loss at W, an array whose sum or mean is f: those with kinks are reported.
        Known where the function takes X and y.
    samples : int ≥ 1
        Coordinates of each block that are checked one by one; others are checked in groups.
    tolerance : float in (0, 0.1), optional
        Relative error that is ignored, as in `check_gradient`.
    seed : int
        Of the made-up data, and of the coordinates.
    **arguments
        Values of further arguments of the function, such as X, y and reg.

    Returns
    -------
    diagnosis : Diagnosis

    Raises
    ------
    TypeError
        If an argument's name says nothing and it has no value, or no gradient is returned.
    ValueError
        If W is needed, or f(W) is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(W, X, y, reg):
    ...     rows = np.arange(len(y))
    ...     margins = np.maximum(0, X @ W - (X @ W)[rows, y][:, None] + 1)
    ...     margins[rows, y] = 0
    ...     slopes = (margins > 0).astype(float)
    ...     slopes[rows, y] -= slopes.sum(axis=1)
    ...     return margins.sum() / len(y) + reg * (W**2).sum(), X.T @ slopes / len(y) + reg * W
    >>> diagnosis = diagnose(loss)
    >>> diagnosis.outcome, {name: part.outcome for name, part in diagnosis.parts.items()}
    ('wrong', {'data loss': 'right', 'penalty': 'wrong'})
    >>> print(diagnosis.hint)
    Of the penalty: the ratio analytic/numerical is 0.5 everywhere: the 2 of a square's derivative
    is missing, or a ½ that f does not have.
    """
    subject = of_function(function, W, gradient, seed=seed, **arguments)
    changed = data_hint(subject)
    if changed is not None:
        subject = subject.with_call(_on_copies(subject.call))
    subject, notes = _deterministic(subject)
    if 0 < abs(subject.data.strength or 0.0) < WEAK:
        notes += (f"The penalty was checked with a strength of {STRENGTH}: it is seen better.",)
    hints = [each for each in (changed, shape_hint(subject)) if each is not None]
    if hints and hints[-1] is not changed:
        return Diagnosis(subject.name, {}, tuple(hints), notes=notes, subject=subject)
    parts: dict[str, GradientReport] = {}
    by_pattern: list[Hint] = []
    for name, part in _parts(subject):
        report = check_gradient(
            part.f, part.gradient, part.W, samples=samples, tolerance=tolerance, seed=seed
        )
        parts[name] = report = _of_part(report, parts)
        if report.outcome == "wrong":
            hints += strong_hints(part, report)
            by_pattern += pattern_hints(part, report, name)
    wrong = any(report.outcome == "wrong" for report in parts.values())
    is_half = any(report.has_long_steps for report in parts.values())
    if not any(report.doubts for report in parts.values()):
        hints = [*call_checks(subject, seed=seed, wrong=wrong, is_half=is_half), *hints]
    hints = list({hint.name: hint for hint in reversed(hints or by_pattern)}.values())[::-1]
    checks = (
        () if wrong or hints else tuple(function_checks(subject, seed=seed, trains=not is_half))
    )
    if checks and is_half:
        notes += (_NO_TRAINING,)
    first = next(iter(parts.values()))
    kinks = _flips(subject, terms, first) if first.kinks else ()
    return Diagnosis(subject.name, parts, tuple(hints), checks, kinks, notes, subject)


def _flips(
    subject: UserFunction, terms: Callable[[Parameters], Any] | None, report: GradientReport
) -> tuple[Flip, ...]:
    f = _parts(subject)[0][1].f
    if terms is not None:
        return flips(report.kinks, terms, f, subject.W)
    try:
        terms = terms_of(subject)
        return () if terms is None else flips(report.kinks, terms, f, subject.W)
    except Exception:
        return ()  # the function takes no single examples


def _on_copies(call: Callable[[Parameters, Data], Any]) -> Callable[[Parameters, Data], Any]:
    return lambda W, data: call(W, data.copied())


def _parts(subject: UserFunction) -> list[tuple[str, UserFunction]]:
    """The data loss and the penalty apart, where the function takes a strength."""
    strength = subject.data.strength
    if not strength:
        return [("loss", subject)]
    plain = subject.with_data(strength=0.0)
    if abs(strength) < WEAK:
        subject = subject.with_data(strength=STRENGTH)

    def penalty(W: Parameters, data: Data) -> tuple[Any, Parameters]:
        value, slopes = subject.call(W, data)
        plain_value, plain_slopes = subject.call(W, data._replace(strength=0.0))
        return value - plain_value, _minus(slopes, plain_slopes)

    return [("data loss", plain), ("penalty", subject.with_call(penalty))]


def _of_part(report: GradientReport, before: Mapping[str, GradientReport]) -> GradientReport:
    """Of a penalty beside an exact data loss, the report says why its rounding is large."""
    if not report.weakness or not before or any(each.weakness for each in before.values()):
        return report
    words = report.weakness.partition(": ")[0]
    why = "the penalty is small beside the rounding of the data loss; give a larger strength."
    return replace(report, weakness=f"{words}: {why}")


def _minus(a: Any, b: Any) -> Any:
    """The difference of two structures of arrays."""
    if isinstance(a, Mapping):
        return {name: _minus(a[name], b[name]) for name in a}
    if isinstance(a, list | tuple):
        return [_minus(first, second) for first, second in zip(a, b, strict=True)]
    return a - b


def strong_hints(subject: UserFunction, report: GradientReport) -> Iterator[Hint]:
    """What the calls, the slopes of the scores and the order of the entries show."""
    for defect in report.defects:
        yield Hint(_DEFECTS.get(defect.split()[1], "complex"), defect[0].upper() + defect[1:])
        return
    if not report.wrong or report.doubts or report.has_long_steps:
        return
    evidence = Evidence(subject, report)
    found = score_hint(evidence) or order_hint(evidence)
    if found is not None:
        yield found


def pattern_hints(subject: UserFunction, report: GradientReport, name: str) -> Iterator[Hint]:
    """What the pattern over the coordinates shows."""
    found = None if report.doubts else find_hint(report.coordinates, _sizes(subject))
    if found is not None:
        if name == "penalty":
            words = found.words[0].lower() + found.words[1:]
            name = found.name if found.name == "penalized bias" else "penalty"
            found = Hint(name, f"Of the penalty: {words}")
        yield found


_DEFECTS = {"changes": "mutates W", "grows": "accumulates"}


def _sizes(subject: UserFunction) -> dict[str, int]:
    """Numbers of examples, features, classes and scores, where they are known."""
    X, y, _ = subject.data
    if y is None:
        return {}
    sizes = {"N": len(y)}
    shapes = list(shapes_of(subject.W).values())
    classes = shapes[0][-1 if subject.by_rows else 0] if shapes and len(shapes[0]) > 1 else 1
    if X is not None:
        sizes["D"] = X.shape[-1 if subject.by_rows else 0]
    if classes > 1:
        sizes["C"] = classes
        sizes["NC"] = len(y) * classes
    return sizes


def _deterministic(subject: UserFunction) -> tuple[UserFunction, tuple[str, ...]]:
    """The function with fixed seeds, if it draws at random and then does not."""
    before = [subject.f(subject.W) for _ in range(3)]
    if len({scalar(value) for value in before}) == 1:
        return subject, ()

    def call(W: Parameters, data: Data) -> tuple[Any, Parameters]:
        with _fixed_seeds():
            return subject.call(W, data)

    fixed = subject.with_call(call)
    after = [fixed.f(subject.W) for _ in range(3)]
    if len({scalar(value) for value in after}) == 1:
        return fixed, (_SEED_WORDS,)
    return subject, ()


@contextmanager
def _fixed_seeds() -> Iterator[None]:
    """The global random generators of Python, NumPy and torch as after seed 0; then as before."""
    torch: Any = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state()
    drawn = None if torch is None else torch.get_rng_state()
    random.seed(0)
    np.random.seed(0)
    if torch is not None:
        torch.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch is not None:
            torch.set_rng_state(drawn)


def assert_gradient(
    function: Callable[..., Any],
    W: Parameters = None,
    *,
    gradient: Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    """Raise AssertionError, with the diagnosis, unless a gradient is right.

    Parameters are those of `diagnose`; in a test: `assert_gradient(svm_loss)`.

    Examples
    --------
    >>> assert_gradient(lambda W: ((W**2).sum(), 2 * W), np.array([1.0, -2.0]))
    """
    diagnosis = diagnose(function, W, gradient=gradient, **options)
    if not diagnosis.ok:
        raise AssertionError(str(diagnosis))
