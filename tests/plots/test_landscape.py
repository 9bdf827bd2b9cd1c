"""Slices and landscapes: the values, kinks and slopes of the loss itself; members of a stack."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris

from halfspaces import LinearClassifier, minimize, plots
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.plots.slice import random_direction, values_at

pytestmark = pytest.mark.slow

X, Y = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("loss", ["softmax", "hinge", "ova_logistic"])
@pytest.mark.parametrize("penalty", [L2(0.1), L1(0.1)])
def test_values_are_those_of_the_objective(loss, penalty):
    objective = LinearClassifier(loss, class_weight={0: 3, 1: 1, 2: 1}).objective(X, Y)
    objective = objective.with_penalty(penalty)
    W = RNG.normal(size=(5, 3))
    directions = RNG.normal(size=(5, 2, 3))
    places = RNG.normal(size=(40, 2))
    data, terms = values_at(objective, W, directions, places)
    points = W[:, None] + np.einsum("pk,dkc->dpc", places, directions)
    expected = objective.evaluate(Request(points, gradient=False))
    np.testing.assert_allclose(data, expected.exact_data, rtol=1e-12)
    np.testing.assert_allclose(terms, expected.penalty, rtol=1e-12)


def test_the_hinge_is_linear_between_its_kinks():
    objective = LinearClassifier("hinge", strength=0.1).objective(X[::10], Y[::10])
    W = random_direction(objective.zeros(), 0)
    direction = random_direction(W, 1)
    display = plots.SliceDisplay.from_objective(objective, W, direction, reach=2)
    kinks, heights = display.near
    assert display.kinks >= len(kinks) > 3
    middles = (kinks[1:] + kinks[:-1]) / 2
    between, _ = values_at(objective, W[:, 0], direction, middles[:, None])
    np.testing.assert_allclose(between, (heights[1:] + heights[:-1]) / 2, rtol=1e-12)
    slopes = np.diff(heights) / np.diff(kinks)
    assert np.all(np.diff(slopes) > 1e-6), "each is a kink"
    assert plots.SliceDisplay.from_objective(
        LinearClassifier().objective(X, Y), W, direction
    ).near.size == 0  # fmt: skip


def test_the_arrow_is_the_steepest_descent_in_the_plane():
    objective = LinearClassifier(strength=0.1).objective(X, Y)
    path = np.cumsum(RNG.normal(size=(4, 5, 3)), axis=0)
    display = plots.LandscapeDisplay.from_path(objective, path)
    plane = np.linalg.svd((path - path[-1]).reshape(4, -1), full_matrices=False)[2][:2]
    around = 1e-5 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    directions = plane.reshape(2, 5, 3).transpose(1, 0, 2)
    right, left, up, down = np.sum(values_at(objective, path[0], directions, around), axis=0)
    slopes = np.array([right - left, up - down]) / 2e-5
    np.testing.assert_allclose(display.steepest, -slopes, rtol=1e-6)


@pytest.mark.slow
def test_the_sparsity_path_of_a_ridge_is_that_of_l1():
    X, y = load_breast_cancer(return_X_y=True)
    classifier = LinearClassifier(strength=0.1).fit(X[:100], y[:100])
    display = plots.SparsityDisplay.from_estimator(classifier, X[:100], y[:100], strengths=4)
    assert display.in_use[0] == 0 < display.in_use[1] < 15
    with pytest.raises(ValueError, match="makes no weights 0; give an objective with L1"):
        plots.SparsityDisplay.from_objective(classifier.objective(X, y))


def test_a_member_of_a_stack_has_its_own_picture():
    objective = LinearClassifier().objective(X, Y).with_penalty(L2((10.0, 1.0, 1e-3)))
    result = minimize(objective, LBFGS(), objective.zeros(3), max_passes=30)
    for member in range(3):
        display = plots.ConfusionMatrixDisplay.from_result(result, objective, member=member)
        right = objective.scores(result.W[:, [member]]).argmax(axis=1) == Y
        assert np.trace(display.counts) == right.sum()
        curvature = plots.CurvatureDisplay.from_result(result, objective, member=member)
        assert curvature.penalty == 2 * objective.penalty.strength[member]
    with pytest.raises(ValueError, match="The result has 3 members; give member=0 to 2"):
        plots.MarginsDisplay.from_result(result, objective, member=3)
    with pytest.raises(ValueError, match="has a number for each member of a stack"):
        plots.StepSizesDisplay.from_objective(objective)
