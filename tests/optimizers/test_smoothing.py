"""Losses with kinks are smoothed in stages."""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.objective.request import Request, Smoothing
from halfspaces.optimizers import LBFGS, ProximalGradient
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.testing.runs import recorded, small_objective

SMALL = small_objective()


def test_a_hinge_is_smoothed_in_stages_and_certified_as_itself():
    hinge = replace(SMALL, loss=Hinge(), penalty=L2(0.05))
    for optimizer in (LBFGS(), ProximalGradient()):
        objective, asked = recorded(hinge)
        result = minimize(objective, optimizer, tol=1e-3)
        smoothings = [request.smoothing.mu for request in asked]
        assert smoothings[0] == 0.5
        assert len(set(smoothings)) >= 2
        assert smoothings == sorted(smoothings, reverse=True)
        assert sum(request.smoothing.recentre > 0 for request in asked) >= 2, (
            "a stage is smooth about the one before"
        )
        assert result.reason.name == "CERTIFIED"
        assert result.gap <= 1e-3 * result.loss
        assert result.loss == pytest.approx(
            hinge.evaluate(Request(result.W)).data + L2(0.05).value(result.W[:-1])
        )


@pytest.mark.parametrize("loss", [Hinge(), CrammerSinger(), OneVsAll()], ids=str)
def test_smoothing_about_the_best_dual_point_leaves_the_minimum_where_it_is(loss):
    kinked = replace(SMALL, loss=loss, penalty=L2(0.05))
    state = minimize(kinked, LBFGS(), tol=1e-6, max_passes=4000).state
    about_it = replace(state.stage.smoothing, recentre=0.5)
    evaluation = kinked.evaluate(Request(state.W, smoothing=about_it))
    assert np.linalg.norm(evaluation.gradient) < 1e-3
    assert (
        np.linalg.norm(kinked.evaluate(Request(state.W, smoothing=Smoothing(0.5))).gradient) > 1e-2
    )
    again = kinked.evaluate(Request(state.W, smoothing=evaluation.smoothing))
    assert np.array_equal(again.gradient, evaluation.gradient)
    weights, total = SMALL.blocks.weights(), 0.0
    for rows in (
        np.arange(0, 60, 2),
        np.setdiff1d(np.arange(SMALL.n_examples), np.arange(0, 60, 2)),
    ):
        part = replace(kinked, blocks=kinked.blocks.subset(rows))  # each row has its own offsets
        total += weights[rows].sum() * part.evaluate(again.request).data
    assert total / weights.sum() == pytest.approx(again.data, rel=1e-9)
