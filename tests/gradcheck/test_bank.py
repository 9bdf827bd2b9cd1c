"""Verdicts on a bank of right and wrong gradients: none is mistaken, and few are undecided."""

import numpy as np
import pytest

from halfspaces.gradcheck import check_gradient
from tests.gradcheck.bank import NEITHER, RIGHT, WRONG, network, perceptron, squares

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def verdict(problem) -> str:
    f, gradient, W = problem
    return check_gradient(f, gradient, W).outcome


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(np.float64, marks=pytest.mark.slow),
        pytest.param(np.float32, marks=pytest.mark.long),
    ],
)
def test_no_wrong_gradient_is_called_right(dtype):
    verdicts = {name: verdict(make(dtype)) for name, make in WRONG.items()}
    assert len(verdicts) >= 20
    assert "right" not in verdicts.values(), verdicts
    assert list(verdicts.values()).count("cannot tell") <= 2, verdicts


@DTYPES
@pytest.mark.parametrize("name", NEITHER)
def test_a_function_that_draws_at_random_has_no_verdict(name, dtype):
    f, gradient, W = NEITHER[name](dtype)
    report = check_gradient(f, gradient, W)
    assert report.outcome == "cannot tell"
    assert "a dropout mask or a minibatch anew: fix its seed" in report.verdict


CHEAP = [make for make in RIGHT if make.__name__ not in ("many_coordinates", "tensors")]


@pytest.mark.parametrize("make", CHEAP, ids=lambda make: make.__name__)
def test_a_right_gradient_is_not_called_wrong(make):
    assert verdict(make(np.float64)) != "wrong"


@pytest.mark.parametrize("name", [n for n in WRONG if "many" not in n and "tensors" not in n])
def test_a_wrong_gradient_is_not_called_right(name):
    assert verdict(WRONG[name](np.float64)) != "right"


@pytest.mark.long
@pytest.mark.parametrize("factor", [1, -1, 3])
@pytest.mark.parametrize("n", [10, 100])
def test_float16_is_judged_by_its_own_noise(n, factor):
    for seed in range(3):
        W = np.random.default_rng(seed).normal(size=n).astype(np.float16)

        def gradient(V):
            return factor * (1 - np.tanh(V.astype(np.float16)) ** 2)

        report = check_gradient(lambda V: np.tanh(V.astype(np.float16)).sum(), gradient, W)
        assert report.outcome != ("wrong" if factor == 1 else "right")


@pytest.mark.parametrize("seed", range(8))
def test_kinks_at_one_point_of_a_network_are_not_blamed(seed):
    rows = np.random.default_rng(seed).standard_normal((5, 4))
    rows[[2, 4]] = 0
    f, gradient, W = perceptron(network(seed, bias=0.0), rows, float)
    assert check_gradient(f, gradient, W, seed=seed).outcome == "right"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("f changes W", r"f changes W in place \(W\[0\] from 1 to 2\)"),
        ("the gradient changes W", r"gradient changes W in place \(W\[0\] from 1 to 2\)"),
        ("imaginary parts", r"at W\[0\] it is the complex number 20000\+20000j"),
        (
            "the last coordinate flipped",
            r"is -.* at W\[2\], of those checked only there: .*minus sign",
        ),
    ],
)
def test_sentences(name, sentence):
    f, gradient, W = WRONG[name](np.float64)
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(check_gradient(f, gradient, W).verdict)


def test_what_cannot_be_told():
    at_the_minimum = check_gradient(lambda W: (W**2).sum(), lambda W: 4 * W, np.zeros(3))
    assert at_the_minimum.outcome == "cannot tell"
    assert "check it at another W" in at_the_minimum.verdict


@pytest.mark.parametrize("offset", 10.0 ** np.arange(10, 19))
def test_a_large_offset_makes_no_verdict_false(offset):
    W = np.array([1.0, 2.0, 0.3])
    for factor in (1, -1, 0):
        report = check_gradient(
            lambda V: offset + np.tanh(V).sum(), factor * (1 - np.tanh(W) ** 2), W
        )
        assert report.outcome != ("wrong" if factor == 1 else "right")


def test_one_flipped_among_a_hundred_thousand():
    f, gradient, W = squares(np.ones(100_000), np.random.default_rng(0).normal(size=100_000), float)
    slopes = gradient(W)
    slopes[77_777] *= -1
    report = check_gradient(f, slopes, W)
    assert [coordinate.name for coordinate in report.wrong] == ["W[77777]"]
