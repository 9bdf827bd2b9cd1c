"""Presets: the published grids come back, fits run on the published rows,
the final one is the published objective.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from halfspaces.convert import from_penalty
from halfspaces.estimators.presets import Split, clip_probe, dinov2_probe, vtab_probe
from halfspaces.penalties.l2 import L2

X, Y = load_digits(return_X_y=True)
X = X[:, [10, 13, 18, 21, 28, 35, 42, 43, 50, 53, 61, 62]] / 16
ROWS = np.flatnonzero(Y < 3)[:80]  # of three classes


pytestmark = pytest.mark.usefixtures("one_blas_thread")


def published(probe, library, **known):
    """The grid in the units of a library."""
    name = {"sklearn.LogisticRegression": "C", "torch.optim.SGD": "weight_decay"}[library]
    return [from_penalty(library, L2(strength), **known)[name] for strength in probe.strengths]


@pytest.mark.parametrize("n_classes", [2, 10])
def test_clip_has_eight_steps_a_decade(n_classes):
    known = {"n_examples": 5_000, "n_classes": n_classes}
    grid = published(clip_probe(**known), "sklearn.LogisticRegression", **known)
    np.testing.assert_allclose(grid, np.logspace(-6, 6, 97))
    for start in (1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6, 10**-0.5):
        assert np.isclose(grid, start, rtol=1e-10, atol=0).sum() == 1


@pytest.mark.parametrize("n_classes", [2, 10])
def test_dinov2_has_its_range_of_powers(n_classes):
    known = {"n_examples": 1_281_167, "n_classes": n_classes}
    grid = published(dinov2_probe(**known), "sklearn.LogisticRegression", **known)
    np.testing.assert_allclose(grid, 10 ** np.linspace(-6, 5, 45))


def test_vtab_has_the_decays_of_its_linear_probe():
    np.testing.assert_allclose(published(vtab_probe(), "torch.optim.SGD"), [1e-2, 1e-3, 1e-4])


def test_none_standardizes_and_all_are_cloned():
    for probe in (clip_probe(100, 10), dinov2_probe(100, 10), vtab_probe()):
        assert not probe.standardize
        assert (probe.loss, probe.penalty, probe.scoring, probe.rule) == (
            "softmax",
            "l2",
            "accuracy",
            "best",
        )
        assert clone(probe).get_params() == probe.get_params()


@pytest.mark.parametrize("validation", [20, 0.25])
@pytest.mark.parametrize("preset", [clip_probe, dinov2_probe])
def test_a_fit_from_end_to_end(preset, validation):
    probe = preset(80, 3, validation=validation)
    probe.set_params(strengths=probe.strengths[12::8], n_jobs=1).fit(X[ROWS], Y[ROWS])
    assert probe.scores_.shape == (len(probe.strengths), 1)
    assert not probe.cv_results_["dropped"].any()
    assert (probe.scores_ * 20 % 1 < 1e-9).all()  # of 20 rows
    assert probe.scores_.max() > 0.8


def test_the_final_fit_has_the_published_C_of_all_rows():
    probe = dinov2_probe(80, 3, validation=20)
    probe.set_params(strengths=probe.strengths[26:27], tol=1e-8, n_jobs=1).fit(X[ROWS], Y[ROWS])
    theirs = LogisticRegression(C=10**0.5, tol=1e-10, max_iter=1_000).fit(X[ROWS], Y[ROWS])
    np.testing.assert_allclose(probe.coef_, theirs.coef_, atol=1e-4)
    assert probe.result_.converged


def test_vtab_scores_the_last_200_and_fits_all_1000():
    probe = vtab_probe().set_params(n_jobs=1).fit(X[:1_000], Y[:1_000])
    assert probe.scores_.shape == (3, 1)
    assert (probe.scores_ * 200 % 1 < 1e-9).all()
    first = LogisticRegression(C=1 / (2 * 5e-5 * 800), tol=1e-6, max_iter=1_000).fit(
        X[:800], Y[:800]
    )
    assert probe.scores_[-1, 0] == pytest.approx(first.score(X[800:1_000], Y[800:1_000]), abs=0.011)


def test_a_set_of_its_own_is_the_last_rows():
    [(train, held_out)] = Split(10, 3).split(np.zeros((10, 1)))
    assert train.tolist() == list(range(7))
    assert held_out.tolist() == [7, 8, 9]


def test_a_part_is_random_rounded_down_and_the_same_every_time():
    [(train, held_out)] = Split(59, 0.1).split(np.zeros((59, 1)))
    assert len(held_out) == 5
    assert sorted([*train, *held_out]) == list(range(59))
    assert held_out.tolist() != list(range(54, 59))
    [(again, _)] = Split(59, 0.1).split(np.zeros((59, 1)))
    np.testing.assert_array_equal(train, again)
    assert Split(59, 0.1).get_n_splits() == 1


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: clip_probe(1, 3), ValueError, "n_examples must be at least 2, got 1."),
        (lambda: clip_probe(100.0, 3), TypeError, "n_examples must be an integer, got 100.0."),
        (lambda: dinov2_probe(100, 1), ValueError, "n_classes must be at least 2, got 1."),
        (lambda: dinov2_probe(100, "3"), TypeError, "n_classes must be an integer, got '3'."),
        (
            lambda: dinov2_probe(100, 3, validation=1.5),
            ValueError,
            "validation, as a part of the rows, must be above 0 and below 1, got 1.5.",
        ),
        (
            lambda: clip_probe(100, 3, validation=100),
            ValueError,
            "validation, as a number of rows, must be at least 1 and below 100, got 100.",
        ),
        (
            lambda: clip_probe(9, 3),
            ValueError,
            "validation=0.1 of 9 rows holds out none; raise it.",
        ),
        (
            lambda: vtab_probe(validation="val"),
            TypeError,
            "validation, as a part of the rows, must be a number, got 'val'.",
        ),
        (
            lambda: vtab_probe().fit(X[:800], Y[:800]),
            ValueError,
            "The preset was made for n_examples=1000, but X has 800 rows; give all of "
            "training and validation set, or make it for n_examples=800.",
        ),
    ],
)
def test_sentences_for_bad_input(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
