"""The choice of the optimizer: which rule applies to which objective, and the page about it."""

import itertools
import sys
from pathlib import Path

import pytest

from halfspaces.losses import LOSSES
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.optimizers import (
    LBFGS,
    ByClass,
    CoordinateDescent,
    Gram,
    LowRank,
    Newton,
    ProximalGradient,
    ProximalNewton,
)
from halfspaces.optimizers.choose import choose
from halfspaces.penalties import L1, L2, PENALTIES, ElasticNet, MaxNorm, NoPenalty

DOCS = Path(__file__).parents[2] / "docs"

SIZES = [(64, True), (64, False), (4096, True), (4096, False), (4097, True), (4097, False)]
SPARSE = [False, True]


def expected(loss, penalty, n_features, *, uncorrelated, small, small_hessian, sparse):
    """The decision, as nested cases."""
    wide = n_features > 4096
    if isinstance(penalty, MaxNorm):
        return ProximalGradient()
    if isinstance(penalty, L1 | ElasticNet):
        if wide and uncorrelated and isinstance(loss, Softmax | OneVsAll) and loss.smooth:
            return CoordinateDescent()
        return ProximalGradient() if wide or small else ProximalNewton()
    if small and small_hessian and loss.smooth:
        return Newton()
    if wide:
        return LBFGS() if uncorrelated else LBFGS(preconditioner=LowRank())
    return LBFGS(preconditioner=Gram() if small else ByClass())


@pytest.mark.parametrize(
    "penalty",
    [L2(0.1), L2([0.1, 0.2]), NoPenalty(), L1(0.1), ElasticNet(0.1, 2.0), MaxNorm(1.0)],
    ids=repr,
)
def test_every_case_has_one_choice(penalty):
    cases = itertools.product(LOSSES.values(), SIZES, SPARSE, [False, True])
    for loss, (n_features, small), sparse, small_hessian in cases:
        properties = {
            "uncorrelated": sparse,
            "small": small,
            "small_hessian": small_hessian,
            "sparse": sparse,
        }
        choice = choose(loss, penalty, n_features, **properties)
        assert choice.optimizer == expected(loss, penalty, n_features, **properties)


@pytest.mark.parametrize(
    ("loss", "penalty", "n_features", "why"),
    [
        (
            "hinge",
            L2(0.1),
            64,
            "L-BFGS preconditioned by the Gram matrix: loss and penalty have gradients, "
            "the loss smoothed in stages because it has kinks",
        ),
        (
            "hinge",
            L1(0.1),
            64,
            "proximal Newton on the Gram matrix: L1 has a kink, "
            "so each step minimizes a model that keeps it",
        ),
        (
            "softmax",
            ElasticNet(0.1, 2.0),
            5000,
            "proximal gradient, accelerated: ElasticNet has a kink, so steps go through its prox",
        ),
        (
            "softmax",
            MaxNorm(1.0),
            64,
            "proximal gradient, accelerated: MaxNorm is a constraint, so steps go through its prox",
        ),
    ],
)
def test_reasons(loss, penalty, n_features, why):
    assert choose(LOSSES[loss], penalty, n_features).why == why


def test_the_page_is_up_to_date(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    import how_to_choose

    assert set(how_to_choose.LOSSES) == set(LOSSES)
    assert set(how_to_choose.PENALTIES) == set(PENALTIES)
    written = how_to_choose.PAGE.read_text(encoding="utf-8")
    assert written == how_to_choose.page(), "run `python docs/how_to_choose.py`"
    assert len(written.splitlines()) <= 50
