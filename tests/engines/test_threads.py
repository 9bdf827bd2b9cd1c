"""Rows in partitions in this process: what does not need a cluster."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.engines import EngineError, PartitionedRows, Read, Threads, place
from halfspaces.engines.base import Tree
from halfspaces.engines.book import Book
from halfspaces.engines.held import Residents, pieces_of
from halfspaces.engines.residents import Call, Delivery, Visited, deliver, versions, visit


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


@pytest.mark.parametrize("leaves", [1, 2, 7, 12])
def test_sums_have_the_same_bits_whoever_adds_them(leaves):
    values = np.random.default_rng(leaves).standard_normal(leaves)
    whole = Tree(leaves)
    for leaf, value in enumerate(values):
        whole.put((0, leaf), (value,))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        client = Tree(leaves)
        owners = rng.integers(3, size=leaves)
        for worker in rng.permutation(3):
            own = Tree(leaves)
            for leaf in np.flatnonzero(owners == worker):
                own.put((0, int(leaf)), (values[leaf],))
            for node, sums in own.nodes.items():
                client.put(node, sums)
        assert client.total() == whole.total()


def test_a_worker_with_half_of_the_partitions_sends_one_sum():
    tree = Tree(16)
    for leaf in range(8, 16):
        tree.put((0, leaf), (1.0,))
    assert tree.nodes == {(3, 1): (8.0,)}
    with pytest.raises(KeyError):
        tree.total()  # without the other half


def test_partitions_stay_where_they_are_and_move_to_new_workers():
    class X:
        number = 1
        sources = range(6)

    book = Book()
    book.assign(X, ["a", "b"])
    before = dict(book.workers[1])
    assert list(before.values()) == ["a"] * 3 + ["b"] * 3
    book.assign(X, ["a", "b", "c"])
    assert sorted(book.workers[1].values()) == ["a"] * 2 + ["b"] * 2 + ["c"] * 2
    stayed = sum(before[key] == worker for key, worker in book.workers[1].items())
    assert stayed == 4
    book.note("b", (1, 3))
    book.lose("b")
    assert not book.has("b", (1, 3))
    book.assign(X, ["c"])
    assert set(book.workers[1].values()) == {"c"}
    book.forgotten.append(1)
    assert book.forget() == [1]
    assert book.workers == {}


def test_other_versions_are_refused_by_name():
    other = {**versions(), "numpy": "1.0"}
    part = Visited(0, 4, 0, 3, None, "part-4.npy")
    outcome = visit(Call((part,), 1, 1, 2, None, (), (), {}, other), b"", "here")
    assert str(outcome.error).startswith("Worker here has numpy ")
    assert "instead of 1.0" in str(outcome.error)


def test_a_worker_says_what_it_misses():
    part = Visited(0, 4, 0, 3, None, "part-4.npy")
    call = Call((part,), 1, -1, -2, None, (), (), {(-2, 4): np.zeros(3)}, versions())
    assert visit(call, b"", "here").missing == ((-1, 4),)


def test_a_partition_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "part-4.npy"
    path.write_bytes(b"\x93NUMPY damaged")
    delivery = Delivery(-3, 4, 3, "part-4.npy", versions())
    outcome = deliver(delivery, Read(np.load, (path,), "part-4.npy"), "here")
    assert isinstance(outcome.error, EngineError)
    assert str(outcome.error).startswith("Partition 4 (part-4.npy) cannot be read: ")


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_rows_that_arrive_in_pieces_are_whole(monkeypatch, kind):
    monkeypatch.setattr("halfspaces.engines.held.PIECE", 100)
    rows = kind(np.random.default_rng(0).integers(3, size=(50, 4)).astype(np.float32))
    pieces = pieces_of(rows)
    assert len(pieces) > 5
    residents = Residents()
    for order in (pieces, pieces[::-1], [*pieces[3:], pieces[4], *pieces[:3]]):
        found = [residents.receive("w", (1, 0), piece, start, 50) for start, piece in order]
        assert found[:-1] == [None] * (len(order) - 1)
        assert abs(found[-1] - rows).max() == 0
    assert residents.receive("w", (1, 1), rows, 3, 53) is None  # the first ones are missing


def test_beyond_its_memory_a_worker_maps_partitions_from_disk():
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
