"""The gradient doctor on losses as students write them: verdicts, hints, and how it calls them."""

import json

import numpy as np
import pytest

from halfspaces.gradcheck import (
    GradientErrorsDisplay,
    GradientStepsDisplay,
    assert_gradient,
    check_gradient,
    complex_gradient,
    diagnose,
    numerical_gradient,
    slope_along,
    slope_rows,
    worked_example,
)
from halfspaces.gradcheck.user_function import of_function
from tests.gradcheck.bank import RIGHT, WRONG
from tests.gradcheck.course import (
    CORRECT,
    GIVEN,
    MISTAKES,
    few_rows,
    hinge,
    logistic,
    network,
    parameters,
    softmax,
)
from tests.plots.readable import law_described, law_readable

DTYPES = [
    pytest.param(np.float64, marks=pytest.mark.slow),
    pytest.param(np.float32, marks=pytest.mark.long),
]
# The others of each kind run in `test_most_mistakes_are_named`.
QUICK = (
    "hinge, j = y counted",
    "hinge, not divided by N",
    "hinge, penalty without 2",
    "hinge, dW.T",
    "labels are kept",
    "gradient of the first W",
    "buffer not set to 0",
    "W is updated in place",
    "bias forgotten",
)


def diagnosis_of(name, dtype=np.float64):
    if name in GIVEN:
        return diagnose(GIVEN[name][0](dtype), parameters(), **few_rows())
    return diagnose(MISTAKES[name][0](dtype))


@pytest.mark.parametrize("name", QUICK)
def test_a_mistake_is_called_wrong_and_named(name):
    diagnosis = diagnosis_of(name)
    assert diagnosis.outcome == "wrong"
    hint = MISTAKES[name][1]
    assert not hint or diagnosis.hints[0].name == hint, diagnosis.hints
    json.dumps(diagnosis.to_dict(), allow_nan=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_most_mistakes_are_named(dtype):
    expected = {**MISTAKES, **GIVEN}
    diagnoses = {name: diagnosis_of(name, dtype) for name in expected}
    verdicts = {name: diagnosis.outcome for name, diagnosis in diagnoses.items()}
    assert len(verdicts) >= 40
    assert "right" not in verdicts.values(), verdicts
    assert list(verdicts.values()).count("cannot tell") <= 2, verdicts
    named = [
        name
        for name, diagnosis in diagnoses.items()
        if diagnosis.hints and diagnosis.hints[0].name == expected[name][1]
    ]
    assert len(named) >= 0.8 * len(expected), set(expected) - set(named)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_right_loss_is_blamed(dtype):
    verdicts = {name: diagnose(make(dtype)).outcome for name, make in CORRECT.items()}
    for activation in ("relu", "tanh"):
        loss = network(dtype, activation=activation)
        verdicts[activation] = diagnose(loss, parameters(), **few_rows()).outcome
    for make in RIGHT:
        f, gradient, W = make(dtype)
        verdicts[make.__name__] = check_gradient(f, gradient, W).outcome
    assert len(verdicts) >= 40
    assert "wrong" not in verdicts.values(), verdicts
    # One of them draws at random: it has no verdict.
    assert list(verdicts.values()).count("cannot tell") <= 3, verdicts


@pytest.mark.parametrize(
    "name",
    [
        "logistic with signs",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("hinge", "softmax", "affine")),
    ],
)
def test_a_right_loss_passes_the_sanity_checks(name):
    diagnosis = diagnose(CORRECT[name](float))
    assert diagnosis.ok, diagnosis
    assert [check.words for check in diagnosis.checks if not check.ok] == []
    assert {"chance loss", "overfit", "burn-in"} <= {check.name for check in diagnosis.checks}


def test_data_loss_and_penalty_are_apart():
    diagnosis = diagnose(hinge(float, reg_factor=1.0))
    assert [part.outcome for part in diagnosis.parts.values()] == ["right", "wrong"]
    assert "lacks" in diagnosis.hint or "2 of a square's derivative is missing" in diagnosis.hint


def columns(W, X, y):
    """W (C, D) and X (D, N)."""
    value, slopes = softmax(float)(W.T, X.T, y, 0.0)
    return value, slopes.T


def library_rows(W, X, y):
    """W (C, D) and X (N, D)."""
    value, slopes = softmax(float)(W.T, X, y, 0.0)
    return value, slopes.T


def one_hot(W, X, y):
    if y.shape != (len(X), W.shape[-1]):
        raise ValueError("one row a label is needed")
    return softmax(float)(W, X, y.argmax(axis=1), 0.0)


def layer(x, y):
    value, slopes = softmax(float)(x, np.eye(len(x)), y, 0.0)
    return value, slopes


@pytest.mark.parametrize(
    ("loss", "shapes"),
    [
        (softmax(float), {"W": (24, 5)}),
        pytest.param(columns, {"W": (5, 24)}, marks=pytest.mark.slow),
        pytest.param(library_rows, {"W": (5, 24)}, marks=pytest.mark.slow),
        (one_hot, {"W": (24, 5)}),
        (layer, {"x": (20, 5)}),
        (logistic(float), {"theta": (24,)}),
    ],
)
def test_shapes_are_found_out(loss, shapes):
    subject = of_function(loss)
    assert {name: np.shape(array) for name, array in subject.W.items()} == shapes
    assert diagnose(loss).outcome == "right"


def test_labels_of_two_classes_are_those_that_the_loss_expects():
    assert set(of_function(logistic(float)).data.y) == {0, 1}
    assert set(of_function(logistic(float, signs=True)).data.y) == {-1, 1}


def test_a_function_of_parameters_alone():
    assert diagnose(lambda W: (W @ W, 2 * W), np.arange(3.0) + 1).ok
    assert diagnose(lambda W: W @ W, np.arange(3.0) + 1, gradient=lambda W: 2 * W).ok
    with pytest.raises(ValueError, match="give W, where to check it"):
        diagnose(lambda W: (W @ W, 2 * W))
    with pytest.raises(TypeError, match="returns no gradient"):
        diagnose(lambda W: W @ W, np.ones(3))
    with pytest.raises(TypeError, match="'mystery', of which nothing is known"):
        diagnose(lambda W, mystery: (0.0, W))


def test_a_gradient_that_relies_on_what_f_stored():
    stored = {}

    def f(W):
        stored["W"] = W.copy()
        return (W**3).sum()

    diagnosis = diagnose(f, np.array([1.0, 2.0]), gradient=lambda W: 3 * stored["W"] ** 2 + 0 * W)
    assert diagnosis.outcome == "wrong"
    assert "uses what f stored" in diagnosis.hint


@pytest.mark.slow
def test_a_mask_is_fixed_and_said():
    def dropout(W, X, y):
        mask = np.random.rand(*X.shape) < 0.5
        value, slopes = softmax(float)(W, X * mask, y, 0.0)
        return value, slopes

    diagnosis = diagnose(dropout)
    assert diagnosis.outcome == "right"
    assert "draws at random" in diagnosis.notes[0]


def test_terms_that_flip_are_named():
    rows = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]])

    def terms(W):
        return np.maximum(0, rows @ W - np.array([0.0, 1.0, 3.0]))

    def gradient(W):
        return rows.T @ (terms(W) > 0)

    W = np.array([1.0, 1.0])  # the third term is at its kink
    diagnosis = diagnose(lambda W: terms(W).sum(), W, gradient=gradient, terms=terms)
    assert diagnosis.ok
    assert [flip.terms for flip in diagnosis.flips] == [(2,), (2,)]
    assert diagnosis.flips[0].error == pytest.approx(1.0)


def test_the_worked_example_of_the_lecture():
    W, f = worked_example()
    assert f"{f(W):.5f}" == "1.25347"
    rows = list(slope_rows(f, W))
    assert [f"{row.value:.5f}" for row in rows[:3]] == ["1.25322", "1.25353", "1.25347"]
    assert np.allclose([row.slope for row in rows[:3]], [-2.5, 0.6, 0], atol=1e-6)
    gradient = numerical_gradient(f, W)
    direction = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]])
    assert slope_along(f, W, direction) == pytest.approx((gradient * direction).sum())


def test_complex_steps_are_exact_and_refuse_what_is_real():
    W = np.array([0.1, -2.0, 30.0])
    assert np.array_equal(complex_gradient(lambda W: (W**2).sum(), W), 2 * W)
    with pytest.raises(TypeError, match="use numerical_gradient"):
        complex_gradient(lambda W: abs(W).sum(), W)


def test_complex_steps_confirm_what_rounding_hides():
    W = np.array([1.0, 2.0])

    def f(W):
        return 1e12 + np.sin(W).sum() * 1e-3

    assert check_gradient(f, lambda W: 1e-3 * np.cos(W), W).outcome == "right"
    assert check_gradient(f, lambda W: -1e-3 * np.cos(W), W).outcome != "right"


def test_assert_gradient():
    assert_gradient(softmax(float))
    with pytest.raises(AssertionError, match=r"likely bug: .* divide by N"):
        assert_gradient(softmax(float, scale=20))


def test_torch_derives_the_gradient():
    torch = pytest.importorskip("torch")

    def loss(W, X, y):
        return torch.nn.functional.cross_entropy(X @ W, y)

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, W):
            ctx.save_for_backward(W)
            return W**3

        @staticmethod
        def backward(ctx, slope):
            return 2 * slope * ctx.saved_tensors[0] ** 2

    assert diagnose(loss).ok
    W = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64, requires_grad=True)
    wrong = diagnose(lambda W: Cube.apply(W).sum(), W)
    assert wrong.outcome == "wrong"
    assert "0.666667 everywhere" in wrong.hint


def test_the_wrong_ones_of_the_other_bank_are_named_too():
    expected = {
        "the last term doubled": "factor 2",
        "the last coordinate flipped": "sign",
        "a bias left out": "left out",
        "a sum for a mean": "factor N",
        "dead units moved": "constant",
        "f changes W": "mutates W",
        "imaginary parts": "complex",
        "not a number": "not finite",
    }
    for name, hint in expected.items():
        f, gradient, W = WRONG[name](np.float64)
        slopes = gradient if callable(gradient) else lambda _, values=gradient: values
        diagnosis = diagnose(f, W, gradient=slopes)
        assert diagnosis.outcome == "wrong"
        assert [each.name for each in diagnosis.hints][:1] == [hint], name


@pytest.mark.slow
def test_pictures_of_a_check_are_readable():
    diagnosis = diagnose(hinge(float, reg_factor=1.0))
    W = np.array([0.1, -2.0, 3.0])
    steps = GradientStepsDisplay.from_function(lambda W: np.exp(W).sum(), np.exp, W, position=1)
    assert steps.errors["complex step"].max() < 1e-9
    assert steps.errors["centred"].min() < 1e-8
    for display in (GradientErrorsDisplay.from_diagnosis(diagnosis), steps):
        law_described(display)
        law_readable(display)
