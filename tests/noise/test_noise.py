"""Noise: what is particular to each kind, its speed aside."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from halfspaces.losses import LOSSES
from halfspaces.losses.softmax import Softmax
from halfspaces.noise import NOISES, AdaptiveL2, Dropout, GaussianNoise
from halfspaces.noise.adaptive_score import AdaptiveScore
from halfspaces.noise.noisy import Noisy
from halfspaces.noise.random_bits import random_bits
from halfspaces.rows.standardization import Standardization
from halfspaces.scores.linear import Linear
from halfspaces.testing import check_noise
from halfspaces.testing.noise import Scores, _beyond_second_order

SLOW = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("one_blas_thread")
LINEAR = Linear(Standardization.identity(3), np.zeros(3))


@pytest.mark.parametrize(
    "noise",
    [
        *(kind() for kind in NOISES.values()),
        *(pytest.param(n, marks=SLOW) for n in (Dropout(0.2), GaussianNoise(1.5), Dropout(0.0))),
    ],
    ids=repr,
)
def test_laws(noise):
    check_noise(noise)


def test_bits_are_those_of_splitmix64():
    """The published sequence of the seed 1234567."""
    from halfspaces.noise import random_bits as module

    words = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(module.STRIDE)
    module._mix(words)
    assert words.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_every_number_of_16_bits_is_equally_likely():
    counts = np.bincount(random_bits(3, 1, np.arange(2048), 3072).ravel(), minlength=1 << 16)
    chi_squared = np.sum((counts - 96) ** 2 / 96)
    assert abs(chi_squared - 65535) < 5 * np.sqrt(2 * 65535)


def test_dropout_drops_the_share_that_it_states():
    drawn = Dropout(0.2).drawn(np.ones((1000, 1000), np.float32), np.arange(1000), 0, 0)
    assert abs(np.mean(drawn == 0) - 0.2) < 5 * 0.4 / 1000
    assert np.unique(drawn).size == 2


def test_dropout_by_the_probability_that_is_used():
    """65,536 · 0.99999 is no whole number: the factor is that of the rounded share."""
    outcomes = Dropout(0.99999).noisy(np.ones(1 << 16), np.arange(1 << 16).astype(np.uint16))
    assert outcomes.mean() == 1
    assert np.count_nonzero(outcomes) == 1


def test_gaussian_noise_is_normal():
    drawn = GaussianNoise(1.0).drawn(np.zeros((1000, 1000)), np.arange(1000), 0, 0)
    for moment, expected, deviation in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        error = np.mean(drawn**moment) - expected
        assert abs(error) < 5 * np.sqrt(deviation) / 1000 + 0.001


@pytest.mark.parametrize("noise", [Dropout(0.5), GaussianNoise(0.7)], ids=repr)
def test_the_term_of_symmetric_noise_is_right_to_the_fourth_order(noise):
    W = np.random.default_rng(0).standard_normal((2, 1, 3))
    for loss in (Softmax(), LOSSES["ova_logistic"]):
        error, half = (
            abs(_beyond_second_order(loss, noise, Scores(), W, scale)) for scale in (0.2, 0.1)
        )
        assert 12 < error / half < 20


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Dropout(1.0), "Dropout(probability=...) must be at least 0 and below 1, got 1.0."),
        (lambda: GaussianNoise(-1), "GaussianNoise(scale=...) must be at least 0, got -1."),
        (
            lambda: AdaptiveL2("dropout"),  # pyright: ignore[reportArgumentType]
            "AdaptiveL2(noise=...) must be Dropout(...) or GaussianNoise(...), got 'dropout'.",
        ),
        (
            lambda: AdaptiveScore(LINEAR, Dropout(0.5), LOSSES["hinge"]),
            "AdaptiveL2 needs a loss whose second derivatives do not depend on the label, softmax "
            "or ova_logistic, got Hinge(margin=1.0, smoothing=0.0); use one of these, or draw the "
            "noise.",
        ),
        (
            lambda: GaussianNoise(0.1).check_rows(csr_array(np.eye(2))),
            "GaussianNoise(scale=0.1) would fill sparse rows; use Dropout, which acts on their "
            "stored values, or give dense rows.",
        ),
        (
            lambda: Noisy(
                Linear(Standardization(np.zeros((3, 2)), np.ones((3, 2))), np.zeros(3)), Dropout()
            ).at(np.zeros((4, 2, 2)), np.dtype(float), 0),
            "Noise needs one standardization for all members of a stack; fit the folds one by one.",
        ),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert str(error.value) == sentence
