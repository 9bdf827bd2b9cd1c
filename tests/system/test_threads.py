"""Workers: results in order, errors at once, and threads that no visit waits for in vain."""

import multiprocessing
import threading
import time

import pytest

from halfspaces.system.threads import ordered_map


def squares(items, workers=2):
    return list(ordered_map(lambda i: i * i, items, workers))


def test_results_come_in_order_from_threads_that_stay():
    def visit(i):
        time.sleep(0.001 * (i % 3))
        return i, threading.get_ident()

    first, second = ([*ordered_map(visit, list(range(20)), 2)] for _ in range(2))
    assert [i for i, _ in first] == list(range(20))
    assert len({thread for _, thread in [*first, *second]}) == 2


def test_visits_that_have_workers_themselves_do_not_wait_for_each_other():
    def nested(depth, i):
        if depth == 0:
            return i * i
        return list(ordered_map(lambda j: nested(depth - 1, j), [i, i + 1], 2))

    assert nested(4, 0) == [nested(3, 0), nested(3, 1)]
    assert nested(1, 3) == [9, 16]


def test_after_an_error_nothing_runs_any_more():
    running = []

    def visit(i):
        if i == 0:
            raise ValueError("the first")
        running.append(i)
        time.sleep(0.01)
        running.remove(i)

    with pytest.raises(ValueError, match="the first"):
        list(ordered_map(visit, list(range(9)), 2))
    assert running == []
    assert squares([3, 4]) == [9, 16]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    squares([1, 2])
    context = multiprocessing.get_context("fork")
    received, sent = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sent.send(squares([3, 4])))
    process.start()
    assert received.poll(20), "the forked process waits for threads that it does not have"
    assert received.recv() == [9, 16]
    process.join()
