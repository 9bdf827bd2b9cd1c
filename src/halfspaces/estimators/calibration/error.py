"""The expected calibration error: how far confidence is from accuracy."""

from typing import Any

import numpy as np

from halfspaces.estimators.calibration.checks import check_examples
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

BINS = 15


def bins_of(confidence: Array, bins: int) -> Array:
    """The bin (N,) of each confidence: of equal width, (0, 1/bins] to (1 − 1/bins, 1].

    >>> bins_of(np.array([0.5, 0.51, 1.0]), 2).tolist()
    [0, 1, 1]
    """
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def expected_calibration_error(
    probabilities: Any, y: Any, *, bins: int = BINS, weight: Any = None
) -> float:
    """The mean difference of confidence and accuracy: Σ_b (w_b / Σ w) |accuracy_b − confidence_b|.

    The confidence of an example is its largest probability; the example is right if that is the
    probability of the right class. Examples are sorted by confidence into bins of equal width,
    (0, 1/bins] to (1 − 1/bins, 1].

    Parameters
    ----------
    probabilities : array, shape (N, C)
    y : array of integers, shape (N,)
        The right classes, 0 to C−1.
    bins : int ≥ 1
    weight : array, shape (N,), or None

    Returns
    -------
    float
        Between 0, calibrated, and 1.

    Raises
    ------
    ValueError, TypeError
        If a probability is outside [0, 1], and as `Calibration.fit`.

    References
    ----------
    Naeini, Cooper & Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning,
    AAAI 2015, https://doi.org/10.1609/aaai.v29i1.9602; Guo et al., 2017,
    https://arxiv.org/abs/1706.04599

    Examples
    --------
    A confidence of 80 % and an accuracy of one half:

    >>> round(expected_calibration_error([[0.8, 0.2], [0.8, 0.2]], [0, 1]), 4)
    0.3
    """
    check_number("expected_calibration_error(bins=...)", bins, at_least=1, integer=True)
    p, y, weight = check_examples(probabilities, y, weight, name="probabilities")
    if p.min() < 0 or p.max() > 1 + 1e-6:
        raise ValueError(
            f"probabilities must be between 0 and 1, got {p.min():g} to {p.max():g}; "
            "calibrate scores first."
        )
    confidence = p.max(axis=1).astype(np.float64)
    excess = weight * (confidence - (p.argmax(axis=1) == y))
    return float(np.abs(np.bincount(bins_of(confidence, bins), excess)).sum() / weight.sum())
