"""The automatic grid of strengths: where it starts, how it grows, and when it ends early."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from halfspaces.support.types import Array
from halfspaces.tuning.selection import best_of, tied

SPAN = 1e-6  # the smallest strength of a grid over its largest
SPARSE_SPAN = 1e-3  # the same for penalties that set weights to 0
LEAST_RATIO = 1e-3  # of neighbours: an optimum between them would be missed
GROWTH = 0.1  # part of the grid that is added at a time while the best score is at an end
PATIENCE = 2  # strengths without a better score, at least, before the search ends
PATIENCE_SPAN = 9.99  # the factor that these strengths must cover


@dataclass
class GrowingGrid:
    """A geometric grid of falling strengths that grows at the end where the best score lies.

    Parameters
    ----------
    strengths : list of floats
        Falling; those added later included.
    ratio : float
        Each strength over the one before.
    spare : int
        How many strengths may still be added.

    Examples
    --------
    >>> grid = GrowingGrid.geometric(1.0, 3, span=0.01)
    >>> [f"{strength:g}" for strength in grid.upcoming(lambda strengths: np.arange(len(strengths)))]
    ['1', '0.1', '0.01', '0.001', '0.0001', '1e-05']
    """

    strengths: list[float]
    ratio: float
    spare: int

    @classmethod
    def geometric(cls, largest: float, n_strengths: int, *, span: float = SPAN) -> "GrowingGrid":
        """n strengths from the largest to `span` times the largest; as many more may be added.

        A strength is at least `LEAST_RATIO` times the one before: few strengths span less.
        """
        ratio = max(span ** (1 / (n_strengths - 1)), LEAST_RATIO)
        return cls(list(largest * ratio ** np.arange(n_strengths)), ratio, n_strengths)

    def upcoming(self, mean_scores: Callable[[Sequence[float]], Array]) -> Iterator[float]:
        """The strengths of the grid, then more of them while the best score is at an end.

        `mean_scores` returns the mean scores (S,) of strengths that were yielded before.
        """
        yield from tuple(self.strengths)
        at_once = max(1, round(GROWTH * len(self.strengths)))
        while self.spare > 0:
            steps = self.ratio ** np.arange(1, min(self.spare, at_once) + 1)
            mean = mean_scores(self.strengths)
            best = best_of(mean) if np.isfinite(mean).any() else -1
            if best == len(self.strengths) - 1:
                added = self.strengths[-1] * steps
                self.strengths.extend(added)
            elif best == 0 and not tied(mean[0], mean[1]):
                added = self.strengths[0] / steps
                self.strengths[:0] = added[::-1]
            else:
                return
            self.spare -= len(added)
            yield from map(float, added)


def without_gain(strengths: Sequence[float], mean: Array, penalties: Sequence[float]) -> bool:
    """Whether the last strengths, over a decade, brought no better mean score.

    Strengths fall; `mean` (S,) are their scores and `penalties` (S,) their λ R(W). Strengths count
    once λ R(W) falls: it rises as long as λ is so large that W only grows, in one direction.
    """
    if not np.isfinite(mean).any():
        return False
    best = best_of(mean)
    if best == 0 and len(mean) > 1 and not tied(mean[0], mean[1]):
        return False  # the grid is to grow there
    last = max(best, int(np.argmax(penalties)))
    covered = strengths[last] >= PATIENCE_SPAN * strengths[-1]
    return len(strengths) > last + PATIENCE and covered
