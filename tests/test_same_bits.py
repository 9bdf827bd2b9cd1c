"""The tool that compares checkouts; and fits by any number of workers, in blocks of any size."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from same_bits import compare, digest
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier, LinearClassifierCV, minimize
from halfspaces.rows.blocks import BlockSizes

ROOT = Path(__file__).parents[1]
X, Y = load_digits(return_X_y=True)


@pytest.mark.slow
def test_a_checkout_has_the_bits_of_itself():
    command = [sys.executable, ROOT / "tests" / "same_bits.py", ROOT, ROOT, "--only", "schedules"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    row = done.stdout.splitlines()[1].split()
    assert row[0] == "schedules"
    assert row[1] == row[2]
    assert row[3] == "same"


def test_digests_see_bits_types_and_shapes():
    array = np.arange(6.0)
    changed = np.where(array == 3, np.nextafter(3, 4), array)
    others = [changed, array.astype(np.float32), array.reshape(2, 3), array[::-1]]
    assert digest(array) == digest(np.repeat(array, 2)[::2])
    assert len({digest(each) for each in [array, *others]}) == 5


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"fit": {"W": "1", "gap": "3"}}, "DIFFERENT: gap"),
        ({"fit": {"W": "1"}}, "DIFFERENT: gap"),
        ({}, "DIFFERENT: only in old"),
        ({"fit": {"error": "ValueError: no"}}, "FAILED: ValueError: no"),
    ],
)
def test_what_differs_is_named_and_counted(new, words):
    old = {"fit": {"W": "1", "gap": "2"}}
    lines, unequal = compare(old, new)
    assert unequal == 1
    assert lines[1].endswith(words)
    assert compare(old, old)[1] == 0


# ---------------------------------------------------------------------- workers and sizes of blocks


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_a_search_has_the_same_bits_for_any_number_of_workers(penalty):
    data, y = np.tile(X.astype(np.uint8), (4, 1)), np.tile(Y, 4)  # several blocks
    options = {"penalty": penalty, "strengths": [0.1, 0.03], "cv": 2, "max_passes": 5}
    one = LinearClassifierCV(n_jobs=1, **options).fit(data, y)
    for jobs in (2, 4):
        other = LinearClassifierCV(n_jobs=jobs, **options).fit(data, y)
        np.testing.assert_array_equal(other.coef_, one.coef_)
        np.testing.assert_array_equal(other.scores_, one.scores_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd"}, {"penalty": "l1"}], ids=str)
def test_a_fit_in_small_blocks_is_equal_to_rounding(options):
    classifier = LinearClassifier(max_passes=5, **options).fit(X, Y)
    objective = classifier.objective(X, Y)
    blocks = replace(objective.blocks, sizes=BlockSizes(bytes=1))
    assert blocks.block_rows < len(X) / 10
    small, whole = (
        minimize(each, classifier.optimizer_, max_passes=5).W
        for each in (replace(objective, blocks=blocks), objective)
    )
    # Sums of 1,797 terms in float64 in another order, in five passes: 1,797 * 1.1e-16 * 5 = 1e-12.
    np.testing.assert_allclose(small, whole, rtol=0, atol=1e-12 * np.abs(whole).max())
