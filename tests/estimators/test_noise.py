"""Classifiers trained with noise: the same bits by any way, no noise in predictions."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits

import halfspaces
from halfspaces import LinearClassifier
from halfspaces.callbacks import StopAfter
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.loop.result import Reason
from halfspaces.noise import AdaptiveL2, Dropout, GaussianNoise, NoNoise
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS, SGD

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]
FEW = SGD(epochs=4, batch_size=64)
NOISE = (Dropout(0.3), GaussianNoise(0.5))

pytestmark = pytest.mark.usefixtures("one_blas_thread")


def fitted(noise, **options):
    options = {"optimizer": FEW, "strength": 1e-3, "verbose": -1, "noise": noise} | options
    return LinearClassifier(**options).fit(X, y)


def same(first, second):
    return np.array_equal(first.coef_, second.coef_) and np.array_equal(
        first.intercept_, second.intercept_
    )


@pytest.mark.parametrize("noise", NOISE, ids=repr)
def test_the_same_bits_for_any_number_of_workers(noise):
    one = fitted(noise, n_jobs=1, optimizer=SGD(epochs=2, batch_size=512))
    two = fitted(noise, n_jobs=2, optimizer=SGD(epochs=2, batch_size=512))
    assert same(one, two)


@pytest.mark.parametrize("noise", NOISE, ids=repr)
def test_the_seed_is_that_of_the_optimizer_or_random_state(noise):
    assert same(fitted(noise), fitted(noise))
    assert not same(fitted(noise), fitted(None))
    assert not same(fitted(noise, random_state=1), fitted(noise, random_state=2))
    objective = LinearClassifier(noise=noise, optimizer=SGD(seed=5)).objective(X, y)
    assert objective.score.seed == 5  # pyright: ignore[reportAttributeAccessIssue]


def test_no_noise_in_four_words():
    plain = fitted(None)
    for noise in ("none", NoNoise(), Dropout(0.0), GaussianNoise(0.0)):
        assert np.allclose(fitted(noise).coef_, plain.coef_, rtol=1e-10)


def test_auto_takes_sgd_for_noise_and_lbfgs_for_its_term():
    drawn = fitted("dropout", optimizer="auto")
    term = fitted(AdaptiveL2(Dropout(0.5)), optimizer="auto")
    assert isinstance(drawn.optimizer_, SGD)
    assert "noise" in drawn.optimizer_choice_
    assert isinstance(term.optimizer_, LBFGS)
    assert term.result_.converged


def test_a_loss_with_kinks_is_not_smoothed_by_sgd():
    assert "smoothed" not in fitted("dropout", optimizer="auto", loss="hinge").optimizer_choice_


@pytest.mark.parametrize("penalty", ["l2", "l1", "max_norm"])
def test_lbfgs_proximal_gradient_and_sgd_find_the_same_minimum_of_the_term(penalty):
    """Dropout makes no row certain, so the minimum is not far from W = 0."""
    noise = AdaptiveL2(Dropout(0.5))
    strength = None if penalty == "max_norm" else 1e-2
    options = {"penalty": penalty, "strength": strength, "tol": 1e-6}
    auto = fitted(noise, optimizer="auto", **options)
    sgd = fitted(noise, optimizer=SGD(epochs=200), **options)
    assert auto.result_.reason is Reason.STATIONARY
    assert np.allclose(auto.result_.loss, sgd.result_.loss, rtol=2e-3)
    assert np.all(sgd.result_.loss >= auto.result_.loss * (1 - 1e-6))


def test_the_term_at_the_minimum_has_no_gradient():
    classifier = fitted(AdaptiveL2(Dropout(0.5)), optimizer="auto", tol=1e-8)
    evaluation = classifier.objective(X, y).evaluate(Request(classifier.result_.W))
    assert np.linalg.norm(evaluation.gradient) < 1e-6
    assert not np.isfinite(classifier.result_.gap).any()


def test_each_call_of_partial_fit_draws_anew():
    """Two calls with the first call's noise twice would give another W."""
    first, again = (LinearClassifier(noise="dropout", optimizer=FEW) for _ in range(2))
    for classifier in (first, again):
        for _ in range(2):
            classifier.partial_fit(X, y, classes=np.unique(y))
    assert same(first, again)
    again._calls = 0
    again.coef_, again.intercept_ = first.coef_.copy(), first.intercept_.copy()
    first.partial_fit(X, y)
    again.partial_fit(X, y)
    assert not same(first, again)


def test_warm_start_goes_on():
    classifier = fitted("dropout", warm_start=True)
    before = classifier.result_.loss
    assert classifier.fit(X, y).result_.loss < before


STOPPED = pytest.mark.filterwarnings("ignore:A callback asked to stop")


@STOPPED
@pytest.mark.parametrize("noise", [*NOISE, AdaptiveL2(Dropout(0.5))], ids=repr)
def test_a_run_goes_on_from_its_checkpoint_to_the_same_bits(noise, tmp_path):
    whole = fitted(noise)
    checkpoint = Checkpoint(tmp_path, every=0)
    stopped = fitted(noise, callbacks=[checkpoint, StopAfter(17)])
    assert not same(stopped, whole)
    assert same(fitted(noise, callbacks=[Checkpoint(tmp_path)]), whole)


@STOPPED
def test_a_run_of_other_noise_does_not_go_on(tmp_path):
    fitted(Dropout(0.3), callbacks=[Checkpoint(tmp_path, every=0), StopAfter(17)])
    other = fitted(Dropout(0.4), callbacks=[Checkpoint(tmp_path)])
    assert same(other, fitted(Dropout(0.4)))


@pytest.mark.parametrize("noise", ["dropout", *NOISE, AdaptiveL2(GaussianNoise(0.3))], ids=repr)
def test_a_saved_model_has_its_noise_and_predicts_without(noise, tmp_path):
    classifier = fitted(noise)
    halfspaces.save(classifier, tmp_path / "model")
    loaded = halfspaces.load(tmp_path / "model")
    assert loaded.noise == noise
    assert clone(loaded).noise == noise
    assert np.array_equal(loaded.decision_function(X), classifier.decision_function(X))
    assert np.allclose(classifier.decision_function(X), X @ classifier.coef_.T + loaded.intercept_)


def test_two_classes():
    classifier = LinearClassifier(noise="dropout", verbose=-1).fit(X, y == 3)
    term = LinearClassifier("ova_logistic", noise=AdaptiveL2(), verbose=-1).fit(X, y == 3)
    assert classifier.coef_.shape == term.coef_.shape == (1, 64)
    assert min(classifier.score(X, y == 3), term.score(X, y == 3)) > 0.95


def test_sparse_rows_with_dropout():
    dense = fitted("dropout", standardize=False)
    sparse = LinearClassifier(noise="dropout", optimizer=FEW, strength=1e-3, standardize=False)
    assert np.allclose(sparse.fit(csr_array(X), y).coef_, dense.coef_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"optimizer": "lbfgs", "noise": "dropout"}, "use SGD or GradientDescent"),
        ({"noise": "droput"}, "noise='droput' is not known: did you mean 'dropout'?"),
        ({"noise": AdaptiveL2(), "loss": "hinge"}, "softmax or ova_logistic, got Hinge"),
    ],
)
def test_bad_input_gets_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        LinearClassifier(verbose=-1, **options).fit(X, y)


def test_gaussian_noise_refuses_sparse_rows():
    with pytest.raises(ValueError, match="would fill sparse rows"):
        LinearClassifier(noise="gaussian").fit(csr_array(X), y)


def test_the_preconditioner_knows_the_curvature_of_the_term():
    """Of correlated features; without it the steps along small eigenvalues are far too long."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((800, 20)) * np.logspace(0, -3, 20)
    rows = factors @ rng.standard_normal((20, 60)) + 1e-3 * rng.standard_normal((800, 60))
    labels = np.argmax(rows @ rng.standard_normal((60, 4)) + rng.standard_normal((800, 4)), axis=1)
    noise = AdaptiveL2(Dropout(0.5))
    auto, plain = (
        LinearClassifier(penalty="none", noise=noise, optimizer=optimizer, tol=1e-6, verbose=-1)
        .fit(rows, labels)
        .result_
        for optimizer in ("auto", LBFGS())
    )
    assert np.allclose(auto.loss, plain.loss, rtol=1e-6)
    assert auto.passes < 0.6 * plain.passes
