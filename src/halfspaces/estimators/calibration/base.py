"""The interface of every calibration: fit to scores, return probabilities."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from halfspaces.support.types import Array


class Calibration(ABC):
    """A map from scores (N, C) to probabilities (N, C), fitted to out-of-fold scores.

    A new calibration is one frozen dataclass with `fit` and `log_probabilities` and one row in
    `CALIBRATIONS`.
    """

    keeps_order: ClassVar[bool] = False  # whether the largest score has the largest probability

    @classmethod
    @abstractmethod
    def fit(cls, scores: Any, y: Any, weight: Any = None) -> Self:
        """The calibration of these scores.

        Parameters
        ----------
        scores : array of finite numbers, shape (N, C), C ≥ 2
            Of examples that the classifier was not fitted on. Read in blocks, in any precision.
        y : array of integers, shape (N,)
            The right classes, 0 to C−1.
        weight : array, shape (N,), or None
            At least 0 and not all 0; a weight of 2 is the same as the row twice.

        Raises
        ------
        ValueError, TypeError
            In one sentence, for scores that are not finite (or beyond 1e100), labels that are no
            classes, negative weights or only zeros, and shapes that do not fit.
        """

    @abstractmethod
    def log_probabilities(self, scores: Any) -> Array:
        """Logarithms of the probabilities (N, C), float64: finite where probabilities underflow."""

    def probabilities(self, scores: Any) -> Array:
        """Probabilities of the classes (N, C), float64; each row sums to 1.

        Raises
        ------
        ValueError, TypeError
            If the scores are not finite, or have another number of classes than the calibration.
        """
        return np.exp(self.log_probabilities(scores))


def normalize(logarithms: Array) -> Array:
    """Logarithms (N, C) minus that of the sum of their exponentials, computed in place.

    The largest is subtracted first: beside it the logarithm of the sum would be lost to rounding.
    """
    logarithms -= logarithms.max(axis=1, keepdims=True)
    logarithms -= np.log(np.exp(logarithms).sum(axis=1, keepdims=True))
    return logarithms
