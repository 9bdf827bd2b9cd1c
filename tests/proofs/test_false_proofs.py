"""Fits that once ended with a false proof, or without a proof that is there."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from halfspaces import LinearClassifier
from halfspaces.losses import LOSSES
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.optimizers import OPTIMIZERS
from halfspaces.tuning.path import solve_path

STOPPED_EARLY = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_warm_start_from_far_away_proves_nothing_false():
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    classifier = LinearClassifier("ova_logistic", strength=1e-8, warm_start=True, max_passes=200)
    with pytest.warns(UserWarning, match="passes"):
        classifier.fit(X, y)
    classifier.set_params(strength=1.0).fit(X, y)
    assert classifier.result_.loss == pytest.approx(2.8687, rel=1e-3)


@pytest.mark.parametrize("optimizer", ["auto", "proximal", "proximal_newton"])
@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_large_offsets_without_standardization_cost_nothing(offset, optimizer):
    rng = np.random.default_rng(0)
    y = np.arange(3000) % 2
    centred = rng.normal(size=(3000, 10)) + 0.3 * y[:, None]
    options = {"strength": 1e-3, "standardize": False, "optimizer": optimizer}
    far = (centred + offset).astype(np.float32)
    near = (far - far.mean(axis=0, dtype=np.float64)).astype(np.float32)
    expected = LinearClassifier("softmax", "l1", **options).fit(near, y).result_
    found = LinearClassifier("softmax", "l1", **options).fit(far, y).result_
    assert found.converged
    assert found.loss == pytest.approx(expected.loss, rel=2e-3)
    assert found.passes <= expected.passes + 2


@pytest.mark.parametrize("seed", range(6))
def test_proximal_newton_far_from_the_origin_neither_crashes_nor_climbs(seed):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(150, 5)) + 1e6).astype(np.float32)
    classifier = LinearClassifier(
        "softmax", "l1", strength=1e-3, standardize=False, optimizer="proximal_newton"
    )
    result = classifier.fit(X, np.arange(150) % 3).result_
    assert result.converged
    assert result.loss[0] - result.gap[0] <= result.loss[0] <= np.log(3)


@pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
@pytest.mark.parametrize("loss", LOSSES)
def test_paths_of_every_loss(loss, penalty):
    objective = LinearClassifier(loss, penalty).objective(*load_iris(return_X_y=True))
    path = solve_path(objective, [1.0, 0.3], max_passes=300)
    assert path.converged


@STOPPED_EARLY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tol", [1e-7, 0.0])
def test_certified_means_within_the_tolerance(tol, dtype):
    X, y = load_iris(return_X_y=True)
    classifier = LinearClassifier(strength=1e-2, tol=tol, max_passes=60)
    result = classifier.fit(X.astype(dtype), y).result_
    certified = result.reason.name == "CERTIFIED"
    assert certified == bool(result.gap <= tol * result.loss)
    assert result.gap > 0


@pytest.mark.parametrize("loss", ["softmax", "ova_logistic"])
def test_a_strong_elastic_net_takes_a_few_passes_however_strong(loss):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=600)
    X = rng.normal(size=(600, 20)) + np.eye(3, 20)[y]
    for optimizer in ("auto", "proximal"):
        for strength in (10.0, 1e5, 1e20, 1e100):
            classifier = LinearClassifier(loss, "elastic_net", strength=strength)
            result = classifier.set_params(optimizer=optimizer).fit(X, y).result_
            assert result.converged
            assert result.passes <= 8


@pytest.mark.parametrize("weight", [1e-4, 1e-6, 1e-9, 0.0])
@pytest.mark.parametrize("loss", ["softmax", "ova_logistic", "squared_hinge"])
def test_a_rare_class_or_one_without_weight_hinders_no_proof(loss, weight):
    if weight == 0 and loss == "softmax":
        pytest.skip("softmax has no minimum then, and says so")
    X, y = load_iris(return_X_y=True)
    classifier = LinearClassifier(loss, max_passes=80)
    assert classifier.fit(X, y, np.where(y == 2, weight, 1.0)).result_.converged


@pytest.mark.parametrize("loss", [Hinge, OneVsAll, CrammerSinger])
def test_smoothing_is_in_units_of_the_margin(loss):
    X, y = load_iris(return_X_y=True)
    expected = LinearClassifier(loss()).fit(X, y).result_
    for margin in (1e-3, 1e6):  # L(W) = Δ L₁(W/Δ): λ/Δ leaves the problem as it is
        classifier = LinearClassifier(loss(margin=margin), "l2", strength=1e-2 / margin)
        result = classifier.fit(X, y).result_
        assert result.loss / margin == pytest.approx(expected.loss, rel=2e-3)
        assert result.passes <= 3 * expected.passes


@STOPPED_EARLY
@pytest.mark.parametrize("optimizer", sorted(set(OPTIMIZERS) - {"proximal_newton", "proximal"}))
def test_without_an_intercept_the_bias_stays_0(optimizer):
    X, y = load_iris(return_X_y=True)
    loss = "hinge" if optimizer == "dual_ascent" else "softmax"
    classifier = LinearClassifier(loss, fit_intercept=False, optimizer=optimizer, max_passes=5)
    assert not np.any(classifier.fit(X, y).result_.W[-1])


def test_a_run_at_its_limit_takes_no_further_step_when_resumed():
    from halfspaces import minimize
    from halfspaces.optimizers import LBFGS

    objective = LinearClassifier(strength=1e-6).objective(*load_iris(return_X_y=True))
    first = minimize(objective, LBFGS(), max_passes=10)
    again = minimize(objective, LBFGS(), max_passes=10, resume=first)
    assert again.reason is first.reason
    assert np.array_equal(again.state.W, first.state.W)
