"""The order of the rows in an epoch."""

import threading

import numpy as np
import pytest
from sklearn.datasets import load_digits

from halfspaces.files.checkpoint import Checkpoint
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.optimizers import SGD
from halfspaces.optimizers.epoch_order import Shuffling
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.system import read_ahead
from halfspaces.testing.runs import recorded, small_objective

SMALL = small_objective()


def test_an_epoch_of_sgd_visits_every_example_once():
    objective, asked = recorded(SMALL)
    minimize(objective, SGD(batch_size=16, epochs=2))
    batches = [request.rows for request in asked[:-1]]
    assert [len(rows) for rows in batches] == [16, 16, 16, 12] * 2
    for epoch in (batches[:4], batches[4:]):
        assert np.array_equal(np.sort(np.concatenate(epoch)), np.arange(60))
    assert not np.array_equal(batches[0], batches[4]), "each epoch has its own order"


@pytest.mark.parametrize(
    ("n_rows", "batch_size"), [(1, 4), (64, 16), (1000, 7), (1000, 300), (3001, 64)]
)
def test_a_shuffling_visits_every_row_once_in_windows_of_whole_batches(n_rows, batch_size):
    order = Shuffling.of(n_rows, row_bytes=4, batch_size=batch_size, window_bytes=2048, seed=3)
    assert order.window % batch_size == 0
    epochs = [
        np.concatenate([order.rows(epoch, window) for window in range(order.windows)])
        for epoch in range(2)
    ]
    for rows in epochs:
        assert np.array_equal(np.sort(rows), np.arange(n_rows))
    assert n_rows == 1 or not np.array_equal(*epochs), "each epoch has its own order"
    if order.windows > 1:
        ahead, last = order.next_rows(0, 0), order.next_rows(0, order.windows - 1)
        assert np.array_equal(ahead, np.sort(order.rows(0, 1)))
        assert np.array_equal(last, np.sort(order.rows(1, 0))), (
            "after the last window comes the next epoch"
        )


def test_rows_sorted_by_class_are_mixed_in_every_window():
    order = Shuffling.of(200_000, row_bytes=3072, batch_size=256, window_bytes=64 << 20, seed=0)
    assert order.windows > 5
    assert order.stretch > 50, "rows that lie together are read together"
    for window in range(order.windows - 1):
        counts = np.bincount(order.rows(0, window) // 20_000, minlength=10)
        assert counts.min() > 0.5 * order.window / 10


def test_sgd_on_disk_reads_ahead_and_ends_with_the_bits_of_sgd_in_memory(monkeypatch, tmp_path):
    np.save(tmp_path / "X.npy", X := load_digits().data.astype(np.uint8)[:500])
    y, optimizer = load_digits().target[:500], SGD(batch_size=16, epochs=2, window_bytes=1 << 12)
    advise, asked, runs = read_ahead._advise, [], []

    def watched(file, X, rows):
        assert threading.current_thread().name == read_ahead.THREAD_NAME
        asked.append(rows)
        advise(file, X, rows)

    monkeypatch.setattr(read_ahead, "_advise", watched)
    for rows in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        objective = Objective(Softmax(), L2(0.01), Blocks(rows, y, n_jobs=1), n_classes=10)
        whole, kept = minimize(objective, optimizer), Checkpoint(tmp_path / str(len(runs)), every=0)
        minimize(
            objective, optimizer, max_passes=1.3, callbacks=[kept]
        )  # ends in the middle of a window
        runs += [whole, minimize(objective, optimizer, resume=kept.run(objective, optimizer))]
        assert isinstance(rows, np.memmap) or not asked, "rows in memory need no reading"
    assert len({run.W.tobytes() for run in runs}) == 1
    for thread in threading.enumerate():
        if thread.name == read_ahead.THREAD_NAME:
            thread.join()
    read = np.unique(np.concatenate(asked))
    assert np.array_equal(read, np.arange(500)), "every row is read ahead in some epoch"
