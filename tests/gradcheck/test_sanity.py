from dataclasses import dataclass, replace

import numpy as np
import pytest

from halfspaces import LinearClassifier
from halfspaces.gradcheck.sanity import (
    SanityChecks,
    chance_loss,
    check_sanity,
    overfits,
    right_gradient,
    rises_with_strength,
)
from halfspaces.losses import LOSSES
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2

X = np.random.default_rng(0).normal(size=(60, 30))
Y = np.arange(60) % 4
SOFTMAX = Softmax()


def objective(loss=SOFTMAX, X=X, **options) -> Objective:
    return LinearClassifier(loss, L2(0.01), **options).objective(X, Y[: len(X)])


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [L2(0.01), L1(0.01)])
@pytest.mark.parametrize(
    "loss", [*LOSSES.values(), Softmax(label_smoothing=0.1), Hinge(margin=3.0)]
)
def test_right_set_ups_pass(loss, penalty):
    failed = [
        check.words for check in check_sanity(LinearClassifier(loss, penalty), X, Y) if not check.ok
    ]
    assert failed == []


def test_unscaled_features_are_no_guess():
    check = chance_loss(objective(X=1e6 * X, standardize=False))
    assert not check.ok
    assert "are the features scaled" in check.words


def test_equal_rows_with_different_labels_cannot_be_learned():
    check = overfits(objective(X=np.ones((20, 3))))
    assert not check.ok
    assert "not learned" in check.words


@dataclass(frozen=True)
class Forgetful(L2):
    def value(self, W):
        return 0 * super().value(W)


def test_a_penalty_that_does_not_count_is_seen():
    assert not rises_with_strength(replace(objective(), penalty=Forgetful(0.1))).ok


class Doubled(Softmax):
    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        return value, 2 * gradient


def test_a_wrong_gradient_is_seen_before_the_training():
    assert not right_gradient(objective(Doubled())).ok
    with pytest.raises(ValueError, match=r"A sanity check failed: .*gradient is wrong"):
        LinearClassifier(Doubled(), callbacks=[SanityChecks()]).fit(X, Y)


def test_the_callback_lets_a_right_set_up_through():
    assert LinearClassifier(callbacks=[SanityChecks()]).fit(X, Y).result_.converged
