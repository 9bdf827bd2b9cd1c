"""`halfspaces train` with no option: the race, what it decides, and that the run repeats it."""

import json

import numpy as np
import pytest
from PIL import Image

from halfspaces.cli import racing
from halfspaces.features.candidates import Candidate
from halfspaces.files.models import load
from tests.data_files import save_image

pytestmark = pytest.mark.usefixtures("cache")
LADDER = (Candidate("pixels", 0, 768), Candidate("hog(cell=4)", 1, 324))
RACED = ("--budget", "1min", "--tol", "0.01")


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Upright and lying stripes of any phase, 16 x 16: a matter of gradients."""
    monkeypatch.setattr(racing, "candidates", lambda *_: LADDER)
    rng = np.random.default_rng(0)
    for number in range(80):
        wave = 127 + 100 * np.sin(np.arange(16) + rng.uniform(0, 6))
        for name, image in (("lying", wave[:, None]), ("upright", wave[None, :])):
            part = "test" if number % 4 == 0 else "train"
            pixels = np.broadcast_to(image, (16, 16)).astype(np.uint8)
            path = tmp_path / "stripes" / part / name / f"{number}.png"
            save_image(path, Image.fromarray(pixels))
    return tmp_path / "stripes"


@pytest.fixture
def table(tmp_path):
    """50 columns, of which one matters."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 50)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", X=X, y=(X[:, 0] > 0).astype(int))
    return tmp_path / "rows.npz"


def test_the_best_feature_of_images_is_taken_and_repeated(run, photographs, tmp_path):
    model = tmp_path / "model.safetensors"
    ended = run("train", photographs, *RACED, "--out", model)
    assert "winner      hog(cell=4); its accuracy is optimistic" in ended.out
    assert "test 100.00 %" in ended.out
    again = tmp_path / "again.safetensors"
    repeated = run("train", "--run", model.with_suffix(".run.toml"), "--out", again)
    assert "race" not in repeated.out
    np.testing.assert_array_equal(load(model).coef_, load(again).coef_)


def test_the_penalty_suits_the_table_and_is_in_the_run_file(run, table, tmp_path):
    model = tmp_path / "model.safetensors"
    ended = run("train", table, *RACED, "--out", model)
    assert "winner      softmax + l1" in ended.out
    assert 'penalty = "l1"' in model.with_suffix(".run.toml").read_text()
    again = tmp_path / "again.safetensors"
    run("train", table, *RACED, "--out", again)
    np.testing.assert_array_equal(load(model).coef_, load(again).coef_)


def test_a_race_that_was_killed_goes_on(run, table, cache, monkeypatch):
    first = run("train", table, *RACED).out
    stored = sorted(cache.rglob("*-*"))
    assert len(stored) >= 2
    stored[0].unlink()
    stored[1].write_text(json.dumps({"name": "softmax + l2"}))
    entered = []
    call = racing.races.ComponentRace.__call__

    def recorded(self, name, count):
        entered.append(name)
        return call(self, name, count)

    monkeypatch.setattr(racing.races.ComponentRace, "__call__", recorded)
    assert winner(run("train", table, *RACED).out) == winner(first)
    assert len(entered) == 2


def winner(text):
    return next(line for line in text.splitlines() if line.startswith("winner"))


@pytest.mark.parametrize(
    "options",
    [
        ("--budget", "0"),
        ("--features", "pixels"),
        ("--features", "hog(cell=4)"),
        ("--strength", "0.01"),
        ("--loss", "hinge"),
        ("--optimizer", "sgd", "--epochs", "1"),
    ],
    ids=["no budget", "pixels", "a feature", "λ", "a loss", "an optimizer"],
)
def test_nothing_is_raced_where_nothing_is_open(run, photographs, options):
    ended = run("train", photographs, "--budget", "1min", "--tol", "0.01", *options)
    assert ended.code == 0
    assert "winner" not in ended.out
    says_how = options[0] in ("--strength", "--loss", "--optimizer")
    assert ("features are raced where nothing like " + options[0] in ended.out) == says_how


@pytest.mark.parametrize(
    "options",
    ["--strength 0.01", "--optimizer sgd", "--loss hinge --penalty l2", "--scoring log_loss"],
)
def test_components_are_raced_where_accuracy_decides_alone(run, table, options):
    assert "winner" not in run("train", table, *RACED, *options.split()).out
