"""The smaller commands, the help, and the command line in a shell."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import halfspaces
from halfspaces import cli, datasets
from halfspaces.cli import report
from halfspaces.losses import LOSSES
from tests.helpers import DIGITS

X_TEST = np.asarray(DIGITS.X_test)

# --- the groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [(), ("data",), ("features",)])
def test_a_group_alone_prints_its_help(run, group):
    alone = run(*group)
    assert alone.code == 0
    assert "Usage: " in alone.out
    assert alone.err == ""


@pytest.mark.parametrize(("beginning", "command"), [("ev", "evaluate"), ("data li", "list")])
def test_the_shell_completes_commands(monkeypatch, beginning, command):
    line = f"halfspaces {beginning}"
    monkeypatch.setenv("_HALFSPACES_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    runner = CliRunner()
    assert runner.invoke(cli.app, prog_name="halfspaces").output.split() == [command]


# --- train, evaluate, predict ---------------------------------------------------------------------


def test_export(run, refused, digits_model, tmp_path):
    shown = run("export", digits_model, "--to", "numpy")
    assert (shown.code, len(shown.out.splitlines())) == (0, 10)
    names = {}
    exec(shown.out, names)
    expected = halfspaces.load(digits_model).predict(X_TEST)
    assert names["predict"](X_TEST)[0].tolist() == expected.tolist()
    assert (
        "LogisticRegression"
        in run("export", digits_model, "--to", "sklearn", "--out", tmp_path / "a.py").out
        + (tmp_path / "a.py").read_text()
    )
    assert (
        run("export", digits_model, "--to", "torch", "--out", tmp_path / "linear.safetensors").code
        == 0
    )
    assert run("export", digits_model, "--to", "onnx").out.startswith(
        f"onnx        {digits_model.with_suffix('.onnx')} ("
    )
    refused(
        ["export", digits_model, "--to", "tflite"],
        "to='tflite' is not known: choose one of 'onnx', 'torch'",
    )
    refused(
        ["export", digits_model, "--to", "onnx", "--out", tmp_path],
        "is a folder; name a file in it.",
    )


# --- the rest -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_gradcheck_passes_and_its_verdict_is_the_exit_code(run, monkeypatch):
    ended = run("gradcheck")
    assert ended.code == 0
    assert re.search(r"All \d\d checks passed", ended.out)
    assert all(loss in ended.out for loss in LOSSES)
    monkeypatch.setattr(report, "gradient_checks", lambda seed, *, verbose: False)
    assert run("gradcheck").code == 1


def test_convert_says_what_python_says_and_takes_it_back(run, refused):
    about = "--n-examples", 50_000, "--n-classes", 10
    assert run("convert", "sklearn.LogisticRegression", "C=1", *about).out == "L2(strength=1e-05)\n"
    given = "--strength", 0.001, "--loss", "ova_hinge", "--n-examples", 1000
    assert run("convert", "liblinear", *given).out == "s=3 c=0.5\n"
    net = run(
        "convert", "sklearn.SGDClassifier", "penalty=elasticnet", "alpha=1e-2", "l1_ratio=0.5"
    ).out
    assert net == "ElasticNet(strength=0.005, beta=0.5)\n"
    back = run(
        "convert",
        "cyanure.Classifier",
        "--penalty",
        "l1",
        "--strength",
        0.1,
        "--loss",
        "ova_squared_hinge",
    )
    assert back.out == "penalty=l1 lambda_1=0.05\n"
    refused("convert liblinear c", "Parameters must be NAME=VALUE, such as C=1, got 'c'.")
    refused(
        "convert liblinear c=1 --strength 1", "--strength 1 was given beside c=1; give one of them."
    )
    refused("convert liblinear c=1", "give n_examples=N")
    refused("convert liblinear --penalty max_norm --strength 1", "takes no strength")


def test_decoded_images_are_listed_and_removed(run, refused, tmp_path, cache):
    empty = f"      0 MB  in 0 sets of decoded images or features, in {cache / 'images'}\n"
    assert run("data", "cache").out == empty
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("L", (5, 4)).save(tmp_path / "pets" / name / "1.png")
    datasets.open(tmp_path / "pets")
    assert re.match(
        rf" +0 MB  used \d{{4}}-\d\d-\d\d \d\d:\d\d  {tmp_path / 'pets'}\n",
        run("data", "cache").out,
    )
    refused("data cache --keep much", "--keep must be a size such as 2GB or 512MB, got 'much'.")
    removed, told = run("data", "cache", "--keep", "0").out.splitlines()
    assert removed.split() == ["0", "MB", "removed", str(tmp_path / "pets")]
    assert run("data", "cache").out == f"{told}\n" == empty


def test_help_names_every_command_and_option():
    runner = CliRunner()
    whole = runner.invoke(cli.app, ["--help"]).output
    assert all(
        command in whole
        for command in ("train", "evaluate", "predict", "export", "gradcheck", "convert", "play")
    )
    options = runner.invoke(cli.app, ["train", "--help"], terminal_width=200).output
    assert all(
        f"--{name}" in options
        for name in ("loss", "strength", "batch-size", "step-size", "out", "seed")
    )
    assert runner.invoke(cli.app, ["train", "--batch-size", "many"]).exit_code == 2
    assert runner.invoke(cli.app, ["tain"]).exit_code == 2


def shell(*arguments, **options):
    command = [sys.executable, "-W", "error", "-m", "halfspaces", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, **options
    )


@pytest.mark.long
def test_in_a_shell(digits_model):
    version = shell("--version")
    assert (version.returncode, version.stdout) == (0, f"halfspaces {halfspaces.__version__}\n")
    wrong = shell("train", "digits", "--loss", "sofmax")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "Error: --loss sofmax is not known: did you mean 'softmax'?\n"
    predicted = shell("predict", str(digits_model), "digits")
    assert (predicted.returncode, predicted.stderr) == (0, "")
    assert len(predicted.stdout.splitlines()) == 361
