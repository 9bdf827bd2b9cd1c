"""`halfspaces plot`: every kind of picture of a trained model, from the command line."""

import pytest

from halfspaces.cli.plot import KINDS
from tests.helpers import DIGITS, npz


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plots")
    X, y = DIGITS.X[:300], DIGITS.y[:300]
    npz(folder / "rows.npz", X=X[:200], y=y[:200], X_test=X[200:], y_test=y[200:])
    return folder


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of separable classes
def test_every_kind_of_picture(run, folder, monkeypatch):
    monkeypatch.chdir(folder)
    options = ("--strengths", "2", "--budget", "1min", "--out", "m.safetensors")
    assert run("train", "rows.npz", *options).code == 0
    for kind in KINDS:
        ended = run("plot", kind, "m.safetensors")
        assert ended.code == 0, (kind, ended.err)
        picture = (folder / f"m.{kind}.svg").read_text()
        assert "<title>" in picture, kind
        shown = " ".join(ended.out.split())
        assert shown.startswith("shows "), kind
    assert run("plot", "margins", "m.safetensors").code == 0, "its own picture is replaced"


@pytest.mark.slow
def test_what_cannot_be_drawn_is_said(run, folder, monkeypatch):
    monkeypatch.chdir(folder)
    options = ("--loss", "hinge", "--strength", "1", "--max-passes", "20", "--out", "h.safetensors")
    assert run("train", "rows.npz", *options).code == 0
    for kind, words in (
        ("path", "has no search for λ in it; train without --strength"),
        ("candidates", "has no race in it; train without --features"),
        ("calibration", "gives no probabilities"),
        ("nonsense", "KIND"),
    ):
        ended = run("plot", kind, "h.safetensors")
        assert ended.code == 2
        assert words in " ".join(ended.err.split())
