"""Calibrations: probabilities from the scores of any loss, fitted to out-of-fold scores.

A calibration is fitted to scores (N, C) of examples that the classifier was not fitted on, such as
the held-out rows of each fold, and their labels (N,). It holds a few numbers, so it can be printed,
compared and saved, and it does not depend on the classifier. A weight of 2 is the same as the row
twice: the sum of the weights matters to `Sigmoid`, and to `Temperature` where no other class has a
larger score than the right one.
"""

from halfspaces.estimators.calibration.base import Calibration
from halfspaces.estimators.calibration.error import expected_calibration_error
from halfspaces.estimators.calibration.sigmoid import Sigmoid
from halfspaces.estimators.calibration.temperature import Temperature

__all__ = [
    "CALIBRATIONS",
    "Calibration",
    "Sigmoid",
    "Temperature",
    "expected_calibration_error",
]

CALIBRATIONS: dict[str, type[Calibration]] = {"temperature": Temperature, "sigmoid": Sigmoid}
