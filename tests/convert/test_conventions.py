"""The translator: both sides are fitted, and where the peer ends is our minimum.

Ours is fitted with the penalty that the peer's parameters are said to mean. Then our objective,
written here in plain NumPy, is taken at the peer's solution: with a ½, an N or a column wrong
somewhere it lies well above our minimum. glmnet and cuML are fitted by scipy, at the objectives of
its paper and its source.
"""

import logging
from dataclasses import fields

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from halfspaces import LinearClassifier
from halfspaces.convert import CONVENTIONS, from_penalty, to_penalty
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty

DIGITS, LABELS = load_digits(return_X_y=True)


pytestmark = pytest.mark.usefixtures("one_blas_thread")


def problem(n_classes):
    """Standardized digits, few of them, on which the classes overlap."""
    rows = np.flatnonzero(LABELS + n_classes >= 10)[:150]
    columns = [10, 13, 18, 21, 28, 35, 42, 43, 50, 53, 61, 62]
    return StandardScaler().fit_transform(DIGITS[np.ix_(rows, columns)]), LABELS[rows] - (
        10 - n_classes
    )


def softmax(scores, right):
    return np.logaddexp.reduce(scores, axis=1) - scores[right]


def violations(scores, right):
    """Of one against all the others, Δ = 1."""
    return np.maximum(0, 1 - np.where(right, scores, -scores))


def pairwise(scores, right):
    return np.where(right, 0, np.maximum(0, scores - scores[right][:, None] + 1))


OURS = {
    "softmax": softmax,
    "hinge": lambda scores, right: pairwise(scores, right).sum(axis=1),
    "squared_hinge": lambda scores, right: (pairwise(scores, right) ** 2).sum(axis=1),
    "crammer_singer": lambda scores, right: np.max(scores + ~right, axis=1) - scores[right],
    "ova_hinge": lambda scores, right: violations(scores, right).sum(axis=1),
    "ova_squared_hinge": lambda scores, right: (violations(scores, right) ** 2).sum(axis=1),
    "ova_logistic": lambda scores, right: np.logaddexp(0, np.where(right, -scores, scores)).sum(
        axis=1
    ),
}


def objective(W, b, X, y, loss, penalty, weight=None):
    """L(W) for W (C, D)."""
    l1, l2 = {
        L2: lambda: (0, penalty.strength),
        L1: lambda: (penalty.strength, 0),
        ElasticNet: lambda: (penalty.strength, penalty.strength * penalty.beta),
    }[type(penalty)]()
    losses = OURS[loss](X @ W.T + b, y[:, None] == np.arange(len(W)))
    return np.average(losses, weights=weight) + l1 * np.sum(abs(W)) + l2 * np.sum(W**2)


def columns_of(coef, intercept, loss):
    """Two columns where a library has one:
    their difference for softmax and Crammer-Singer, else its mirrors.
    """
    coef = np.atleast_2d(coef)
    intercept = np.broadcast_to(np.ravel(intercept), len(coef))
    if len(coef) > 1:
        return coef, intercept
    half = 0.5 if loss in ("softmax", "crammer_singer") else 1.0
    return half * np.concatenate([-coef, coef]), half * np.concatenate([-intercept, intercept])


def assert_same_minimum(peer, penalty, X, y, loss, *, weight=None, intercept=True, tolerance=1e-6):
    """`peer` is its solution: weights (C, D) or (D,), and biases."""
    ours = LinearClassifier(
        loss, penalty, standardize=False, fit_intercept=intercept, tol=tolerance / 10, n_jobs=1
    )
    least = ours.fit(X, y, sample_weight=weight).result_.loss[0]
    assert 0.01 < ours.result_.penalty[0] / least < 0.99  # else the strength would not matter
    found = objective(*columns_of(*peer, loss), X, y, loss, penalty, weight)
    assert least * (1 - tolerance) < found < least * (1 + tolerance)


def parts(model):
    return model.coef_, model.intercept_


# --- scikit-learn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
def test_logistic_regression(n_classes, l1_ratio, weighted):
    X, y = problem(n_classes)
    weight = np.random.default_rng(0).integers(1, 5, len(y)) / 3 if weighted else None
    N = len(y) if weight is None else weight.sum()
    options = {"C": 0.1, "l1_ratio": l1_ratio}
    solver = (
        {"solver": "newton-cholesky", "tol": 1e-10}
        if l1_ratio == 0
        else {"solver": "saga", "tol": 1e-8}
    )
    model = LogisticRegression(**options, **solver, max_iter=20_000, random_state=0).fit(
        X, y, sample_weight=weight
    )
    penalty = to_penalty("sklearn.LogisticRegression", **options, n_examples=N, n_classes=n_classes)
    assert_same_minimum(parts(model), penalty, X, y, "softmax", weight=weight)


def test_logistic_regression_of_two_classes_as_one_against_the_other():
    X, y = problem(2)
    model = LogisticRegression(C=0.1, solver="newton-cholesky", tol=1e-10).fit(X, y)
    penalty = to_penalty(
        "sklearn.LogisticRegression", C=0.1, n_examples=len(y), loss="ova_logistic"
    )
    assert_same_minimum(parts(model), penalty, X, y, "ova_logistic")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("ova_squared_hinge", {"dual": False}),
        ("ova_squared_hinge", {"dual": False, "penalty": "l1"}),
        ("ova_hinge", {"loss": "hinge"}),
        ("crammer_singer", {"multi_class": "crammer_singer"}),
    ],
)
def test_linear_svc(n_classes, loss, options):
    X, y = problem(n_classes)
    options = {
        "C": 0.05,
        "penalty": "l2",
        "fit_intercept": False,
        "tol": 1e-9,
        "max_iter": 100_000,
    } | options
    model = LinearSVC(**options, random_state=0).fit(X, y)
    penalty = to_penalty(
        "sklearn.LinearSVC", C=0.05, penalty=options["penalty"], n_examples=len(y), loss=loss
    )
    assert_same_minimum(parts(model), penalty, X, y, loss, intercept=False, tolerance=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("ova_logistic", {"loss": "log_loss", "penalty": "l2"}),
        ("ova_hinge", {"loss": "hinge", "penalty": "l2"}),
        ("ova_squared_hinge", {"loss": "squared_hinge", "penalty": "l1"}),
        ("ova_logistic", {"loss": "log_loss", "penalty": "elasticnet", "l1_ratio": 0.4}),
    ],
)
def test_sgd_classifier(n_classes, loss, options):
    X, y = problem(n_classes)
    steps = {"learning_rate": "invscaling", "eta0": 0.2, "power_t": 0.6}
    model = SGDClassifier(
        **options, **steps, alpha=0.1, max_iter=300, tol=None, random_state=0
    ).fit(X, y)
    own = {name: value for name, value in options.items() if name != "loss"}
    penalty = to_penalty("sklearn.SGDClassifier", alpha=0.1, **own, loss=loss)
    assert_same_minimum(parts(model), penalty, X, y, loss, tolerance=1e-3)


# --- others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("s", "loss", "bias"),
    [
        (0, "ova_logistic", "-B 1 -R"),
        (1, "ova_squared_hinge", ""),
        (2, "ova_squared_hinge", "-B 1 -R"),
        (3, "ova_hinge", ""),
        (4, "crammer_singer", ""),
        (5, "ova_squared_hinge", "-B 1 -R"),
        (6, "ova_logistic", "-B 1 -R"),
        (7, "ova_logistic", ""),
    ],
)
def test_liblinear(n_classes, s, loss, bias):
    liblinear = pytest.importorskip("liblinear.liblinearutil")
    X, y = problem(n_classes)
    model = liblinear.train(y.astype(float), X, f"-s {s} -c 0.05 -e 1e-9 {bias} -q")
    n_columns = n_classes if n_classes > 2 or s == 4 else 1
    solution = [
        [model.get_decfun_coef(d + 1, c) for d in range(X.shape[1])] for c in range(n_columns)
    ]
    biases = [model.get_decfun_bias(c) for c in range(n_columns)]
    order = np.argsort(model.get_labels())
    W, b = np.array(solution), np.array(biases)
    W, b = (
        (W[order], b[order])
        if n_columns > 1
        else (W[0] * (order[0] - order[1]), b * (order[0] - order[1]))
    )
    penalty = to_penalty("liblinear", s=s, c=0.05, n_examples=len(y))
    assert_same_minimum((W, b), penalty, X, y, loss, intercept=bool(bias), tolerance=1e-5)
    twin = {1: 2, 7: 0}.get(s, s)
    back = from_penalty("liblinear", penalty, n_examples=len(y), loss=loss)
    assert back == {"s": twin, "c": pytest.approx(0.05)}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["softmax", "ova_squared_hinge"])
@pytest.mark.parametrize(
    "options",
    [
        {"penalty": "l2", "lambda_1": 0.1},
        {"penalty": "l1", "lambda_1": 0.02},
        {"penalty": "elasticnet", "lambda_1": 0.02, "lambda_2": 0.1},
    ],
)
def test_cyanure(n_classes, loss, options):
    estimators = pytest.importorskip("cyanure.estimators")
    logging.disable(logging.INFO)
    X, y = problem(n_classes)
    own = {"softmax": "logistic", "ova_squared_hinge": "sqhinge"}[loss]
    model = estimators.Classifier(
        loss=own, **options, fit_intercept=True, max_iter=2000, tol=1e-9, n_threads=1, verbose=False
    ).fit(X, y.copy())
    logging.disable(logging.NOTSET)
    penalty = to_penalty("cyanure.Classifier", **options, n_classes=n_classes, loss=loss)
    assert_same_minimum(
        (np.asarray(model.coef_).T, model.intercept_), penalty, X, y, loss, tolerance=1e-5
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("optimizer", "loss"),
    [
        ("SGD", "softmax"),
        ("Adam", "softmax"),
        ("SGD", "hinge"),
        ("SGD", "squared_hinge"),
        ("SGD", "ova_logistic"),
    ],
)
def test_torch(n_classes, optimizer, loss):
    torch = pytest.importorskip("torch")
    X, y = problem(n_classes)
    data, labels = torch.from_numpy(X), torch.from_numpy(y)
    criterion, target = {
        "softmax": (torch.nn.CrossEntropyLoss(), labels),
        "hinge": (torch.nn.MultiMarginLoss(p=1), labels),
        "squared_hinge": (torch.nn.MultiMarginLoss(p=2), labels),
        "ova_logistic": (
            torch.nn.BCEWithLogitsLoss(),
            torch.eye(n_classes, dtype=torch.float64)[labels],
        ),
    }[loss]
    W = torch.zeros(X.shape[1], n_classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    kind = getattr(torch.optim, optimizer)
    options = {"SGD": {"lr": 0.3, "momentum": 0.9}, "Adam": {"lr": 0.02}}
    fitted = kind([{"params": [W], "weight_decay": 0.1}, {"params": [b]}], **options[optimizer])
    falling = torch.optim.lr_scheduler.ExponentialLR(fitted, 0.98 if loss == "hinge" else 1.0)
    for _ in range(300):
        fitted.zero_grad()
        criterion(data @ W + b, target).backward()  # the mean over the rows
        fitted.step()
        falling.step()
    penalty = to_penalty(
        f"torch.optim.{optimizer}", weight_decay=0.1, n_classes=n_classes, loss=loss
    )
    assert_same_minimum(
        (W.detach().numpy().T, b.detach().numpy()),
        penalty,
        X,
        y,
        loss,
        tolerance=1e-3 if loss == "hinge" else 1e-6,
    )


def softmax_minimum(n_classes, l1, half_l2):
    """The minimum of mean L_i + l1 Σ|V| + half_l2/2 ΣV², one column V for two classes, by scipy.

    W is in parts above and below 0.
    """
    X, y = problem(n_classes)
    D, K = X.shape[1], n_classes if n_classes > 2 else 1

    def documented(parameters):
        above, below, b = np.split(parameters, [D * K, 2 * D * K])
        V = (above - below).reshape(D, K)
        scores = X @ V + b
        scores = np.column_stack([np.zeros(len(y)), scores]) if K == 1 else scores
        log_likelihood = scores[np.arange(len(y)), y] - np.logaddexp.reduce(scores, axis=1)
        residual = (
            np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None]) - np.eye(n_classes)[y]
        ) / len(y)
        residual = residual[:, -K:]
        slope = (X.T @ residual + half_l2 * V).ravel()
        value = -log_likelihood.mean() + half_l2 / 2 * np.sum(V**2) + l1 * np.sum(above + below)
        return value, np.concatenate([slope + l1, l1 - slope, residual.sum(axis=0)])

    bounds = [(0, None)] * (2 * D * K) + [(None, None)] * K
    options = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 1e-14, "gtol": 1e-9}
    start = np.zeros(len(bounds))
    found = minimize(
        documented, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    ).x
    above, below, b = np.split(found, [D * K, 2 * D * K])
    return (above - below).reshape(D, K).T, b


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_glmnet(n_classes, alpha):
    """Equations 14 (one column of two classes) and 22 of the paper."""
    X, y = problem(n_classes)
    found = softmax_minimum(n_classes, 0.05 * alpha, 0.05 * (1 - alpha))
    penalty = to_penalty("glmnet", lambda_=0.05, alpha=alpha, n_classes=n_classes)
    assert_same_minimum(found, penalty, X, y, "softmax")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("options", "ratio"),
    [
        ({}, 0.0),
        ({"penalty": "l1"}, 1.0),
        ({"penalty": "elasticnet", "l1_ratio": 0.4}, 0.4),
    ],
)
def test_cuml(n_classes, options, ratio):
    """A mean of losses, and both factors, divided by C, divided by the rows: its `qn_fit`."""
    X, y = problem(n_classes)
    factor = 1 / (0.1 * len(y))
    found = softmax_minimum(n_classes, ratio * factor, (1 - ratio) * factor)
    about = {"n_examples": len(y), "n_classes": n_classes}
    penalty = to_penalty("cuml.LogisticRegression", C=0.1, **options, **about)
    assert_same_minimum(found, penalty, X, y, "softmax")
    own = from_penalty("cuml.LogisticRegression", penalty, **about)
    assert own == pytest.approx({"C": 0.1, "penalty": "l2", **options})


@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_cuml_has_the_c_of_scikit_learn_in_linear_svc(penalty):
    peers = ("sklearn.LinearSVC", "cuml.svm.LinearSVC")
    one, other = (to_penalty(peer, C=0.2, penalty=penalty, n_examples=90) for peer in peers)
    assert one == other


# --- both directions ------------------------------------------------------------------------------

PENALTIES = {L2: L2(0.03), L1: L1(0.03), ElasticNet: ElasticNet(0.03, beta=0.7)}
TRIPLES = [
    (library, loss, kind)
    for library, convention in CONVENTIONS.items()
    for loss, kinds in convention.losses.items()
    for kind in kinds
]


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize(("library", "loss", "kind"), TRIPLES)
def test_there_and_back(library, loss, kind, n_classes):
    about = {"n_examples": 123.5, "n_classes": n_classes, "loss": loss}
    own = from_penalty(library, PENALTIES[kind], **about)
    assert set(own) <= {field.name for field in fields(CONVENTIONS[library])}
    back = to_penalty(library, **own, **about)
    assert type(back) is kind
    assert vars(back) == pytest.approx(vars(PENALTIES[kind]), rel=1e-12)


def test_what_comes_back_are_the_peers_own_keywords():
    N = {"n_examples": 200, "n_classes": 2}
    own = from_penalty("sklearn.LogisticRegression", L2(0.05), **N)
    assert vars(LogisticRegression(**own)) == vars(LogisticRegression(C=0.1))
    assert LinearSVC(**from_penalty("sklearn.LinearSVC", L1(0.05), **N)).penalty == "l1"
    own = from_penalty("sklearn.SGDClassifier", ElasticNet(0.05, beta=0.5))
    assert (
        SGDClassifier(**own).get_params()
        == SGDClassifier(penalty="elasticnet", alpha=0.1, l1_ratio=0.5).get_params()
    )


@pytest.mark.parametrize(
    ("library", "peer"),
    [
        ("sklearn.LogisticRegression", LogisticRegression()),
        ("sklearn.LinearSVC", LinearSVC()),
        ("sklearn.SGDClassifier", SGDClassifier()),
    ],
)
def test_what_is_left_out_has_the_peers_default(library, peer):
    for field in fields(CONVENTIONS[library]):
        assert field.default == getattr(peer, field.name)


def test_no_strength_is_no_decay_and_never_a_c():
    assert from_penalty("torch.optim.SGD", L2(0.0)) == {"weight_decay": 0.0}
    assert to_penalty("glmnet", lambda_=0, n_classes=3) == L2(0.0)
    with pytest.raises(
        ValueError, match=r"^liblinear takes 1/strength; .* above 0, got L2\(strength=0\.0\)\.$"
    ):
        from_penalty("liblinear", L2(0.0), n_examples=10)


SKLEARN = "sklearn.LogisticRegression"


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (
            ("sklearn.LogisticRegresion",),
            ValueError,
            "library='sklearn.LogisticRegresion' is not known: did you mean",
        ),
        ((None,), TypeError, "library must be one of 'sklearn.LogisticRegression', .* got None"),
        (
            ("torch.optim.AdamW", {"weight_decay": 0.1}),
            ValueError,
            "AdamW decays W beside the gradient.* use torch",
        ),
        ((SKLEARN, {"c": 1.0}), TypeError, "has no parameter 'c' here: .*'C'"),
        (
            (SKLEARN, {"C": 0}),
            ValueError,
            r"sklearn.LogisticRegression\(C=...\) must be above 0, got 0\.",
        ),
        ((SKLEARN, {"C": "1"}), TypeError, r"\(C=...\) must be a number, got '1'"),
        ((SKLEARN, {"l1_ratio": 1.5}), ValueError, r"\(l1_ratio=...\) must be at most 1, got 1.5"),
        ((SKLEARN, {"n_classes": 3}), ValueError, "sums over the examples; give n_examples=N"),
        ((SKLEARN, {"n_examples": 0}), ValueError, "n_examples must be above 0, got 0"),
        (
            (SKLEARN, {"n_examples": 9}),
            ValueError,
            "loss='softmax' depends on the number of classes; give n_classes",
        ),
        (
            (SKLEARN, {"n_examples": 9, "n_classes": 1}),
            ValueError,
            "n_classes must be at least 2, got 1",
        ),
        (
            (SKLEARN, {"loss": "hinge"}),
            ValueError,
            "no loss that is our 'hinge'; choose one of 'softmax', 'ova_log",
        ),
        (("glmnet",), TypeError, "glmnet needs lambda_; give lambda_=..."),
        (
            ("sklearn.LinearSVC", {"penalty": "none"}),
            ValueError,
            r"\(penalty=...\) must be one of 'l2', 'l1', got 'n",
        ),
        (
            ("sklearn.LinearSVC", {"penalty": "l1", "loss": "ova_hinge", "n_examples": 9}),
            ValueError,
            r"sklearn.LinearSVC has no L1 with loss='ova_hinge'; it has L2\(...\)\.",
        ),
        (
            ("liblinear", {"s": 11}),
            ValueError,
            r"liblinear\(s=...\) must be one of 0, 1, .*, 7, got 11",
        ),
        (
            ("liblinear", {"s": 4, "loss": "ova_hinge"}),
            ValueError,
            "with .* has the loss 'crammer_singer', got",
        ),
    ],
)
def test_parameters_that_mean_nothing_are_refused_in_a_sentence(arguments, kind, words):
    library, parameters = (*arguments, {})[:2]
    with pytest.raises(kind, match=words) as refused:
        to_penalty(library, **parameters)
    assert str(refused.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("penalty", "kind", "words"),
    [
        (L1(0.1), ValueError, r"torch.optim.SGD has no L1 with loss='softmax'; it has L2\(...\)\."),
        (
            L2((0.1, 0.2)),
            ValueError,
            "penalty must have one strength, got .*; convert one after the other.",
        ),
        (
            MaxNorm(),
            TypeError,
            r"penalty must be L2\(...\), L1\(...\) or ElasticNet\(...\), got MaxNorm",
        ),
        (NoPenalty(), TypeError, "got NoPenalty"),
        (0.1, TypeError, r"penalty must be L2\(...\), .* got 0\.1\."),
    ],
)
def test_penalties_that_a_library_lacks_are_refused_in_a_sentence(penalty, kind, words):
    with pytest.raises(kind, match=words):
        from_penalty("torch.optim.SGD", penalty)
