"""Tensors where they lie: the fits of NumPy, in the library and on the device of the caller."""

import copy
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from engines.devices.seam import arrays_of
from sklearn.datasets import load_digits, load_iris

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.engines.devices import placing
from halfspaces.engines.devices.device_rows import StreamedRows
from halfspaces.losses import LOSSES
from halfspaces.optimizers import OPTIMIZERS
from halfspaces.penalties import PENALTIES
from halfspaces.system.libraries import Library, as_numpy

X, Y = load_iris(return_X_y=True)
X = X - X.mean(axis=0)
LIBRARIES = ("torch", "array_api_strict")
HINGES = {"loss": "hinge", "max_passes": 200}
OPTIONS = (
    [{"loss": name} for name in LOSSES]
    + [{"penalty": name} for name in PENALTIES if name != "none"]
    + [{"optimizer": "sgd", "max_passes": 5}, {"optimizer": "random_search", "max_passes": 20}]
    + [{"optimizer": "dual_ascent", **HINGES}, {"optimizer": "coordinate_descent", "penalty": "l1"}]
    + [{"optimizer": "proximal", "penalty": "l1"}, {"optimizer": "gradient_descent"}]
    + [{"optimizer": "proximal_newton", "penalty": "l1"}, {"optimizer": "newton"}]
    + [{"optimizer": "lbfgs"}, {"noise": "dropout"}, {"class_weight": "balanced"}]
)


def names(options):
    return "-".join(map(str, options.values()))


def fitted(X, y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # limits on passes
        return LinearClassifier(**{"verbose": -1, **options}).fit(X, y)


def test_the_options_name_every_component():
    seen = {value for options in OPTIONS for value in options.values()}
    assert seen >= set(OPTIMIZERS) | set(LOSSES) | set(PENALTIES) - {"none"}


@pytest.mark.parametrize("options", OPTIONS, ids=names)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_component_gives_the_weights_of_numpy(library, options):
    array = arrays_of(library)
    for dtype in (np.float32, np.float64):
        rows = X.astype(dtype)
        found = fitted(array(rows), array(Y), **options)
        assert type(found.coef_) is type(found.predict(array(rows))) is type(array(Y))
        assert as_numpy(found.coef_).dtype == as_numpy(found.intercept_).dtype == dtype
        np.testing.assert_array_equal(as_numpy(found.coef_), fitted(rows, Y, **options).coef_)


@pytest.mark.parametrize("options", OPTIONS, ids=names)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_component_on_a_device(library, options, monkeypatch):
    array = arrays_of(library, monkeypatch)
    drawn = {"noise", "optimizer"} & options.keys() and "max_passes" in options
    tol = (
        {}
        if "max_passes" in options or options.get("optimizer") == "gradient_descent"
        else {"tol": 1e-9}
    )
    expected = fitted(X, Y, **tol, **options)
    found = fitted(array(X), array(Y), **tol, **options)
    assert Library.of(found.coef_) == Library.of(array(X))
    close = 1e-3 if drawn else 1e-4
    np.testing.assert_allclose(as_numpy(found.coef_), expected.coef_, atol=close, rtol=close)
    np.testing.assert_array_equal(as_numpy(found.predict(array(X))), expected.predict(X))


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_predicted_is_of_the_library_of_the_rows_scored(library):
    array = arrays_of(library)
    classifier = LinearClassifier().fit(X, Y)
    assert type(classifier.coef_) is np.ndarray
    for method in ("decision_function", "predict_proba", "predict_log_proba", "predict"):
        found = getattr(classifier, method)(array(X.astype(np.float32)))
        assert Library.of(found) == Library.of(array(X))
        expected = getattr(classifier, method)(X.astype(np.float32))
        assert as_numpy(found).dtype == expected.dtype
        np.testing.assert_array_equal(as_numpy(found), expected)
    words = np.array(["a", "b", "c"])[Y]
    texts = LinearClassifier().fit(array(X), words)
    np.testing.assert_array_equal(texts.predict(array(X)), texts.predict(X))
    assert texts.score(array(X), words) == classifier.score(array(X), array(Y))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("on_device", [False, True])
def test_a_search_gives_what_it_gives_for_numpy(library, on_device, monkeypatch):
    array = arrays_of(library, monkeypatch if on_device else None)
    options = {"strengths": [0.1, 0.01], "cv": 3, "calibrate": "temperature", "tol": 1e-8}
    expected = LinearClassifierCV(**options).fit(X, Y)
    found = LinearClassifierCV(**options).fit(array(X), array(Y), groups=None)
    assert Library.of(found.coef_) == Library.of(array(X))
    np.testing.assert_allclose(as_numpy(found.coef_), expected.coef_, atol=1e-5)
    np.testing.assert_allclose(found.scores_, expected.scores_)
    sets = found.predict_set(array(X))
    np.testing.assert_array_equal(as_numpy(sets), expected.predict_set(X))
    assert Library.of(sets) == Library.of(found.accepts(array(X), 0.1)) == Library.of(array(X))


def test_what_is_saved_pickled_copied_and_certified_is_the_same_model(tmp_path):
    torch = pytest.importorskip("torch")
    rows, labels = torch.tensor(X), torch.tensor(Y)
    classifier = LinearClassifier().fit(rows, labels)
    halfspaces.save(classifier, tmp_path / "model")
    others = [halfspaces.load(tmp_path / "model"), copy.deepcopy(classifier)]
    others.append(pickle.loads(pickle.dumps(classifier)))
    for other in others:
        np.testing.assert_array_equal(other.predict(rows), classifier.predict(rows))
    assert halfspaces.certify(classifier, rows, labels).gap < 1e-3
    assert classifier.coef_table().num_columns == 4
    classifier.coef_ *= 0
    classifier.intercept_ *= 0
    assert not classifier.decision_function(rows).any()
    assert classifier.set_params(warm_start=True).fit(rows, labels).score(rows, labels) > 0.9
    assert isinstance(classifier.partial_fit(rows, labels).coef_, torch.Tensor)


@pytest.mark.parametrize("n", [150, 70000])
def test_bfloat16_is_read_in_its_two_bytes(n):
    """Few rows by NumPy, many by the compiled kernels."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    rows = torch.tensor(rng.standard_normal((n, 512 if n > 150 else 8)) + labels[:, None])
    rows = rows.bfloat16()
    options = {"optimizer": "lbfgs", "tol": 1e-5}
    objective = LinearClassifier(**options).objective(rows, labels)
    assert objective.blocks.X.dtype.itemsize == 2
    assert objective.blocks.are_fused(3) == (n > 150 and _has_kernels())
    found = fitted(rows, labels, **options)
    wide = rows.float().numpy()
    expected = fitted(wide, labels, **options)
    assert found.coef_.dtype == found.decision_function(rows).dtype == torch.float32
    assert found.features_dtype_ == "bfloat16"
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=2e-4)
    np.testing.assert_array_equal(found.predict(rows[:99]), found.predict(wide[:99]))


def _has_kernels():
    from halfspaces.kernels.fused_rows import available

    return available()


def test_bfloat16_on_a_device_and_for_every_optimizer(monkeypatch):
    torch = pytest.importorskip("torch")
    rows = torch.tensor(X).bfloat16()
    for options in OPTIONS[7:]:
        expected = fitted(rows.float().numpy(), Y, **options)
        np.testing.assert_allclose(fitted(rows, Y, **options).coef_, expected.coef_, atol=1e-6)
    expected = fitted(rows.float(), Y, tol=1e-7)
    arrays_of("torch", monkeypatch)
    found = fitted(rows, Y, tol=1e-7)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-3)
    assert found.features_dtype_ == "bfloat16"


def streamed(monkeypatch):
    """device="cuda" streams to the CPU."""
    monkeypatch.setattr(placing, "free_memory", lambda device: 0)
    monkeypatch.setattr(placing, "StreamedRows", lambda host, device: StreamedRows(host, "cpu"))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "uint8"])
def test_rows_that_do_not_fit_the_card_are_streamed_and_it_is_said(dtype, monkeypatch):
    torch = pytest.importorskip("torch")
    rows = torch.tensor(np.abs(10 * X)).to(getattr(torch, dtype))
    expected = fitted(rows.double().numpy(), Y, tol=1e-8)
    streamed(monkeypatch)
    with pytest.warns(UserWarning, match=r"X has 0.0 GB, and cuda 0.0 GB free: its rows are st"):
        found = LinearClassifier(device="cuda", tol=1e-7).fit(rows, Y)
    assert found.coef_.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=2e-3)


def test_out_of_memory_on_the_card_streams(monkeypatch):
    pytest.importorskip("torch")

    def full(host, device):
        raise MemoryError("8.0 GB were asked for")

    streamed(monkeypatch)
    monkeypatch.setattr(placing, "free_memory", lambda device: 1 << 40)
    monkeypatch.setattr(placing, "_copied", full)
    with pytest.warns(UserWarning, match=r"^X does not fit cuda:1 \(8.0 GB were asked for\): its"):
        found = LinearClassifier(device="cuda:1").fit(X, Y)
    assert type(found.coef_) is np.ndarray


REFUSED = {
    "another name": ({"device": "gpu"}, X, Y, r"device must be 'auto', 'cpu', .* got 'gpu'"),
    "no CUDA": ({"device": "cuda"}, X, Y, "needs a card that torch can use by CUDA, and no such"),
    "no MPS": ({"device": "mps"}, X, Y, "device='mps' needs an Apple processor"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_devices_that_are_not_there(kind):
    torch = pytest.importorskip("torch")
    options, rows, labels, words = REFUSED[kind]
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("here is one")
    for kind_of in (LinearClassifier, LinearClassifierCV):
        with pytest.raises(ValueError, match=words):
            kind_of(**options).fit(rows, labels)


def test_arrays_on_two_devices_are_named():
    xp = pytest.importorskip("array_api_strict")
    rows = xp.asarray(X, device=xp.Device("device1"))
    with pytest.raises(ValueError, match=r"X lies on .*device1.* and y on .*device2.*; put both"):
        LinearClassifier().fit(rows, xp.asarray(Y, device=xp.Device("device2")))
    classifier = LinearClassifier().fit(rows, Y)
    with pytest.raises(ValueError, match=r"X lies on .*device1.* and y on .*CPU"):
        classifier.score(rows, xp.asarray(Y))


def test_values_on_a_device_are_checked_there():
    xp = pytest.importorskip("array_api_strict")
    broken = X.copy()
    broken[7, 2] = np.nan
    rows = xp.asarray(broken, device=xp.Device("device1"))
    with pytest.raises(ValueError, match="X contains NaN at row 7, column 2"):
        LinearClassifier().fit(rows, Y)
    classifier = LinearClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="X contains NaN at row 7, column 2"):
        classifier.predict(rows)
    with pytest.raises(ValueError, match="3 features, but LinearClassifier is expecting 4"):
        classifier.predict(rows[:, :3])


def test_a_checkpoint_and_offsets_on_a_device(tmp_path, monkeypatch):
    """W stays here for the files; far rows are centred there."""
    array = arrays_of("torch", monkeypatch)
    checkpoint = halfspaces.callbacks.Checkpoint(tmp_path / "run")
    far = X + 1e4
    expected = LinearClassifier(optimizer="lbfgs", tol=1e-6).fit(far, Y)
    for callbacks in ([checkpoint], []):
        options = {"optimizer": "lbfgs", "tol": 1e-6, "callbacks": callbacks}
        found = LinearClassifier(**options).fit(array(far), array(Y))
        np.testing.assert_allclose(as_numpy(found.coef_), expected.coef_, atol=1e-3)


def test_digits_on_a_device_take_the_passes_of_numpy(monkeypatch):
    array = arrays_of("torch", monkeypatch)
    digits, labels = load_digits(return_X_y=True)
    expected = LinearClassifier(optimizer="lbfgs", tol=1e-6).fit(digits, labels)
    found = LinearClassifier(optimizer="lbfgs", tol=1e-6).fit(array(digits), array(labels))
    assert found.result_.passes == pytest.approx(expected.result_.passes, rel=0.2)
    assert found.result_.gap == pytest.approx(expected.result_.gap, abs=1e-6)
    np.testing.assert_allclose(as_numpy(found.coef_), expected.coef_, atol=1e-4)


DISPATCH = """
import sklearn, sklearn.datasets, sklearn.model_selection, torch
from halfspaces import LinearClassifier
sklearn.set_config(array_api_dispatch=True)
X, y = map(torch.tensor, sklearn.datasets.load_iris(return_X_y=True))
classifier = LinearClassifier(class_weight="balanced").fit(X, y)
assert isinstance(classifier.predict(X), torch.Tensor)
print(classifier.score(X, y))
print(sklearn.model_selection.cross_val_score(LinearClassifier(), X, y, cv=3).min())
"""


@pytest.mark.slow
def test_tensors_under_array_api_dispatch():
    pytest.importorskip("torch")
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-c", DISPATCH]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert all(float(score) > 0.9 for score in run.stdout.split())
