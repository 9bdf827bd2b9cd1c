"""Rules that choose among scores."""

import numpy as np

from halfspaces.tuning.selection import best_of, one_standard_error_of


def test_rules():
    mean, error = np.array([0.80, 0.88, 0.90, 0.91, 0.91, 0.91 - 1e-16]), np.full(6, 0.02)
    assert best_of(mean) == 3
    assert one_standard_error_of(mean, error) == 2
    assert one_standard_error_of(mean, 0 * error) == 3
    assert best_of(np.array([np.nan, -3.0, -2.0, np.nan])) == 2


def test_equal_means_are_told_apart_by_the_tie_breaker():
    mean = np.array([0.8, 0.9, 0.9, 0.9 - 1e-16, 0.7])
    assert best_of(mean, np.array([9.0, -0.6, -0.2, -0.1, 9.0])) == 3
    assert best_of(mean, np.array([0.0, -0.1, -0.1, -0.1, 0.0])) == 1, "the strongest penalty"
    assert best_of(mean, np.array([0.0, np.nan, -0.3, -0.2, 0.0])) == 3
    error = np.array([0.01, 0.05, 0.2, 0.01, 0.0])
    assert one_standard_error_of(mean, error, np.array([0, -3.0, -1.0, -2.0, 0])) == 0
