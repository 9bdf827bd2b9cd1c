"""Update rules, as worked out by hand."""

import numpy as np
import pytest

from halfspaces.optimizers import SGD, Adagrad, Adam, Momentum, Nesterov, Plain, RMSProp
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import Watch, recorded, small_objective

SMALL = small_objective()

# ------------------------------------------------------------------------------------------ by hand


def moves(rule, gradients, step=0.1):
    """W after each of some given gradients (numbers), from 0."""
    W, last, found = np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), []
    slots = rule.slots(W)
    for count, gradient in enumerate(gradients, start=1):
        last, _, slots = rule.move(slots, np.full((1, 1, 1), gradient), last, step, count)
        W = W + last
        found.append(float(W.item()))
    return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Plain(), [-0.2, -0.4, 0.0]),
        (Momentum(decay=0.5), [-0.2, -0.2 - 0.3, -0.5 - 0.15 + 0.4]),
        (
            Nesterov(decay=0.5),
            [-0.2, -0.2 - 0.3, -0.5 - 0.15 + 0.4],
        ),  # the rule sees gradients, not where they are from
        (Adagrad(), [-0.1, -0.1 - 0.1 / np.sqrt(2), -0.1 - 0.1 / np.sqrt(2) + 0.4 / np.sqrt(24)]),
        (RMSProp(decay=0.5), [-0.2 / np.sqrt(2), -0.2 / np.sqrt(2) - 0.2 / np.sqrt(3), None]),
        (
            Adam(beta1=0.5, beta2=0.5),
            [-0.1, -0.2, -0.2 - 0.1 * (-1.25 / 0.875) / np.sqrt(9.5 / 0.875)],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_update_rules_by_hand(rule, expected):
    for found, by_hand in zip(moves(rule, [2.0, 2.0, -4.0]), expected, strict=True):
        assert by_hand is None or found == pytest.approx(by_hand, rel=1e-6)


# -------------------------------------------------- spikes: what the interface must carry naturally


def test_nesterov_asks_at_the_look_ahead_and_keeps_the_iterate():
    objective, asked = recorded(SMALL)
    watch = Watch(100)
    result = minimize(
        objective, SGD(0.1, update_rule=Nesterov(0.8), batch_size=16, epochs=2), callbacks=[watch]
    )
    iterates = [SMALL.zeros(), SMALL.zeros(), *watch.iterates]
    assert len(asked) == 8 + 1
    for k, request in enumerate(asked[:-1]):
        before, here = iterates[k], iterates[k + 1]
        np.testing.assert_allclose(request.W, here + 0.8 * (here - before), rtol=1e-12, atol=1e-15)
        assert request.rows is not None
    assert np.array_equal(result.W, watch.iterates[-1])
    assert np.array_equal(asked[-1].W, result.W), "the loss of the result is that of the iterate"
