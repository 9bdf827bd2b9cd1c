"""The loop: why a run ends, what it remembers, early stopping, resuming, the history."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from halfspaces.loop.result import Reason
from halfspaces.losses.hinge import Hinge, SquaredHinge
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers import LBFGS, SGD, GradientDescent, Gram, ProximalGradient, RandomSearch
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.testing.runs import Watch, recorded, small_objective, start
from halfspaces.tuning.early_stopping import EarlyStopping

SMALL = small_objective()


def overfitting(seed=0):
    """Forty noisy examples of sixty features, no penalty to speak of:
    the validation loss turns after a while.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=240)
    X = rng.standard_normal((240, 60)) + 0.7 * np.eye(3, 60)[y]
    train, held_out = Blocks(X[:40], y[:40], n_jobs=1), Blocks(X[40:], y[40:], n_jobs=1)
    return Objective(Softmax(), L2(1e-6), train, n_classes=3), held_out


# ----------------------------------------------------------------------------------- reasons to end


def test_a_certified_run_is_within_its_tolerance():
    for tol in (1e-2, 1e-6):
        result = minimize(SMALL, LBFGS(), tol=tol)
        assert result.reason is Reason.CERTIFIED
        assert result.converged
        assert result.gap <= tol * result.loss
    longer = minimize(SMALL, LBFGS(), tol=1e-6)
    assert longer.passes > minimize(SMALL, LBFGS(), tol=1e-2).passes


def test_a_loss_that_tends_to_zero_is_judged_by_the_loss_at_zero():
    X = np.repeat(np.eye(3), 20, axis=0)
    separable = Objective(
        SquaredHinge(), L2(1e-9), Blocks(X, np.repeat(np.arange(3), 20), n_jobs=1), n_classes=3
    )
    result = minimize(separable, LBFGS(), tol=1e-2)
    assert result.reason is Reason.CERTIFIED
    assert result.gap <= 1e-2 * max(result.loss, 1e-3 * 2.0)
    assert result.loss < 1e-3 * 2.0


def test_without_a_strength_the_gradient_decides_and_the_words_say_so():
    objective = replace(SMALL, penalty=NoPenalty())
    result = minimize(objective, LBFGS(), tol=1e-6)
    assert result.reason is Reason.STATIONARY
    assert "nothing bounds the distance" in str(result)
    gradient = objective.evaluate(Request(result.W)).gradient
    assert np.linalg.norm(gradient) <= 1e-6 * objective.gradient_norm_at_start


def test_a_stack_ends_when_every_member_has_and_keeps_each_where_it_did():
    strengths = (1e-4, 1e-1, 1e2)
    stack = replace(SMALL, penalty=L2(strengths))
    known = []
    objective, asked = recorded(stack)
    result = minimize(
        objective,
        LBFGS(),
        stack.zeros(3),
        tol=1e-6,
        callbacks=[lambda run: known.append(run.final.known.copy())],
    )
    assert result.reason is Reason.CERTIFIED
    assert np.all(result.gap <= 1e-6 * result.loss)
    best = minimize(stack, LBFGS(preconditioner=Gram()), stack.zeros(3), tol=1e-9).loss
    assert np.all(result.loss - best <= 1e-6 * result.loss)
    asked = [request.W for request in asked]
    turns = [
        next(k for k, W in enumerate(asked) if np.array_equal(W[:, m], result.W[:, m]))
        for m in range(3)
    ]
    for m, turn in enumerate(turns):  # known from the evaluation on that W is of, and not before
        assert [now[m] for now in known] == [False] * min(turn, len(known)) + [True] * (
            len(known) - turn
        )
    assert len(set(turns)) > 1


def test_limits_and_callbacks():
    assert minimize(SMALL, LBFGS(), max_passes=3).reason is Reason.MAX_PASSES
    assert minimize(SMALL, LBFGS(), callbacks=[Watch(2)]).reason is Reason.STOPPED_BY_CALLBACK
    assert minimize(SMALL, SGD(epochs=1)).reason is Reason.ALL_STEPS_TAKEN
    assert minimize(SMALL, RandomSearch(draws=3)).reason is Reason.ALL_STEPS_TAKEN


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("loss", [Softmax(), Hinge(), SquaredHinge()], ids=str)
def test_divergence_is_told_in_words_not_in_floating_point_warnings(loss, n_jobs):
    sixteen = BlockSizes(bytes=1, least_rows=16)
    blocks = replace(SMALL.blocks, n_jobs=n_jobs, sizes=sixteen)
    objective = replace(SMALL, loss=loss, blocks=blocks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = minimize(objective, GradientDescent(step_size=1e3), max_passes=500)
    assert result.reason is Reason.DIVERGED
    assert "smaller step size" in str(result)


def test_a_line_search_recovers_from_values_that_are_not_finite():
    far = minimize(SMALL, LBFGS(), 1e4 * start(SMALL), tol=1e-6)
    assert far.loss == pytest.approx(minimize(SMALL, LBFGS(), tol=1e-6).loss, rel=2e-6)


@pytest.mark.slow
def test_no_progress_is_told_where_precision_ends():
    narrow = replace(
        SMALL,
        loss=SquaredHinge(),
        blocks=replace(SMALL.blocks, X=SMALL.blocks.X.astype(np.float16)),
    )
    for optimizer in (LBFGS(), LBFGS(preconditioner=Gram())):
        result = minimize(narrow, optimizer, tol=1e-14, max_passes=2000)
        assert result.reason in (Reason.NO_PROGRESS, Reason.CERTIFIED)
        assert result.gap <= 1e-5 * result.loss


@pytest.mark.parametrize("shape", [(6, 3), (5, 1, 3), (6, 1, 2)])
def test_a_start_of_another_shape_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"W must have the shape \(D\+1, M, C\) = \(6, M, 3\), got "
    ):
        minimize(SMALL, LBFGS(), np.zeros(shape))


# ----------------------------------------------------------------------- validation, early stopping


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
@pytest.mark.parametrize(
    "optimizer", [GradientDescent(0.01), SGD(0.1, batch_size=8, epochs=100)], ids=str
)
def test_early_stopping_ends_with_the_best_W(optimizer, monitor):
    objective, held_out = overfitting()
    stop = EarlyStopping(patience=5, monitor=monitor)
    result = minimize(objective, optimizer, validation=held_out, callbacks=[stop], tol=0.0)
    assert result.reason is Reason.EARLY_STOPPED
    curve = result.history[f"validation_{monitor}"].ravel()
    assessed = curve[np.isfinite(curve)]
    best = np.nanmin(curve) if monitor == "loss" else np.nanmax(curve)
    loss, accuracy = objective.on(held_out).assess(result.W)
    assert (loss if monitor == "loss" else accuracy)[0] == best
    assert len(assessed) - 1 - int(np.argmax(assessed == best)) == 5, "assessments since the best"
    assert result.loss == pytest.approx(objective.evaluate(Request(result.W)).total, rel=1e-14)
    assert not np.array_equal(result.W, result.state.W)


def test_stochastic_runs_are_assessed_once_a_pass_and_at_the_end():
    objective, held_out = overfitting()
    history = minimize(objective, SGD(0.1, batch_size=16, epochs=4), validation=held_out).history
    assessed = np.isfinite(history["validation_loss"].ravel())
    assert history["passes"][assessed] == pytest.approx([1, 2, 3, 4])


def test_early_stopping_needs_validation_data():
    with pytest.raises(
        ValueError, match=r"EarlyStopping needs validation data: fit\(X, y, validation="
    ):
        minimize(SMALL, LBFGS(), callbacks=[EarlyStopping()])


# ----------------------------------------------------------------------------------------- resuming


@pytest.mark.parametrize(
    "optimizer", [GradientDescent(0.01), SGD(0.1, batch_size=8, epochs=100)], ids=str
)
@pytest.mark.parametrize("turns", [13, 21])
def test_a_resumed_run_remembers_the_best_W_so_far(optimizer, turns):
    objective, held_out = overfitting()
    options = {"validation": held_out, "tol": 0.0}
    whole = minimize(objective, optimizer, callbacks=[EarlyStopping(patience=8)], **options)
    stopped = minimize(
        objective, optimizer, callbacks=[EarlyStopping(patience=8), Watch(turns)], **options
    )
    assert stopped.reason is Reason.STOPPED_BY_CALLBACK
    stopped = pickle.loads(pickle.dumps(stopped))
    resumed = minimize(
        objective, optimizer, callbacks=[EarlyStopping(patience=8)], resume=stopped, **options
    )
    assert resumed.reason is Reason.EARLY_STOPPED
    assert np.array_equal(resumed.W, whole.W)
    assert resumed.passes == whole.passes


def test_a_resumed_stack_remembers_who_has_converged():
    stack = replace(SMALL, penalty=L2((1e-4, 1e-1, 1e2)))
    whole = minimize(stack, LBFGS(), stack.zeros(3), tol=1e-4)
    for passes in range(2, int(whole.passes) - 1, 3):
        stopped = minimize(stack, LBFGS(), stack.zeros(3), tol=1e-4, max_passes=passes)
        assert stopped.reason is Reason.MAX_PASSES
        resumed = minimize(stack, LBFGS(), tol=1e-4, resume=stopped)
        assert np.array_equal(resumed.W, whole.W)
        assert np.array_equal(resumed.gap, whole.gap)
        assert resumed.passes == whole.passes


def test_a_converged_run_goes_on_to_a_tighter_tolerance():
    loose = minimize(SMALL, LBFGS(), tol=1e-2)
    tight = minimize(SMALL, LBFGS(), tol=1e-8, resume=loose)
    assert tight.gap <= 1e-8 * tight.loss < loose.gap
    assert len(tight.history) > len(loose.history)
    same = minimize(SMALL, LBFGS(), tol=1e-2, resume=loose)
    assert np.array_equal(same.W, loose.W)


def test_a_result_without_its_state_cannot_be_resumed():
    stripped = replace(minimize(SMALL, LBFGS()), state=None)
    with pytest.raises(
        ValueError, match=r"resume=\.\.\. must be a Result of minimize that still has"
    ):
        minimize(SMALL, LBFGS(), resume=stripped)


# ------------------------------------------------------------------------------------------ history


@pytest.mark.parametrize(
    ("optimizer", "penalty"),
    [
        (LBFGS(), L2(0.05)),
        (ProximalGradient(), L1(0.02)),
        (GradientDescent(update_rule="nesterov"), MaxNorm(0.5)),
        (RandomSearch(draws=30, batch=4), L2(0.05)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_history_has_a_row_for_each_iterate_and_its_gap_is_a_bound(optimizer, penalty):
    objective = replace(SMALL, penalty=penalty)
    best = minimize(objective, ProximalGradient(), tol=1e-10).loss
    history = minimize(objective, optimizer, start(objective), tol=1e-5).history
    lengths = {name: len(history[name]) for name in history}
    assert set(lengths.values()) == {len(history)}, lengths
    total = history["data_loss"] + history["penalty"]
    np.testing.assert_allclose(history["loss"], total)
    finite = np.isfinite(history["loss"])
    assert np.all(history["gap"][finite] >= (history["loss"] - best)[finite] - 1e-12)
    if not isinstance(optimizer, RandomSearch):
        assert np.isfinite(
            history["gap"][np.flatnonzero(finite)[-1]]
        )  # a look-ahead may leave the constraint
    assert np.all(np.diff(history["passes"]) > 0)


def test_losses_of_the_history_are_those_of_the_iterates():
    watch = Watch(15)
    history = minimize(SMALL, LBFGS(), tol=0.0, callbacks=[watch]).history
    iterates = [
        W
        for k, W in enumerate(watch.iterates)
        if k == 0 or not np.array_equal(W, watch.iterates[k - 1])
    ]
    expected = [SMALL.evaluate(Request(W)).total[0] for W in iterates]
    np.testing.assert_allclose(history["loss"].ravel(), expected, rtol=1e-14)


def test_digits_to_the_optimum_by_three_methods_in_one_accuracy():
    X, y = load_digits(return_X_y=True)
    digits = Objective(Softmax(), L2(1e-2), Blocks((X / 16).astype(np.float32), y), n_classes=10)
    objective, asked = recorded(digits)
    results = [
        minimize(objective, LBFGS(preconditioner=Gram()), tol=1e-4),
        minimize(digits, LBFGS(), tol=1e-4),
        minimize(digits, ProximalGradient(), tol=1e-4),
    ]
    assert [result.reason for result in results] == [Reason.CERTIFIED] * 3
    assert np.ptp([result.loss for result in results]) <= 1e-4 * results[0].loss[0]
    assert len(asked) <= results[0].passes < results[1].passes < results[2].passes


# ------------------------------------------------------------------------------- better dual points


def test_a_state_and_its_bounds_belong_to_one_objective():
    weak, strong = (replace(SMALL, penalty=L2(strength)) for strength in (1e-4, 10.0))
    begun = minimize(weak, LBFGS(), max_passes=4)
    elsewhere = replace(weak, blocks=replace(weak.blocks, X=2 * weak.blocks.X))
    for objective, optimizer in (
        (strong, LBFGS()),
        (elsewhere, LBFGS()),
        (weak, ProximalGradient()),
        (weak, LBFGS(memory=3)),
    ):
        with pytest.raises(ValueError, match="of another optimizer, objective or data"):
            minimize(objective, optimizer, resume=begun)


def test_steps_that_are_too_long_are_no_success():
    result = minimize(
        replace(SMALL, penalty=L2(0.01)), SGD(step_size=50.0, batch_size=16, epochs=5)
    )
    assert result.reason is Reason.DIVERGED
    assert not result.converged


# --- curves for people ----------------------------------------------------------------------------


def test_a_history_is_a_frame_that_plots_as_it_is():
    objective, held_out = overfitting()
    history = minimize(objective, SGD(0.1, batch_size=16, epochs=4), validation=held_out).history
    frame = history.to_frame()
    assert frame.shape == (len(history), len(set(history)) - 1)
    np.testing.assert_array_equal(frame.index, history["passes"])
    assert all(history[name].shape == (len(history),) for name in history)
    for name in ("validation_loss", "validation_accuracy"):
        measured = np.isfinite(history[name])
        first = int(np.argmax(measured))
        assert 0 < measured.sum() < len(measured)
        np.testing.assert_array_equal(frame[name][measured], history[name][measured])
        assert frame[name][first:].notna().all()


def test_the_frame_of_several_members_has_their_numbers():
    objective, _ = overfitting()
    history = minimize(objective, LBFGS(), objective.zeros(2)).history
    frame = history.to_frame()
    assert history["loss"].shape == (len(history), 2)
    np.testing.assert_array_equal(frame["loss"][1], history["loss"][:, 1])


@pytest.mark.parametrize("optimizer", [LBFGS(), GradientDescent(0.01)], ids=str)
def test_the_update_ratio_from_zero_is_no_number(optimizer):
    ratio = minimize(SMALL, optimizer, max_passes=20).history["update_ratio"]
    assert np.isnan(ratio[0])
    assert np.nanmax(ratio) < 10
