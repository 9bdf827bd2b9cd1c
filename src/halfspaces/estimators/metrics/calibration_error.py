"""The calibration error with an interval."""

import numpy as np

from halfspaces.estimators.calibration.error import BINS, bins_of
from halfspaces.estimators.metrics.intervals import Figure, Z
from halfspaces.support.types import Array


def calibration_error(confidence: Array, right: Array, weight: Array) -> Figure:
    """The expected calibration error, Σ_b |Σ_i∈b w_i (confidence_i − right_i)| / Σ w.

    Of n rows it is too large by about √(2/π) standard errors of each bin where probabilities are
    right: |noise| is never 0 on average. The lower end allows for that, so that the interval holds
    0 for a calibrated model.

    Parameters
    ----------
    confidence : array, shape (N,)
        The probability of the predicted class.
    right : array of bool, shape (N,)
    weight : array, shape (N,)

    Examples
    --------
    >>> confidence = np.full(100, 0.8)
    >>> print(calibration_error(confidence, np.arange(100) < 70, np.ones(100)))
    0.1 (0 to 0.1898)
    """
    total = weight.sum()
    excess = weight * (confidence - right)
    bin_of = bins_of(confidence, BINS)
    sums = np.bincount(bin_of, excess, minlength=BINS)
    masses = np.bincount(bin_of, weight, minlength=BINS)
    mean = sums / np.where(masses > 0, masses, 1.0)
    within = np.bincount(bin_of, (excess - weight * mean[bin_of]) ** 2, minlength=BINS)
    error = float(np.abs(sums).sum() / total)
    influence = np.sign(sums)[bin_of] * excess - weight * error
    half = Z * float(np.linalg.norm(influence) / total)
    bias = float(np.sqrt(2 / np.pi) * np.sqrt(within).sum() / total)
    return Figure(error, max(error - bias - half, 0.0), min(error + half, 1.0))
