"""Each loss, penalty and optimizer on Dask and Ray: the bits of threads at equal partitions."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.engines import Threads, place
from halfspaces.losses import LOSSES
from halfspaces.optimizers import SGD, UPDATE_RULES
from halfspaces.penalties import PENALTIES

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Dask, Ray and their servers; of few passes
    pytest.mark.xdist_group("clusters"),
]

FITS = {
    **{loss: {"loss": loss} for loss in LOSSES},
    **{penalty: {"penalty": penalty} for penalty in PENALTIES},
    "lbfgs": {"optimizer": "lbfgs"},
    "newton": {"optimizer": "newton"},
    "gradient descent": {"optimizer": "gradient_descent"},
    "proximal gradient": {"penalty": "l1", "optimizer": "proximal"},
    "proximal newton": {"penalty": "l1", "optimizer": "proximal_newton"},
    "random search": {"optimizer": "random_search"},
    **{f"sgd, {name}": {"optimizer": SGD(update_rule=name)} for name in UPDATE_RULES},
}
# After few passes those of a smooth loss with a penalty differ from rows in one piece by rounding.
DETERMINED = set(FITS) - {"hinge", "crammer_singer", "ova_hinge", "none"}
SLOW = set(FITS) - {"softmax", "hinge", "l1", "sgd, momentum"}


@pytest.fixture(scope="module")
def some_digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in FITS]
)
def test_a_fit_has_the_bits_of_threads(engine, some_digits, name):
    X, y = some_digits
    here = place(X, Threads(2), [100, 37, 200, 63, 200])
    whole, expected, found = (
        LinearClassifier(max_passes=12, random_state=0, **FITS[name]).fit(rows, y)
        for rows in (X, here, here.moved_to(engine))
    )
    assert np.array_equal(found.coef_, expected.coef_)
    assert np.array_equal(found.intercept_, expected.intercept_)
    assert found.result_.gap == expected.result_.gap
    if name in DETERMINED:
        assert found.coef_ == pytest.approx(whole.coef_, abs=1e-6 * np.abs(whole.coef_).max())
    else:
        gap = max(found.result_.gap, whole.result_.gap)
        assert abs(found.result_.loss - whole.result_.loss) <= max(gap, 1e-6)


@pytest.mark.parametrize("options", [{}, pytest.param({"penalty": "l1"}, marks=pytest.mark.slow)])
def test_sparse_rows_have_the_bits_of_threads(engine, some_digits, options):
    X, y = some_digits
    X = csr_array(np.where(X > 8, X, 0))
    here = place(X, Threads(2), [100, 37, 200, 63, 200])
    whole, expected, found = (
        LinearClassifier(tol=1e-7, **options).fit(rows, y)
        for rows in (X, here, here.moved_to(engine))
    )
    assert np.array_equal(found.coef_, expected.coef_)
    assert found.coef_ == pytest.approx(whole.coef_, abs=1e-3 * np.abs(whole.coef_).max())
    assert np.array_equal(found.predict(here), found.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_folds_and_a_path_have_the_bits_of_threads(engine, some_digits, penalty):
    X, y = some_digits
    here = place(X, Threads(2), [100, 37, 200, 63, 200])
    expected, found = (
        LinearClassifierCV(strengths=[0.1, 0.03, 0.01], cv=3, penalty=penalty).fit(rows, y)
        for rows in (here, here.moved_to(engine))
    )
    assert np.array_equal(found.coef_, expected.coef_)
    assert np.array_equal(found.scores_, expected.scores_)
