"""Likely causes of a wrong gradient, from the slopes of the scores that explain it.

dW = Xᵀ S: each row of S is an example, each column a class, so that a bug in the formula of a loss
shows at the right classes, at the other ones, or at some examples.
"""

import math
from collections.abc import Callable

import numpy as np

from halfspaces.gradcheck.evidence import Evidence, ScoreSlopes, close
from halfspaces.gradcheck.hints import CLOSE, Hint

Rule = Callable[[ScoreSlopes], Hint | None]


def _penalty(scores: ScoreSlopes) -> Hint | None:
    own, slope = scores.analytic_multiple, scores.numerical_multiple
    if scores.wrong.any() or math.isclose(own, slope, rel_tol=CLOSE):
        return None
    words = f"The penalty's gradient is {own:.4g} W, where that of f is {slope:.4g} W"
    ratio = own / slope if slope else math.inf
    if math.isclose(ratio, 0.5, rel_tol=CLOSE):
        return Hint("penalty", f"{words}: it lacks a 2, as λΣW² has the gradient 2λW.")
    if math.isclose(ratio, 2.0, rel_tol=CLOSE):
        return Hint("penalty", f"{words}: it has a 2 too many, or f lacks the ½ of ½λΣW².")
    if ratio == 0 or abs(ratio) < CLOSE:
        return Hint("penalty", f"{words}: it was left out.")
    if not slope:
        return Hint("penalty", f"{words}: f lacks the penalty.")
    return Hint("penalty", f"{words}: look at its factor.")


def _labels(scores: ScoreSlopes) -> Hint | None:
    """The slopes of other labels: the smallest slope of each row is at another class."""
    falls = scores.numerical.argmin(axis=1)
    right = scores.right.argmax(axis=1)
    own = scores.analytic.argmin(axis=1)
    used = (scores.analytic.min(axis=1) < 0) & (scores.numerical.min(axis=1) < 0)
    # Of a loss one score falls in each row: that of the label.
    alone = np.count_nonzero(scores.analytic[used] < 0, axis=1) == 1
    if (
        not used.any()
        or np.mean(alone) < 0.9
        or (falls != right)[used].any()
        or np.mean(own[used] == right[used]) > 0.6
    ):
        return None
    words = "It lowers the scores of classes that are not those in y"
    return Hint("labels", f"{words}: it uses other labels, or labels of an earlier call.")


def _examples(scores: ScoreSlopes) -> Hint | None:
    """Examples that are left out, or all but one."""
    rows = scores.wrong.any(axis=1)
    empty = ~scores.analytic.any(axis=1) & scores.numerical.any(axis=1)
    if not empty.any() or not np.array_equal(rows, empty):
        return None
    names = ", ".join(str(row) for row in np.flatnonzero(empty)[:3])
    some = f"example {names}" if empty.sum() == 1 else f"{empty.sum()} examples ({names}, ...)"
    return Hint("examples", f"It leaves out {some}: look at where the loop over them ends.")


def _only_one(scores: ScoreSlopes) -> Hint | None:
    size = np.abs(scores.analytic).max()
    used = np.flatnonzero(np.abs(scores.analytic).max(axis=1) > CLOSE * size)
    if len(used) != 1 or np.count_nonzero(scores.numerical.any(axis=1)) < 3:
        return None
    words = f"It is that of example {used[0]} alone: was it assigned in the loop, = for +=?"
    return Hint("examples", words)


def _right_class(scores: ScoreSlopes) -> Hint | None:
    """Errors at the right classes alone."""
    right = scores.right
    wrong = scores.wrong
    if not wrong.any() or (wrong & ~right).any():
        return None
    a, n = scores.analytic[right], scores.numerical[right]
    off = a - n
    seen = n != 0
    words = "Only the slopes of the right class's score are wrong"
    if not a.any():
        return Hint("right class", f"{words}: they are 0, so its row was left out.")
    if close(a, -n).all():
        return Hint("right class", f"{words}: their sign, so its row is added, not subtracted.")
    if np.ptp(off) <= CLOSE * np.abs(n).max():
        return _constant_off(off, n, words)
    if seen.any() and np.ptp(a[seen]) <= CLOSE * np.abs(n).max():
        advice = "subtract x once for each margin above 0, not once in all"
        return Hint("right class", f"{words}, and all equal: {advice}.")
    return Hint("right class", f"{words}: look at the term for j = y.")


def _constant_off(off: np.ndarray, numerical: np.ndarray, words: str) -> Hint:
    share = float(np.median(off))
    counts = numerical / share
    whole = np.abs(counts - np.round(counts)).max() < 0.01
    if share < 0 and whole:
        advice = "the margin at j = y was counted; leave j = y out"
        return Hint("margin at y", f"{words}, by one count: {advice}.")
    if share > 0 and not whole:
        advice = "the −1 of p − 1 at the right class is missing"
        return Hint("right class", f"{words}, by {share:.4g} each: {advice}.")
    return Hint("right class", f"{words}, by {share:.4g} each: look at the term for j = y.")


def _other_classes(scores: ScoreSlopes) -> Hint | None:
    """Errors at the classes that are not the right ones."""
    wrong = scores.wrong
    others = ~scores.right
    if not wrong.any() or (wrong & scores.right).any():
        return None
    a, n = scores.analytic[others], scores.numerical[others]
    words = "Only the slopes of the wrong classes' scores are wrong"
    if not a.any():
        return Hint("other classes", f"{words}: they are 0, so their rows were left out.")
    if close(a, -n).all():
        return Hint("other classes", f"{words}: their sign.")
    idle = np.abs(n) <= CLOSE * np.abs(n).max()
    if (wrong[others] <= idle).all():
        advice = "they are not 0 where the margin is below 0; is the mask of max(0, ...) missing?"
        return Hint("mask", f"{words}: {advice}")
    return Hint("other classes", f"{words}: look at the terms for j ≠ y.")


def _inactive(scores: ScoreSlopes) -> Hint | None:
    """Slopes at scores on which f does not depend."""
    idle = close(scores.numerical, np.zeros_like(scores.numerical))
    wrong_others = scores.wrong & ~scores.right
    if not wrong_others.any() or (wrong_others & ~idle).any():
        return None
    words = "It has slopes at scores that f does not depend on"
    return Hint("mask", f"{words}: is the mask of max(0, ...) missing, or its threshold another?")


def _softmax_axis(scores: ScoreSlopes) -> Hint | None:
    """Probabilities that sum to 1 over the examples, and not over the classes."""
    n = len(scores.analytic)
    for share in (1.0, 1.0 / n):
        p = scores.analytic / share + scores.right
        q = scores.numerical / share + scores.right
        if (q <= 0).any() or np.abs(q.sum(axis=1) - 1).max() > 0.01:
            continue
        if np.abs(p.sum(axis=0) - 1).max() < 0.01:
            words = "Its probabilities sum to 1 over the examples: normalize over the classes, the"
            return Hint("axis", f"{words} last axis.")
        if _unnormalized(p, q):
            words = "Its probabilities are not divided by their sum over the classes"
            return Hint("softmax", f"{words}: p = exp(s) / Σ exp(s).")
    return None


def _unnormalized(p: np.ndarray, q: np.ndarray) -> bool:
    """Whether rows of p are multiples of rows of q."""
    if (p <= 0).any():
        return False
    ratio = p / q
    return bool(np.ptp(ratio, axis=1).max() <= CLOSE * ratio.max() and np.ptp(ratio) > 0.01)


_RULES: tuple[Rule, ...] = (
    _penalty,
    _labels,
    _only_one,
    _examples,
    _right_class,
    _other_classes,
    _softmax_axis,
    _inactive,
)


def score_hint(evidence: Evidence) -> Hint | None:
    """The first likely cause that the slopes of the scores show; None if they show none."""
    scores = evidence.scores
    if scores is None or not np.isfinite(scores.analytic).all():
        return None
    # A factor that all slopes share is found without the scores.
    a, n = scores.analytic, scores.numerical
    ratio = float((a * n).sum() / (n * n).sum()) if n.any() else 0.0
    if not ratio or (scores.wrong.any() and close(a, ratio * n).all()):
        return None
    return next(filter(None, (rule(scores) for rule in _RULES)), None)
