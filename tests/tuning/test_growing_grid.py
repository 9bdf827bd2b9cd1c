"""The automatic grid: where it grows, where it stops, and when a search is left."""

import numpy as np
import pytest

from halfspaces.tuning.growing_grid import SPAN, GrowingGrid, without_gain


def grown(peak, n_strengths=3, span=1e-4):
    """The strengths of a grid from 1 with scores that fall with the decades from a peak."""
    grid = GrowingGrid.geometric(1.0, n_strengths, span=span)
    given = list(grid.upcoming(lambda strengths: -abs(np.log10(strengths) - peak)))
    assert sorted(given, reverse=True) == grid.strengths
    return np.array(grid.strengths)


def test_a_grid_spans_six_decades():
    strengths = GrowingGrid.geometric(2.0, 20).strengths
    assert len(strengths) == 20
    assert strengths[0] == 2.0
    assert strengths[-1] / strengths[0] == pytest.approx(SPAN)


@pytest.mark.parametrize("n_strengths", [2, 3, 5, 20])
@pytest.mark.parametrize("span", [1e-6, 1e-3])
@pytest.mark.parametrize("peak", [-99, 99, -2])
def test_no_strength_is_less_than_a_thousandth_of_the_one_before(n_strengths, span, peak):
    strengths = grown(peak, n_strengths, span)
    ratios = strengths[1:] / strengths[:-1]
    assert ratios.min() > 0.999e-3
    np.testing.assert_allclose(ratios, ratios[0])


@pytest.mark.parametrize(
    ("peak", "exponents"),
    [
        (-2, [0, -2, -4]),  # the best is inside
        (-6, [0, -2, -4, -6, -8]),  # one beyond the best
        (-99, [0, -2, -4, -6, -8, -10]),  # at most as many more
        (2, [4, 2, 0, -2, -4]),
        (99, [6, 4, 2, 0, -2, -4]),
    ],
)
def test_a_grid_grows_at_the_end_where_the_best_score_lies(peak, exponents):
    np.testing.assert_allclose(np.log10(grown(peak)), exponents, atol=1e-12)


def test_a_large_grid_grows_by_a_tenth_at_a_time():
    assert len(grown(-4.0, n_strengths=40)) == 44
    assert len(grown(-99.0, n_strengths=40)) == 80


def test_equal_scores_or_none_add_no_strength():
    for scores in (np.ones, lambda size: np.full(size, np.nan)):
        grid = GrowingGrid.geometric(1.0, 5)
        assert len(list(grid.upcoming(lambda strengths, make=scores: make(len(strengths))))) == 5


@pytest.mark.parametrize(
    ("scores", "penalties", "expected"),
    [
        ([1, 2, 1, 1, 1], [5, 4, 3, 2, 1], True),
        ([1, 1, 1, 2, 1], [5, 4, 3, 2, 1], False),  # less than a decade
        ([1, 2, 1, 1, 1], [1, 2, 3, 4, 5], False),  # λ R(W) still rises
        ([2, 1, 1, 1, 1], [5, 4, 3, 2, 1], False),  # the grid is to grow upwards
        ([np.nan] * 5, [5, 4, 3, 2, 1], False),
    ],
)
def test_a_search_is_left_after_a_decade_without_gain(scores, penalties, expected):
    strengths = [1.0, 0.5, 0.2, 0.1, 0.05]
    assert without_gain(strengths, np.array(scores, dtype=float), penalties) is expected
