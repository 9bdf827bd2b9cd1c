"""Optimizers with a bug: each must break the law that the suite has for it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from halfspaces.optimizers import SGD, GradientDescent, RandomSearch
from halfspaces.testing import OPTIMIZER_LAWS
from halfspaces.testing.runs import small_objective

pytestmark = pytest.mark.usefixtures("one_blas_thread")

SMALL = small_objective()


@dataclass(frozen=True)
class PenalizesTheBias(GradientDescent):
    def update(self, state, evaluation):
        state = super().update(state, evaluation)
        state.W = state.W - state.base_step[:, None] * state.penalty.gradient(state.W)
        return state


@dataclass(frozen=True)
class ForgetsItsMomentum(GradientDescent):
    """Keeps the last move outside its state, where no pickle finds it."""

    def update(self, state, evaluation):
        hidden = state.__dict__.pop("hidden", {})
        state.last_move = hidden.get("move", np.zeros_like(state.W))
        state = super().update(state, evaluation)
        state.hidden = Unpickled(move=state.last_move)
        return state


class Unpickled(dict):
    def __reduce__(self):
        return (Unpickled, ())


@dataclass(frozen=True)
class DrawsAtWill(RandomSearch):
    def propose(self, state):
        request = super().propose(state)
        return replace(
            request, W=request.W + 1e-3 * np.random.default_rng().standard_normal(request.W.shape)
        )


@dataclass(frozen=True)
class OneStepForAll(SGD):
    """The shortest safe step of a member for every member."""

    def init(self, W, objective):
        state = super().init(W, objective)
        return replace(state, base_step=np.full_like(state.base_step, state.base_step.min()))


@dataclass(frozen=True)
class KeepsTheLastDraw(RandomSearch):
    def update(self, state, evaluation):
        state.best = np.full_like(state.best, np.inf)
        return super().update(state, evaluation)


@dataclass(frozen=True)
class StopsHalfWay(GradientDescent):
    def update(self, state, evaluation):
        return state if state.count >= 5 else super().update(state, evaluation)


@dataclass(frozen=True)
class SubgradientsOfL1(GradientDescent):
    def update(self, state, evaluation):
        W = state.W - state.base_step[:, None] * evaluation.gradient
        if not state.penalty.smooth:
            W[:-1] -= state.base_step[0] * 0.01 * np.sign(W[:-1])
        state.W = W
        return state


@dataclass(frozen=True)
class PrefersTheFirstClass(GradientDescent):
    def update(self, state, evaluation):
        state = super().update(state, evaluation)
        state.W = state.W + np.array([0.01, 0.0, 0.0])
        return state


@dataclass(frozen=True)
class StartsElsewhere(GradientDescent):
    def init(self, W, objective):
        return super().init(W + 0.01, objective)


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (PenalizesTheBias(), "law_the_bias_is_not_penalized"),
        (ForgetsItsMomentum(update_rule="momentum"), "law_resume"),
        (DrawsAtWill(draws=20), "law_same_seed_same_bits"),
        (OneStepForAll(epochs=3), "law_stack"),
        (KeepsTheLastDraw(draws=50, local=True, scale=0.3), "law_descends"),
        (StopsHalfWay(), "law_optimum"),
        (SubgradientsOfL1(), "law_exact_zeros"),
        (SubgradientsOfL1(), "law_max_norm"),
        (PrefersTheFirstClass(), "law_permutation"),
        (StartsElsewhere(), "law_start"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_wrong_optimizer_breaks_a_law(mutant, law):
    with pytest.raises(AssertionError, match=f"{law} is broken by .*{type(mutant).__name__}"):
        OPTIMIZER_LAWS[law](mutant, objective=SMALL)
