"""The benchmark of clusters compares equal objectives, and goes on without a peer."""

import sys

import numpy as np
import pytest

from benchmarks import cluster_peers
from halfspaces.engines import Threads
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.penalties.l2 import L2
from halfspaces.rows.blocks import Blocks


def problem(classes):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)).astype(np.float32)
    return X, np.arange(60) % classes, rng.standard_normal((4, classes))


def test_the_total_of_classes_is_the_objective_of_the_library():
    X, y, W = problem(3)
    objective = Objective(Softmax(), L2(0.1 / 2), Blocks(X, y), 3, fit_intercept=False)
    at = objective.zeros()
    at[: len(W), 0] = W
    expected = objective.evaluate(Request(at)).total[0]
    assert cluster_peers.total(X, y, W, 0.1) == pytest.approx(expected, rel=1e-6)


def test_one_column_has_the_logistic_loss():
    X, y, W = problem(2)
    w = W[:, 0]
    margins = (2 * y - 1) * (X.astype(np.float64) @ w)
    expected = np.log1p(np.exp(-margins)).mean() + 0.05 * w @ w
    assert cluster_peers.total(X, y, w[:, None], 0.1) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_no_step_from_our_weights_lowers_the_total(classes):
    X, y, _ = problem(classes)
    W = cluster_peers.own_fit(X, y, Threads(1), 0.1, 1e-9)
    best = cluster_peers.total(X, y, W, 0.1)
    for step in np.random.default_rng(1).standard_normal((20, *W.shape)) / 100:
        assert cluster_peers.total(X, y, W + step, 0.1) > best


def test_a_peer_that_cannot_run_is_a_sentence(tmp_path):
    reached, ended = cluster_peers.peer("spark", sys.executable, tmp_path, 60)
    assert reached == []
    assert ended.startswith("spark ended with an error: FileNotFoundError")


def test_the_seconds_to_an_excess_are_those_of_the_fastest_setting_that_reaches_it():
    found = [(1.0, 0.5), (4.0, 1e-3), (3.0, 2e-3)]
    assert cluster_peers.first_within(found, 1e-2) == 3.0
    assert cluster_peers.first_within(found, 1e-4) is None
