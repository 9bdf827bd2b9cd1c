"""The pieces of the device path against NumPy: sums over rows, arrays behind NumPy's interface."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from engines.devices.seam import arrays_of

from halfspaces import LinearClassifier
from halfspaces.engines.devices.device_array import DeviceArray
from halfspaces.engines.devices.device_blocks import DeviceBlocks
from halfspaces.engines.devices.device_objective import DeviceObjective
from halfspaces.engines.devices.place import Place
from halfspaces.losses import LOSSES
from halfspaces.objective.request import Request, Smoothing
from halfspaces.preconditioners.gram_matrix import centred_gram
from halfspaces.rows.moments import Centroids
from halfspaces.system.libraries import Library

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 6)) + 3
Y = RNG.integers(0, 3, 90)
LIBRARIES = ("torch", "array_api_strict")


@pytest.fixture(params=LIBRARIES)
def array(request, monkeypatch):
    return arrays_of(request.param, monkeypatch)


def pair(array, dtype, **options):
    """The objective of the same rows here and on a device."""
    model = LinearClassifier(**options)
    weights = RNG.uniform(0.5, 2, len(Y))
    here = model.objective(X.astype(dtype), Y, weights)
    there = model.objective(array(X.astype(dtype)), Y, weights)
    assert isinstance(there, DeviceObjective)
    assert isinstance(there.blocks, DeviceBlocks)
    return here, there


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_gradients_and_bounds_are_those_of_numpy(array, loss, dtype):
    here, there = pair(array, dtype, loss=loss)
    close = 1e-5 if dtype == np.float32 else 1e-10
    W = RNG.standard_normal((7, 2, 3))
    scale = np.array([0.9, 0.9])
    for smoothing in (Smoothing(), Smoothing(0.1), Smoothing(0.1, recentre=0.05)):
        request = Request(W, smoothing=smoothing, dual_scale=scale)
        expected = here.evaluate(request)
        for objective in (there, replace(there, resident=True)):
            start = objective.initial(2)
            found = objective.evaluate(replace(request, W=start + W))
            for name in ("data", "exact_data", "conjugate", "lower", "steepness"):
                pair_of = getattr(found, name), getattr(expected, name)
                np.testing.assert_allclose(*pair_of, rtol=close, atol=close)
            assert isinstance(found.gradient, type(start))
            np.testing.assert_allclose(found.gradient, expected.gradient, rtol=close, atol=close)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8])
def test_moments_and_gram_matrix_are_those_of_numpy(array, dtype):
    if dtype == np.float16 and array(X).__class__.__module__.startswith("array_api_strict"):
        pytest.skip("array-api-strict has no float16")
    here, there = pair(array, dtype)
    for name in ("mean", "squares"):
        found, expected = (
            getattr(Centroids.of(each.blocks).moments, name) for each in (there, here)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    rows = np.arange(0, 90, 2)
    for found, expected in zip(centred_gram(there, rows), centred_gram(here, rows), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_scores_of_parts_of_the_rows(array):
    here, there = pair(array, np.float64)
    W = RNG.standard_normal((7, 1, 3))
    for rows in (None, slice(3, 80, 2), np.array([5, 1, 7])):
        np.testing.assert_allclose(there.scores(W, rows), here.scores(W, rows), atol=1e-12)
    subset = np.array([4, 8, 15, 16, 23, 42])
    parts = [
        each.blocks.subset(subset).sum(lambda block: (block.X.sum(axis=0),))
        for each in (here, there)
    ]
    np.testing.assert_allclose(*parts, rtol=1e-12)


def test_an_array_of_a_device_behaves_as_one_of_numpy(array):
    """Every operation that optimizers use, and one that none does: by a copy."""
    place = Place(Library.of(array(X)))
    A, B = RNG.standard_normal((2, 5, 2, 3))
    mask = np.array([True, False])
    a, b = (DeviceArray.put(values, place) for values in (A, B))

    def changed(x, y):
        x = x.copy()
        x[:-1] -= 2 * y[:-1]
        x[-1] = 7.0
        np.copyto(x, y, where=mask[:, None])
        return x

    formulas = [
        lambda x, y: np.where(mask[:, None], x, y) * x**2 - abs(y) / 3,
        lambda x, y: np.where(x > 0, 0.0, y),
        lambda x, y: np.maximum(x, 0.0) + np.sqrt(np.square(y)),
        lambda x, y: np.concatenate([x, y], axis=2)[:, :, 1:4],
        lambda x, y: np.split(x, 3, axis=2)[1],
        lambda x, y: np.eye(5) @ x.reshape(len(x), -1),
        lambda x, y: x.sum(axis=2, keepdims=True) - y[:, None, 0],
        lambda x, y: np.zeros_like(x) + np.array(y, float, like=x),
        lambda x, y: copy.deepcopy(x) * ~(y < 0) + (x == y) * np.array([1, 2, 3]),
        changed,
    ]
    for formula in formulas:
        found = formula(a, b)
        assert isinstance(found, DeviceArray)
        np.testing.assert_allclose(np.asarray(found), formula(A, B), rtol=1e-12)
    small = [
        lambda x, y: np.einsum("dmc,dmc->m", x, y),
        lambda x, y: np.einsum("d,dmc->mc", np.arange(5.0), x),
        lambda x, y: np.einsum("dm,dmc->mc", X[:5, :2], y),
        lambda x, y: np.sum(x * y, axis=(0, 2)),
        lambda x, y: (x == y).all(axis=(0, 2)),
        lambda x, y: np.vdot(x, y) + x[0].sum() + float(np.max(y)),
        lambda x, y: np.array_equal(x, x.copy()) and not np.array_equal(x, y),
        lambda x, y: np.linalg.norm(x) + np.median(np.cosh(y)),
    ]
    for formula in small:
        found = formula(a, b)
        assert not isinstance(found, DeviceArray)
        np.testing.assert_allclose(found, formula(A, B), rtol=1e-12)
    here = A.copy()
    here += b
    np.testing.assert_allclose(here, A + B)


@pytest.mark.gpu
def test_a_card_gives_the_weights_of_numpy():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA card here")
    expected = LinearClassifier(tol=1e-6).fit(X, Y)
    for device, rows in (("auto", torch.tensor(X, device="cuda")), ("cuda", X)):
        found = LinearClassifier(tol=1e-6, device=device).fit(rows, Y)
        coef = torch.as_tensor(found.coef_)
        assert coef.device.type == ("cuda" if device == "auto" else "cpu")
        np.testing.assert_allclose(coef.cpu(), expected.coef_, atol=1e-4)
        assert found.score(rows, Y) == expected.score(X, Y)
