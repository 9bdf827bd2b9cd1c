"""The benchmark of small data: its objectives are those of its peers, and all parts run."""

import numpy as np
import pytest

from benchmarks import report, small
from benchmarks.store import Store
from halfspaces import LinearClassifier


@pytest.mark.parametrize("loss", ["softmax", *small.HINGES])
@pytest.mark.parametrize("name", ["breast_cancer", "iris"])
def test_peers_come_to_our_minimum(name, loss):
    data = small.bundled(name)
    X = data.standardized(np.float64)
    problem = small.Problem(X, X, data.y, loss, 0.1)
    free = loss == "softmax"  # LIBLINEAR's bias is penalized: without one
    ours = LinearClassifier(loss, strength=0.1, standardize=False, fit_intercept=free, tol=1e-4)
    result = ours.fit(X, data.y).result_
    fit = small._logistic(problem, "sklearn") if free else small._svc(problem, fit_intercept=False)
    theirs = small.weights_of(fit(1e-6, 10_000), loss)
    assert problem.F(theirs) == pytest.approx(result.loss[0], rel=3e-4)
    W = result.W[:, 0]
    assert problem.F((W[:-1], W[-1])) == pytest.approx(result.loss[0], rel=1e-6)


@pytest.mark.slow
def test_every_part_runs_and_is_told(tmp_path):
    store = Store(tmp_path / "benchmarks.json")
    small.run(store, quick=True)
    assert set(store["small"]) == set(small.PARTS)
    rows = [row for rows in store["small"].values() for row in rows.values()]
    assert all(row["certified"] for row in rows)
    assert all(row["distance"] <= 2e-3 for row in rows if "distance" in row)
    assert not any(run["stopped"] for row in rows for run in row["peers"].values())
    told = "\n".join(report.small_tables(Store(store.path)))
    assert told.count("###") == len(small.PARTS)
    assert "ours/theirs" in told
