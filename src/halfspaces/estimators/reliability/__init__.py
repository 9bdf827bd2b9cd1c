"""What held-out rows say of new ones: sets of labels that hold the right one, labels to trust.

Learned from probabilities of rows that the classifier was not fitted on, and their labels; a few
hundred numbers that a model file holds, so that predictions need no training data.
"""

from halfspaces.estimators.reliability.acceptance import Acceptance, Accepted
from halfspaces.estimators.reliability.order_statistics import OrderStatistics
from halfspaces.estimators.reliability.prediction_sets import PredictionSets
from halfspaces.estimators.reliability.reliability import Reliability

__all__ = ["Acceptance", "Accepted", "OrderStatistics", "PredictionSets", "Reliability"]
