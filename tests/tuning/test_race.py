"""The laws of a race: halving, the same held-out rows, the simplest of those that do not differ."""

import numpy as np
import pytest

from halfspaces.tuning.race import NO_TIME, Entry, race

ROWS = 400


def entering(accuracies, calls=None):
    """Candidates that are right on the first rows, as many as their accuracy says."""

    def enter(name, count):
        if calls is not None:
            calls.append((name, count))
        if accuracies[name] is None:
            raise ValueError("Images are too small; give larger ones.")
        right = np.arange(ROWS) < accuracies[name] * ROWS
        return Entry(name, count, right.astype(float), np.ones(ROWS), 0.1, 0.0)

    return enter


def test_each_round_halves():
    accuracies = {f"{i}": 0.5 + i / ROWS for i in range(8)}
    calls = []
    found = race(list(accuracies), [100, 400, 1600], entering(accuracies, calls))
    assert [count for _, count in calls] == [100] * 8 + [400] * 4 + [1600] * 2
    assert {entry.name for entry in found.last_round} == {"6", "7"}
    assert not found.left_out


def test_a_candidate_far_behind_is_out_whatever_its_rank():
    calls = []
    accuracies = {"a": 0.5, "b": 0.6, "c": 0.95, "d": 0.94}
    race(list(accuracies), [100, 400], entering({**accuracies, "d": 0.7}, calls))
    assert [name for name, count in calls if count == 400] == []
    race(list(accuracies), [100, 400], entering(accuracies, calls := []))
    assert [name for name, count in calls if count == 400] == ["c", "d"]


def test_the_simplest_within_a_standard_error_wins():
    accuracies = {"simple": 0.9, "dear": 0.9 + 1 / ROWS}
    assert race(list(accuracies), [100], entering(accuracies)).winner.name == "simple"
    accuracies["dear"] = 0.95
    assert race(list(accuracies), [100], entering(accuracies)).winner.name == "dear"


def test_the_error_is_that_of_paired_differences():
    a, b = (entering({"a": 0.9, "b": 0.91})(name, 100) for name in "ab")
    lead, error = a.behind(b)
    difference = b.right - a.right
    assert lead == pytest.approx(0.01)
    assert error == pytest.approx(difference.std(ddof=1) / np.sqrt(ROWS))
    assert error < a.error


def test_a_weight_of_two_counts_twice():
    rng = np.random.default_rng(0)
    right = (rng.random(50) < 0.7).astype(float)
    weight = rng.integers(1, 3, 50).astype(float)
    weighted = Entry("a", 1, right, weight, 0.1, 0.0)
    repeated = Entry("a", 1, np.repeat(right, weight.astype(int)), np.ones(int(weight.sum())), 0, 0)
    assert weighted.score == pytest.approx(repeated.score)


def test_candidates_that_fail_are_left_out():
    accuracies = {"a": None, "b": 0.5, "c": 0.7}
    found = race(list(accuracies), [100, 200], entering(accuracies))
    assert found.winner.name == "c"
    assert found.left_out == {"a": "Images are too small; give larger ones."}
    with pytest.raises(ValueError, match="No candidate can be fitted: Images are too small"):
        race(["a"], [100], entering(accuracies))


def test_the_first_candidate_always_starts():
    accuracies = {"a": 0.5, "b": 0.7}
    found = race(list(accuracies), [100], entering(accuracies), lambda: False)
    assert found.winner.name == "a"
    assert found.left_out == {"b": NO_TIME}
