"""The optimizers: every law for every one of them, and what can be worked out by hand."""

import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from halfspaces import blocks
from halfspaces.blocks import Blocks
from halfspaces.checkpoint import Checkpoint
from halfspaces.losses import LOSSES, CrammerSinger, Hinge, OneVsAll, Softmax
from halfspaces.minimize import minimize
from halfspaces.moments import Moments
from halfspaces.objective import Objective, Request
from halfspaces.optimizers import (
    LBFGS,
    SCHEDULES,
    SGD,
    UPDATE_RULES,
    Adagrad,
    Adam,
    ByClass,
    Constant,
    Cosine,
    GradientDescent,
    Gram,
    InverseTime,
    LowRank,
    Momentum,
    Nesterov,
    Plain,
    ProximalGradient,
    ProximalNewton,
    RandomSearch,
    RangeTest,
    RMSProp,
    Step,
    WarmUp,
    shuffling,
)
from halfspaces.optimizers.auto import OPTIMIZERS
from halfspaces.optimizers.base import prox_step
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.preconditioner import LENGTHS
from halfspaces.optimizers.shuffling import Shuffling
from halfspaces.penalties import L1, L2, MaxNorm, NoPenalty
from halfspaces.step_size import find_step_size
from halfspaces.testing import OPTIMIZER_LAWS, check_optimizer
from halfspaces.testing.runs import Recorder, Watch, small_objective, start

# pyright: reportIncompatibleMethodOverride=false

STEPS = {"adagrad": 0.5, "rmsprop": 0.02, "adam": 0.05}  # the defaults are for many small batches
FULL = [GradientDescent(step_size=STEPS.get(name), update_rule=rule) for name, rule in UPDATE_RULES.items()]
BATCHES = [SGD(STEPS.get(name), batch_size=16, epochs=3, update_rule=rule) for name, rule in UPDATE_RULES.items()]
SCHEDULED = [SGD(batch_size=16, epochs=3, update_rule="plain", schedule=schedule) for schedule in SCHEDULES.values()]
QUASI_NEWTON = [
    LBFGS(),
    LBFGS(memory=2),
    *(LBFGS(preconditioner=each) for each in (Gram(), ByClass())),
    LBFGS(preconditioner=LowRank(rank=20)),
]
PROXIMAL = [ProximalGradient(), ProximalGradient(growth=3.0), ProximalNewton(), ProximalNewton(memory=1, accuracy=0.5)]
RANDOM = [RandomSearch(draws=40, batch=3), RandomSearch(draws=40, scale=0.1, local=True, batch=1)]


@pytest.mark.parametrize("optimizer", [*QUASI_NEWTON, *PROXIMAL, *FULL, *BATCHES, *SCHEDULED, *RANDOM], ids=str)
def test_laws(optimizer):
    check_optimizer(optimizer)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=str)
def test_laws_of_full_batches_on_a_schedule(schedule):
    check_optimizer(GradientDescent(schedule=schedule, horizon=500), converges=schedule == Cosine())


SMALL = small_objective()
VARIANTS = {
    "staged hinge": replace(SMALL, loss=Hinge()),
    "L1": replace(SMALL, penalty=L1(0.02)),
    "max norm": replace(SMALL, penalty=MaxNorm(0.5)),
    "no penalty": replace(SMALL, penalty=NoPenalty()),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    "optimizer",
    [
        LBFGS(preconditioner=Gram()),
        LBFGS(preconditioner=ByClass()),
        ProximalGradient(),
        ProximalNewton(),
        GradientDescent(update_rule="nesterov"),
        BATCHES[-1],
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_laws_of_other_objectives(optimizer, name):
    objective = VARIANTS[name]
    if isinstance(optimizer, LBFGS) and not objective.penalty.smooth:
        with pytest.raises(TypeError, match=r"LBFGS needs a penalty with a gradient, got .*; use optimizer='proximal'"):
            minimize(objective, optimizer)
    elif isinstance(optimizer, ProximalNewton) and isinstance(objective.penalty, MaxNorm):
        with pytest.raises(TypeError, match=r"ProximalNewton needs .*, got MaxNorm.*; use optimizer='proximal'"):
            minimize(objective, optimizer)
    else:
        check_optimizer(optimizer, objective=objective)


def test_every_registered_optimizer_was_held_to_the_laws():
    held = {type(optimizer) for optimizer in (*QUASI_NEWTON, *PROXIMAL, *FULL, *BATCHES, *RANDOM)}
    assert held == set(OPTIMIZERS.values())


# ------------------------------------------------------------------------------------------------- by hand


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
        (Adam(beta1=0.5, beta2=0.5), [-0.1, -0.2, -0.2 - 0.1 * (-1.25 / 0.875) / np.sqrt(9.5 / 0.875)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_update_rules_by_hand(rule, expected):
    for found, by_hand in zip(moves(rule, [2.0, 2.0, -4.0]), expected, strict=True):
        assert by_hand is None or found == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (Constant(), {(0.0, 0.0): 1.0, (1.0, 9.0): 1.0}),
        (Step(every=2, decay=0.1), {(0.0, 1.99): 1.0, (0.5, 2.0): 0.1, (1.0, 4.5): 0.01}),
        (Cosine(), {(0.0, 0.0): 1.0, (0.5, 3.0): 0.5, (1.0, 6.0): 0.0}),
        (Cosine(final=0.2), {(0.0, 0.0): 1.0, (0.5, 3.0): 0.6, (1.0, 6.0): 0.2}),
        (InverseTime(decay=0.5), {(0.0, 0.0): 1.0, (0.5, 2.0): 0.5, (1.0, 6.0): 0.25}),
        (WarmUp(2.0), {(0.0, 0.0): 0.01, (0.25, 1.0): 0.5, (0.5, 2.0): 1.0, (1.0, 4.0): 1.0}),
        (WarmUp(1.0, Cosine()), {(0.25, 0.5): 0.5 * (1 + np.sqrt(0.5)) / 2, (1.0, 2.0): 0.0}),
        (RangeTest(1e-4, 1.0), {(0.0, 0.0): 1e-4, (0.5, 1.0): 1e-2, (1.0, 2.0): 1.0}),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "",
)
def test_schedules_at_known_points(schedule, points):
    for (progress, epoch), expected in points.items():
        assert schedule.factor(progress, epoch) == pytest.approx(expected, abs=1e-15)


def test_sgd_follows_its_schedule_batch_by_batch():
    sgd = SGD(step_size=0.5, batch_size=16, epochs=2, schedule=Step(every=1, decay=0.1))
    result = minimize(SMALL, sgd)
    assert result.history["step"].ravel() == pytest.approx([0.5] * 4 + [0.05] * 4)


def test_an_epoch_of_sgd_visits_every_example_once():
    recorder = Recorder.of(SMALL)
    minimize(recorder, SGD(batch_size=16, epochs=2))
    batches = [request.rows for request in recorder.asked[:-1]]
    assert [len(rows) for rows in batches] == [16, 16, 16, 12] * 2
    for epoch in (batches[:4], batches[4:]):
        assert np.array_equal(np.sort(np.concatenate(epoch)), np.arange(60))
    assert not np.array_equal(batches[0], batches[4]), "each epoch has its own order"


@pytest.mark.parametrize(("n_rows", "batch_size"), [(1, 4), (64, 16), (1000, 7), (1000, 300), (3001, 64)])
def test_a_shuffling_visits_every_row_once_in_windows_of_whole_batches(monkeypatch, n_rows, batch_size):
    monkeypatch.setattr(shuffling, "WINDOW_BYTES", 4 * 512)
    order = Shuffling.of(n_rows, row_bytes=4, batch_size=batch_size, seed=3)
    assert order.window % batch_size == 0
    epochs = [np.concatenate([order.rows(epoch, window) for window in range(order.windows)]) for epoch in range(2)]
    for rows in epochs:
        assert np.array_equal(np.sort(rows), np.arange(n_rows))
    assert n_rows == 1 or not np.array_equal(*epochs), "each epoch has its own order"
    if order.windows > 1:
        ahead, last = order.next_rows(0, 0), order.next_rows(0, order.windows - 1)
        assert np.array_equal(ahead, np.sort(order.rows(0, 1)))
        assert np.array_equal(last, np.sort(order.rows(1, 0))), "after the last window comes the next epoch"


def test_rows_sorted_by_class_are_mixed_in_every_window():
    order = Shuffling.of(200_000, row_bytes=3072, batch_size=256, seed=0)
    assert order.windows > 5
    assert order.stretch > 50, "rows that lie together are read together"
    for window in range(order.windows - 1):
        counts = np.bincount(order.rows(0, window) // 20_000, minlength=10)
        assert counts.min() > 0.5 * order.window / 10


def test_sgd_on_disk_reads_ahead_and_ends_with_the_bits_of_sgd_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(shuffling, "WINDOW_BYTES", 1 << 12)
    np.save(tmp_path / "X.npy", X := load_digits().data.astype(np.uint8)[:500])
    y, optimizer = load_digits().target[:500], SGD(batch_size=16, epochs=2)
    ask_for, asked, runs = blocks._ask_for, [], []

    def watched(file, X, rows):
        assert threading.current_thread().name == blocks.READ_AHEAD
        asked.append(rows)
        ask_for(file, X, rows)

    monkeypatch.setattr(blocks, "_ask_for", watched)
    for rows in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        objective = Objective(Softmax(), L2(0.01), Blocks(rows, y, n_jobs=1), n_classes=10)
        whole, kept = minimize(objective, optimizer), Checkpoint(tmp_path / str(len(runs)), every=0)
        minimize(objective, optimizer, max_passes=1.3, callbacks=[kept])  # ends in the middle of a window
        runs += [whole, minimize(objective, optimizer, resume=kept.run(objective, optimizer))]
        assert isinstance(rows, np.memmap) or not asked, "rows in memory need no reading"
    assert len({run.W.tobytes() for run in runs}) == 1
    for thread in threading.enumerate():
        if thread.name == blocks.READ_AHEAD:
            thread.join()
    read = np.unique(np.concatenate(asked))
    assert np.array_equal(read, np.arange(500)), "every row is read ahead in some epoch"


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("batch_size", [4, 64])
def test_the_default_step_of_sgd_suits_any_loss_and_batch(loss, batch_size):
    X, y = load_digits(return_X_y=True)
    blocks = Blocks(X[:600] / 16, y[:600], n_jobs=1)
    digits = Objective(loss, L2(1e-3), blocks, n_classes=10, standardization=Moments.of(blocks).standardization())
    result = minimize(digits, SGD(batch_size=batch_size, epochs=3))
    assert result.loss < 0.6 * loss.chance_value(10)


def test_one_step_of_gradient_descent_by_hand():
    W = start(SMALL)
    gradient = SMALL.evaluate(Request(W)).gradient
    found = minimize(SMALL, GradientDescent(step_size=0.3), W, max_passes=0.5).W
    assert np.array_equal(found, W - 0.3 * gradient)


# ------------------------------------------------------------------- spikes: what the interface must carry naturally


def test_members_of_a_stack_are_at_different_stages_of_their_line_searches():
    strengths = (1e-4, 1e-1, 1e2)
    stack = replace(SMALL, penalty=L2(strengths))
    accepted, recorder = [], Recorder.of(stack)
    W = np.repeat(start(SMALL), 3, axis=1)
    result = minimize(recorder, LBFGS(10), W, tol=1e-7, callbacks=[lambda run: accepted.append(run.state.step > 0)])
    mixed = [turn for turn in accepted[1:] if turn.any() and not turn.all()]
    assert len(mixed) >= 3, "in some turns one member takes its trial while another shortens its own"
    assert len({tuple(turn) for turn in mixed}) >= 2
    closings = result.passes - len(recorder.asked)  # class sums of all rows are closed at the cost of a pass
    assert closings in range(4), "all of them share every visit to the data"
    for m, strength in enumerate(strengths):
        alone = minimize(replace(SMALL, penalty=L2(strength)), LBFGS(), start(SMALL), tol=1e-7)
        assert result.loss[m] == pytest.approx(alone.loss[0], rel=3e-7)
        assert result.gap[m] <= 1e-7 * result.loss[m]


def test_nesterov_asks_at_the_look_ahead_and_keeps_the_iterate():
    recorder, watch = Recorder.of(SMALL), Watch(100)
    result = minimize(recorder, SGD(0.1, update_rule=Nesterov(0.8), batch_size=16, epochs=2), callbacks=[watch])
    iterates = [SMALL.zeros(), SMALL.zeros(), *watch.iterates]
    assert len(recorder.asked) == 8 + 1
    for k, request in enumerate(recorder.asked[:-1]):
        before, here = iterates[k], iterates[k + 1]
        np.testing.assert_allclose(request.W, here + 0.8 * (here - before), rtol=1e-12, atol=1e-15)
        assert request.rows is not None
    assert np.array_equal(result.W, watch.iterates[-1])
    assert np.array_equal(recorder.asked[-1].W, result.W), "the loss of the result is that of the iterate"


@pytest.mark.parametrize("penalty", [L1(0.1), MaxNorm(0.4)], ids=str)
def test_the_optimum_is_a_fixed_point_of_every_prox_step(penalty):
    objective = replace(SMALL, penalty=penalty)
    best = minimize(objective, ProximalGradient(), tol=1e-12)
    gradient = objective.evaluate(Request(best.W)).data_gradient
    for step in (0.01, 0.1 + 0.9 * np.random.default_rng(0).uniform(size=best.W.shape)):
        np.testing.assert_allclose(prox_step(penalty, best.W - step * gradient, step), best.W, atol=1e-5)
    lengths = np.linalg.norm(best.W[:-1], axis=0)
    active = np.sum(best.W == 0) if isinstance(penalty, L1) else np.sum(lengths > 0.4 * (1 - 1e-6))
    assert active > 0, "the penalty's kink or the constraint is felt"


def test_a_hinge_is_smoothed_in_stages_and_certified_as_itself():
    hinge = replace(SMALL, loss=Hinge(), penalty=L2(0.05))
    for optimizer in (LBFGS(), ProximalGradient()):
        recorder = Recorder.of(hinge)
        result = minimize(recorder, optimizer, tol=1e-3)
        smoothings = [request.smoothing for request in recorder.asked]
        assert smoothings[0] == 0.5
        assert len(set(smoothings)) >= 2
        assert smoothings == sorted(smoothings, reverse=True)
        assert sum(request.recentre > 0 for request in recorder.asked) >= 2, "a stage is smooth about the one before"
        assert result.reason.name == "CERTIFIED"
        assert result.gap <= 1e-3 * result.loss
        assert result.loss == pytest.approx(hinge.evaluate(Request(result.W)).data + L2(0.05).value(result.W[:-1]))


@pytest.mark.parametrize("loss", [Hinge(), CrammerSinger(), OneVsAll()], ids=str)
def test_smoothing_about_the_best_dual_point_leaves_the_minimum_where_it_is(loss):
    kinked = replace(SMALL, loss=loss, penalty=L2(0.05))
    state = minimize(kinked, LBFGS(), tol=1e-6, max_passes=4000).state
    about_it = Request(state.W, smoothing=state.smoothing, offsets=state.offsets, recentre=0.5)
    evaluation = kinked.evaluate(about_it)
    assert np.linalg.norm(evaluation.gradient) < 1e-3
    assert np.linalg.norm(kinked.evaluate(Request(state.W, smoothing=0.5)).gradient) > 1e-2
    again = kinked.evaluate(Request(state.W, smoothing=0.5, offsets=evaluation.offsets))
    assert np.array_equal(again.gradient, evaluation.gradient)
    weights, total = SMALL.blocks.weights(), 0.0
    for rows in (np.arange(0, 60, 2), np.setdiff1d(np.arange(SMALL.n_examples), np.arange(0, 60, 2))):
        part = replace(kinked, blocks=kinked.blocks.subset(rows))  # each row has its own offsets
        total += weights[rows].sum() * part.evaluate(again.request).data
    assert total / weights.sum() == pytest.approx(again.data, rel=1e-9)


def test_random_search_is_told_values_and_keeps_the_best_of_the_same_draws():
    def drawn(batch):
        recorder = Recorder.of(SMALL)
        return minimize(recorder, RandomSearch(draws=20, scale=0.3, batch=batch)), recorder.asked[:-1]

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
    recorder, watch = Recorder.of(SMALL), Watch(1000)
    search = RandomSearch(draws=30, scale=0.05, local=True, batch=1)
    result = minimize(recorder, search, start(SMALL), callbacks=[watch])
    centres = [start(SMALL), *watch.iterates]
    spread = [np.std(request.W - centre) for request, centre in zip(recorder.asked[1:-1], centres[1:-1], strict=True)]
    assert np.allclose(spread, 0.05, rtol=0.6), "every draw is around the best so far"
    assert not any(request.gradient for request in recorder.asked[:-1])
    assert len(result.history) > 2
    assert np.all(np.diff(result.history["loss"].ravel()) < 0)


# ---------------------------------------------------------------------------- line search and preconditioner


def test_the_line_search_meets_the_weak_wolfe_conditions_for_each_member():
    slopes_at = [lambda t: t - 5.0, lambda t: 4.0 * t - 0.01, lambda t: -1.0 if t < 0.3 else 9.0]
    values_at = [lambda t: t**2 / 2 - 5 * t, lambda t: 2 * t**2 - 0.01 * t, lambda t: max(-t, 9 * t - 3)]

    def at(functions, steps):
        return np.array([f(t) for f, t in zip(functions, steps, strict=True)])

    zeros = np.zeros(3)
    line = LineSearch.start(1e-15, 0.0, at(values_at, zeros), at(slopes_at, zeros), np.array([0.01, 1.0, 1.0]))
    found = np.full(3, np.nan)
    for _ in range(25):
        trial = line.step.copy()
        accepted = line.judge(at(values_at, trial), at(slopes_at, trial))
        found = np.where(accepted & np.isnan(found), trial, found)
        if np.isfinite(found).all():
            break
    assert found[0] > 0.01, "too short a first step is lengthened"
    assert found[1] < 0.005, "too long a first step is shortened"
    assert 0.3 <= found[2] < 1 / 3, "a kink is bracketed"
    slope = at(slopes_at, zeros)
    assert np.all(at(values_at, found) <= at(values_at, zeros) + 1e-4 * found * slope)
    assert np.all(at(slopes_at, found) >= 0.9 * slope)


def test_a_search_that_descends_nowhere_fails():
    line = LineSearch.start(1e-15, 0.0, np.zeros(2), np.array([-1.0, 1.0]), 1.0)
    assert line.failed.tolist() == [False, True], "uphill"
    for _ in range(25):
        line.judge(np.array([np.inf, 0.0]), np.array([np.nan, 1.0]))
    assert line.failed.all()
    assert line.step[0] < 1e-6


@pytest.mark.parametrize("strength", [0.3, (0.3, 2.0)], ids=["cholesky", "eigenvectors"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gram_inverts_the_hessian_of_a_quadratic_loss(strength, fit_intercept):
    X, weight = SMALL.blocks.X + 2.0, SMALL.blocks.weight
    blocks = replace(SMALL.blocks, X=X)
    objective = replace(SMALL, penalty=L2(strength), blocks=blocks, fit_intercept=fit_intercept)
    gradient = np.random.default_rng(0).standard_normal((6, 2, 3))
    gradient[-1] *= fit_intercept
    step = Gram(curvature=0.7).build(objective, 2)(gradient)
    Z = np.column_stack([X, np.ones(60)]) if fit_intercept else X
    for m, ridge in enumerate(np.broadcast_to(strength, 2)):
        penalized = np.diag([1.0] * 5 + [0.0] * fit_intercept)
        hessian = 0.7 * Z.T @ (weight[:, None] * Z) / weight.sum() + 2 * ridge * penalized
        expected = np.linalg.solve(hessian, gradient[: len(hessian), m])
        np.testing.assert_allclose(step[: len(hessian), m], expected, rtol=1e-9, atol=1e-12)


# ----------------------------------------------------------------------------------------------- the range test


def test_the_range_test_finds_a_step_that_trains_and_one_that_is_too_large():
    X, y = load_digits(return_X_y=True)
    digits = Objective(Softmax(), L2(1e-3), Blocks(X / 16, y, n_jobs=1), n_classes=10)
    test = find_step_size(digits, SGD(update_rule="plain"), n_steps=120)
    assert len(test.steps) == len(test.losses) <= 120
    np.testing.assert_allclose(np.diff(np.log(test.steps)), np.log(1e8) / 120, rtol=1e-9)
    assert test.suggestion < test.steps[np.argmin(test.losses)]
    at_zero, good, tiny = (
        digits.evaluate(Request(digits.zeros())).total[0],
        minimize(digits, SGD(test.suggestion, update_rule="plain", epochs=3)).loss[0],
        minimize(digits, SGD(test.suggestion / 1000, update_rule="plain", epochs=3)).loss[0],
    )
    assert good < 0.5 * at_zero
    assert tiny > 0.9 * at_zero


def test_the_range_test_costs_no_more_steps_than_it_was_given():
    many = Objective(Softmax(), L2(1e-3), Blocks(np.ones((5000, 2)), np.arange(5000) % 3, n_jobs=1), n_classes=3)
    assert len(find_step_size(many, SGD(batch_size=16), n_steps=20, highest=1e-2).steps) <= 20


# ------------------------------------------------------------------------- known mistakes: each must break its law


@dataclass(frozen=True)
class PenalizesTheBias(GradientDescent):
    def update(self, state, evaluation):
        state = super().update(state, evaluation)
        state.W = state.W - state.base_step[:, None] * state.penalty.gradient(state.W)
        return state


@dataclass(frozen=True)
class ForgetsItsMomentum(GradientDescent):
    """Keeps the last move outside its state, where no pickle finds it."""

    def update(self, state, evaluation):
        hidden = state.__dict__.pop("hidden", {})
        state.last_move = hidden.get("move", np.zeros_like(state.W))
        state = super().update(state, evaluation)
        state.hidden = Unpickled(move=state.last_move)
        return state


class Unpickled(dict):
    def __reduce__(self):
        return (Unpickled, ())


@dataclass(frozen=True)
class DrawsAtWill(RandomSearch):
    def propose(self, state):
        request = super().propose(state)
        return replace(request, W=request.W + 1e-3 * np.random.default_rng().standard_normal(request.W.shape))


@dataclass(frozen=True)
class OneStepForAll(SGD):
    """The shortest safe step of a member for every member."""

    def init(self, W, objective):
        state = super().init(W, objective)
        return replace(state, base_step=np.full_like(state.base_step, state.base_step.min()))


@dataclass(frozen=True)
class KeepsTheLastDraw(RandomSearch):
    def update(self, state, evaluation):
        state.best = np.full_like(state.best, np.inf)
        return super().update(state, evaluation)


@dataclass(frozen=True)
class StopsHalfWay(GradientDescent):
    def update(self, state, evaluation):
        return state if state.count >= 5 else super().update(state, evaluation)


@dataclass(frozen=True)
class SubgradientsOfL1(GradientDescent):
    def update(self, state, evaluation):
        W = state.W - state.base_step[:, None] * evaluation.gradient
        if not state.penalty.smooth:
            W[:-1] -= state.base_step[0] * 0.01 * np.sign(W[:-1])
        state.W = W
        return state


@dataclass(frozen=True)
class PrefersTheFirstClass(GradientDescent):
    def update(self, state, evaluation):
        state = super().update(state, evaluation)
        state.W = state.W + np.array([0.01, 0.0, 0.0])
        return state


@dataclass(frozen=True)
class StartsElsewhere(GradientDescent):
    def init(self, W, objective):
        return super().init(W + 0.01, objective)


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (PenalizesTheBias(), "law_the_bias_is_not_penalized"),
        (ForgetsItsMomentum(update_rule="momentum"), "law_resume"),
        (DrawsAtWill(draws=20), "law_same_seed_same_bits"),
        (OneStepForAll(epochs=3), "law_stack"),
        (KeepsTheLastDraw(draws=50, local=True, scale=0.3), "law_descends"),
        (StopsHalfWay(), "law_optimum"),
        (SubgradientsOfL1(), "law_exact_zeros"),
        (SubgradientsOfL1(), "law_max_norm"),
        (PrefersTheFirstClass(), "law_permutation"),
        (StartsElsewhere(), "law_start"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_wrong_optimizer_breaks_a_law(mutant, law):
    with pytest.raises(AssertionError, match=f"{law} is broken by .*{type(mutant).__name__}"):
        OPTIMIZER_LAWS[law](mutant, objective=SMALL)


def test_the_first_trial_of_a_step_is_as_long_as_some_rows_tell():
    rng = np.random.default_rng(0)
    y = rng.integers(50, size=4000)
    X = 0.5 * rng.standard_normal((50, 60))[y] + 0.3 * rng.standard_normal((4000, 60))
    far = Objective(Softmax(), L2((0.1, 0.001)), Blocks(X, y, n_jobs=1), n_classes=50)
    optimizer, W = LBFGS(preconditioner=Gram()), far.zeros(2)
    state, gradient = optimizer.init(W, far), far.evaluate(Request(W)).gradient
    direction = state.preconditioner(-gradient)
    found = state.preconditioner.length(W, direction, np.einsum("dmc,dmc->m", gradient, direction))
    values = np.array([far.evaluate(Request(W + t * direction, gradient=False)).total for t in LENGTHS])
    assert found.tolist() == LENGTHS[np.argmin(values, axis=0)].tolist() == [1.0, 0.25]
    assert values.min(axis=0)[1] < 0.1 * values[LENGTHS == 1][0, 1]  # where a quasi-Newton step overshoots by far
