"""Checkpoints: what was killed goes on to the same bits, whatever it was;
files are whole, and run no code.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.files import safetensors_file
from halfspaces.files.checkpoint import RUN, SUFFIX, Checkpoint
from halfspaces.files.safetensors_file import ModelFileError
from halfspaces.losses.base import Loss
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.softmax import Softmax
from halfspaces.optimizers import (
    LBFGS,
    SGD,
    CoordinateDescent,
    DualAscent,
    GradientDescent,
    Gram,
    LowRank,
    Newton,
    ProximalGradient,
    ProximalNewton,
    RandomSearch,
)
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l1 import L1
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks
from halfspaces.testing.runs import small_objective
from halfspaces.tuning.grid import fold_objectives, solve_grid

FILE = RUN + SUFFIX
SMALL = small_objective()
TALL = replace(
    SMALL, blocks=Blocks(np.tile(SMALL.blocks.X, (1, 40)), SMALL.blocks.y, n_jobs=1)
)  # D > N
RUNS = {
    "L-BFGS, Gram": (SMALL, LBFGS(preconditioner=Gram())),
    "L-BFGS, dual": (TALL, LBFGS(preconditioner=Gram())),
    "L-BFGS, low rank": (TALL, LBFGS(preconditioner=LowRank())),
    "staged hinge": (replace(SMALL, loss=Hinge()), LBFGS(preconditioner=Gram())),
    "proximal": (replace(SMALL, penalty=L1(0.01)), ProximalGradient()),
    "proximal Newton": (replace(SMALL, penalty=L1(0.01)), ProximalNewton()),
    "coordinate descent": (replace(SMALL, penalty=L1(0.01)), CoordinateDescent()),
    "Newton": (SMALL, Newton()),
    "dual ascent": (replace(SMALL, loss=Hinge()), DualAscent()),
    "SGD, Adam": (SMALL, SGD(update_rule="adam", batch_size=7, epochs=3)),
    "gradient descent": (SMALL, GradientDescent(update_rule="nesterov")),
    "random search": (SMALL, RandomSearch(draws=60)),
}


class KilledError(Exception):
    """As if by kill -9: nothing after it runs."""


@dataclass
class Kill:
    """A callback that ends everything after some evaluations."""

    left: int

    def __call__(self, run):
        self.left -= 1
        if self.left == 0:
            raise KilledError


@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_ends_with_the_same_bits(name, tmp_path):
    objective, optimizer = RUNS[name]
    whole = minimize(objective, optimizer, tol=1e-6, max_passes=30)
    for turns in (1, 2, 5, 12):
        kept = Checkpoint(tmp_path / str(turns), every=0)
        try:
            minimize(objective, optimizer, tol=1e-6, max_passes=30, callbacks=[kept, Kill(turns)])
        except KilledError:
            resume = Checkpoint(tmp_path / str(turns)).run(objective, optimizer)
            again = minimize(objective, optimizer, tol=1e-6, max_passes=30, resume=resume)
            assert again.reason is whole.reason
            for found, expected in (
                (again.W, whole.W),
                (again.gap, whole.gap),
                (again.passes, whole.passes),
            ):
                assert np.array_equal(found, expected)
            assert np.array_equal(again.history["loss"], whole.history["loss"])


@pytest.mark.parametrize(
    "loss", [Softmax(), pytest.param(Hinge(), marks=pytest.mark.long)], ids=str
)
def test_a_killed_grid_ends_with_the_same_bits(loss, tmp_path):
    objective, rows = replace(SMALL, loss=loss), np.arange(SMALL.n_examples)
    members = fold_objectives(objective, [rows[rows % 3 != part] for part in range(3)])
    strengths, told = [1.0, 0.3, 0.1], []

    def solved(*callbacks):
        optimizer = LBFGS(preconditioner=Gram())
        return solve_grid(
            members, strengths, optimizer, callbacks=callbacks, each=lambda s, W: told.append(s)
        )

    whole = solved()
    turns = int(whole.passes[:, 0].sum()) + 3
    for turn in range(1, turns, max(1, turns // 5)):
        folder = tmp_path / str(turn)
        try:
            solved(Checkpoint(folder, every=0), Kill(turn))
        except KilledError:
            told.clear()
            again = solved(Checkpoint(folder, every=0))
            assert told == strengths
            for name in ("W", "loss", "gap", "passes"):
                assert np.array_equal(getattr(again, name), getattr(whole, name))


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    X, y = SMALL.blocks.X, SMALL.blocks.y
    whole = LinearClassifier(strength=0.01, tol=1e-6).fit(X, y)
    classifier = LinearClassifier(
        strength=0.01, tol=1e-6, callbacks=[Checkpoint(tmp_path, every=0), Kill(4)]
    )
    with pytest.raises(KilledError):
        classifier.fit(X, y)
    turns = Kill(1000)
    classifier.set_params(callbacks=[Checkpoint(tmp_path, every=0), turns]).fit(X, y)
    assert np.array_equal(classifier.coef_, whole.coef_)
    assert 1000 - turns.left < len(whole.result_.history)
    other = LinearClassifier(strength=0.02, callbacks=[Checkpoint(tmp_path, every=0)]).fit(
        X, y
    )  # another run
    assert np.array_equal(other.coef_, LinearClassifier(strength=0.02).fit(X, y).coef_)


def test_a_search_goes_on_from_its_checkpoint_and_knows_another(tmp_path):
    X, y = SMALL.blocks.X, SMALL.blocks.y
    searched = {"strengths": [1.0, 0.1, 0.01], "cv": 3, "tol": 1e-7}
    whole = LinearClassifierCV(**searched).fit(X, y)
    classifier = LinearClassifierCV(**searched, callbacks=[Checkpoint(tmp_path, every=0), Kill(9)])
    with pytest.raises(KilledError):
        classifier.fit(X, y)
    classifier.set_params(callbacks=[Checkpoint(tmp_path, every=0)]).fit(X, y)
    assert np.array_equal(classifier.coef_, whole.coef_)
    assert np.array_equal(classifier.scores_, whole.scores_)
    with pytest.raises(ValueError, match="holds another run; give another"):
        classifier.fit(X + 1e-3 * y[:, None], y)
    Checkpoint(tmp_path).clear()
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_a_search_leaves_the_best_so_far():
    X, y = SMALL.blocks.X, SMALL.blocks.y
    strengths, seen = [1.0, 0.1, 0.01], []

    def interrupt(run):
        seen.append(run.objective.penalty.strength)
        if seen[-1] == strengths[-1]:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Interrupted from the keyboard"):
        stopped = LinearClassifierCV(
            strengths=strengths, cv=3, tol=1e-7, callbacks=[interrupt]
        ).fit(X, y)
    expected = LinearClassifierCV(strengths=strengths[:2], cv=3, tol=1e-7).fit(X, y)
    assert stopped.strengths_.tolist() == strengths[:2]
    assert np.array_equal(stopped.coef_, expected.coef_)


@dataclass(frozen=True)
class OwnLoss(Loss):
    """Softmax by another name: a component that no file may name."""

    softmax: Softmax = field(default_factory=Softmax)
    shift_invariant = True

    def value_and_grad(self, scores, y):
        return self.softmax.value_and_grad(scores, y)

    def curvature(self, n_classes):
        return 0.5

    def conjugate(self, dual, y):
        return self.softmax.conjugate(dual, y)


def test_a_loss_of_one_s_own_is_taken_from_the_objective(tmp_path):
    objective, optimizer = replace(SMALL, loss=OwnLoss()), LBFGS(preconditioner=Gram())
    with pytest.raises(KilledError):
        minimize(objective, optimizer, tol=1e-6, callbacks=[Checkpoint(tmp_path, every=0), Kill(4)])
    again = minimize(
        objective, optimizer, tol=1e-6, resume=Checkpoint(tmp_path).run(objective, optimizer)
    )
    assert np.array_equal(again.W, minimize(objective, optimizer, tol=1e-6).W)


def test_files_that_are_no_checkpoint_say_so_and_run_nothing(tmp_path):
    optimizer = LBFGS()
    kept = Checkpoint(tmp_path, every=0)
    minimize(SMALL, optimizer, max_passes=4, callbacks=[kept])
    tensors, metadata = safetensors_file.read(tmp_path / FILE)
    text = json.dumps(metadata)
    for wrong in (
        text.replace('"LBFGSState"', '"os:system"'),
        text.replace('"LBFGSState"', '"LinearClassifier"'),
        text.replace('"LBFGSState"', '"Reason"'),
        text.replace('"a1"', '"a999"'),
        text.replace('"checkpoint": 3', '"checkpoint": 4'),
        text.replace('"pairs"', '"pears"'),
    ):
        assert wrong != text
        safetensors_file.write(tmp_path / FILE, tensors, json.loads(wrong))
        with pytest.raises(
            ModelFileError, match=r"is no checkpoint of this version .*; remove it to start anew"
        ):
            kept.run(SMALL, optimizer)
    safetensors_file.write(tmp_path / FILE, tensors, {**metadata, "version": "0.0.1"})
    with pytest.raises(ModelFileError, match=r"is a checkpoint of halfspaces 0\.0\.1, and this"):
        kept.run(SMALL, optimizer)
    safetensors_file.write(tmp_path / FILE, tensors, metadata)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFileError, match="truncated"):
        kept.run(SMALL, optimizer)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match="cannot be made"):
        minimize(SMALL, optimizer, callbacks=[Checkpoint(tmp_path / "file", every=0)])


FULL = """
import resource, signal, sys
import numpy as np
from halfspaces import LinearClassifier
from halfspaces.callbacks import Checkpoint
from halfspaces.testing.runs import small_objective
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
blocks = small_objective().blocks
callbacks = [Checkpoint(sys.argv[1], every=0)]
LinearClassifier(strength=0.01, max_passes=3, callbacks=callbacks).fit(blocks.X, blocks.y)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
callbacks = [Checkpoint(sys.argv[1], every=0)]
LinearClassifier(strength=0.02, callbacks=callbacks).fit(blocks.X, blocks.y)
"""


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_earlier_file_stays(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "run.safetensors cannot be written: File too large; save it elsewhere." in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    objective = LinearClassifier(strength=0.01).objective(SMALL.blocks.X, SMALL.blocks.y)
    kept = Checkpoint(tmp_path).run(objective, choose_for(objective).optimizer)
    assert kept is not None
    assert kept.passes == 3
