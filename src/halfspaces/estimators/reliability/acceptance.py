"""Selective classification: which predictions to accept, so that few of these are wrong."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from scipy.stats import beta, binom

from halfspaces.estimators.reliability.order_statistics import rounded_down, spaced
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

MOST = 500  # thresholds stored
STARTS = 1 / 2 ** np.arange(1, 6)  # shares of accepted rows from which thresholds are tested


class Accepted(NamedTuple):
    """A threshold on the probability of the predicted label, and what it does to the held-out rows.

    Parameters
    ----------
    threshold : float
        Predictions of at least this probability are accepted.
    share : float
        The part of the held-out rows that is accepted.
    error : float
        The part of these that is wrong.
    """

    threshold: float
    share: float
    error: float


@dataclass(frozen=True)
class Acceptance:
    """Thresholds on the probability of the predicted label, and the predictions accepted and wrong.

    `below` returns the threshold that accepts most predictions while it is proven that at most a
    part ε of them is wrong, in 1 − δ of all draws of the held-out rows. A threshold t that accepts
    n(t) held-out rows, k(t) of them wrong, passes the test of "more than ε are wrong" if

        P(Binomial(n(t), ε) ≤ k(t)) ≤ δ / 5

    which is the bound of Clopper and Pearson. From each of the five thresholds that accept 1/2,
    1/4, ..., 1/32 of the rows the way goes down until a threshold does not pass: fixed sequences
    from several starts, which share δ.

    Parameters
    ----------
    thresholds : tuple of floats
        Falling.
    accepted, wrong : tuples of int
        Held-out rows whose predicted label has at least this probability, and how many of them are
        predicted wrong.

    References
    ----------
    Angelopoulos, Bates, Candès, Jordan & Lei, Learn then test: calibrating predictive algorithms to
    achieve risk control, 2025, https://doi.org/10.1214/24-AOAS1998; Clopper & Pearson, The use of
    confidence or fiducial limits, 1934, https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    The less confident half is wrong once in four times:

    >>> confidence = np.linspace(1, 0.5, 2000)
    >>> is_right = (np.arange(2000) < 1000) | (np.arange(2000) % 4 > 0)
    >>> accepted = Acceptance.fit(confidence, is_right).below(0.05)
    >>> round(accepted.share, 2), accepted.error < 0.05
    (0.58, True)
    """

    thresholds: tuple[float, ...]
    accepted: tuple[int, ...]
    wrong: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("thresholds", "accepted", "wrong"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        thresholds, accepted, wrong = map(np.array, (self.thresholds, self.accepted, self.wrong))
        fits = 0 < len(thresholds) == len(accepted) == len(wrong)
        if not (
            fits
            and np.all(np.isfinite(thresholds))
            and np.all(np.diff(thresholds) < 0)
            and np.all(np.diff(accepted, prepend=0) > 0)
            and np.all(np.diff(wrong, prepend=0) >= 0)
            and np.all(wrong <= accepted)
        ):
            raise ValueError(
                "Acceptance needs falling thresholds and, for each, the rows accepted, which "
                "become more, and how many of them are wrong."
            )

    @classmethod
    def fit(cls, confidence: Array, is_right: Array) -> Self:
        """Of the predicted label's probability in n ≥ 1 held-out rows (n,), and which are right."""
        order = np.argsort(-confidence, kind="stable")
        falling = confidence[order].astype(np.float64)
        wrong = np.cumsum(~is_right[order])
        some = falling[spaced(len(falling), MOST) - 1]
        thresholds = np.unique(rounded_down(some))[::-1]
        accepted = np.searchsorted(-falling, -thresholds, side="right")
        kept = np.diff(accepted, prepend=0) > 0
        return cls(
            tuple(thresholds[kept].tolist()),
            tuple(accepted[kept].tolist()),
            tuple(wrong[accepted[kept] - 1].tolist()),
        )

    def below(self, error: float, *, confidence: float = 0.95) -> Accepted:
        """The threshold that accepts most with at most this part wrong, proven as above.

        Parameters
        ----------
        error : float
            ε, above 0 and below 1.
        confidence : float
            1 − δ, above 0 and below 1.

        Raises
        ------
        ValueError, TypeError
            If no threshold is proven to keep the error, or a number is out of range.
        """
        check_number("The largest error", error, above=0, below=1)
        check_number("confidence", confidence, above=0, below=1)
        accepted = np.array(self.accepted)
        wrong = np.array(self.wrong)
        level = (1 - confidence) / len(STARTS)
        passes = binom.cdf(wrong, accepted, error) <= level
        starts = np.searchsorted(accepted, accepted[-1] * STARTS)
        ends = [start + np.argmin(np.append(passes[start:], False)) for start in starts]
        reached = [end - 1 for start, end in zip(starts, ends, strict=True) if end > start]
        best = max(reached, default=-1)
        if best < 0:
            least = beta.ppf(1 - level, wrong + 1, np.maximum(accepted - wrong, 1))[starts].min()
            raise ValueError(
                f"No threshold is proven to keep the error at {error:g}: the {accepted[-1]:,} "
                f"held-out rows prove {1.05 * least:.2g}; ask for an error of at least that, or "
                "train on more rows or with more folds."
            )
        share = float(accepted[best] / accepted[-1])
        return Accepted(self.thresholds[best], share, float(wrong[best] / accepted[best]))
