"""Checks of a function over several calls: other parameters, labels and rows.

Caches deceive a check at one W: a gradient may be that of an earlier W, of earlier labels or of
earlier rows.
"""

from collections.abc import Iterator

import numpy as np

from halfspaces.gradcheck.check import check_gradient
from halfspaces.gradcheck.hints import Hint
from halfspaces.gradcheck.parameters import Layout, Parameters, copied, scalar
from halfspaces.gradcheck.report import GradientReport
from halfspaces.gradcheck.user_function import UserFunction

SAMPLES = 8
STEP = 2.0**-16  # of differences along the line between two W
NEAR = 0.01  # relative difference of slopes that are another
STEP_OF_HALF, NEAR_OF_HALF = 0.5, 0.1  # the same for an f of 16 bits
_SAME = 1e-12  # relative difference of gradients that are the same


def call_checks(
    subject: UserFunction, *, seed: int, wrong: bool, is_half: bool = False
) -> Iterator[Hint]:
    """What is wrong over several calls, in sentences; nothing if all is right.

    Of a gradient that is wrong at one W already, only that it is the same at another W is news.
    """
    found = [_another_W(subject, seed, wrong, is_half)]
    if not wrong:
        found += [_labels(subject, is_half), _rows(subject, is_half)]
    yield from filter(None, found)


def data_hint(subject: UserFunction) -> Hint | None:
    """Whether a call changes X or y in place."""
    data = subject.data.copied()
    subject.call(subject.W, data)
    for name in ("X", "y"):
        before, after = getattr(subject.data, name), getattr(data, name)
        if before is not None and not np.array_equal(np.asarray(after), np.asarray(before)):
            return Hint("mutates data", f"A call changes {name} in place: work on a copy.")
    return None


def _slopes(subject: UserFunction, at: np.ndarray) -> Parameters:
    """A copy of the gradient in its own types."""
    return copied(subject.gradient(Layout.of(subject.W, None).unpack(at)))


def _vector(subject: UserFunction, slopes: Parameters) -> np.ndarray:
    return np.real(Layout.of(subject.W, None).pack(slopes, "gradient"))


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.linalg.norm(a - b) <= _SAME * np.linalg.norm(a))


def _report(
    subject: UserFunction, slopes: Parameters, at: np.ndarray, is_half: bool
) -> GradientReport:
    """A check of a gradient that was computed before f is called at this W.

    With an f of 16 bits the slopes at one W tell too little: the gradient is called, too.
    """
    W = Layout.of(subject.W, None).unpack(at)
    return check_gradient(subject.f, subject.gradient if is_half else slopes, W, samples=SAMPLES)


def _another_W(subject: UserFunction, seed: int, wrong: bool, is_half: bool) -> Hint | None:
    layout = Layout.of(subject.W, None)
    here = layout.pack_real(subject.W, "W")
    rng = np.random.default_rng(seed + 1)
    there = here + layout.scales(here) * rng.uniform(0.1, 0.4, here.size)
    subject.f(layout.unpack(here))
    first = _vector(subject, _slopes(subject, here))
    slopes = _slopes(subject, there)
    second = _vector(subject, slopes)
    report = _report(subject, slopes, there, is_half)
    if report.outcome != "wrong":
        return None
    has_same = _is_same(first, second) and first.any()
    if not has_same or not _bends(subject, here, there, is_half):
        if wrong or report.weakness:  # few coordinates of a noisy f are no evidence
            return None
        return Hint("another W", f"At another W the gradient is wrong, too. {report.verdict}")
    subject.f(layout.unpack(there))
    after = _vector(subject, _slopes(subject, there))
    if _is_same(first, after):
        words = "The gradient is the same at another W, where f has other slopes"
        return Hint("another W", f"{words}: it was computed once, or from another W than its own.")
    words = "The gradient is that of the W at which f was called last"
    return Hint("another W", f"{words}: it uses what f stored; compute it from its own W.")


def _bends(subject: UserFunction, here: np.ndarray, there: np.ndarray, is_half: bool) -> bool:
    """Whether f has another slope at another W, along the line between them."""
    layout = Layout.of(subject.W, None)
    move = there - here
    step, near = (STEP_OF_HALF, NEAR_OF_HALF) if is_half else (STEP, NEAR)

    def slope(at: np.ndarray) -> float:
        high, low = (scalar(subject.f(layout.unpack(at + sign * step * move))) for sign in (1, -1))
        return (high - low) / (2 * step)

    before, after = slope(here), slope(there)
    return abs(after - before) > near * max(abs(before), abs(after))


def _labels(subject: UserFunction, is_half: bool) -> Hint | None:
    y = subject.data.y
    if y is None or getattr(y, "ndim", 0) != 1:
        return None
    known = np.unique(np.asarray(y))
    if not 2 <= len(known) <= len(y) // 2:
        return None
    order = np.searchsorted(known, np.asarray(y))
    others = known[(order + 1) % len(known)]
    if hasattr(y, "new_tensor"):
        others = y.new_tensor(others)
    name = "labels"
    words = "After a call with other labels the gradient is that of the earlier ones"
    hint = Hint(name, f"{words}: labels are kept.")
    return _changed(subject, subject.with_data(y=others), hint, is_half)


def _rows(subject: UserFunction, is_half: bool) -> Hint | None:
    y = subject.data.y
    if not subject.data.has_rows or len(y) < 4:
        return None
    half = subject.rows(slice(0, len(y) // 2))
    words = "After a call with other rows the gradient is that of the earlier ones: X is kept."
    return _changed(subject, half, Hint("rows", words), is_half)


def _changed(subject: UserFunction, other: UserFunction, same: Hint, is_half: bool) -> Hint | None:
    """A hint if the gradient is wrong once the data have changed."""
    at = Layout.of(subject.W, None).pack_real(subject.W, "W")
    try:
        first = _vector(subject, _slopes(subject, at))
        slopes = _slopes(other, at)
        second = _vector(other, slopes)
        report = _report(other, slopes, at, is_half)
    except Exception:
        return None  # the function takes these data only
    if report.outcome != "wrong":
        return None
    if _is_same(first, second):
        return same
    if report.weakness:
        return None
    return Hint(same.name, f"With other {same.name} the gradient is wrong. {report.verdict}")
