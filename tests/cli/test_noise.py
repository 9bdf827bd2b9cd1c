"""Noise on the command line: trained, written down, repeated to the bit, refused in a sentence."""

import numpy as np
import pytest

import halfspaces
from halfspaces.noise import AdaptiveL2, Dropout, GaussianNoise


@pytest.mark.parametrize(
    ("asked", "noise"),
    [
        (("--dropout", "0.2", "--optimizer", "sgd", "--epochs", "2"), Dropout(0.2)),
        (("--feature-noise", "0.3", "--adaptive-l2"), AdaptiveL2(GaussianNoise(0.3))),
    ],
)
def test_a_model_with_noise_is_described_and_repeated_to_the_bit(run, tmp_path, asked, noise):
    first, again, report = (tmp_path / name for name in ("first", "again", "report.html"))
    trained = run("train", "digits", "--strength", "0.01", *asked, "--seed", "3", "--out", first)
    assert trained.code == 0, trained.err
    assert f"noise       {noise!r}\n" in trained.out
    assert "gap         no bound is proved" in trained.out
    repeated = run("train", "--run", f"{first}.run.toml", "--out", again, "--report", report)
    assert repeated.code == 0, repeated.err
    one, two = halfspaces.load(first), halfspaces.load(again)
    assert one.noise == noise
    assert np.array_equal(one.coef_, two.coef_)
    assert f"noise       {noise!r}\n" in run("info", first).out
    assert f"<dd>{noise}</dd>" in report.read_text()


def test_the_seed_is_that_of_the_noise(run, tmp_path):
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        asked = ("--dropout", "0.2", "--strength", "0.01", "--seed", seed)
        asked += ("--optimizer", "sgd", "--epochs", "2")
        assert run("train", "digits", *asked, "--out", tmp_path / name).code == 0
    a, b, c = (halfspaces.load(tmp_path / name).coef_ for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_the_strength_is_chosen_without_noise_and_it_is_said(run, tmp_path):
    model = tmp_path / "model"
    ended = run("train", "digits", "--dropout", "0.2", "--strengths", "0.1,0.01", "--out", model)
    assert "solved without noise)" in ended.out
    loaded = halfspaces.load(model)
    assert loaded.noise == Dropout(0.2)
    assert loaded.strength == 0.01
    assert "validation" not in loaded.notes_["metrics"]


def test_noise_given_beside_a_run_file_takes_the_place_of_its_own(run, tmp_path):
    first = ("--dropout", "0.2", "--strength", "0.01", "--optimizer", "sgd", "--epochs", "2")
    run("train", "digits", *first, "--out", tmp_path / "a")
    asked = ("--run", tmp_path / "a.run.toml", "--feature-noise", "0.3", "--out", tmp_path / "b")
    assert run("train", *asked).code == 0
    assert halfspaces.load(tmp_path / "b").noise == GaussianNoise(0.3)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("--dropout 1", "--dropout must be at least 0 and below 1, got 1.0."),
        ("--feature-noise -1", "--feature-noise must be at least 0, got -1.0."),
        (
            "--dropout 0.3 --feature-noise 0.1",
            "--dropout 0.3 and --feature-noise 0.1 are both noise on the features; give one.",
        ),
        (
            "--adaptive-l2",
            "--adaptive-l2 belongs to --dropout or --feature-noise; give one of them, too.",
        ),
        (
            "--dropout 0.3 --optimizer lbfgs",
            "--dropout 0.3 draws noise anew in each pass, which --optimizer lbfgs cannot use; "
            "give --optimizer gradient_descent or sgd, or --adaptive-l2.",
        ),
        ("--dropout 0.3 --adaptive-l2 --loss hinge", "softmax or ova_logistic, got Hinge"),
        (
            "--dropout 0.3 --calibrate sigmoid",
            "--calibrate sigmoid is learned by a search for λ, which has no noise; leave out "
            "--dropout or --calibrate.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(run, asked, sentence):
    ended = run("train", "digits", *asked.split())
    assert ended.code != 0
    assert sentence in ended.err
    assert len(ended.err.splitlines()) == 1
