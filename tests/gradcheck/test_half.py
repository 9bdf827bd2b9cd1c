"""Losses of 16 bits, hidden or not: none right is blamed, none wrong is called right."""

import numpy as np
import pytest

from halfspaces.gradcheck import check_gradient, diagnose
from halfspaces.gradcheck.long_steps import Curve
from tests.gradcheck.course import KeepsLabels, KeepsW, hinge, logistic, softmax

X = np.random.default_rng(0).standard_normal((20, 6))
Y = np.arange(20) % 3
W = np.random.default_rng(1).standard_normal((6, 3)) / 2


def parts(loss, factor=1.0):
    """f as a float and its gradient, without a penalty."""
    return lambda V: float(loss(V, X, Y, 0)[0]), lambda V: factor * loss(V, X, Y, 0)[1]


@pytest.mark.parametrize("make", [hinge, softmax, lambda t: hinge(t, power=2)])
def test_right_losses_are_not_blamed_and_wrong_ones_not_passed(make):
    loss = make(np.float16)
    assert check_gradient(*parts(loss), W).outcome != "wrong"
    for factor in (-1, 0, 2, 0.5):
        report = check_gradient(*parts(loss, factor), W)
        assert report.outcome == "wrong", factor
        assert report.has_long_steps


@pytest.mark.parametrize("seed", range(3))
def test_softmax_is_right_and_what_cannot_be_seen_is_said(seed):
    W = np.random.default_rng(seed).standard_normal((6, 3)) / 2
    report = check_gradient(*parts(softmax(np.float16)), W)
    assert report.outcome == "right", report
    assert "slopes are means over long steps" in report.verdict


@pytest.mark.parametrize("factor", [1, -1])
def test_a_sum_of_float16_divided_in_float64_is_known_by_its_noise(factor):
    def f(V):
        return float(softmax(np.float16)(V, X, Y, 0)[0]) / 3

    report = check_gradient(f, parts(softmax(float), factor / 3)[1], W)
    assert report.has_long_steps
    assert (report.outcome == "wrong") == (factor == -1)


def test_one_wrong_of_many_coordinates_is_found_or_not_passed():
    V = np.random.default_rng(2).standard_normal(300)

    def f(V):
        return np.float16((V.astype(np.float16).astype(float) ** 2).sum())

    right = check_gradient(f, lambda V: 2 * V, V, samples=10)
    assert right.outcome == "cannot tell"
    assert check_gradient(f, lambda V: -2 * V, V, samples=10).outcome == "wrong"


def test_far_from_w_lost_digits_are_no_blame():
    diagnosis = diagnose(logistic(np.float16))  # −log h, with h of few digits
    assert diagnosis.outcome != "wrong", diagnosis
    assert any("Checks that minimize f" in note for note in diagnosis.notes)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "name"), [(KeepsLabels, "labels"), (KeepsW, "another W")])
def test_caches_are_found(make, name):
    diagnosis = diagnose(make(np.float16))
    assert diagnosis.outcome == "wrong"
    assert diagnosis.hints[0].name == name


def test_integrals_over_jumps_are_as_exact_as_they_say():
    for jump in (0.03, 0.5, 0.71, 0.999):
        curve = Curve.of(lambda t, at=jump: 1.0 + (t > at))
        for _ in range(4):
            assert abs(curve.integral - (2 - jump)) <= curve.error
            curve = curve.refined(lambda t, at=jump: 1.0 + (t > at), 1e-3)
        assert len(curve.parts) < 20
        assert curve.error < 0.02


@pytest.mark.slow
def test_bfloat16_of_torch():
    torch = pytest.importorskip("torch")
    V = torch.tensor(W, dtype=torch.bfloat16, requires_grad=True)
    rows, y = torch.tensor(X, dtype=torch.bfloat16), torch.tensor(Y)

    def f(V):
        return torch.nn.functional.cross_entropy(rows @ V, y)

    def gradient(factor):
        return lambda V: factor * torch.autograd.grad(f(V), V)[0]

    assert check_gradient(f, gradient(1), V).outcome != "wrong"
    assert check_gradient(f, gradient(2), V).outcome == "wrong"
