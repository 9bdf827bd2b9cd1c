"""Which terms of a loss have a kink near a coordinate, and their share of the error there."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from halfspaces.gradcheck.judge import Coordinate
from halfspaces.gradcheck.parameters import Layout, Parameters, scalar
from halfspaces.gradcheck.user_function import UserFunction

STEP = 1e-5  # of the course's check
MOST = 5  # coordinates with a kink that are explained
_SHARE = 0.01  # of the bend: smaller ones are curvature


class Flip(NamedTuple):
    """A coordinate at which terms of f change their slope between x − h and x + h.

    `error` is that of the centred difference: half the difference of the one-sided slopes.
    """

    coordinate: str
    step: float
    terms: tuple[int, ...]
    shares: tuple[float, ...]  # of the sum of |f_i(x + h) − 2f_i(x) + f_i(x − h)|
    error: float

    @property
    def words(self) -> str:
        """One sentence."""
        listed = ", ".join(
            f"{term} ({share:.0%})" for term, share in zip(self.terms, self.shares, strict=True)
        )
        terms = "term" if len(self.terms) == 1 else "terms"
        flips = "flips" if len(self.terms) == 1 else "flip"
        return (
            f"{self.coordinate}: {terms} {listed} {flips} between x − h and x + h, h = "
            f"{self.step:g}; the one-sided slopes differ by {2 * self.error:.3g}."
        )


def terms_of(subject: UserFunction) -> Callable[[Parameters], np.ndarray] | None:
    """The loss of each example as a function of W, where X and y are known."""
    _, y, strength = subject.data
    if not subject.data.has_rows:
        return None
    plain = subject if strength is None else subject.with_data(strength=0.0)
    singles = [plain.rows(slice(k, k + 1)) for k in range(len(y))]

    def terms(W: Parameters) -> np.ndarray:
        return np.array([scalar(single.f(W)) for single in singles])

    return terms


def flips(
    coordinates: Sequence[Coordinate],
    terms: Callable[[Parameters], Any],
    f: Callable[[Parameters], Any],
    W: Parameters,
) -> tuple[Flip, ...]:
    """The terms that flip at coordinates with a kink; f is their sum or their mean."""
    layout = Layout.of(W, None)
    at = layout.pack_real(W, "W")
    scales = layout.scales(at)
    found: list[Flip] = []

    def values(point: np.ndarray) -> np.ndarray:
        """The terms and, last, f."""
        own = np.ravel(np.asarray(terms(layout.unpack(point)), dtype=float))
        return np.append(own, scalar(f(layout.unpack(point))))

    here = values(at)
    for coordinate in [c for c in coordinates if c.kink][:MOST]:
        position = layout.position(coordinate.array, coordinate.index)
        step = STEP * float(scales[position])
        move = np.zeros_like(at)
        move[position] = step
        *bends, bend = values(at + move) - 2 * here + values(at - move)
        sizes = np.abs(bends)
        if not sizes.any():
            continue
        shares = sizes / sizes.sum()
        order = [int(k) for k in np.argsort(-shares) if shares[k] >= _SHARE]
        error = float(abs(bend)) / (2 * step)
        found.append(
            Flip(coordinate.name, step, tuple(order), tuple(float(shares[k]) for k in order), error)
        )
    return tuple(found)
