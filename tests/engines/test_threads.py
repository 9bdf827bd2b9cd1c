"""Rows in partitions in this process: what does not need a cluster."""

import numpy as np
import pytest

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.engines import EngineError, PartitionedRows, Read, Threads, place
from halfspaces.engines.futures import Book
from halfspaces.engines.residents import Call, Outcome, join, versions, visit


@pytest.mark.parametrize("options", [{}, {"loss": "hinge", "tol": 1e-2}, {"penalty": "l1"}])
def test_a_fit_in_partitions_is_that_of_the_whole(digits, options):
    X, y = digits
    whole = LinearClassifier(**options).fit(X, y)
    parts = LinearClassifier(**options).fit(place(X, Threads(2), 7), y)
    assert parts.result_.converged
    tolerance = 2 * max(whole.tol, parts.tol)
    assert parts.result_.loss == pytest.approx(whole.result_.loss, rel=tolerance)
    assert np.mean(parts.predict(X) == whole.predict(X)) > 0.99


def test_the_number_of_workers_changes_no_bit(digits):
    X, y = digits
    fits = [
        LinearClassifierCV(strengths=[0.1, 0.01], cv=3).fit(place(X, Threads(n), 5), y)
        for n in (1, 3)
    ]
    assert np.array_equal(fits[0].coef_, fits[1].coef_)
    assert np.array_equal(fits[0].scores_, fits[1].scores_)


def test_what_needs_single_rows_is_refused(digits):
    X, y = digits
    placed = place(X, Threads(1), 3)
    with pytest.raises(TypeError, match="single rows, and these lie on threads; use optimizer='lb"):
        LinearClassifier(loss="hinge", optimizer="dual_ascent").fit(placed, y)
    with pytest.raises(TypeError, match="use optimizer='proximal_newton'"):
        LinearClassifier(penalty="l1", optimizer="coordinate_descent").fit(placed, y)


def test_values_that_are_not_finite_have_their_row(digits):
    X, y = digits
    X = X.copy()
    X[1000, 7] = np.nan
    with pytest.raises(ValueError, match="NaN at row 1000, column 7"):
        LinearClassifier().fit(place(X, Threads(1), 4), y)


def test_no_partition_is_counted_twice_or_left_out():
    outcomes = [Outcome((p,), (np.full(2, float(p)),)) for p in range(3)]
    whole = join(outcomes)
    assert whole.partitions == (0, 1, 2)
    assert whole.result[0].tolist() == [3.0, 3.0]
    lost = join([outcomes[0], Outcome((1,), missing=((5, 1),))])
    assert lost.result is None
    assert lost.missing == ((5, 1),)


def test_partitions_stay_where_they_are_and_move_to_new_workers():
    class X:
        number = 1
        sources = range(6)

    book = Book()
    book.assign(X, ["a", "b"])
    before = dict(book.workers)
    assert sorted(before.values()) == ["a"] * 3 + ["b"] * 3
    book.assign(X, ["a", "b", "c"])
    assert sorted(book.workers.values()) == ["a"] * 2 + ["b"] * 2 + ["c"] * 2
    stayed = sum(before[key] == worker for key, worker in book.workers.items())
    assert stayed == 4
    book.assign(X, ["c"])
    assert set(book.workers.values()) == {"c"}


def _call(**changes):
    call = Call(1, 4, 0, 3, None, "part-4.npy", 2, None, (), (), versions())
    return call._replace(**changes)


def test_other_versions_are_refused_by_name():
    other = {**versions(), "numpy": "1.0"}
    outcome = visit(_call(versions=other), b"", None, {}, "here")
    assert str(outcome.error).startswith("Worker here has numpy ")
    assert "instead of 1.0" in str(outcome.error)


def test_a_partition_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "part-4.npy"
    path.write_bytes(b"\x93NUMPY damaged")
    outcome = visit(_call(), b"", Read(np.load, (path,), "part-4.npy"), {}, "here")
    assert isinstance(outcome.error, EngineError)
    assert str(outcome.error).startswith("Partition 4 (part-4.npy) cannot be read: ")


def test_beyond_its_memory_a_worker_maps_partitions_from_disk():
    from halfspaces.engines.residents import Residents

    residents = Residents()
    first = residents.hold("w", (1, 0), np.ones((100, 10)), memory=20_000)
    second = residents.hold("w", (1, 1), np.ones((100, 10)), memory=20_000)
    assert not isinstance(first, np.memmap)
    assert isinstance(second, np.memmap)
    assert np.array_equal(first, second)
    residents.forget([1])
    assert residents.find("w", (1, 1)) is None


def test_partitions_that_workers_read_themselves(tmp_path, digits):
    X, y = digits
    sources = []
    starts = [0]
    for p, part in enumerate(np.array_split(X, 3)):
        path = tmp_path / f"{p}.npy"
        np.save(path, part)
        sources.append(Read(np.load, (path,), path.name))
        starts.append(starts[-1] + len(part))
    placed = PartitionedRows(Threads(2), tuple(sources), np.array(starts), 64, X.dtype)
    same = place(X, Threads(2), np.diff(starts).tolist())
    fits = [LinearClassifier().fit(rows, y) for rows in (placed, same)]
    assert np.array_equal(fits[0].coef_, fits[1].coef_)
