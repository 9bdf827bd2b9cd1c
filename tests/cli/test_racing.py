"""`halfspaces train` with no option: the race, what it decides, and that the run repeats it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from halfspaces.cli import racing
from halfspaces.estimators import races
from halfspaces.estimators.racing import MOST_HELD_OUT, RaceRows
from halfspaces.features.candidates import Candidate
from halfspaces.features.encoders import published
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


@pytest.mark.slow
def test_the_report_shows_the_race(run, photographs, tmp_path):
    path = tmp_path / "page.html"
    ended = run("train", photographs, *RACED, "--scoring", "log_loss", "--report", path)
    assert "--scoring log_loss chooses λ alone" in " ".join(ended.out.split())
    page = path.read_text()
    assert page.count('<th scope="row" class="long">hog(cell=4)</th>') == 1
    assert "hog(cell=4) won: the simplest candidate within one standard error" in page
    assert "Held-out accuracy of the candidates of a race" in page


def test_the_smoothing_of_the_winner_is_in_the_model_and_the_run_file(
    run, photographs, tmp_path, monkeypatch
):
    smoothed = (Candidate("hog(cell=4)", 1, 324, label_smoothing=0.25),)
    monkeypatch.setattr(racing, "candidates", lambda *_: smoothed)
    model = tmp_path / "model.safetensors"
    assert run("train", photographs, *RACED, "--out", model).code == 0
    assert load(model).loss.label_smoothing == 0.25
    again = tmp_path / "again.safetensors"
    run("train", "--run", model.with_suffix(".run.toml"), "--out", again)
    np.testing.assert_array_equal(load(model).coef_, load(again).coef_)


@pytest.mark.slow
def test_a_dear_winner_is_fitted_to_the_tolerance_of_the_race(
    run, photographs, tmp_path, monkeypatch
):
    monkeypatch.setattr(racing, "DEAR", 0.0)
    model = tmp_path / "model.safetensors"
    ended = run("train", photographs, "--budget", "1min", "--out", model)
    assert "fitted to --tol 0.01; a larger --budget" in ended.out
    assert "tol = 0.01" in model.with_suffix(".run.toml").read_text()


@pytest.mark.slow
def test_one_validation_row_is_enough_to_race_and_to_save(run, table, tmp_path):
    """Its accuracy has no error: nothing is lost when the model is saved and shown."""
    data = np.load(table)
    model = tmp_path / "model.safetensors"
    page = tmp_path / "page.html"
    np.savez(
        tmp_path / "one.npz",
        X_train=data["X"][1:],
        y_train=data["y"][1:],
        X_val=data["X"][:1],
        y_val=data["y"][:1],
    )
    ended = run("train", tmp_path / "one.npz", *RACED, "--out", model, "--report", page)
    assert ended.code == 0, ended.err
    words = re.sub(r"base64,[^\"')]*", "", page.read_text())  # pictures may spell anything
    assert "nan" not in ended.out + words
    assert "inf " not in ended.out
    assert load(model).notes_["race"]["rows"][0]["error"] is None


def test_a_missing_package_is_said_before_images_are_read(refused, monkeypatch):
    monkeypatch.setattr(published, "find_spec", lambda name: None)
    refused(["train", "no such folder", "--features", "hog+encoder"], "halfspaces[encoder]")


def test_the_penalty_suits_the_table_and_is_in_the_run_file(run, table, tmp_path):
    model = tmp_path / "model.safetensors"
    ended = run("train", table, *RACED, "--out", model)
    assert "winner      softmax + l1" in ended.out
    assert 'penalty = "l1"' in model.with_suffix(".run.toml").read_text()
    again = tmp_path / "again.safetensors"
    run("train", table, *RACED, "--out", again)
    np.testing.assert_array_equal(load(model).coef_, load(again).coef_)


@pytest.mark.slow
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


BAD = {
    "nan": (
        lambda X, y: (np.where(np.eye(*X.shape), np.nan, X), y),
        "X contains NaN at row 0, column 0",
    ),
    "one class": (lambda X, y: (X, 0 * y), "y holds one class, 0"),
    "a number a row": (lambda X, y: (X[:30], np.arange(30)), "none can be held out"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_told_as_without_a_race(run, refused, table, tmp_path, fault):
    change, words = BAD[fault]
    data = np.load(table)
    X, y = change(data["X"], data["y"])
    np.savez(tmp_path / "bad.npz", X=X, y=y)
    model = tmp_path / "model.safetensors"
    raced = refused(["train", tmp_path / "bad.npz", *RACED, "--out", model])
    plain = refused(["train", tmp_path / "bad.npz", "--budget", "0", "--out", model])
    assert raced.err == plain.err
    assert words in plain.err
    assert not list(tmp_path.glob("model*"))


def test_pixels_of_plain_rows_are_refused(refused, table):
    refused(["train", table, "--features", "pixels"], "--features pixels describes images", "rows")


def test_an_interrupt_ends_a_race_and_its_fit_is_not_stored(run, table, cache, monkeypatch):
    callback = races.Credit.__call__
    seen = []

    def interrupting(self, run):
        seen.append(run)
        if len(seen) == 5:
            raise KeyboardInterrupt
        callback(self, run)

    monkeypatch.setattr(races.Credit, "__call__", interrupting)
    assert run("train", table, *RACED).code == 130
    assert not list(cache.rglob("*-*"))


@pytest.mark.slow
def test_what_cannot_be_raced_is_trained_all_the_same(run, tmp_path):
    """A class whose only rows of weight above 0 are not among those that a round fits."""
    rng = np.random.default_rng(0)
    lines = ["a,b,w,y"]
    for row in range(7000):
        rare = row % 350 == 0
        a, b = rng.normal(size=2)
        weight = int(not rare or row == 350)
        lines.append(f"{a},{b},{weight},{'rare' if rare else 'xy'[int(a > 0)]}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    ended = run("train", tmp_path / "rows.csv", "--weight", "w", *RACED)
    assert ended.code == 0, ended.err


def test_few_rows_of_a_large_table_are_fitted_in_a_race_of_folds():
    """A rare class makes folds: they have no more rows than others."""
    y = np.r_[np.zeros(40_000, int), np.ones(10, int)]
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    rows = RaceRows.of(y, None, None, 0)
    assert len(rows.folds) > 1
    taken = []

    def some(chosen):
        taken.append(len(chosen))
        return X[chosen]

    enter = races.ComponentRace({"plain": ("softmax", "l2")}, some, rows)
    assert enter("plain", 2000).rows == 2000
    assert taken[0] <= len(rows.folds) * (2000 + MOST_HELD_OUT)
