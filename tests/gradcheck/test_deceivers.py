"""Functions that have deceived the gradient doctor: false alarms, missed bugs, misleading hints."""

import numpy as np
import pytest

from halfspaces.gradcheck import check_gradient, diagnose
from halfspaces.gradcheck.parameters import Layout
from halfspaces.gradcheck.user_function import of_function
from tests.gradcheck.course import hinge, softmax


def data_loss(W, X, y):
    return softmax(float)(W, X, y, 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_where_a_hinge_loss_is_0_its_gradient_is_0(seed):
    X = np.random.default_rng(seed).standard_normal((20, 24))
    y = np.arange(20) % 5
    W = np.linalg.lstsq(X, 1.05 * np.eye(5)[y], rcond=None)[0]
    loss = hinge(float)
    report = check_gradient(lambda W: loss(W, X, y, 0)[0], lambda W: loss(W, X, y, 0)[1], W)
    assert report.outcome != "wrong", report.verdict
    wrong = check_gradient(lambda W: loss(W, X, y, 0)[0], lambda W: loss(W, X, y, 0)[1] + 1, W)
    assert wrong.outcome == "wrong"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_rounding_of_float32_is_no_kink(seed):
    def loss(w, X, y):
        w, X = w.astype(np.float32), X.astype(np.float32)
        z = X @ w
        return (np.logaddexp(0, z) - y * z).mean(), X.T @ (1 / (1 + np.exp(-z)) - y) / len(y)

    assert diagnose(loss, seed=seed).outcome != "wrong"


def squared(W, X, y, reg):
    value, slopes = data_loss(W, X, y)
    return value + ((reg * W) ** 2).sum(), slopes + 2 * reg * W


def twice_reg(W, X, y, reg):
    value, slopes = data_loss(W, X, y)
    return value + reg * (W**2).sum(), slopes + 2 * reg**2 * W


def without_reg(W, X, y, reg):
    value, slopes = data_loss(W, X, y)
    return value + reg * (W**2).sum(), slopes + (2 * W if reg else 0)


def by_classes(W, X, y):
    """The mean of the classes' means, with the gradient of the mean."""
    values = [data_loss(W, X[y == c], y[y == c])[0] for c in np.unique(y)]
    return np.mean(values), data_loss(W, X, y)[1]


@pytest.mark.parametrize("loss", [squared, twice_reg, without_reg, by_classes])
def test_a_wrong_gradient_of_usual_data_is_not_called_right(loss):
    assert diagnose(loss).outcome == "wrong"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cross_entropy(w, b, X, y):
    h = sigmoid(X @ w + b)
    value = -(y * np.log(h) + (1 - y) * np.log(1 - h)).mean()
    return value, X.T @ (h - y) / len(y), (h - y).sum()


def in_another_order(w, b, X, y):
    value, dw, db = cross_entropy(w, b, X, y)
    return value, db / len(y), dw


def regularized_bias(theta, X, y, lam):
    h = sigmoid(X @ theta)
    free = theta.copy()
    free[0] = 0
    value = -(y * np.log(h) + (1 - y) * np.log(1 - h)).mean() + lam / (2 * len(y)) * free @ free
    return value, X.T @ (h - y) / len(y) + lam / len(y) * theta


def minus_one_everywhere(W, X, y):
    value, slopes = data_loss(W, X, y)
    right = np.eye(W.shape[1])[y]
    return value, slopes + X.T @ (right - 1) / len(y)


@pytest.mark.parametrize(
    ("loss", "name", "words"),
    [
        (cross_entropy, "factor N", "in b"),
        (in_another_order, "shape", "in another order: return the value, dw, db"),
        (regularized_bias, "penalized bias", "theta[0]"),
    ],
)
def test_hints_of_published_mistakes(loss, name, words):
    hint = diagnose(loss).hints[0]
    assert hint.name == name
    assert words in hint.words


def test_a_hint_is_not_given_on_weak_evidence():
    names = {hint.name for hint in diagnose(minus_one_everywhere).hints}
    assert "labels" not in names
    slopes = np.array([1.0, -2.0, 3.0])
    straight = diagnose(lambda W: (W @ slopes, 2 * slopes), np.ones(3))
    assert [hint.name for hint in straight.hints] == ["factor 2"]


def test_given_values_are_used_as_they_are():
    X = np.random.default_rng(0).standard_normal((9, 4))
    y = np.random.default_rng(1).standard_normal(9)

    def squares(w, X, y):
        off = X @ w - y
        return (off**2).mean(), 2 * X.T @ off / len(y)

    assert np.array_equal(of_function(squares, X=X, y=y).data.y, y)
    diagnosis = diagnose(squares, X=X, y=y)
    assert diagnosis.ok
    assert diagnosis.checks == ()
    with pytest.raises(ValueError, match="give a label for each row"):
        diagnose(squares, X=X, y=y[:3])


def test_a_parameter_with_a_value_is_not_checked():
    def loss(W, b, X, y):
        value, slopes = data_loss(W, X, y)
        return value + b @ b, slopes

    X = np.random.default_rng(0).standard_normal((12, 4))
    y = np.arange(12) % 3
    assert diagnose(loss, np.ones((4, 3)), b=np.ones(3), X=X, y=y).ok
    both = diagnose(cross_entropy, (np.ones(4), 0.5), X=X, y=y % 2)
    assert both.hints[0].name == "factor N"


@pytest.mark.slow
def test_a_function_that_takes_all_rows_only():
    weights = np.linspace(1, 2, 20)

    def weighted(w, X, y):
        off = X @ w - y
        return (weights * off**2).mean(), 2 * X.T @ (weights * off) / 20

    assert diagnose(weighted).ok


@pytest.mark.slow
def test_torch_losses_of_vectors():
    torch = pytest.importorskip("torch")
    assert diagnose(lambda w, X, y: torch.nn.functional.mse_loss(X @ w, y.double())).ok


@pytest.mark.slow
@pytest.mark.parametrize("digits", [6, 8, 10])
def test_a_rounded_value_makes_no_right_gradient_wrong(digits):
    def rounded(W, X, y):
        value, slopes = data_loss(W, X, y)
        return round(value, digits), slopes

    X = np.random.default_rng(0).standard_normal((20, 24))
    y = np.arange(20) % 5
    for seed in range(5):
        W = np.random.default_rng(seed).standard_normal((24, 5)) / 5
        f, gradient = (lambda W, k=k: rounded(W, X, y)[k] for k in range(2))
        assert check_gradient(f, gradient, W, samples=8).outcome != "wrong"


def test_a_small_epsilon_is_named():
    def loss(W, X, y):
        p = np.exp(X @ W)
        p /= p.sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(y)), y] + 1e-5).mean(), data_loss(W, X, y)[1]

    names = {hint.name for hint in diagnose(loss).hints}
    assert "factor" not in names


def test_a_weak_penalty_is_checked_with_another_strength():
    X = np.random.default_rng(0).standard_normal((20, 24))
    assert diagnose(softmax(float), np.ones((24, 5)), reg=5e-6, X=X, y=np.arange(20) % 5).ok
    W = np.array([1.0, 2.0])
    with pytest.raises(TypeError, match="must be a function"):
        diagnose(lambda W: W @ W, W, gradient=2 * W)


def test_a_value_divided_by_n_twice_is_looked_at():
    def loss(W, X, y):
        value, slopes = data_loss(W, X, y)
        return value / len(y), slopes / len(y)

    checks = {check.name: check for check in diagnose(loss).checks}
    assert not checks["chance loss"].ok
    assert "divided by N once too often" in checks["chance loss"].words


def test_a_function_without_labels_has_no_checks_of_labels():
    def total(W, b, X):
        ones = np.ones(W.shape[1])
        return (X @ W + b).sum(), np.outer(X.sum(axis=0), ones), len(X) * ones

    diagnosis = diagnose(total)
    assert diagnosis.ok
    assert diagnosis.checks == ()


def test_positions_and_indices_are_inverse():
    layout = Layout.of({"W": np.zeros((3, 2)), "b": np.array(0.0), "v": [np.zeros(4)]}, None)
    assert [layout.position(*layout.index(k)) for k in range(layout.size)] == list(range(11))


@pytest.mark.parametrize("margin", [1e-12, -1e-12])
@pytest.mark.parametrize("factor", [1, -1, 0, 1.05])
def test_a_margin_just_inside_a_kink(margin, factor):
    rng = np.random.default_rng(0)
    X, y, W = rng.standard_normal((6, 8)), np.arange(6) % 3, 0.3 * rng.standard_normal((8, 3))
    scores = X[0] @ W
    W[:, 1] += X[0] * (margin - (scores[1] - scores[0] + 1)) / (X[0] @ X[0])
    loss = hinge(float)
    report = check_gradient(lambda W: loss(W, X, y, 0)[0], factor * loss(W, X, y, 0)[1], W)
    assert (report.outcome == "wrong") == (factor != 1)


def test_labels_that_are_strings():
    X = np.random.default_rng(0).standard_normal((12, 4))
    y = np.array(["a", "b", "c"] * 4)
    with pytest.raises(TypeError, match=r"labels that are strings \(.*give numbers, such as"):
        diagnose(data_loss, X=X, y=y)
    taking = lambda W, X, y: data_loss(W, X, np.unique(y, return_inverse=True)[1])  # noqa: E731
    assert diagnose(taking, X=X, y=y).ok


def test_a_sparse_x():
    sparse = pytest.importorskip("scipy.sparse")
    X = sparse.csr_array(np.random.default_rng(0).standard_normal((12, 4)))
    y, W = np.arange(12) % 3, np.random.default_rng(1).standard_normal((4, 3))

    def refusing(W, X, y):
        return data_loss(W, np.linalg.qr(X)[0], y)

    assert diagnose(data_loss, W, X=X, y=y).ok
    with pytest.raises(TypeError, match=r"does not take the sparse X \(.*: give X.toarray\(\)"):
        diagnose(refusing, W, X=X, y=y)
    with pytest.raises(ValueError, match="X is sparse; give W, too"):
        diagnose(data_loss, X=X, y=y)


def test_the_reason_is_that_of_the_call_that_came_farthest():
    def loss(W, X, y):
        if y.ndim != 2:
            raise ValueError("one row a label")
        return {}["margin"], W

    with pytest.raises(TypeError, match="KeyError: 'margin'"):
        diagnose(loss)


@pytest.mark.slow
def test_a_small_penalty_is_not_called_float32():
    def loss(W, X, y, reg):
        value, slopes = data_loss(W, X, y)
        return 1e6 * value + reg * (W**2).sum(), 1e6 * slopes + 2 * reg * W

    penalty = diagnose(loss, reg=0.01).parts["penalty"]
    assert "small beside the rounding of the data loss" in penalty.weakness
    assert "float32" not in penalty.weakness
