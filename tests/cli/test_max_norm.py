"""Max norm on the command line: by proximal gradient, minibatches and plain steps."""

import numpy as np
import pytest

import halfspaces
from halfspaces.penalties import MaxNorm

RADIUS = 0.5


@pytest.fixture(scope="module")
def digits():
    return halfspaces.datasets.open("digits")


@pytest.fixture(scope="module")
def proved(digits):
    """A lower bound on the least loss, proved by proximal gradient."""
    classifier = halfspaces.LinearClassifier(penalty=MaxNorm(RADIUS), tol=1e-5, verbose=-1)
    result = classifier.fit(digits.X, digits.y).result_
    assert result.gap[0] <= 1e-5 * result.loss[0]
    return float(result.loss[0] - result.gap[0])


@pytest.mark.parametrize(
    ("optimizer", "accuracy"), [("proximal", 1e-3), ("sgd --epochs 100", 2e-3)]
)
def test_each_optimizer_finds_the_minimum_within_the_radius(
    run, tmp_path, digits, proved, optimizer, accuracy
):
    model = tmp_path / "model"
    asked = ("--penalty", "max_norm", "--radius", RADIUS, "--optimizer", *optimizer.split())
    ended = run("train", "digits", *asked, "--out", model)
    assert ended.code == 0, ended.err
    classifier = halfspaces.load(model)
    assert classifier.penalty == MaxNorm(RADIUS)
    W = classifier.parameters(classifier.objective(digits.X, digits.y))
    norms = np.linalg.norm(W[:-1, 0], axis=0)
    assert np.all(norms <= RADIUS * (1 + 1e-5))  # of float32 coefficients
    assert norms.max() > 0.99 * RADIUS
    assert proved <= classifier.notes_["fit"]["loss"] <= (1 + accuracy) * proved
    again = run("train", "--run", f"{model}.run.toml", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert np.array_equal(halfspaces.load(tmp_path / "again").coef_, classifier.coef_)
