"""A few of the adversarial fits; `make soundness` runs ten thousand."""

import pytest

from tests.soundness.fits import broken

# Each broke something once: a bound above the minimum of small losses in float32, or by class sums
# in float32; an overflow in the Gram matrix of a feature that its sample hardly contained.
FOUND = (10108, 11069, 11339, 13637, 1028, 1653)


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_once_stays_mended(seed):
    assert broken(seed) == []


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=pytest.mark.slow if first < 60 else pytest.mark.long)
        for first in range(0, 300, 20)
    ],
)
def test_no_false_bound_no_worse_end_no_exception(first):
    assert [words for seed in range(first, first + 20) for words in broken(seed)] == []
