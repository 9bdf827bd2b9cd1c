"""The laws of score functions, for those that are linear in W; tests/networks has the others."""

import numpy as np
import pytest

from halfspaces.losses import LOSSES
from halfspaces.noise import Dropout, GaussianNoise
from halfspaces.noise.adaptive_score import AdaptiveScore
from halfspaces.noise.noisy import Noisy
from halfspaces.proofs.shift import Shift
from halfspaces.rows.standardization import Standardization
from halfspaces.scores.linear import Linear
from halfspaces.testing import check_score

X = np.random.default_rng(0).standard_normal((9, 4))
LINEAR = Linear(
    Standardization(np.array([0.5, -1.0, 0.0, 2.0]), np.array([2.0, 1.0, 0.5, 3.0])), np.zeros(4)
)
LOSS = LOSSES["ova_logistic"]


@pytest.mark.parametrize(
    "score",
    [
        LINEAR,
        Noisy(LINEAR, Dropout(0.3), seed=3),
        Noisy(LINEAR, GaussianNoise(0.5)),
        AdaptiveScore(LINEAR, Dropout(0.3), LOSS),
    ],
    ids=lambda score: type(score).__name__,
)
def test_scores_that_are_linear_obey_the_laws_of_score_functions(score):
    check_score(score, X, loss=LOSS)


def test_given_scores_with_a_bias_obey_them():
    check_score(Shift(), X[:, :3], n_classes=3)
