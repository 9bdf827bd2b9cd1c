"""The gradient doctor: it must find what is wrong, say why, and leave alone what is right."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from halfspaces.gradcheck import (
    WEIGHTS_AND_BIAS,
    check_component,
    check_gradient,
    check_registry,
    data_loss,
    numerical_gradient,
    small_problem,
)
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.softmax import Softmax
from halfspaces.penalties.l1 import L1

PROBLEM = small_problem()


def f(W):
    return data_loss(Softmax(), PROBLEM, W)[0].sum()


def gradient(W):
    return data_loss(Softmax(), PROBLEM, W)[1]


def check(wrong, f=f, **options):
    return check_gradient(f, wrong, PROBLEM.W, **{"blocks": WEIGHTS_AND_BIAS, **options})


def test_numerical_gradient_of_the_lecture():
    W = np.array([0.34, -1.11, 0.78])
    losses = {0: 1.25322, 1: 1.25353, 2: 1.25347, None: 1.25347}

    def loss(changed):
        moved = np.flatnonzero(changed != W)
        return losses[moved[0] if moved.size else None]

    slopes = numerical_gradient(loss, W, step=1e-4, scheme="forward")
    assert slopes == pytest.approx([-2.5, 0.6, 0.0], abs=1e-9)


@pytest.mark.parametrize(("scheme", "accuracy"), [("forward", 1e-4), ("centered", 1e-9)])
def test_numerical_gradient_leaves_w_alone(scheme, accuracy):
    W = np.random.default_rng(0).standard_normal((2, 3, 1)).astype(np.float32)
    W.setflags(write=False)
    seen = set()

    def cubes(V):
        seen.add(V.dtype)
        return (V**3).sum()

    slopes = numerical_gradient(cubes, W, scheme=scheme)
    assert slopes.shape == W.shape
    assert seen == {np.dtype(np.float64)}
    np.testing.assert_allclose(slopes, 3.0 * W.astype(np.float64) ** 2, atol=accuracy)


@pytest.mark.slow
def test_every_registered_component_passes():
    reports = check_registry()
    assert {
        "hinge",
        "hinge, smoothed",
        "hinge + l2",
        "l2",
        "prox of l1",
        "prox of max_norm",
    } <= set(reports)
    assert not [str(report) for report in reports.values() if not report.ok]


@pytest.mark.parametrize("scheme", ["centered", "forward"])
def test_a_right_gradient_has_taylor_rate_two(scheme):
    report = check(gradient, scheme=scheme)
    assert report.ok
    assert report.rate == pytest.approx(2, abs=0.1)
    assert report.verdict.startswith(
        "The gradient is right: 50 coordinates of weights and 8 coordinates of bias"
    )


BIAS, THIRD_CLASS = np.arange(8)[:, None, None] == 7, np.arange(4) == 2


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            lambda W: 50 * gradient(W),
            r"ratio analytic/numerical is 50 everywhere: did you forget to divide by N",
        ),
        (lambda W: -gradient(W), r"is -1 everywhere: did you forget a minus sign"),
        (lambda W: 2 * gradient(W), r"is 2 everywhere: a factor 2"),
        (lambda W: 0 * W, r"The gradient is 0 everywhere"),
        (
            lambda W: np.where(BIAS, 0, gradient(W)),
            r"The gradient is 0 in bias, and only there: was it left out",
        ),
        (lambda W: np.where(BIAS, gradient(W) + 1, gradient(W)), r"off by the constant 1 in bias"),
        (
            lambda W: gradient(W) + 0.2 * W * BIAS,
            r"off by 0.2 bias: .* penalize the bias differently",
        ),
        (lambda W: gradient(W) - 0.2 * W * ~BIAS, r"off by -0.2 W in weights: 2λW, .*, is missing"),
        (
            lambda W: gradient(W) - 0.2 * np.sign(W) * ~BIAS,
            r"off by -0.2 sign\(W\) in weights: look at the L1",
        ),
        (
            lambda W: np.where(THIRD_CLASS, 0.5, gradient(W)),
            r"Only class 2 \(the last axis\) is wrong",
        ),
        (lambda W: np.full(W.shape, np.nan), r"it is nan"),
    ],
)
def test_a_wrong_gradient_is_found_and_explained(wrong, hint):
    report = check(wrong)
    assert not report.ok
    assert report.worst.name.startswith("W[")
    with pytest.raises(AssertionError, match=hint):
        raise AssertionError(report.verdict)


def test_an_error_of_a_hundred_thousandth_is_found():
    assert not check(lambda W: (1 + 1e-5) * gradient(W)).ok
    assert check(lambda W: (1 + 1e-5) * gradient(W), tolerance=1e-4).ok


def test_the_bias_is_always_sampled():
    W = np.random.default_rng(0).standard_normal((2001, 1, 10))
    slopes = np.where(np.arange(2001)[:, None, None] == 2000, 0, 2 * W)
    report = check_gradient(lambda V: (V**2).sum(), slopes, W, samples=5, blocks=WEIGHTS_AND_BIAS)
    assert [(row.block, row.checked) for row in report.rows] == [("weights", 5), ("bias", 5)]
    assert {coordinate.block for coordinate in report.wrong} == {"bias"}


def test_one_wrong_coordinate_among_many_is_found_though_it_was_not_sampled():
    W = np.random.default_rng(0).standard_normal(5000)
    slopes = 2 * W
    slopes[4321] += 0.1
    report = check_gradient(lambda V: (V**2).sum(), slopes, W, samples=5)
    assert [coordinate.name for coordinate in report.wrong] == ["W[4321]"]
    assert "wrong: at W[4321] it is 0.983798, where the slope is 0.883798" in report.verdict


def test_blocks_by_name():
    W = {"W": np.ones((3, 2)), "bias": np.zeros(2)}
    report = check_gradient(
        lambda P: (P["W"] ** 2).sum() + np.exp(P["bias"]).sum(),
        lambda P: {"W": 2 * P["W"], "bias": P["bias"]},
        W,
    )
    assert [(row.block, row.largest > 0.1) for row in report.rows] == [("W", False), ("bias", True)]
    assert report.worst.name in ("bias[0]", "bias[1]")
    with pytest.raises(ValueError, match="must have the shapes of W"):
        check_gradient(lambda P: 0.0, {"W": np.ones(3), "bias": np.zeros(2)}, W)


def test_a_hinge_exactly_at_a_kink_is_entered_in_the_ledger():
    scores, y = np.array([[2.0, 1.0, 1.0, -3.0]]), np.array([0])  # two margins are met exactly

    def hinge(s):
        return Hinge().value_and_grad(s, y)[0].sum()

    for share, right in (
        (0.0, True),
        (0.4, True),
        (1.0, True),
        (1.5, False),
    ):  # of the subgradients at the kink
        slopes = share * np.array([[-2.0, 1.0, 1.0, 0.0]])
        report = check_gradient(hinge, slopes, scores)
        assert report.ok == right, report.verdict
        assert [c.name for c in report.kinks] == ["W[0, 0]", "W[0, 1]", "W[0, 2]"]
        assert sorted((report.kinks[0].backward, report.kinks[0].forward)) == pytest.approx([-2, 0])


@pytest.mark.parametrize("distance", [1e-12, 1e-9, 5e-9, 5e-8, 5e-7, 5e-6, 1e-3])
def test_a_kink_nearby_is_no_error(distance):
    for side in (-1, 1):
        at = side * distance
        report = check_gradient(
            lambda W: (abs(W) + W**2).sum(), lambda W: np.sign(W) + 2 * W, np.array([at, 1.0])
        )
        assert report.ok, report.verdict
        assert not check_gradient(
            lambda W: (abs(W) + W**2).sum(), [1.5 * side, 3.0], np.array([at, 1.0])
        ).ok


def test_a_strong_bend_is_not_mistaken_for_a_kink():
    W = np.array([0.0, 1e-4, 2.0])
    report = check_gradient(lambda V: (1e3 * V**2 + V).sum(), lambda V: 2e3 * V + 1, W)
    assert report.ok
    assert not report.kinks


def single(W):
    return np.float32(
        data_loss(
            Softmax(), PROBLEM._replace(X=PROBLEM.X.astype(np.float32)), W.astype(np.float32)
        )[0].sum()
    )


@pytest.mark.slow
@pytest.mark.parametrize("narrow", [single, lambda W: float(single(W))], ids=["declared", "hidden"])
def test_a_float32_loss_makes_the_check_weak_and_not_false(narrow):
    report = check(gradient, f=narrow)
    assert report.ok
    assert "The check is weak" in report.verdict
    assert "float32" in report.verdict
    assert not check(lambda W: 1.05 * gradient(W), f=narrow).ok


def test_float32_parameters_and_gradients():
    assert check_gradient(f, gradient, PROBLEM.W.astype(np.float32)).weakness == ""
    report = check(gradient(PROBLEM.W).astype(np.float32))
    assert report.ok
    assert "given in float32" in report.weakness


def test_tiny_slopes_that_are_rounding_noise_do_not_fail():
    report = check_gradient(
        lambda W: 1e6 + (W**2).sum(), lambda W: 2 * W, np.array([1e-9, -1e-8, 1.0])
    )
    assert report.ok, report.verdict


def test_reports_print():
    report = check(lambda W: 50 * gradient(W))
    console = Console(width=120, record=True, file=StringIO())
    console.print(report)
    for text in (str(report), console.export_text()):
        assert "weights" in text
        assert "forget to divide by N" in text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: check_gradient(lambda W: W**2, [1.0, 1.0], [1.0, 1.0]),
            TypeError,
            "must return one number",
        ),
        (
            lambda: check_gradient(lambda W: np.nan, [1.0], [1.0]),
            ValueError,
            r"f\(W\) must be finite .* got nan",
        ),
        (
            lambda: check_gradient(lambda W: 0.0, [1.0], [1.0], scheme="centred"),
            ValueError,
            "did you mean 'centered'",
        ),  # type: ignore
        (
            lambda: check_gradient(lambda W: 0.0, [1.0], [1.0], step=0),
            ValueError,
            r"step=...\) must be above 0",
        ),
        (lambda: check_gradient(lambda W: 0.0, [], []), ValueError, "at least one coordinate"),
        (lambda: check_component(Hinge(), L1(0.1)), TypeError, "L1 has no gradient"),
    ],
)
def test_errors_say_what_is_needed(call, error, message):
    with pytest.raises(error, match=message):
        call()
