"""The penalties: every law, and what can be worked out by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize

from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.testing import check_penalty

PENALTIES = [
    L2(0.3),
    L2((0.0, 0.5, 2.0)),
    L1(0.3),
    L1((0.0, 0.5)),
    ElasticNet(0.3),
    ElasticNet((0.0, 0.5, 2.0), beta=0.4),
    MaxNorm(),
    MaxNorm((0.2, 3.0)),
    NoPenalty(),
]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_laws(penalty):
    check_penalty(penalty)


def column(*numbers):
    """One class of one member: shape (D, 1, 1)."""
    return np.array(numbers, dtype=float)[:, None, None]


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (L2(0.1), 0.1 * 25),
        (L1(0.1), 0.1 * 7),
        (ElasticNet(0.1, beta=2.0), 0.1 * (2 * 25 + 7)),
        (MaxNorm(5.0), 0.0),
    ],
    ids=str,
)
def test_values_have_no_hidden_half_and_no_hidden_mean(penalty, value):
    assert penalty.value(column(3, -4)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (L2(0.5), [1.5, -2.0, 0.05]),  # W / (1 + 2 · 0.5 · 1)
        (L1(0.5), [2.5, -3.5, 0.0]),
        (ElasticNet(0.5, beta=2.0), [2.5 / 3, -3.5 / 3, 0.0]),
        (MaxNorm(1.0), np.array([3, -4, 0.1]) / np.sqrt(25.01)),
    ],
    ids=str,
)
def test_prox_by_hand(penalty, expected):
    assert penalty.prox(column(3, -4, 0.1), 1.0).ravel() == pytest.approx(expected)


def test_max_norm_leaves_short_vectors_alone_and_is_infinite_at_long_ones():
    W = np.array([[[0.3, 3.0]], [[0.4, 4.0]]])  # two classes, of length 0.5 and 5
    assert MaxNorm(1.0).prox(W, 1.0)[:, 0].T.tolist() == [[0.3, 0.4], pytest.approx([0.6, 0.8])]
    assert MaxNorm(1.0).value(W) == np.inf


def test_max_norm_with_a_step_for_each_coordinate_is_the_projection_in_that_metric():
    W, step = column(3, 4), column(0.1, 10.0)
    found = MaxNorm(1.0).prox(W, step).ravel()
    distance = minimize(
        lambda angle: np.sum(
            (np.array([np.cos(angle[0]), np.sin(angle[0])]) - W.ravel()) ** 2 / step.ravel()
        ),
        [0.1],
    )
    assert found == pytest.approx([np.cos(distance.x[0]), np.sin(distance.x[0])], abs=1e-5)


def test_each_member_has_its_own_strength():
    W = np.ones((2, 3, 4))
    assert L2((0.0, 0.1, 1.0)).value(W) == pytest.approx([0.0, 0.8, 8.0])
    assert L2(np.array([0.1, 1.0])) == L2([0.1, 1.0]) == L2((0.1, 1.0))  # type: ignore


def test_a_penalty_without_a_gradient_says_what_to_use():
    with pytest.raises(TypeError, match=r"L1 has no gradient; use its prox"):
        L1(0.1).gradient(np.ones((1, 1, 1)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L2(-1), r"L2\(strength=...\) must be at least 0, got -1."),
        (lambda: L1((0.1, float("nan"))), r"L1\(strength=...\) must be at least 0, got nan."),
        (lambda: ElasticNet(1.0, beta=0), r"ElasticNet\(beta=...\) must be above 0, got 0."),
        (lambda: MaxNorm(0), r"MaxNorm\(radius=...\) must be above 0, got 0."),
    ],
)
def test_options_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
