"""Calibration: optimality, parity with scikit-learn, what weights mean, extremes,
and what is refused.
"""

import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn import calibration as peer
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.estimators.calibration import (
    CALIBRATIONS,
    Calibration,
    Sigmoid,
    Temperature,
    expected_calibration_error,
)
from halfspaces.estimators.calibration.checks import BLOCK
from halfspaces.estimators.calibration.temperature import margin_blocks
from halfspaces.system.names import lookup

EACH = pytest.mark.parametrize("kind", CALIBRATIONS.values(), ids=CALIBRATIONS.keys())


def made(n_rows=400, n_classes=4, scale=3.0, seed=0):
    """Labels drawn from softmax of the scores over `scale`, and weights with a zero among them."""
    random = np.random.default_rng(seed)
    scores = scale * random.normal(size=(n_rows, n_classes))
    gumbel = random.gumbel(size=scores.shape)
    weight = random.integers(0, 4, size=n_rows)
    weight[0] = 0
    return scores, np.argmax(scores / scale + gumbel, axis=1), weight


def log_loss(calibration, scores, y, weight=None):
    return -np.average(calibration.log_probabilities(scores)[np.arange(len(y)), y], weights=weight)


def platt_objective(slope, offset, score, positive, weight):
    """F by its definition."""
    right, wrong = weight[positive].sum(), weight[~positive].sum()
    target = np.where(positive, (right + 1) / (right + 2), 1 / (wrong + 2))
    z = slope * score + offset
    return np.average(np.logaddexp(0, z) - target * z, weights=weight)


def derivative(f, x, step):
    return (f(x + step) - f(x - step)) / (2 * step)


# --- the optimum ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 4])
def test_no_other_temperature_has_less_log_loss(n_classes):
    scores, y, weight = made(n_classes=n_classes)
    t = Temperature.fit(scores, y, weight).inverse_temperature

    def loss(t):
        return log_loss(Temperature(t), scores, y, weight)

    assert abs(derivative(loss, t, 1e-5)) < 1e-9
    assert derivative(loss, 0.99 * t, 1e-5) < -1e-4
    assert derivative(loss, 1.01 * t, 1e-5) > 1e-4


def test_the_temperature_that_made_the_labels_is_found():
    scores, y, _ = made(n_rows=40_000, scale=5.0)
    assert Temperature.fit(scores, y).inverse_temperature == pytest.approx(1 / 5, rel=0.03)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (1e4, 0.0), (1e-3, 50.0)])
def test_no_other_line_has_less_loss(n_classes, factor, shift):
    scores, y, weight = made(n_classes=n_classes)
    scores = factor * scores + shift * np.arange(n_classes)
    calibration = Sigmoid.fit(scores, y, weight)
    columns = {1: scores[:, 1] - scores[:, 0]} if n_classes == 2 else dict(enumerate(scores.T))
    for a, b, (c, score) in zip(
        calibration.slopes, calibration.offsets, columns.items(), strict=True
    ):
        # Turned about the middle of the scores: the slope alone would throw offsets of large scores
        # far off.
        middle = score.mean()

        def loss(turn, lift, a=a, b=b, c=c, score=score, middle=middle):
            slope = a + turn / factor
            return platt_objective(slope, b + lift - turn / factor * middle, score, y == c, weight)

        assert abs(derivative(lambda lift, loss=loss: loss(0, lift), 0, 1e-5)) < 1e-8
        assert abs(derivative(lambda turn, loss=loss: loss(turn, 0), 0, 1e-5)) < 1e-8
        assert derivative(lambda lift, loss=loss: loss(0, lift), 0.01, 1e-5) > 1e-4


@pytest.mark.parametrize(
    "rank", [slice(500, 501), slice(990, 1000)], ids=["one amid all", "the largest"]
)
@pytest.mark.parametrize("others", [1.0, 1e6])
def test_a_rare_class_and_long_tails_have_their_optimum_too(rank, others):
    """Full steps of Newton never end there, and the curvature is as small as the class is rare."""
    score = np.sort(np.random.default_rng(1).standard_cauchy(1000))
    positive = np.zeros(1000, dtype=int)
    positive[rank] = 1
    weight = np.where(positive, 1.0, others)
    calibration = Sigmoid.fit(np.stack([0 * score, score], axis=1), positive, weight)
    (a,), (b,) = calibration.slopes, calibration.offsets
    p = expit(a * score + b)
    right, wrong = positive @ weight, (1 - positive) @ weight
    residual = weight * (p - np.where(positive, (right + 1) / (right + 2), 1 / (wrong + 2)))
    curvature = weight * p * (1 - p)
    moves = np.linalg.solve(
        [[curvature @ score**2, curvature @ score], [curvature @ score, curvature.sum()]],
        [residual @ score, residual.sum()],
    )
    np.testing.assert_allclose(moves, 0, atol=1e-7 * min(abs(a), abs(b)))


# --- scikit-learn ---------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(peer, "_TemperatureScaling"), reason="came with scikit-learn 1.8")
@pytest.mark.parametrize("weighted", [False, True])
def test_temperature_is_that_of_scikit_learn(weighted):
    scores, y, weight = made()
    weight = weight.astype(float) if weighted else None
    ours = Temperature.fit(scores, y, weight)
    theirs = peer._TemperatureScaling().fit(scores, y, weight)
    assert ours.inverse_temperature == pytest.approx(float(theirs.beta_), rel=1e-6)
    np.testing.assert_allclose(ours.probabilities(scores), theirs.predict(scores), rtol=1e-5)
    assert (
        log_loss(ours, scores, y, weight)
        <= log_loss(Temperature(float(theirs.beta_)), scores, y, weight) + 1e-15
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_sigmoid_is_that_of_scikit_learn(n_classes, weighted):
    scores, y, weight = made(n_classes=n_classes)
    weight = weight.astype(float) if weighted else np.ones(len(y))
    columns = {1: scores[:, 1] - scores[:, 0]} if n_classes == 2 else dict(enumerate(scores.T))
    peers = {
        c: peer._SigmoidCalibration().fit(score, (y == c).astype(float), weight)
        for c, score in columns.items()
    }
    theirs = np.stack([peers[c].predict(score) for c, score in columns.items()], axis=1)
    theirs = (
        np.hstack([1 - theirs, theirs])
        if n_classes == 2
        else theirs / theirs.sum(axis=1, keepdims=True)
    )
    ours = Sigmoid.fit(scores, y, weight)
    np.testing.assert_allclose(ours.probabilities(scores), theirs, atol=1e-4)
    for slope, offset, (c, score) in zip(ours.slopes, ours.offsets, columns.items(), strict=True):
        best = platt_objective(slope, offset, score, y == c, weight)
        reached = platt_objective(-peers[c].a_, -peers[c].b_, score, y == c, weight)
        assert best <= reached + 1e-15
        assert reached == pytest.approx(best, rel=1e-8)


# --- laws -----------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("separated", [False, True])
def test_a_weight_is_a_number_of_repetitions(kind, separated):
    scores, y, weight = made(n_rows=100)
    y = np.where(weight > 0, scores.argmax(axis=1), scores.argmin(axis=1)) if separated else y
    rows = np.repeat(np.arange(len(y)), weight)
    weighted, repeated = kind.fit(scores, y, weight), kind.fit(scores[rows], y[rows])
    np.testing.assert_allclose(
        weighted.probabilities(scores), repeated.probabilities(scores), rtol=1e-8
    )
    halved = kind.fit(scores, y, weight / 100)
    assert not np.allclose(
        halved.probabilities(scores), repeated.probabilities(scores), rtol=1e-4
    ) or (kind is Temperature and not separated)


@EACH
def test_several_blocks_of_rows_change_nothing(kind):
    scores, y, weight = made()
    times = 2 * BLOCK // scores.size
    whole = kind.fit(scores, y, times * weight)
    repeated = kind.fit(np.tile(scores, (times, 1)), np.tile(y, times), np.tile(weight, times))
    np.testing.assert_allclose(
        repeated.probabilities(scores), whole.probabilities(scores), rtol=1e-8
    )


def test_blocks_of_margins_are_those_of_all_rows():
    scores, y, weight = made()
    blocks = list(margin_blocks(scores, y, weight, block=4 * 17))
    assert len(blocks) == -(-len(y) // 17)
    counted = weight > 0
    expected = scores - scores[np.arange(len(y)), y, None]
    np.testing.assert_array_equal(np.concatenate([part for part, _ in blocks]), expected[counted])
    np.testing.assert_array_equal(np.concatenate([part for _, part in blocks]), weight[counted])


@EACH
@pytest.mark.parametrize("n_classes", [2, 4])
def test_units_of_the_scores_do_not_matter(kind, n_classes):
    scores, y, weight = made(n_classes=n_classes)
    expected = kind.fit(scores, y, weight).probabilities(scores)
    for factor in (1e-30, 1e30):
        probabilities = kind.fit(factor * scores, y, weight).probabilities(factor * scores)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-8)


@EACH
@pytest.mark.parametrize("n_classes", [2, 4])
def test_renamed_classes_have_their_own_probabilities(kind, n_classes):
    scores, y, weight = made(n_classes=n_classes)
    renamed = kind.fit(scores[:, ::-1], n_classes - 1 - y, weight)
    expected = kind.fit(scores, y, weight).probabilities(scores)
    np.testing.assert_allclose(renamed.probabilities(scores[:, ::-1])[:, ::-1], expected, rtol=1e-7)


def test_a_temperature_leaves_the_order_of_the_classes():
    scores, y, _ = made()
    np.testing.assert_array_equal(
        np.argsort(Temperature.fit(scores, y).probabilities(scores), axis=1),
        np.argsort(scores, axis=1),
    )


def test_sigmoids_correct_scores_that_favour_a_class():
    """A constant on one class's scores is taken back; a temperature cannot."""
    scores, y, _ = made(n_rows=2000)
    offset = np.array([5.0, 0.0, 0.0, 0.0])
    moved, plain = Sigmoid.fit(scores + offset, y), Sigmoid.fit(scores, y)
    np.testing.assert_allclose(
        moved.probabilities(scores + offset), plain.probabilities(scores), rtol=1e-7
    )


def test_hinge_scores_of_digits_become_calibrated():
    X, y = load_digits(return_X_y=True)
    fold = np.arange(len(y)) % 3
    classifier = LinearClassifier("hinge", tol=1e-2, n_jobs=1).fit(X[fold == 0], y[fold == 0])
    scores = classifier.decision_function(X)
    held_out, test = fold == 1, fold == 2

    def judged(calibration):
        p = calibration.probabilities(scores[test])
        return expected_calibration_error(p, y[test]), log_loss(calibration, scores[test], y[test])

    error, loss = judged(Temperature())
    assert error > 0.3
    for kind, least in ((Temperature, 0.04), (Sigmoid, 0.15)):
        calibrated_error, calibrated_loss = judged(kind.fit(scores[held_out], y[held_out]))
        assert calibrated_error < least
        assert calibrated_loss < 0.5 * loss


# --- extremes -------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8])
def test_types_of_scores(kind, dtype):
    scores, y, _ = made()
    scores = np.clip(np.round(10 * scores + 120), 0, 250)  # whole numbers: the same in every type
    expected = kind.fit(scores, y).probabilities(scores)
    probabilities = kind.fit(scores.astype(dtype), y.astype(np.uint64)).probabilities(
        scores.astype(dtype)
    )
    np.testing.assert_array_equal(probabilities, expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_of_ten_thousand_are_safe(n_classes, dtype):
    scores = (
        1e4
        * np.array([[1, -1, -1], [-1, 1, 1], [1, 1, 1], [-1, -1, -1]], dtype=dtype)[:, :n_classes]
    )
    lines = Sigmoid((1.0,), (0.5,)) if n_classes == 2 else Sigmoid((1.0, 0.5, 2.0), (0.0, 0.0, 1.0))
    for calibration in (Temperature(), Temperature(1e4), lines):
        p, log_p = calibration.probabilities(scores), calibration.log_probabilities(scores)
        assert p.dtype == log_p.dtype == np.float64
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
        assert np.isfinite(log_p).all()
        assert log_p.min() < -1e4
        np.testing.assert_array_equal(p, np.exp(log_p))
        assert p[0].argmax() == 0
        assert p[1].argmax() > 0
    if n_classes == 3:  # every logistic of the last row underflows; e^z still has a largest
        np.testing.assert_array_equal(lines.probabilities(scores)[3], [0, 1, 0])


def test_products_that_overflow_are_sure_and_not_nan():
    scores = np.array([[1e10, 0.0, 5.0], [-1.0, -1e10, -2e10]])
    np.testing.assert_array_equal(Temperature(1e300).probabilities(scores), [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(
        Sigmoid((1e300,) * 3, (0.0,) * 3).probabilities(scores), [[0.4, 0.2, 0.4], [1 / 3] * 3]
    )
    np.testing.assert_array_equal(
        Sigmoid((1e300,), (0.0,)).probabilities(scores[:, :2]), [[1, 0], [1, 0]]
    )


def test_probabilities_by_hand():
    scores = np.array([[0.2, -0.4, 1.0]])
    logistics = expit([[0.2 + 1, -0.8, 0.5 - 1]])
    np.testing.assert_allclose(
        Sigmoid((1, 2, 0.5), (1, 0, -1)).probabilities(scores), logistics / logistics.sum()
    )
    right = expit(3 * (-0.4 - 0.2) + 1)
    np.testing.assert_allclose(
        Sigmoid((3,), (1,)).probabilities(scores[:, :2]), [[1 - right, right]]
    )
    expected = np.exp(2 * scores) / np.exp(2 * scores).sum()
    np.testing.assert_allclose(Temperature(2.0).probabilities(scores), expected)


@pytest.mark.parametrize("n_rows", [20, 2000])
def test_separated_scores_claim_what_so_many_examples_can_show(n_rows):
    """Two classes with one margin: every example has Platt's target, (N + 1)/(N + 2),
    for both calibrations.
    """
    y = np.arange(n_rows) % 2
    scores = 3.0 * np.eye(2)[y]
    right = Temperature.fit(scores, y).probabilities(scores)[np.arange(n_rows), y]
    np.testing.assert_allclose(right, (n_rows + 1) / (n_rows + 2), rtol=1e-10)
    right = Sigmoid.fit(scores, y).probabilities(scores)[np.arange(n_rows), y]
    np.testing.assert_allclose(right, (n_rows / 2 + 1) / (n_rows / 2 + 2), rtol=1e-10)


def test_separated_scores_of_several_classes_share_what_is_left():
    y = np.arange(60) % 6
    scores = 1e-3 * np.eye(6)[y]
    expected = np.where(np.eye(6)[y] == 1, 61 / 62, 1 / 62 / 5)
    np.testing.assert_allclose(
        Temperature.fit(scores, y).probabilities(scores), expected, rtol=1e-9
    )
    scores[:30] = 0  # ties are on no wrong side, but nothing can be learned from them
    assert np.isfinite(Temperature.fit(scores, y).log_probabilities(scores)).all()
    assert Temperature.fit(scores, y).probabilities(scores)[30:].max() < 1 - 1e-4


def test_one_error_that_is_none_to_speak_of_is_no_licence_to_be_sure():
    """Log-loss has a minimum, however far: it is found, and it is bounded."""
    y = np.arange(60) % 3
    scores = np.eye(3)[y]
    scores[0] = [1.0, 1.0 + 1e-15, 0.0]
    t = Temperature.fit(scores, y).inverse_temperature
    assert 30 < t < 60
    scores[0] = [0.0, 1e-300, 0.0]
    assert 690 < Temperature.fit(scores, y).inverse_temperature < 710  # −log 1e-300 is 691
    small = np.array([[1.0, 0.0], *[[1e-14, 0.0]] * 50, [0.0, 1e-16]])
    assert Temperature.fit(small, np.zeros(52, dtype=int)) == Temperature(1e12)


@pytest.mark.parametrize("sign", [0, -1])
def test_scores_that_say_nothing_or_the_opposite_are_all_but_uniform(sign):
    scores, y, _ = made(n_rows=12, n_classes=3)
    scores = (
        np.tile([[7.0, 0.0, -2.0]], (12, 1))
        if sign == 0
        else 500 * (sign * np.eye(3)[y] + 0.01 * scores)
    )
    y = np.arange(12) % 3 if sign == 0 else y
    calibration = Temperature.fit(scores, y)
    spread = np.ptp(scores, axis=1).max()
    assert calibration.inverse_temperature == pytest.approx(1e-3 / spread)
    p = calibration.probabilities(scores)
    np.testing.assert_allclose(p, 1 / 3, atol=1e-3)
    np.testing.assert_array_equal(np.argsort(p, axis=1), np.argsort(scores, axis=1))


def test_equal_scores_give_what_is_known_without_them():
    scores, y = np.full((90, 3), 0.1), np.arange(90) % 9 // 4
    assert Temperature.fit(scores, y) == Temperature(1.0)
    calibration = Sigmoid.fit(scores, y)
    assert calibration.slopes == (0.0, 0.0, 0.0)
    targets = [(n / 90) * (n + 1) / (n + 2) + (1 - n / 90) / (92 - n) for n in np.bincount(y)]
    np.testing.assert_allclose(expit(calibration.offsets), targets, rtol=1e-12)


# --- values ---------------------------------------------------------------------------------------


@EACH
def test_a_calibration_is_plain_numbers(kind):
    scores, y, _ = made(n_classes=3)
    calibration = kind.fit(scores, y)
    numbers = vars(calibration)
    again = kind(
        **{
            name: list(value) if isinstance(value, tuple) else value
            for name, value in numbers.items()
        }
    )
    assert again == calibration
    assert hash(again) == hash(calibration)
    assert eval(repr(calibration)) == calibration
    np.testing.assert_array_equal(again.probabilities(scores), calibration.probabilities(scores))


def test_registry_gives_what_a_name_means():
    assert lookup("calibrate", "temperature", CALIBRATIONS, Calibration) is Temperature
    with pytest.raises(
        ValueError, match="calibrate='sigmoids' is not known: did you mean 'sigmoid'"
    ):
        lookup("calibrate", "sigmoids", CALIBRATIONS, Calibration)


def test_expected_calibration_error_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.35, 0.65], [0.0, 1.0]])
    y = np.array([0, 1, 1, 0, 1])
    # (0.5, 1] as one bin: 3 of 5 right; bins of a tenth: 0.6 in (0.5, 0.6], 0.65, two of 0.9 in
    # (0.8, 0.9], 1.
    assert expected_calibration_error(p, y, bins=2) == pytest.approx(abs(4.05 / 5 - 3 / 5))
    assert expected_calibration_error(p, y, bins=10) == pytest.approx((0.4 + 0.65 + 0.8 + 0.0) / 5)
    assert expected_calibration_error(p, y, bins=10, weight=[0, 1, 0, 0, 1]) == pytest.approx(
        0.9 / 2
    )


# --- what is refused ------------------------------------------------------------------------------

GOOD = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
LABELS = np.array([0, 1, 0, 2])
NAN, INFINITE = GOOD.copy(), GOOD.copy()
NAN[2, 1], INFINITE[3, 0] = np.nan, -np.inf


@EACH
@pytest.mark.parametrize(
    ("scores", "y", "weight", "error", "words"),
    [
        (
            NAN,
            LABELS,
            None,
            ValueError,
            "scores must be finite .* got nan at row 2, column 1; leave",
        ),
        (INFINITE.astype(np.float32), LABELS, None, ValueError, "got -inf at row 3, column 0"),
        (GOOD * 1e101, LABELS, None, ValueError, r"at most 1e\+100 in size, got 1e\+101 at row 0"),
        (
            GOOD[:, 0],
            LABELS,
            None,
            ValueError,
            r"scores must have shape \(N, C\) .* got shape \(4,\)",
        ),
        (GOOD[:, :1], LABELS, None, ValueError, r"C ≥ 2 classes, got shape \(4, 1\)"),
        (
            GOOD.astype(str),
            LABELS,
            None,
            TypeError,
            "scores must be an array of real numbers, got one of <U",
        ),
        (
            GOOD,
            LABELS[:3],
            None,
            ValueError,
            r"y must have one label for each row .* got \(3,\) for 4 rows",
        ),
        (GOOD[:0], LABELS[:0], None, ValueError, "at least one"),
        (
            GOOD,
            LABELS + 1,
            None,
            ValueError,
            r"y\[3\] = 3 is no class: scores has 3 columns, so labels are 0 to 2",
        ),
        (GOOD, LABELS - 1, None, ValueError, r"y\[0\] = -1 is no class"),
        (
            GOOD,
            LABELS * 1.0,
            None,
            TypeError,
            "y must hold class numbers, integers .* array of float64",
        ),
        (GOOD, LABELS, np.zeros(4), ValueError, "weight must not be 0 everywhere"),
        (
            GOOD,
            LABELS,
            [1, 1, -2, 1],
            ValueError,
            "weight must be finite and at least 0, got -2 at row 2",
        ),
        (GOOD, LABELS, [1, np.nan, 1, 1], ValueError, "got nan at row 1"),
        (GOOD, LABELS, [1, 1], ValueError, r"one number for each of 4 rows, got shape \(2,\)"),
        (GOOD, LABELS, ["a"] * 4, TypeError, "weight must be an array of real numbers"),
    ],
)
def test_bad_input_is_told_in_one_sentence(kind, scores, y, weight, error, words):
    with pytest.raises(error, match=words) as caught:
        kind.fit(scores, y, weight)
    assert "\n" not in str(caught.value)


def test_a_class_that_never_occurs_has_no_sigmoid():
    for y, weight in (([0, 1, 0, 1], None), (LABELS, [1, 1, 1, 0])):
        with pytest.raises(
            ValueError,
            match=r"class 2 of 0 to 2 has none with a positive weight; .* use Temperature",
        ):
            Sigmoid.fit(GOOD, y, weight)
        assert Temperature.fit(GOOD, y, weight).inverse_temperature > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Temperature(0.0),
            "Temperature(inverse_temperature=...) must be above 0, got 0.0.",
        ),
        (lambda: Temperature(np.inf), "must be finite and above 0, got inf."),
        (
            lambda: Sigmoid((1.0, np.nan, 1.0), (0.0,) * 3),
            "Sigmoid(slopes=...) must be finite, got nan.",
        ),
        (
            lambda: Sigmoid((1.0, 2.0), (0.0, 0.0)),
            "two classes, C each for C ≥ 3 classes; got 2 slopes and 2 offsets",
        ),
        (lambda: Sigmoid((1.0,) * 3, (0.0,)), "got 3 slopes and 1 offsets"),
        (
            lambda: Sigmoid((1.0,), (0.0,)).probabilities(GOOD),
            "scores has 3 columns, .* fitted to 2 classes",
        ),
        (
            lambda: Sigmoid((1.0,) * 3, (0.0,) * 3).probabilities(GOOD[:, :2]),
            "scores has 2 columns, .* to 3 classes",
        ),
        (lambda: Temperature().probabilities(NAN), "got nan at row 2"),
        (
            lambda: expected_calibration_error(2 * GOOD, LABELS),
            "probabilities must be between 0 and 1, got 0 to 2",
        ),
        (
            lambda: expected_calibration_error(GOOD, LABELS, bins=0),
            "(bins=...) must be at least 1, got 0",
        ),
    ],
)
def test_bad_numbers_are_refused(make, words):
    with pytest.raises(ValueError, match=words if ".*" in words else re.escape(words)):
        make()
