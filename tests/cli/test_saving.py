"""What `train` writes is whole: after a full disk, an interrupt or a kill the model is the old one,
or a good one.
"""

import itertools
import os

import numpy as np
import pytest

import halfspaces
from halfspaces.loop.result import Reason
from halfspaces.objective import Objective

CHEAP = ("--strength", "0.01")


@pytest.mark.parametrize(
    "command", [["train", "digits"], ["predict", "{model}", "digits"]], ids=lambda given: given[0]
)
def test_out_is_checked_before_the_work(refused, digits_model, tmp_path, command):
    command = [word.format(model=digits_model) for word in command]
    ended = refused(
        [*command, "--out", tmp_path / "no" / "file"],
        f"does not exist; create {tmp_path / 'no'} first.",
    )
    assert ended.out == ""
    assert refused([*command, "--out", tmp_path], "is a folder; name a file in it.").out == ""


def test_a_failed_save_leaves_the_earlier_model(refused, run, tmp_path, monkeypatch):
    model = tmp_path / "model.safetensors"

    def full(*paths):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", full)
        refused(
            ["train", "digits", *CHEAP, "--out", model],
            f"{model} cannot be written: No space left on device",
        )
        assert list(tmp_path.iterdir()) == []
    run("train", "digits", *CHEAP, "--out", model)
    earlier = model.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", full)
        refused(["train", "digits", "--strength", "1", "--out", model], "save it elsewhere.")
    diverging = ["--optimizer", "sgd", "--step-size", "1e9", "--strength", "1"]
    refused(["train", "digits", *diverging, "--out", model], "nothing is saved")
    assert model.read_bytes() == earlier
    beside = [tmp_path / "model.history.csv", tmp_path / "model.run.toml"]
    assert sorted(tmp_path.iterdir()) == [*beside, model]


@pytest.mark.parametrize(("options", "at"), [((), 25), (CHEAP, 5)], ids=["choosing λ", "fitting"])
def test_an_interrupt_leaves_a_whole_model_or_none(run, tmp_path, monkeypatch, options, at):
    evaluate, calls = Objective.evaluate, itertools.count()

    def interrupted(objective, request):
        if next(calls) == at:
            raise KeyboardInterrupt
        return evaluate(objective, request)

    monkeypatch.setattr(Objective, "evaluate", interrupted)
    ended = run("train", "digits", *options)
    assert (ended.code, ended.err) == (130, "Error: Interrupted; nothing was saved.\n")
    calls, model = itertools.count(), tmp_path / "model.safetensors"
    ended = run("train", "digits", *options, "--out", model)
    assert (ended.code, ended.err) == (
        130,
        f"Error: Interrupted; the best model so far is saved in {model}.\n",
    )
    assert halfspaces.load(model).notes_["fit"]["reason"] == str(Reason.INTERRUPTED)


def test_a_killed_training_goes_on_from_its_checkpoint(run, refused, tmp_path, monkeypatch):
    train = ["train", "digits", "--strengths", "1,0.1,0.01", "--checkpoint", tmp_path / "kept"]
    assert run(*train, "--out", tmp_path / "whole").code == 0
    assert list((tmp_path / "kept").iterdir()) == []
    evaluate, calls = Objective.evaluate, itertools.count()

    def killed(objective, request):
        if next(calls) == 7:
            raise RuntimeError("killed")
        return evaluate(objective, request)

    with monkeypatch.context() as broken:
        broken.setattr(Objective, "evaluate", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run(*train, "--every", "0", "--out", tmp_path / "model")
    refused(
        [*train, "--out", tmp_path / "model"],
        "holds the checkpoint of a run that has not ended; give --resume",
    )
    refused(["train", "digits", "--resume"], "--resume belongs to --checkpoint")
    assert run(*train, "--resume", "--out", tmp_path / "model").code == 0
    assert np.array_equal(
        halfspaces.load(tmp_path / "model").coef_, halfspaces.load(tmp_path / "whole").coef_
    )
