"""Known bugs of noise as small mutants: each must break the law that the suite has for it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from halfspaces.noise import Dropout, GaussianNoise
from halfspaces.noise.adaptive_score import AdaptiveScore
from halfspaces.noise.noisy import Noisy
from halfspaces.scores.base import At, Forward
from halfspaces.testing import NOISE_LAWS
from halfspaces.testing.noise import Scores

pytestmark = pytest.mark.usefixtures("one_blas_thread")

# pyright: reportIncompatibleMethodOverride=false


@dataclass(frozen=True)
class NotScaled(Dropout):
    def noisy(self, Z, bits):
        return super().noisy(Z, bits) * (1 - self.probability)


@dataclass(frozen=True)
class VarianceOfTheMask(Dropout):
    def variance(self, Z):
        return Z**2 * self.probability * (1 - self.probability)


@dataclass(frozen=True)
class DropsInPlace(Dropout):
    def noisy(self, Z, bits):
        Z *= super().noisy(np.ones_like(Z), bits)
        return Z


@dataclass(frozen=True)
class UniformNoise(GaussianNoise):
    def noisy(self, Z, bits):
        return Z + self.scale * (bits / 32768 - 1)


@dataclass(frozen=True)
class FillsSparseRows(GaussianNoise):
    def check_rows(self, X):
        pass


@dataclass(frozen=True)
class SameInEveryDraw(Dropout):
    def drawn(self, Z, rows, seed, draw):
        return super().drawn(Z, rows, seed, 0)


@dataclass(frozen=True)
class OneMaskForAllRows(Dropout):
    def drawn(self, Z, rows, seed, draw):
        return super().drawn(Z, 0 * rows, seed, draw)


@dataclass(frozen=True)
class SeedPlusDraw(Dropout):
    def drawn(self, Z, rows, seed, draw):
        return super().drawn(Z, rows, seed + draw, 0)


@dataclass(frozen=True, eq=False)
class NoiseAtInference(Noisy):
    def at(self, W, dtype, draw=None, gradient=True):
        return super().at(W, dtype, draw or 0, gradient)


@dataclass(frozen=True, eq=False)
class SeededByPosition(Noisy):
    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)
        return At(lambda block: at.forward(block._replace(rows=np.arange(len(block.y)))))


@dataclass(frozen=True, eq=False)
class AnotherMaskInTheGradient(Noisy):
    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)
        other = super().at(W, dtype, draw and draw + 1, gradient)
        return At(lambda block: Forward(at.forward(block).scores, other.forward(block).pull))


@dataclass(frozen=True, eq=False)
class NoMaskInTheGradient(Noisy):
    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)
        plain = super().at(W, dtype, None, gradient)
        return At(lambda block: Forward(at.forward(block).scores, plain.forward(block).pull))


@dataclass(frozen=True, eq=False)
class FromOneGenerator(Noisy):
    """Noise by the order of the visits."""

    calls: list[int] = field(default_factory=list, repr=False)

    def at(self, W, dtype, draw=None, gradient=True):
        if draw is None:
            return super().at(W, dtype)
        self.calls.append(len(self.calls))
        return super().at(W, dtype, len(self.calls), gradient)


@dataclass(frozen=True, eq=False)
class DropsToZero(Noisy):
    """Raw features are dropped to 0, not to their mean."""

    def at(self, W, dtype, draw=None, gradient=True):
        at = self.linear_scores.at(W, dtype, None, gradient)
        if draw is None:
            return at

        def forward(block):
            X = self.noise.drawn(block.X, block.rows, self.seed, draw)
            return at.forward(block._replace(X=X))

        return At(forward)


@dataclass(frozen=True, eq=False)
class WithoutHalf(AdaptiveScore):
    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)

        def forward(block):
            scores, pull, added = at.forward(block)
            return Forward(scores, pull, (2 * added[0], 2 * added[1]))

        return At(forward)


@dataclass(frozen=True, eq=False)
class FixedProbabilities(AdaptiveScore):
    """The gradient of the term does not go through p."""

    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)

        def forward(block):
            scores, pull, added = at.forward(block)
            return Forward(scores, pull, (added[0], 0 * added[1]))

        return At(forward)


@dataclass(frozen=True, eq=False)
class WeightsForgotten(AdaptiveScore):
    """The term's gradient in the weights does not count the examples' weights."""

    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)
        return At(lambda block: at.forward(block._replace(weight=None)))


@pytest.mark.parametrize(
    ("noise", "law"),
    [
        (NotScaled(0.3), "law_mean"),
        (NotScaled(0.3), "law_variance"),
        (VarianceOfTheMask(0.3), "law_variance"),
        (VarianceOfTheMask(0.3), "law_term_is_the_mean"),
        (DropsInPlace(0.3), "law_types"),
        (UniformNoise(0.3), "law_mean"),
        (FillsSparseRows(0.3), "law_sparse"),
        (SameInEveryDraw(0.3), "law_draws"),
        (OneMaskForAllRows(0.3), "law_draws"),
        (SeedPlusDraw(0.3), "law_draws"),
    ],
)
def test_a_bug_of_the_noise_breaks_its_law(noise, law):
    with pytest.raises(AssertionError, match=law):
        NOISE_LAWS[law](noise, scores=Scores())


@pytest.mark.parametrize(
    ("scores", "law"),
    [
        (Scores(noisy=NoiseAtInference), "law_inference"),
        (Scores(noisy=SeededByPosition), "law_rows"),
        (Scores(noisy=AnotherMaskInTheGradient), "law_gradient"),
        (Scores(noisy=NoMaskInTheGradient), "law_gradient"),
        (Scores(noisy=FromOneGenerator), "law_rows"),
        (Scores(noisy=FromOneGenerator), "law_minibatches"),
        (Scores(noisy=DropsToZero), "law_standardization"),
        (Scores(adaptive=WithoutHalf), "law_term"),
        (Scores(adaptive=WithoutHalf), "law_term_is_the_mean"),
        (Scores(adaptive=FixedProbabilities), "law_term_gradient"),
        (Scores(adaptive=WeightsForgotten), "law_term_gradient"),
    ],
)
def test_a_bug_of_the_scores_breaks_its_law(scores, law):
    with pytest.raises(AssertionError, match=law):
        NOISE_LAWS[law](Dropout(0.3), scores=scores)
