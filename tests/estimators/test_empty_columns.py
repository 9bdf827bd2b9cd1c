"""Empty columns of sparse rows change no bit of the others, and have coefficients of exactly 0."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.estimators.empty_columns import without_empty_columns
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.files.models import load, save
from halfspaces.losses import LOSSES
from halfspaces.rows.blocks import Blocks

R = np.random.default_rng(0)
N, D, WIDTH = 90, 40, 1000
Y = R.integers(0, 3, N)
NARROW = csr_array(R.poisson(R.gamma(0.3, 2.0, (3, D))[Y]).astype(float))
TRAIN, TEST = np.arange(0, N, 2), np.arange(1, N, 2)
NARROW = NARROW[:, np.diff(NARROW[TRAIN].tocsc().indptr) > 0]
COLUMNS = np.sort(R.choice(WIDTH, NARROW.shape[1], replace=False))
WIDE = csr_array((NARROW.data, COLUMNS[NARROW.indices], NARROW.indptr), shape=(N, WIDTH))

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::UserWarning"
)


def assert_same(wide, narrow):
    """The models have the same coefficients of the columns that are not empty."""
    assert wide.n_features_in_ == wide.coef_.shape[1] == WIDTH
    np.testing.assert_array_equal(wide.coef_[:, COLUMNS], narrow.coef_)
    np.testing.assert_array_equal(np.delete(wide.coef_, COLUMNS, axis=1), 0)
    np.testing.assert_array_equal(wide.intercept_, narrow.intercept_)
    np.testing.assert_array_equal(wide.decision_function(WIDE), narrow.decision_function(NARROW))
    assert wide.result_.W.shape[0] == WIDTH + 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "model",
    [
        LinearClassifier(max_passes=8),
        LinearClassifier(penalty="l1", max_passes=8, standardize=False),
        LinearClassifier(penalty="max_norm", max_passes=8),
        LinearClassifier(optimizer="sgd", max_passes=4),
        LinearClassifierCV(strengths=[0.1, 0.01], cv=2, max_passes=8),
    ],
    ids=["l2", "l1", "max_norm", "sgd", "search"],
)
def test_a_fit_without_them_is_the_same(model, loss):
    models = [clone(model).set_params(loss=loss).fit(X, Y) for X in (WIDE, NARROW)]
    assert_same(*models)


def seen(model):
    """What the validation rows gave."""
    if isinstance(model, LinearClassifierCV):
        return model.scores_
    return model.result_.history["validation_loss"]


@pytest.mark.parametrize("model", [LinearClassifier(), LinearClassifierCV(strengths=[0.1, 0.01])])
def test_validation_rows_may_fill_them(model):
    held_out = WIDE[TEST].tolil()
    held_out[:, np.setdiff1d(np.arange(WIDTH), COLUMNS)[:5]] = 7.0
    for validation in (held_out.tocsr(), held_out.toarray()):
        wide = clone(model).fit(WIDE[TRAIN], Y[TRAIN], validation=(validation, Y[TEST]))
        narrow = validation[:, COLUMNS]
        narrow = clone(model).fit(NARROW[TRAIN], Y[TRAIN], validation=(narrow, Y[TEST]))
        np.testing.assert_array_equal(wide.coef_[:, COLUMNS], narrow.coef_)
        np.testing.assert_array_equal(*map(seen, (wide, narrow)))


def test_what_goes_on_from_a_fit_is_the_same(tmp_path):
    def run(X):
        model = LinearClassifier(warm_start=True, max_passes=3).fit(X[TRAIN], Y[TRAIN])
        save(model, tmp_path / "model.safetensors")
        return load(tmp_path / "model.safetensors").set_params(max_passes=5).fit(X, Y)

    wide, narrow = run(WIDE), run(NARROW)
    assert_same(wide, narrow)
    wide.partial_fit(WIDE[TEST], Y[TEST])
    narrow.partial_fit(NARROW[TEST], Y[TEST])
    # partial_fit keeps all columns; its step size comes from a power iteration, to about 1e-7.
    np.testing.assert_allclose(wide.coef_[:, COLUMNS], narrow.coef_, rtol=1e-5, atol=1e-7)


def test_a_fit_that_was_killed_goes_on(tmp_path):
    def kill(run):
        if run.passes > 4:
            raise KeyError("killed")

    checkpoint = Checkpoint(tmp_path / "run", every=0)
    with pytest.raises(KeyError):
        LinearClassifier(callbacks=[checkpoint, kill], tol=1e-8).fit(WIDE, Y)
    resumed = LinearClassifier(callbacks=[checkpoint], tol=1e-8).fit(WIDE, Y)
    assert_same(resumed, LinearClassifier(tol=1e-8).fit(NARROW, Y))


def test_values_are_shared_and_columns_left_out_only_where_many_are_empty():
    blocks = without_empty_columns(Blocks(WIDE, Y))
    assert blocks.shape == NARROW.shape
    assert np.shares_memory(blocks.X.data, WIDE.data)
    few_empty = Blocks(csr_array(np.hstack([NARROW.toarray(), np.zeros((N, 3))])), Y)
    assert without_empty_columns(few_empty) is few_empty
