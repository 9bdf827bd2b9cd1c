"""Components by name: a row in a registry is all that the estimators need of a new one."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.components import make_penalty, penalty_by_strength
from halfspaces.losses import LOSSES, Softmax
from halfspaces.optimizers import LBFGS, OPTIMIZERS
from halfspaces.penalties import L1, L2, PENALTIES, MaxNorm, NoPenalty

X, Y = (part[:200] for part in load_digits(return_X_y=True))


@dataclass(frozen=True)
class TwiceL2(L2):
    """2 λ ΣW², by the rules of L2."""

    def __post_init__(self):
        object.__setattr__(self, "strength", 2 * self.strength)

    def with_strength(self, strength):
        return TwiceL2(strength)


@dataclass(frozen=True)
class Ball(MaxNorm):
    """A penalty without a strength."""

    radius: float = 0.5


class TwoPairs(LBFGS):
    """An optimizer with a name of its own."""


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(PENALTIES, "twice_l2", TwiceL2)
    monkeypatch.setitem(PENALTIES, "ball", Ball)
    monkeypatch.setitem(LOSSES, "softened", Softmax(label_smoothing=0.1))
    monkeypatch.setitem(OPTIMIZERS, "two_pairs", TwoPairs)


@pytest.mark.usefixtures("registered")
def test_a_row_in_a_registry_gives_a_name_to_a_component():
    named = LinearClassifier("softened", "twice_l2", 0.05, optimizer="two_pairs", tol=1e-6)
    given = LinearClassifier(Softmax(label_smoothing=0.1), L2(0.1), optimizer=LBFGS(), tol=1e-6)
    np.testing.assert_allclose(named.fit(X, Y).coef_, given.fit(X, Y).coef_, rtol=1e-10)
    assert isinstance(named.optimizer_, TwoPairs)
    searched = LinearClassifierCV(penalty="twice_l2", strengths=[1.0, 0.05], cv=2).fit(X, Y)
    same = LinearClassifierCV(penalty="l2", strengths=[2.0, 0.1], cv=2).fit(X, Y)
    np.testing.assert_array_equal(searched.coef_, same.coef_)
    assert LinearClassifier(penalty="ball").fit(X, Y).result_.converged
    with pytest.raises(ValueError, match="penalty='ball' has no strength to choose"):
        LinearClassifierCV(penalty="ball").fit(X, Y)
    with pytest.raises(ValueError, match=r"takes no strength.* use penalty=Ball\(radius=\.\.\.\)"):
        LinearClassifier(penalty="ball", strength=1.0).fit(X, Y)


def test_a_strength_goes_to_a_name_or_to_an_instance():
    assert make_penalty("l1", None) == L1(0.01)
    assert make_penalty("none", None) == NoPenalty()
    assert penalty_by_strength("l1")(0.5) == penalty_by_strength(L1(3.0))(0.5) == L1(0.5)
