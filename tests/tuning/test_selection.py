"""Rules that choose among scores."""

import numpy as np

from halfspaces.tuning.selection import best_of, one_standard_error_of


def test_rules():
    mean, error = np.array([0.80, 0.88, 0.90, 0.91, 0.91, 0.91 - 1e-16]), np.full(6, 0.02)
    assert best_of(mean) == 3
    assert one_standard_error_of(mean, error) == 2
    assert one_standard_error_of(mean, 0 * error) == 3
    assert best_of(np.array([np.nan, -3.0, -2.0, np.nan])) == 2
