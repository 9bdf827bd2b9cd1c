"""L1 and elastic net: proximal Newton steps, paths of strengths, screening,
and zeros that are 0.
"""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from halfspaces import LinearClassifier
from halfspaces.losses import LOSSES
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.request import Request
from halfspaces.optimizers import ProximalGradient, ProximalNewton
from halfspaces.optimizers.choose import choose, choose_for
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.proofs.minimize import minimize
from halfspaces.proofs.screening import gap_safe
from halfspaces.testing.runs import small_objective
from halfspaces.tuning.largest_strength import largest_strengths
from halfspaces.tuning.path import solve_path

X, Y = load_digits(return_X_y=True)
DIGITS = LinearClassifier(penalty="l1").objective(X, Y)
FEW = LinearClassifier(penalty="l1").objective(X[:300, 10:40], Y[:300])
SMALL = small_objective()


def violations(objective, W, strength, beta=0.0):
    """How far W is from the conditions of optimality, relative to λ."""
    gradient = objective.evaluate(Request(W)).data_gradient
    slopes = gradient[:-1] + 2 * strength * beta * W[:-1]
    at_zero = np.maximum(np.abs(slopes) - strength, 0)
    weights = np.where(W[:-1] != 0, np.abs(slopes + strength * np.sign(W[:-1])), at_zero)
    return max(weights.max(), np.abs(gradient[-1]).max()) / strength


@pytest.mark.parametrize("loss", [loss for loss in LOSSES.values() if loss.smooth], ids=str)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("folds", [False, True])
def test_all_weights_are_zero_from_the_largest_strength_on_and_not_below(
    loss, fit_intercept, folds
):
    weights = np.random.default_rng(0).uniform(0.5, 2.0, (60, 2)) if folds else SMALL.blocks.weight
    objective = replace(
        SMALL, loss=loss, fit_intercept=fit_intercept, blocks=replace(SMALL.blocks, weight=weights)
    )
    top = largest_strengths(objective)
    for factor, none in ((1.001, True), (0.99, False)):
        penalized = replace(objective, penalty=L1(tuple(factor * top)))
        result = minimize(penalized, ProximalNewton(), objective.zeros(len(top)), tol=1e-9)
        assert np.all((result.nonzeros == 0) == none), result.nonzeros


@pytest.mark.parametrize("penalty", [L1(1.0), ElasticNet(1.0, beta=0.5)], ids=str)
def test_a_path_is_certified_meets_the_conditions_of_optimality_and_takes_few_passes(penalty):
    objective = replace(FEW, penalty=penalty)
    strengths = largest_strengths(objective)[0] * np.geomspace(1, 0.1, 6)
    told = []
    told_of = {"each": lambda strength, result: told.append(strength)}
    path = solve_path(objective, strengths[::-1], ProximalNewton(), tol=1e-6, **told_of)
    assert path.converged
    assert np.array_equal(path.strengths, strengths)
    assert told == strengths.tolist()
    assert np.all(path.gap <= 1e-6 * path.loss)
    assert path.nonzeros.tolist() == sorted(path.nonzeros)
    for strength, W in zip(strengths, np.split(path.W, len(strengths), axis=1), strict=True):
        assert violations(objective, W, strength, getattr(penalty, "beta", 0.0)) < 5e-3
    last = replace(objective, penalty=replace(penalty, strength=strengths[-1]))
    alone, first_order = (
        minimize(last, optimizer, tol=1e-6) for optimizer in (ProximalNewton(), ProximalGradient())
    )
    assert alone.loss == pytest.approx(path.loss[-1], rel=2e-5)
    assert path.passes[-1] < alone.passes < 0.5 * first_order.passes


def test_parity_with_saga():
    strength, Z, y = 0.02, StandardScaler().fit_transform(X[:300, 10:40]), Y[:300]
    saga = LogisticRegression(
        C=1 / (strength * len(y)), l1_ratio=1, solver="saga", tol=1e-5, max_iter=5000
    ).fit(Z, y)
    theirs = FEW.zeros()
    theirs[:-1, 0], theirs[-1, 0] = saga.coef_.T, saga.intercept_
    objective = replace(FEW, penalty=L1(strength))
    ours = minimize(objective, ProximalNewton(), tol=1e-5)
    assert objective.evaluate(Request(theirs)).total == pytest.approx(ours.loss, rel=1e-4)


def test_members_of_a_stack_end_where_each_would_have_ended():
    strengths = (0.03, 0.01)
    stack = minimize(replace(FEW, penalty=L1(strengths)), ProximalNewton(), FEW.zeros(2), tol=1e-6)
    assert stack.converged
    for strength, W, loss in zip(strengths, np.split(stack.W, 2, axis=1), stack.loss, strict=True):
        alone = minimize(replace(FEW, penalty=L1(strength)), ProximalNewton(), tol=1e-6)
        assert alone.loss == pytest.approx(loss, rel=2e-6)
        assert np.array_equal(W[:-1] != 0, alone.W[:-1] != 0)


def test_a_hinge_with_l1_is_solved_in_stages():
    kinked = replace(SMALL, loss=Hinge(), penalty=L1(0.1))
    result = minimize(kinked, ProximalNewton(), tol=1e-3)
    assert result.reason.name == "CERTIFIED"
    assert result.loss == pytest.approx(
        minimize(kinked, ProximalGradient(), tol=1e-3).loss, rel=2e-3
    )
    assert 0 < result.nonzeros[0] < result.W[:-1].size


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_screening_never_drops_a_weight_that_is_not_zero(loss, fit_intercept):
    objective = replace(FEW, loss=LOSSES[loss], fit_intercept=fit_intercept)
    top, screened = largest_strengths(objective)[0], 0
    for strength in top * np.array([0.6, 0.2]):
        member = replace(objective, penalty=L1(strength))
        best = minimize(member, ProximalNewton(), tol=1e-10, max_passes=4000)
        assert best.converged
        for distance in (0.3, 1e-2, 1e-4, 0.0):
            dropped = gap_safe(member, member.evaluate(Request((1 - distance) * best.W)))
            assert not np.any(best.W[:-1][dropped]), f"λ = {strength}, distance {distance}"
            screened = dropped.sum()
        assert screened > 0.5 * np.sum(best.W[:-1] == 0), "a small gap proves most zeros"


def test_a_shortened_dual_point_tightens_the_bound_and_never_breaks_it():
    member = replace(FEW, penalty=L1(0.01))
    best = minimize(member, ProximalNewton(), tol=1e-8)
    rng, tighter = np.random.default_rng(0), 0
    for distance in (1.0, 0.1, 0.01, 1e-3):
        W = best.W * (1 + distance * rng.standard_normal(best.W.shape))
        without = member.evaluate(Request(W)).lower
        for factor in (0.0, 0.3, 0.9, 0.99, 1.0):
            lower = member.evaluate(Request(W, dual_scale=np.array([factor]))).lower
            assert without - 1e-12 <= lower <= best.loss + 1e-12
            tighter += int(lower[0] > without[0] + 1e-6)
    assert tighter > 5


def test_zeros_of_the_fit_are_zeros_of_the_classifier():
    classifier = LinearClassifier(penalty="l1", strength=0.01, optimizer="proximal_newton").fit(
        X, Y
    )
    assert (
        np.count_nonzero(classifier.coef_)
        == classifier.result_.nonzeros[0]
        < classifier.coef_.size / 2
    )
    assert classifier.score(X, Y) > 0.9


def test_proximal_newton_is_chosen_where_a_pass_is_dearer_than_a_step_in_the_model():
    for penalty in (L1(0.1), ElasticNet(0.1)):
        assert isinstance(choose(Softmax(), penalty, 4096).optimizer, ProximalNewton)
        assert isinstance(choose(Softmax(), penalty, 4097).optimizer, ProximalGradient)
    assert isinstance(choose(Softmax(), MaxNorm(1.0), 10).optimizer, ProximalGradient)
    assert isinstance(choose_for(replace(DIGITS, penalty=L1(0.1))).optimizer, ProximalGradient)


def test_errors_of_a_path():
    with pytest.raises(ValueError, match="strengths must be at least 0"):
        solve_path(DIGITS, [0.1, -1.0])
    with pytest.raises(TypeError, match="ProximalNewton needs a penalty that thresholds softly"):
        ProximalNewton().init(DIGITS.zeros(), replace(DIGITS, penalty=MaxNorm(1.0)))
