"""The losses: every law, every number of the lecture that can be checked by hand,
and independent libraries last.
"""

import math

import numpy as np
import pytest

from halfspaces.losses import LOSSES
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.losses.surrogates import Plus, Softplus, SquaredPlus
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.testing import check_loss

pytestmark = pytest.mark.usefixtures("one_blas_thread")

OPTIONS = [
    Softmax(label_smoothing=0.1),
    Hinge(margin=0.5),
    Hinge(margin=2.0, smoothing=0.3),
    SquaredHinge(margin=2.0),
    CrammerSinger(margin=0.5),
    CrammerSinger(margin=2.0, smoothing=0.3),
    OneVsAll(Plus(0.5), margin=0.3),
    OneVsAll(SquaredPlus(), margin=2.0),
    OneVsAll(Softplus(), margin=0.5),
]

THREE_IMAGES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])  # cat, car, frog
TEN_CLASSES = np.array(
    [
        [-3.45, -8.87, 0.09, 2.9, 4.48, 8.02, 3.78, 1.06, -0.36, -0.72],
        [-0.51, 6.04, 5.31, -4.22, -4.19, 3.58, 4.49, -4.37, -2.09, -2.93],
        [3.42, 4.64, 2.65, 5.1, 2.64, 5.55, -4.34, -1.5, -4.79, 6.14],
    ]
)


def value(loss, scores, y):
    return loss.value_and_grad(np.atleast_2d(np.asarray(scores, dtype=float)), np.atleast_1d(y))[0]


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(loss, marks=pytest.mark.long)
        if name in ("crammer_singer", "ova_hinge")
        else loss
        for name, loss in LOSSES.items()
    ],
    ids=str,
)
def test_laws(loss):
    check_loss(loss, n_classes=5)


@pytest.mark.long
@pytest.mark.parametrize("loss", OPTIONS, ids=str)
def test_laws_with_options(loss):
    check_loss(loss, n_classes=5)


@pytest.mark.long
@pytest.mark.parametrize("loss", [*LOSSES.values(), *OPTIONS], ids=str)
def test_laws_of_two_classes(loss):
    check_loss(loss, n_classes=2)


def test_hinge_of_the_three_images():
    losses = value(Hinge(), THREE_IMAGES, [0, 1, 2])
    assert losses == pytest.approx([2.9, 0.0, 12.9])  # not the 10.9 of some printed copies
    assert losses.mean() == pytest.approx(5.27, abs=0.005)  # nor their mean of 4.6


def test_hinge_of_large_scores():
    assert value(Hinge(), [-96.8, 437.9, 61.95], 0) == pytest.approx(535.7 + 159.75)


def test_hinge_of_ten_classes():
    losses = value(Hinge(), TEN_CLASSES, [3, 1, 6])
    assert losses == pytest.approx([10.58, 0.27, 71.91])
    assert losses.mean() == pytest.approx(27.59, abs=0.005)


def test_softmax_of_the_cat():
    loss, gradient = Softmax().value_and_grad(THREE_IMAGES[:1], np.array([0]))
    probabilities = gradient[0] + [1, 0, 0]
    assert np.exp(THREE_IMAGES[0]) == pytest.approx([24.5, 164.0, 0.18], abs=0.05)
    assert probabilities == pytest.approx([0.13, 0.87, 0.00], abs=0.005)
    assert loss[0] == pytest.approx(2.04, abs=0.005)
    assert loss[0] == pytest.approx(
        -math.log(probabilities[0])
    )  # natural: the printed 0.89 is to base 10


def test_softmax_of_scores_whose_exponentials_overflow():
    loss, gradient = Softmax().value_and_grad(np.array([[123.0, 456.0, 789.0]]), np.array([2]))
    assert loss[0] == pytest.approx(0, abs=1e-100)
    assert gradient[0] + [0, 0, 1] == pytest.approx([0, 0, 1], abs=1e-100)
    assert value(Softmax(), [123, 456, 789], 0) == pytest.approx(666)


def test_softmax_of_huge_scores_in_float32():
    scores = np.array([[1e4, -1e4, 1e4]], dtype=np.float32)
    loss, gradient = Softmax().value_and_grad(scores, np.array([0]))
    assert loss[0] == pytest.approx(math.log(2), rel=1e-6)
    assert gradient[0] == pytest.approx([-0.5, 0, 0.5])
    assert value(Softmax(), [[1e4, -1e4, 1e4]], 1) == pytest.approx(2e4, rel=1e-4)


def test_softmax_never_reaches_zero():
    assert 0 < value(Softmax(), [30, 0, 0], 0)[0] < 1e-12


@pytest.mark.parametrize(
    ("name", "chance"),
    [
        ("hinge", 9.0),
        ("squared_hinge", 9.0),
        ("crammer_singer", 1.0),
        ("ova_hinge", 10.0),
        ("ova_squared_hinge", 10.0),
        ("ova_logistic", 10 * math.log(2)),
        ("softmax", math.log(10)),
    ],
)
def test_scores_near_zero_give_the_loss_of_a_guess(name, chance):
    scores = 1e-4 * np.random.default_rng(0).standard_normal((50, 10))
    assert LOSSES[name].chance_value(10) == pytest.approx(chance)
    assert value(LOSSES[name], scores, np.arange(50) % 10).mean() == pytest.approx(chance, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "chance"),
    [
        (Hinge(2.0), 18.0),
        (SquaredHinge(2.0), 36.0),
        (CrammerSinger(2.0), 2.0),
        (OneVsAll(Plus(), 2.0), 20.0),
        (OneVsAll(SquaredPlus(), 2.0), 40.0),
    ],
    ids=str,
)
def test_the_loss_of_a_guess_grows_with_the_margin(loss, chance):
    assert loss.chance_value(10) == pytest.approx(chance)


def test_a_solution_of_loss_zero_is_not_unique():
    assert value(Hinge(), THREE_IMAGES[1], 1) == 0
    assert value(Hinge(), 2 * THREE_IMAGES[1], 1) == 0


def test_equal_scores_but_l2_prefers_the_spread_weights():
    x, peaked, spread = np.ones(4), np.array([1.0, 0, 0, 0]), np.full(4, 0.25)
    assert x @ peaked == x @ spread
    assert [L2(1.0).value(w[:, None, None])[0] for w in (peaked, spread)] == [1.0, 0.25]
    assert [L1(1.0).value(w[:, None, None])[0] for w in (peaked, spread)] == [1.0, 1.0]


def objective(loss, W, X, y, strength):
    return value(loss, X @ W, y).mean() + L2(strength).value(W[:, None, :])[0]


def test_margin_and_strength_are_one_hyperparameter():
    """L(ΔW) with margin Δ and λ is Δ times L(W) with margin 1 and Δλ:
    the same minimizer, up to W's scale.
    """
    rng = np.random.default_rng(0)
    X, W, y = rng.standard_normal((20, 5)), rng.standard_normal((5, 3)), rng.integers(3, size=20)
    margin, strength = 2.5, 0.3
    scaled = objective(Hinge(margin), margin * W, X, y, strength)
    assert scaled == pytest.approx(margin * objective(Hinge(), W, X, y, margin * strength))


def test_a_constant_times_the_loss_is_undone_by_the_strength():
    rng = np.random.default_rng(0)
    X, W, y = rng.standard_normal((20, 5)), rng.standard_normal((5, 3)), rng.integers(3, size=20)
    seven_losses = 7 * value(Hinge(), X @ W, y).mean() + L2(0.3).value(W[:, None, :])[0]
    assert seven_losses == pytest.approx(7 * objective(Hinge(), W, X, y, 0.3 / 7))


def test_jiggled_scores_matter_to_softmax_and_not_to_a_hinge_whose_margins_are_met():
    car = THREE_IMAGES[1] + np.random.default_rng(0).uniform(-0.3, 0.3, size=(20, 3))
    y = np.ones(20, dtype=int)
    assert not value(Hinge(), car, y).any()
    assert np.ptp(value(Softmax(), car, y)) > 0.01


def test_the_right_prediction_is_not_enough_for_the_hinge():
    assert value(Hinge(), [1.0, 0.75, -3.0], 0) == pytest.approx(
        0.75
    )  # right, but by less than the margin


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hinge(margin=0), r"Hinge\(margin=...\) must be above 0, got 0."),
        (
            lambda: Softmax(label_smoothing=1),
            r"Softmax\(label_smoothing=...\) must be at least 0 and below 1, got 1.",
        ),
        (
            lambda: CrammerSinger(smoothing=-1),
            r"CrammerSinger\(smoothing=...\) must be at least 0, got -1.",
        ),
    ],
)
def test_options_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_vs_all_needs_a_surrogate():
    with pytest.raises(
        TypeError, match=r"OneVsAll\(surrogate=...\) must be Plus\(\), .* got 'hinge'"
    ):
        OneVsAll("hinge")  # type: ignore


def torch_reference(reference, scores, y):
    """Value (B,) and gradient (B, C) of a torch loss that keeps examples apart."""
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(scores, requires_grad=True)
    loss = reference(torch.nn.functional, tensor, torch.tensor(y))
    loss.sum().backward()
    return loss.detach().numpy(), tensor.grad.numpy()


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (
            Hinge(0.7),
            lambda F, s, y: (
                s.shape[1] * F.multi_margin_loss(s, y, p=1, margin=0.7, reduction="none")
            ),
        ),
        (
            SquaredHinge(),
            lambda F, s, y: (
                s.shape[1] * F.multi_margin_loss(s, y, p=2, margin=1.0, reduction="none")
            ),
        ),
        (
            Softmax(0.1),
            lambda F, s, y: F.cross_entropy(s, y, label_smoothing=0.1, reduction="none"),
        ),
        (
            LOSSES["ova_logistic"],
            lambda F, s, y: F.binary_cross_entropy_with_logits(
                s, F.one_hot(y, s.shape[1]).to(s.dtype), reduction="none"
            ).sum(1),
        ),
    ],
    ids=lambda case: type(case).__name__,
)
def test_parity_with_torch(loss, reference):
    rng = np.random.default_rng(0)
    scores, y = 2 * rng.standard_normal((30, 6)), rng.integers(6, size=30)
    expected, expected_gradient = torch_reference(reference, scores, y)
    found, gradient = loss.value_and_grad(scores, y)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-14)
