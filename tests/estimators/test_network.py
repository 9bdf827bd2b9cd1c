"""NetworkClassifier in scikit-learn's manner, with callbacks, and what it refuses."""

# ruff: noqa: E402 (what follows needs torch)

import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")

from sklearn.utils.estimator_checks import parametrize_with_checks

from halfspaces import NetworkClassifier
from halfspaces.callbacks import Checkpoint, EarlyStopping
from halfspaces.networks import MLP, ResNet
from halfspaces.optimizers import SGD, Adam

nn = torch.nn

X, y = load_digits(return_X_y=True)
X, y = X[:500], y[:500]
BRIEF = SGD(step_size=3e-3, batch_size=50, epochs=2, update_rule=Adam())
NOISY = MLP(hidden=(16,), dropout=0.3, batch_norm=True)


def network(module=NOISY, **options):
    return NetworkClassifier(module, **{"optimizer": BRIEF, "verbose": -1, **options})


def state_of(classifier):
    return classifier.module_.state_dict()


def equal(first, second):
    one, two = state_of(first), state_of(second)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


# --- scikit-learn --------------------------------------------------------------------------------


# Tiny data, so many small steps.
OTHER_ROWS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
WHY = "minibatches of repeated rows are others than those of weighted rows"
CHECKED = NetworkClassifier(
    MLP(hidden=(16,)),
    optimizer=SGD(step_size=1e-2, batch_size=8, epochs=40, update_rule=Adam()),
    verbose=-1,
)


@pytest.mark.long
@parametrize_with_checks([CHECKED], expected_failed_checks=lambda _: dict.fromkeys(OTHER_ROWS, WHY))
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_conventions(estimator, check):
    check(estimator)


def test_batches_of_a_loader_are_the_rows_of_all():
    rows = np.repeat(X.reshape(-1, 1, 8, 8), 3, axis=1).astype(np.float32)
    images = torch.utils.data.TensorDataset(torch.tensor(rows), torch.tensor(y))
    loader = torch.utils.data.DataLoader(images, batch_size=64)
    resnet = ResNet(width=2)
    of_batches = network(resnet).fit(loader, validation=(rows[:50], y[:50]))
    flat = rows.reshape(len(rows), -1)
    assert equal(of_batches, network(resnet, image_shape=(8, 8, 3), planar=True).fit(flat, y))
    assert np.array_equal(of_batches.predict(rows), of_batches.predict(flat))
    parts = ((flat[rows], y[rows]) for rows in np.array_split(np.arange(len(y)), 7))
    assert equal(network().fit(parts), network().fit(flat, y))
    with pytest.raises(ValueError, match="requires y"):
        network().fit(X)
    with pytest.raises(TypeError, match=r"\(X, y, weights\), a number or None, got a str"):
        network().fit(X, y, validation="rows")


def test_clone_pickle_and_pipeline():
    fitted = network(image_shape=None, strength=1e-3).fit(X, y)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "module_")
    assert equal(copy.fit(X, y), fitted)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    piped = make_pipeline(StandardScaler(), network()).fit(X, y)
    assert piped.predict(X).shape == y.shape


def test_a_grid_of_networks():
    longer = replace(BRIEF, epochs=6)
    grid = {"network": [MLP(hidden=()), MLP(hidden=(1,))], "strength": [1e-4]}
    search = GridSearchCV(network(optimizer=longer), grid, cv=2).fit(X, y)
    assert search.best_params_["network"] == MLP(hidden=())


def test_images_in_four_dimensions_and_as_rows_are_the_same():
    images = X.reshape(-1, 8, 8, 1).astype(np.uint8)
    of_images = network(ResNet(width=2)).fit(images[:200], y[:200])
    of_rows = network(ResNet(width=2), image_shape=(8, 8)).fit(
        images[:200].reshape(-1, 64), y[:200]
    )
    assert equal(of_images, of_rows)
    assert np.array_equal(of_images.predict(images[:5]), of_rows.predict(X[:5].astype(np.uint8)))


# --- callbacks -----------------------------------------------------------------------------------


def test_after_early_stopping_the_assessed_network_predicts():
    """The best W has the running statistics of its epoch, not those of the last."""
    train, test = slice(0, 350), slice(350, None)
    optimizer = replace(BRIEF, step_size=0.1, epochs=30)
    stopped = network(optimizer=optimizer, callbacks=[EarlyStopping(2, "accuracy")])
    stopped.fit(X[train], y[train], validation=(X[test], y[test]))
    accuracies = stopped.result_.history["validation_accuracy"]
    accuracies = accuracies[np.isfinite(accuracies)]
    assert accuracies[-1] < accuracies.max()
    assert np.isclose(stopped.score(X[test], y[test]), accuracies.max())


def test_a_fit_that_was_killed_goes_on_to_the_same_bits(tmp_path):
    whole = network().fit(X, y)
    turns = []

    class Killed(Checkpoint):
        def __call__(self, run):
            super().__call__(run)
            turns.append(1)
            if len(turns) == 13:  # in the second epoch
                raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        network(callbacks=[Killed(tmp_path / "run", every=0)]).fit(X, y)
    resumed = network(callbacks=[Checkpoint(tmp_path / "run", every=0)]).fit(X, y)
    assert equal(resumed, whole)


# --- bad input -----------------------------------------------------------------------------------


class Nothing(nn.Module):
    """Returns NaN from a layer that could be trained."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x):
        return self.layer(x) * float("nan")


class Unused(nn.Module):
    """Has a layer that its scores do not depend on."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self.spare = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"module": nn.Linear(64, 9)}, r"returns scores of shape \(4, 9\).*need \(4, 10\)"),
        ({"module": nn.Identity()}, "no parameters to train"),
        ({"module": nn.Linear(63, 10)}, "cannot compute scores of examples of shape"),
        ({"module": Nothing()}, "returns NaN or infinity"),
        ({"module": Unused()}, "no gradient in the module's parameter 'spare.weight'"),
        ({"module": "mpl"}, "did you mean 'mlp'"),
        ({"module": "resnet"}, "ResNet needs images"),
        ({"image_shape": (7, 9)}, "has 63 values, but a row of X has 64"),
        ({"image_shape": 8}, r"image_shape must be \(height, width\)"),
        ({"optimizer": "lbfgs"}, "LBFGS compares values of one function"),
        ({"strength": -1}, "at least 0, got -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(options, words):
    options = dict(options)
    with pytest.raises(ValueError, match=words) as refused:
        network(options.pop("module", NOISY), **options).fit(X, y)
    assert "\n" not in str(refused.value)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module, got int"):
        network(3).fit(X, y)


def test_lbfgs_by_name_needs_no_gram_matrix():
    classifier = NetworkClassifier(MLP((4,)), optimizer="lbfgs", max_passes=20, verbose=-1)
    with pytest.warns(ConvergenceWarning, match="limit on passes"):
        classifier.fit(X[:100], y[:100])
    assert type(classifier.optimizer_).__name__ == "LBFGS"


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="class"):
        network().fit(X, np.zeros(len(X)))


def test_without_torch_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'run: pip install "halfspaces\[torch\]"') as refused:
        network().fit(X, y)
    assert "\n" not in str(refused.value)


def test_sparse_rows_are_those_of_the_dense_ones():
    from scipy.sparse import csr_array

    dense = network().fit(X.astype(np.float32), y)
    sparse = network().fit(csr_array(X.astype(np.float32)), y)
    for name, tensor in state_of(dense).items():
        assert torch.allclose(tensor, state_of(sparse)[name], atol=1e-5), name
    assert np.mean(sparse.predict(csr_array(X)) == dense.predict(X)) > 0.99


def test_a_last_minibatch_of_one_row_takes_the_running_statistics():
    rows = 101  # minibatches of 50, 50 and 1
    fitted = network().fit(X[:rows], y[:rows])
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state_of(fitted).values())
