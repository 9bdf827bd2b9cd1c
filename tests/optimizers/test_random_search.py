"""Random search."""

import numpy as np
import pytest

from halfspaces.callbacks import Attempts
from halfspaces.optimizers import LBFGS, RandomSearch
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import Watch, recorded, small_objective, start

SMALL = small_objective()


def test_random_search_is_told_values_and_keeps_the_best_of_the_same_draws():
    def drawn(batch):
        objective, asked = recorded(SMALL)
        return minimize(objective, RandomSearch(draws=20, scale=0.3, batch=batch)), asked[:-1]

    one, asked = drawn(batch=1)
    seven, _ = drawn(batch=7)
    assert np.array_equal(one.W, seven.W)
    assert not any(request.gradient for request in asked)
    values = [SMALL.evaluate(request).total[0] for request in asked]
    assert len(values) == 21, "the start and 20 draws"
    assert one.loss == pytest.approx(min(values))
    assert one.passes == 21 / 2 + 1
    assert seven.passes == (1 + 3) / 2 + 1, "draws that are evaluated together share a visit"


def test_local_random_search_walks_downhill_from_the_best_so_far():
    objective, asked = recorded(SMALL)
    watch = Watch(1000)
    search = RandomSearch(draws=30, scale=0.05, local=True, batch=1)
    result = minimize(objective, search, start(SMALL), callbacks=[watch])
    centres = [start(SMALL), *watch.iterates]
    spread = [
        np.std(request.W - centre)
        for request, centre in zip(asked[1:-1], centres[1:-1], strict=True)
    ]
    assert np.allclose(spread, 0.05, rtol=0.6), "every draw is around the best so far"
    assert not any(request.gradient for request in asked[:-1])
    assert len(result.history) > 2
    assert np.all(np.diff(result.history["loss"].ravel()) < 0)


@pytest.mark.parametrize("batch", [1, 7])
def test_attempts_are_all_losses_and_the_best_so_far(batch):
    objective, asked = recorded(SMALL)
    shown = []
    attempts = Attempts(show=lambda *attempt: shown.append(attempt))
    search = RandomSearch(draws=20, scale=0.3, batch=batch)
    for _ in range(2):  # a second run begins anew
        result = minimize(objective, search, callbacks=[attempts])
        values = np.concatenate([SMALL.evaluate(request).total for request in asked])[:21]
        np.testing.assert_allclose(attempts.loss, values)
        np.testing.assert_array_equal(attempts.best, np.minimum.accumulate(attempts.loss))
        assert attempts.best[-1] == pytest.approx(float(result.loss[0]))
    expected = [(k, attempts.loss[k], attempts.best[k]) for k in range(21)]
    assert shown == expected * 2


def test_attempts_belong_to_random_search():
    with pytest.raises(ValueError, match=r"Attempts belongs to RandomSearch, got LBFGS\("):
        minimize(SMALL, LBFGS(), callbacks=[Attempts()])
