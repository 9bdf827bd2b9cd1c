"""The loss of one example, worked out from its scores: every term, as it would be on paper."""

from collections.abc import Callable
from typing import Any

import numpy as np

from halfspaces.losses import CrammerSinger, Loss, OneVsAll, Plus, Softmax, Softplus, SquaredPlus
from halfspaces.losses.hinge import _Pairwise as Pairwise
from halfspaces.losses.surrogates import Surrogate
from halfspaces.support.types import Array

Line = dict[str, Any]
FORMS: dict[type[Surrogate], str] = {
    Plus: "max(0, {z})",
    SquaredPlus: "max(0, {z})²",
    Softplus: "ln(1 + exp({z}))",
}


def working(loss: Loss, scores: Array, label: int) -> list[Line]:
    """The steps from the scores of an example to its loss.

    Parameters
    ----------
    loss : Loss
    scores : array, shape (C,)
    label : int
        The right class.

    Returns
    -------
    lines : list of mappings
        Each has "kind" (scores, terms, shifted, exponentials, probabilities, targets or loss), the
        "classes" that its entries belong to, their "text" and their "values".

    Examples
    --------
    >>> from halfspaces.losses import Hinge
    >>> for line in working(Hinge(), np.array([3.2, 5.1, -1.7]), 0):
    ...     print(line["kind"], *line["text"], sep=" | ")
    scores | 3.20 | 5.10 | −1.70
    terms | max(0, 5.10 − 3.20 + 1) | max(0, −1.70 − 3.20 + 1)
    loss | 2.90 + 0.00
    """
    value = float(loss.value(scores, label))
    classes = list(range(len(scores)))
    lines = [_line("scores", classes, [number(s) for s in scores], scores)]
    if not np.all(np.isfinite(scores)):
        return [*lines, _line("loss", [label], [number(value)], [value])]
    for kind, work in WORKINGS:
        if isinstance(loss, kind):
            return [*lines, *work(loss, scores, label, value)]
    return [*lines, _line("loss", [label], [number(value)], [value])]


def _line(kind: str, classes: list[int], text: list[str], values: Any) -> Line:
    return {"kind": kind, "classes": classes, "text": text, "values": [float(v) for v in values]}


def number(value: float) -> str:
    """As on paper: two decimals, more for what is small.

    >>> number(-1.7), number(0.00123), number(1e9)
    ('−1.70', '0.0012', '1e+09')
    """
    size = abs(value)
    text = f"{value:.2f}"
    if 0 < size < 0.095:
        text = f"{value:.2g}"
    elif size >= 1e5:
        text = f"{value:.4g}"
    return text.replace("-", "−", 1) if value < 0 else text


def _plus(value: float) -> str:
    """What is added: + 1.00 or − 1.00; nothing for 0."""
    if value == 0:
        return ""
    size = f"{abs(value):g}"
    return f" + {size}" if value > 0 else f" − {size}"


def _minus(value: float) -> str:
    return f"− {number(value)}" if value >= 0 else f"+ {number(-value)}"


def _form(surrogate: Surrogate, z: str) -> str:
    return FORMS.get(type(surrogate), "φ({z})").format(z=z)


def _summed(values: Array, label: int, value: float) -> Line:
    return _line("loss", [label], [" + ".join(number(v) for v in values)], [value])


def _pairwise(loss: Any, scores: Array, label: int, value: float) -> list[Line]:
    wrong = [j for j in range(len(scores)) if j != label]
    right = float(scores[label])
    violations = scores[wrong] - right + loss.margin
    terms = loss.surrogate.value_and_slope(violations)[0]
    text = [
        _form(loss.surrogate, f"{number(scores[j])} {_minus(right)}{_plus(loss.margin)}")
        for j in wrong
    ]
    return [_line("terms", wrong, text, terms), _summed(terms, label, value)]


def _one_vs_all(loss: Any, scores: Array, label: int, value: float) -> list[Line]:
    classes = list(range(len(scores)))
    signs = np.where(np.arange(len(scores)) == label, -1.0, 1.0)
    terms = loss.surrogate.value_and_slope(signs * scores + loss.margin)[0]
    text = []
    for j in classes:
        z = number(signs[j] * scores[j])
        if loss.margin:
            sign = "−" if j == label else "+"
            held = number(scores[j])
            z = f"{loss.margin:g} {sign} {f'({held})' if scores[j] < 0 else held}"
        text.append(_form(loss.surrogate, z))
    return [_line("terms", classes, text, terms), _summed(terms, label, value)]


def _crammer_singer(loss: Any, scores: Array, label: int, value: float) -> list[Line]:
    wrong = [j for j in range(len(scores)) if j != label]
    right = float(scores[label])
    violations = scores[wrong] - right + loss.margin
    text = [f"{number(scores[j])} {_minus(right)}{_plus(loss.margin)}" for j in wrong]
    largest = ", ".join(["0", *(number(v) for v in violations)])
    return [
        _line("terms", wrong, text, violations),
        _line("loss", [label], [f"max({largest})"], [value]),
    ]


def _softmax(loss: Any, scores: Array, label: int, value: float) -> list[Line]:
    classes = list(range(len(scores)))
    largest = float(np.max(scores))
    shifted = scores - largest
    exponentials = np.exp(shifted)
    # The gradient in the scores is p − t.
    target = np.full(len(scores), loss.label_smoothing / len(scores))
    target[label] += 1 - loss.label_smoothing
    probabilities = loss.grad(scores, label) + target
    lines = [
        _line("shifted", classes, [f"{number(s)} {_minus(largest)}" for s in scores], shifted),
        _line("exponentials", classes, [f"exp({number(s)})" for s in shifted], exponentials),
        _line(
            "probabilities",
            classes,
            [f"{number(e)} / {number(float(exponentials.sum()))}" for e in exponentials],
            probabilities,
        ),
    ]
    text = f"−ln {number(probabilities[label])}"
    if loss.label_smoothing:
        lines.append(_line("targets", classes, [number(t) for t in target], target))
        text = " ".join(
            f"− {number(t)} · ln {number(p)}"
            for t, p in zip(target, probabilities, strict=True)
        )  # fmt: skip
    return [*lines, _line("loss", [label], [text], [value])]


WORKINGS: tuple[tuple[type[Loss], Callable[..., list[Line]]], ...] = (
    (Pairwise, _pairwise),
    (OneVsAll, _one_vs_all),
    (CrammerSinger, _crammer_singer),
    (Softmax, _softmax),
)
