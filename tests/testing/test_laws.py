"""Known bugs, some from well-known libraries, as small mutants:
each must break the law that the suite has for it.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from halfspaces.features import FEATURES, Pixels
from halfspaces.losses.base import Loss
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.testing import LOSS_LAWS, PENALTY_LAWS, check_feature, check_loss

pytestmark = pytest.mark.usefixtures("one_blas_thread")

# pyright: reportIncompatibleMethodOverride=false


@dataclass(frozen=True)
class MeanInTheValueSumInTheGradient(Hinge):
    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        return value / (scores.shape[-1] - 1), gradient


@dataclass(frozen=True)
class OneAtTheRightClass(Hinge):
    """−1 at the right class, where minus the number of violations belongs."""

    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        return value, np.maximum(gradient, -1)


@dataclass(frozen=True)
class GradientWithoutTheOption(Softmax):
    def value_and_grad(self, scores, y):
        return super().value_and_grad(scores, y)[0], Softmax().value_and_grad(scores, y)[1]


@dataclass(frozen=True)
class CachedLabels(Softmax):
    def value_and_grad(self, scores, y):
        if not hasattr(self, "_y") or self._y.shape != y.shape:  # pyright: ignore
            object.__setattr__(self, "_y", y)
        return super().value_and_grad(scores, self._y)  # pyright: ignore


@dataclass(frozen=True)
class CurvatureOfOneTerm(SquaredHinge):
    def curvature(self, n_classes):
        return 2.0


@dataclass(frozen=True)
class BinaryCurvature(Softmax):
    def curvature(self, n_classes):
        return 0.25


@dataclass(frozen=True)
class RotatedClasses(Softmax):
    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        return value, np.roll(gradient, 1, axis=-1)


@dataclass(frozen=True)
class SpecialClass(Softmax):
    def value_and_grad(self, scores, y):
        return super().value_and_grad(
            scores * np.where(np.arange(scores.shape[-1]) == 0, 2.0, 1.0), y
        )


@dataclass(frozen=True)
class Overflows(Softmax):
    def value_and_grad(self, scores, y):
        with np.errstate(all="ignore"):
            p = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        return super().value_and_grad(scores, y)[0], p - self._target(scores, y)


@dataclass(frozen=True)
class RoundsLargeScores(Softmax):
    """log Σ exp s − s_y after adding the largest score back: right in exact arithmetic only."""

    def value_and_grad(self, scores, y):
        largest = scores.max(axis=-1, keepdims=True)
        total = largest + np.log(np.exp(scores - largest).sum(axis=-1, keepdims=True))
        return (self._target(scores, y) * (total - scores)).sum(axis=-1), super().value_and_grad(
            scores, y
        )[1]


@dataclass(frozen=True)
class AlwaysDouble(Softmax):
    def value_and_grad(self, scores, y):
        return super().value_and_grad(scores.astype(np.float64), y)


@dataclass(frozen=True)
class ShiftsInPlace(Softmax):
    def value_and_grad(self, scores, y):
        scores -= scores.max(axis=-1, keepdims=True)
        return super().value_and_grad(scores, y)


@dataclass(frozen=True)
class AllButThePredicted(Hinge):
    """Σ over all classes but the predicted one, where it is all but the right one."""

    def value_and_grad(self, scores, y):
        _, gradient = super().value_and_grad(scores, y)
        right = np.expand_dims(np.eye(scores.shape[-1])[y], tuple(range(1, scores.ndim - 1)))
        terms = np.maximum(0, scores - (scores * right).sum(axis=-1, keepdims=True) + 1)
        return terms.sum(axis=-1) - terms.max(axis=-1), gradient


@dataclass(frozen=True)
class ZeroIfThePredictionIsRight(CrammerSinger):
    """Zero as soon as the right class wins, where its margin must be met."""

    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        right = value < self.margin
        return np.where(right, 0, value), np.where(right[..., None], 0, gradient)


@dataclass(frozen=True)
class ClaimsInvariance(OneVsAll):
    shift_invariant = True


@dataclass(frozen=True)
class NoDomain(Hinge):
    def conjugate(self, dual, y):
        right = np.expand_dims(
            np.eye(dual.shape[-1], dtype=bool)[y], tuple(range(1, dual.ndim - 1))
        )
        return -self.margin * np.where(right, 0, dual).sum(axis=-1)


@dataclass(frozen=True)
class SmoothedFromAbove(CrammerSinger):
    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        return value + self.smoothing, gradient


@dataclass(frozen=True)
class OffsetsAtTheRightClassToo(Hinge):
    def offsets(self, dual, y, mu):
        return mu * dual


@dataclass(frozen=True)
class OneMemberOnly(Softmax):
    def value_and_grad(self, scores, y):
        value, gradient = super().value_and_grad(scores, y)
        return value.sum(axis=-1) if value.ndim > 1 else value, gradient


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (MeanInTheValueSumInTheGradient(), "law_gradient"),
        (OneAtTheRightClass(), "law_gradient_sums_to_zero"),
        (GradientWithoutTheOption(label_smoothing=0.1), "law_gradient"),
        (CachedLabels(), "law_no_memory"),
        (CurvatureOfOneTerm(), "law_curvature"),
        (BinaryCurvature(), "law_curvature"),
        (RotatedClasses(), "law_permutation"),
        (SpecialClass(), "law_permutation"),
        (Overflows(), "law_finite"),
        (RoundsLargeScores(), "law_shift_invariance"),
        (AlwaysDouble(), "law_float32"),
        (ShiftsInPlace(), "law_no_memory"),
        (AllButThePredicted(), "law_convexity"),
        (ZeroIfThePredictionIsRight(), "law_convexity"),
        (ClaimsInvariance(), "law_gradient_sums_to_zero"),
        (NoDomain(), "law_conjugate"),
        (SmoothedFromAbove(), "law_smoothed"),
        (OffsetsAtTheRightClassToo(), "law_offsets"),
        (OneMemberOnly(), "law_stack"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Loss) else value,
)
def test_a_wrong_loss_breaks_a_law(mutant, law):
    with pytest.raises(AssertionError, match=f"{law}.*{type(mutant).__name__}"):
        LOSS_LAWS[law](mutant)


def test_a_check_names_every_law_that_is_broken():
    with pytest.raises(AssertionError) as broken:
        check_loss(Overflows())
    named = [line.split()[0] for line in str(broken.value).splitlines()]
    assert "law_finite" in named
    assert len(named) == len(set(named))


def test_a_bug_behind_an_option_shows_only_with_the_option_on():
    LOSS_LAWS["law_gradient"](GradientWithoutTheOption(label_smoothing=0.0))
    with pytest.raises(
        AssertionError, match=r"law_gradient is broken by .*label_smoothing=0.1.*wrong: at W\["
    ):
        LOSS_LAWS["law_gradient"](GradientWithoutTheOption(label_smoothing=0.1))


@dataclass(frozen=True)
class ProxReturnsItsInput(ElasticNet):
    def prox(self, W, step):
        return W


@dataclass(frozen=True)
class HiddenHalf(L2):
    def gradient(self, W):
        return super().gradient(W) / 2


@dataclass(frozen=True)
class ProxForgetsTheTwo(L2):
    def prox(self, W, step):
        return W / (1 + np.reshape(self.strength, (-1, 1)) * step)


@dataclass(frozen=True)
class HalfTheCurvature(L2):
    def curvature(self, n_members):
        return [value / 2 for value in super().curvature(n_members)]


@dataclass(frozen=True)
class IgnoresItsStrength(L1):
    def value(self, W):
        return L1(1.0).value(W)


@dataclass(frozen=True)
class HidesItsStrength(L1):
    has_strength = False


@dataclass(frozen=True)
class KeepsItsStrength(L1):
    def with_strength(self, strength):
        return self


@dataclass(frozen=True)
class RefusesAStrength(L1):
    def with_strength(self, strength):
        raise TypeError("No strength.")


@dataclass(frozen=True)
class StrengthsOfClasses(L1):
    """λ of member m taken for class m."""

    def value(self, W):
        return np.sum(abs(W) * np.resize(self.strength, W.shape[-1]), axis=(0, 2))


@dataclass(frozen=True)
class OneNormForAllClasses(MaxNorm):
    def prox(self, W, step):
        return W * np.minimum(
            1, np.reshape(self.radius, (-1, 1)) / np.sqrt((W**2).sum(axis=(0, 2)))[:, None]
        )


@dataclass(frozen=True)
class SameBallForEveryMetric(MaxNorm):
    """The Euclidean projection, whatever the steps of the coordinates are."""

    def prox(self, W, step):
        return super().prox(W, 1.0)


@dataclass(frozen=True)
class ProxInPlace(L1):
    def prox(self, W, step):
        W[:] = super().prox(W, step)
        return W


@dataclass(frozen=True)
class ConjugateOfAnother(L2):
    def conjugate(self, dual):
        return 2 * super().conjugate(dual)


@dataclass(frozen=True)
class UnboundedDualScale(L1):
    def dual_scale(self, dual):
        return np.ones(dual.shape[1])


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (ProxReturnsItsInput(0.1), "law_prox_is_the_minimum"),
        (HiddenHalf(0.1), "law_gradient"),
        (ProxForgetsTheTwo(0.1), "law_prox_is_the_minimum"),
        (HalfTheCurvature(0.1), "law_gradient"),
        (IgnoresItsStrength(0.1), "law_strength"),
        (HidesItsStrength(0.1), "law_strength"),
        (KeepsItsStrength(0.1), "law_strength"),
        (RefusesAStrength(0.1), "law_strength"),
        (StrengthsOfClasses((0.1, 0.2)), "law_members"),
        (OneNormForAllClasses(0.5), "law_prox_is_the_minimum"),
        (SameBallForEveryMetric(0.5), "law_prox_is_the_minimum"),
        (ProxInPlace(0.1), "law_no_memory"),
        (ConjugateOfAnother(0.1), "law_conjugate"),
        (UnboundedDualScale(0.1), "law_dual_scale"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Penalty) else value,
)
def test_a_wrong_penalty_breaks_a_law(mutant, law):
    with pytest.raises(AssertionError, match=f"{law}.*{type(mutant).__name__}"):
        PENALTY_LAWS[law](mutant)


class DoublePrecision(Pixels):
    """Keeps what no model file takes; fitted and restored in memory it is right."""

    word = "mutant"

    def _learn(self, planes, rng):
        self.mean_ = planes.mean(axis=(0, 2, 3), dtype=np.float64)

    def _describe(self, planes):
        return super()._describe(planes - self.mean_.astype(np.float32)[:, None, None])

    def shapes(self, image_shape, columns):
        return {**super().shapes(image_shape, columns), "mean_": (image_shape[2],)}


class ForgetsItsMean(DoublePrecision):
    word = "mutant"

    def _learn(self, planes, rng):
        super()._learn(planes, rng)
        self.mean_ = self.mean_.astype(np.float32)

    def restore(self, arrays):
        return super().restore({**arrays, "mean_": np.zeros_like(arrays["mean_"])})


class DeniesThatItLearns(DoublePrecision):
    """Its mean is that of the first image."""

    word = "mutant"

    @property
    def learns(self):
        return False

    def _learn(self, planes, rng):
        super()._learn(planes, rng)
        self.mean_ = self.mean_.astype(np.float32)


@pytest.mark.parametrize(
    ("mutant", "laws"),
    [
        (DoublePrecision(), ["law_kept"]),
        (ForgetsItsMean(), ["law_state", "law_kept"]),
        (DeniesThatItLearns(), ["law_learning"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Pixels) else "",
)
def test_a_wrong_feature_breaks_a_law(mutant, laws, monkeypatch):
    monkeypatch.setitem(FEATURES, "mutant", type(mutant))
    with pytest.raises(AssertionError) as caught:
        check_feature(mutant, size=(6, 5))
    assert [line.split()[0] for line in str(caught.value).splitlines()] == laws
