"""Every command with every kind of output: no input, no other output and no file of another program
is replaced, and whatever fails, each file is the old one or the new one, whole.
"""

import io
import itertools
import json
import os
import resource
import shutil
import socket
import sys
import tomllib
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np
import onnx
import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

import halfspaces
from halfspaces import cli
from halfspaces.cli import report
from halfspaces.cli.commands import COMMANDS, imported
from halfspaces.course.exercises import EXERCISES as COURSE
from halfspaces.estimators.linear import LinearModel
from halfspaces.files.checkpoint import Checkpoint
from halfspaces.files.outputs import KINDS, Output
from halfspaces.report.summary import Summary
from tests.helpers import DIGITS, Ended

ROWS = 100
OLD = b"of another program"


class Case(NamedTuple):
    """A command, the inputs that it reads, and the outputs that it writes."""

    command: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    again: bool = True  # its outputs are known again, so that it may be run twice

    def __str__(self):
        return f"{self.command} {self.outputs[0]}".replace(" ", "_")


FILES = ("new.safetensors", "new.run.toml", "new.history.csv", "new.svg")
SHOWN = "features show image.png --features hue --out"
CASES = [
    Case("train d.npz --strengths 1,0.1 --out new", ("d.npz",), FILES),
    Case("train d.npz --strength 1 --out new.safetensors", ("d.npz",), FILES[:3]),
    Case("train --run hand.toml --out new", ("d.npz", "hand.toml"), FILES[:3]),
    Case("train d.npz --strength 1 --plugin p.py --out new", ("d.npz", "p.py"), FILES[:3]),
    Case("train d.npz --strength 1 --report new.html", ("d.npz",), ("new.html",)),
    Case(
        "train d.npz --strength 1 --out new --report r.json",
        ("d.npz",),
        (*FILES[:3], "r.json"),
    ),
    Case("plot margins m --data d.npz", ("m.safetensors", "d.npz"), ("m.margins.svg",)),
    Case("plot loss-curve h.history.csv", ("h.history.csv",), ("h.loss-curve.svg",)),
    *(
        Case(f"plot templates m --out {name}", ("m.safetensors",), (name,))
        for name in ("n.png", "n.svg", "n.pdf")
    ),
    Case("report m --data d.npz", ("m.safetensors", "d.npz"), ("m.html",)),
    Case("report m --data d.npz --out r.json", ("m.safetensors", "d.npz"), ("r.json",)),
    Case("evaluate m d.npz --out figures.json", ("m.safetensors", "d.npz"), ("figures.json",)),
    Case(
        "compare m n --data d.npz --out figures.json",
        ("m.safetensors", "n.safetensors", "d.npz"),
        ("figures.json",),
    ),
    *(
        Case(
            f"predict m.safetensors d.npz --out {name}", ("m.safetensors", "d.npz"), (name,), False
        )
        for name in ("new.csv", "new.json", "new.jsonl", "new.parquet")
    ),
    Case("probe t.npz --protocol mteb --out r.probe.json", ("t.npz",), ("r.probe.json",)),
    Case(
        "data suspects d.npz --strengths 1,0.1 --out new.suspects.csv",
        ("d.npz",),
        ("new.suspects.csv",),
        False,
    ),
    Case("course new .", (), (*(f"{name}.py" for name in COURSE), "README.md"), False),
    Case(
        "course solutions . --notebooks --language ko",
        (),
        tuple(f"{name}.ipynb" for name in COURSE),
        False,
    ),
    Case(
        "course grade class --csv new.marks.csv --json marks.json",
        ("class/sgd.py",),
        ("new.marks.csv", "marks.json"),
        False,
    ),
    Case("export m --to onnx", ("m.safetensors",), ("m.onnx",)),
    Case("export m.safetensors --to onnx --out n.onnx", ("m.safetensors",), ("n.onnx",)),
    Case("export m.safetensors --to torch", ("m.safetensors",), ("m.torch.safetensors",)),
    Case("export m.safetensors --to sklearn --out new.py", ("m.safetensors",), ("new.py",), False),
    Case("export m.safetensors --to numpy --out new.py", ("m.safetensors",), ("new.py",), False),
    Case("gradcheck g.py:loss --plot-errors n.svg", ("g.py",), ("n.svg",)),
    Case("gradcheck g.py:loss --plot-steps n.png", ("g.py",), ("n.png",)),
    *(Case(f"{SHOWN} {name}", ("image.png",), (name,)) for name in ("n.png", "n.svg", "n.pdf")),
]
PREDICT = next(case for case in CASES if case.command.startswith("predict"))
EXPORT = next(case for case in CASES if case.command.startswith("export"))
QUICK = {CASES[0], CASES[1], PREDICT, EXPORT}
QUICK |= {case for case in CASES if case.outputs in (("h.loss-curve.svg",), ("r.json",))}
EACH = [
    pytest.param(case, id=str(case), marks=[] if case in QUICK else pytest.mark.slow)
    for case in CASES
]
WRITE_NOTHING = {"info", "convert", "play", "data list", "data info"}
WRITE_NOTHING |= {"features list", "data formats", "course check", "about"}
WRITE_IN_THE_CACHE = {"data get", "data cache", "compile"}


def test_every_command_is_here():
    commands = set()
    groups = set()
    for name in COMMANDS:
        inner = getattr(imported(name), "commands", None)
        if inner is None:
            commands.add(name)
        else:
            groups.add(name)
            commands |= {f"{name} {each}" for each in inner}
    words = [case.command.split() for case in CASES]
    tested = {" ".join(each[:2]) if each[0] in groups else each[0] for each in words}
    assert commands == tested | WRITE_NOTHING | WRITE_IN_THE_CACHE


@pytest.fixture(scope="module")
def original(tmp_path_factory, digits_model):
    """A folder of data, a model, an image, a plugin and a run file written by hand."""
    folder = tmp_path_factory.mktemp("inputs")
    np.savez(folder / "d.npz", X=DIGITS.X[:ROWS], y=DIGITS.y[:ROWS])
    half = {"X_test": DIGITS.X[ROWS:150], "y_test": DIGITS.y[ROWS:150]}
    np.savez(folder / "t.npz", X=DIGITS.X[:ROWS], y=DIGITS.y[:ROWS], **half)
    for name in ("m.safetensors", "n.safetensors"):
        shutil.copy(digits_model, folder / name)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(
        folder / "image.png"
    )
    (folder / "h.history.csv").write_text(
        "passes,seconds,data_loss,penalty,loss\n1,0,0.5,0.1,0.6\n2,0,0.3,0.2,0.5\n"
    )
    (folder / "p.py").write_text("")
    (folder / "g.py").write_text("W = [1.0, 2.0]\ndef loss(W): return W @ W, 2 * W\n")
    (folder / "class").mkdir()
    (folder / "class" / "sgd.py").write_text(COURSE["sgd"].solution("en"))
    (folder / "hand.toml").write_text(
        'format = 1\n[data]\ndata = "d.npz"\n[strength]\nstrength = 1.0\n'
    )
    return folder


@pytest.fixture
def folder(original, tmp_path, monkeypatch):
    """The current folder: a copy of the original."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command, stdout=None) -> Ended:
    """Run a command line in this process; streams in memory unless another is given."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["halfspaces", *command.split()])
        patch.setattr(sys, "stdout", out if stdout is None else stdout)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        err.flush()
        return Ended(
            int(ended.value.code or 0),
            out.buffer.getvalue().decode(),
            err.buffer.getvalue().decode(),
        )


def held(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink()
    }


def assert_refused(command, folder, *words):
    """The command ends before its work in one sentence, and no file is another."""
    before = held(folder)
    ended = run(command)
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.count("\n") == 1
    assert [word for word in words if word not in ended.err] == [], ended.err
    assert held(folder) == before


WHOLE = {
    ".safetensors": lambda path: len(safetensors.numpy.load_file(path)) >= 2,
    ".toml": lambda path: tomllib.loads(path.read_text())["format"] == 1,
    ".svg": lambda path: path.read_bytes().rstrip().endswith(b"</svg>"),
    ".png": lambda path: Image.open(path).convert("RGB").size[0] > 100,
    ".pdf": lambda path: path.read_bytes().rstrip().endswith(b"%%EOF"),
    ".history.csv": lambda path: pd.read_csv(path)["loss"].iloc[-1] > 0,
    ".suspects.csv": lambda path: set(pd.read_csv(path)) >= {"row", "label", "likely", "score"},
    ".marks.csv": lambda path: list(pd.read_csv(path)["points"]) == [3],
    "marks.json": lambda path: json.loads(path.read_text())["students"][0]["points"] == 3,
    ".md": lambda path: path.read_text().startswith("# "),
    ".ipynb": lambda path: len(json.loads(path.read_text())["cells"]) > 3,
    ".csv": lambda path: len(pd.read_csv(path)) == ROWS,
    ".probe.json": lambda path: json.loads(path.read_text())["scores"][0]["mean"] > 0.1,
    "figures.json": lambda path: json.loads(path.read_text())["rows"] > 0,
    "r.json": lambda path: Summary.model_validate_json(path.read_bytes()).rows > 0,
    ".html": lambda path: path.read_bytes().rstrip().endswith(b"</html>"),
    ".json": lambda path: len(pd.read_json(path, lines=True)) == ROWS,
    ".jsonl": lambda path: len(pd.read_json(path, lines=True)) == ROWS,
    ".parquet": lambda path: len(pd.read_parquet(path)) == ROWS,
    ".py": lambda path: compile(path.read_text(), path, "exec") is not None,
    ".onnx": lambda path: onnx.load(path).producer_name == "halfspaces",
}


def is_whole(path):
    """Whether the file is a whole one of the format that its name says."""
    return next(check for ending, check in WHOLE.items() if path.name.endswith(ending))(path)


# --- nothing is replaced --------------------------------------------------------------------------


@pytest.mark.parametrize("case", EACH)
def test_a_file_of_another_program_stays(case, folder):
    for output in case.outputs:
        (folder / output).write_bytes(OLD)
        assert_refused(case.command, folder, f"{output} exists", "--overwrite")
        (folder / output).unlink()
    for output in case.outputs:
        (folder / output).write_bytes(OLD)
    assert run(f"{case.command} --overwrite").code == 0
    assert all(is_whole(folder / output) for output in case.outputs)
    assert sorted(set(os.listdir(folder)) & set(case.outputs)) == sorted(case.outputs)
    if case.again:
        assert run(case.command).code == 0
    else:
        assert_refused(case.command, folder, "exists; give another name, or --overwrite")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_input_stays(case, folder):
    for output, given in itertools.product(case.outputs, case.inputs):
        for link in (os.link, os.symlink):
            link(folder / given, folder / output)
            assert_refused(f"{case.command} --overwrite", folder, f"{output} would replace")
            (folder / output).unlink()


@pytest.mark.parametrize("case", [case for case in CASES if case.outputs[1:]], ids=str)
def test_outputs_are_different_files(case, folder):
    for first, second in itertools.permutations(case.outputs, 2):
        for target in (None, OLD):  # a file that is not there yet, and one that is
            (folder / first).symlink_to(folder / second)
            if target is not None:
                (folder / second).write_bytes(target)
            assert_refused(f"{case.command} --overwrite", folder, "are one file")
            (folder / first).unlink()
        (folder / second).unlink()


@pytest.mark.slow
def test_products_are_known_by_their_kind(folder):
    made = {
        "train d.npz --strengths 1,0.1 --out new": dict(
            zip(FILES, ("model", "run file", "history", "plot"), strict=True)
        ),
        "plot margins m --data d.npz": {"m.margins.svg": "plot"},
        "plot templates m --out w.png": {"w.png": "plot"},
        "plot templates m --out w.pdf": {"w.pdf": "plot"},
        "report m --data d.npz": {"m.html": "report"},
        "report m --data d.npz --out r.json": {"r.json": "report"},
        "probe t.npz --protocol mteb --repeats 1 --out p": {"p": "probe"},
        "export m --to onnx --out a": {"a": "ONNX model"},
        "export m --to torch --out b": {"b": "file of torch weights"},
        "export m --to numpy --out c": {"c": None},
        "predict m d.npz --out d.parquet": {"d.parquet": None},
        **{f"{SHOWN} n{suffix}": {f"n{suffix}": "plot"} for suffix in (".png", ".svg", ".pdf")},
    }
    kinds = {"m.safetensors": "model", "d.npz": None, "hand.toml": None, "image.png": None}
    for command, products in made.items():
        assert run(command).code == 0
        kinds |= products
    objective = halfspaces.LinearClassifier().objective(DIGITS.X[:50], DIGITS.y[:50])
    Checkpoint(folder, every=0).write("run", 1, objective)
    kinds |= {"run.safetensors": None}
    for name, kind in kinds.items():
        known = {own for own in KINDS if Output(folder / name, own).is_own()}
        assert known == {kind} - {None}, name


@pytest.mark.parametrize("case", EACH)
def test_what_is_no_file_stays_and_links_are_followed(case, folder):
    for output in case.outputs:
        place = folder / output
        os.mkfifo(place)
        assert_refused(f"{case.command} --overwrite", folder, f"{output} is a device or a pipe")
        assert place.is_fifo()
        place.unlink()
        place.mkdir()
        assert_refused(f"{case.command} --overwrite", folder, f"{output} is a folder")
        place.rmdir()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(output)
        assert_refused(f"{case.command} --overwrite", folder, f"{output} is a device or a pipe")
        place.unlink()
    (folder / "elsewhere").mkdir()
    for output in case.outputs:
        (folder / output).symlink_to(folder / "elsewhere" / output)
    assert run(case.command).code == 0
    for output in case.outputs:
        assert (folder / output).is_symlink()
        assert is_whole(folder / "elsewhere" / output)


@pytest.mark.slow
def test_names_are_made_by_appending(folder):
    for name in ("k-v1.2", "k-v1.3", "k.svg", "k.run.toml.safetensors"):
        assert run(f"train d.npz --strengths 1,0.1 --out {name}").code == 0
    assert sorted(path.name for path in folder.glob("k*")) == sorted(
        stem + suffix
        for stem in ("k-v1.2", "k-v1.3", "k.svg", "k.run.toml")
        for suffix in (".safetensors", ".run.toml", ".history.csv", ".svg")
    )
    assert run("export k-v1.2 --to onnx").code == 0
    assert (folder / "k-v1.2.onnx").is_file()
    (folder / "old").write_bytes(OLD)
    assert_refused(
        "train d.npz --out old", folder, "--out old exists", "give --out old.safetensors"
    )
    assert_refused("train d.npz --out d.npz --overwrite", folder, "--out d.npz exists")
    long = "k" * 250
    assert_refused(f"train d.npz --out {long}", folder, "File name too long; choose a shorter one")
    (folder / "new.safetensors").symlink_to(folder / "no" / "k")
    assert_refused("train d.npz --out new", folder, "lies in a folder that does not exist")


def test_a_checkpoint_removes_and_replaces_only_its_own(folder):
    kept = folder / "ck"
    kept.mkdir()
    train = "train d.npz --strengths 1,0.1 --checkpoint ck --every 0"
    foreign = ("strength-best.safetensors", "state-mine.safetensors", "notes.txt")
    for name in foreign:
        (kept / name).write_bytes(OLD)
    assert run(f"{train} --out ck/strength-mine").code == 0
    assert halfspaces.load(kept / "strength-mine").n_features_in_ == 64
    assert {name for name in os.listdir(kept) if "mine." not in name} == {*foreign} - {
        "state-mine.safetensors"
    }
    assert (kept / "state-mine.safetensors").read_bytes() == OLD
    for name in ("run", "state-0001", "strength-12345"):
        assert_refused(f"{train} --out ck/{name}", kept, "is a file of --checkpoint ck")
        shutil.copy(folder / "m.safetensors", kept / f"{name}.safetensors")
        for resume in ("", " --resume"):
            assert_refused(train + resume, kept, f"{name}.safetensors is no checkpoint")
        (kept / f"{name}.safetensors").unlink()
    assert_refused("train d.npz --checkpoint d.npz", folder, "d.npz is a file and no folder")


# --- whatever fails, files are whole --------------------------------------------------------------


def assert_old_or_new(folder, outputs, inputs):
    """Each output is old or new, the inputs are the same, and nothing else is left."""
    for name, content in held(folder).items():
        assert name in outputs or inputs[name] == content
    assert all(
        (folder / output).read_bytes() == OLD or is_whole(folder / output) for output in outputs
    )


@pytest.mark.parametrize("case", EACH)
def test_a_full_disk(case, folder):
    inputs = held(folder)
    for output in case.outputs:
        (folder / output).write_bytes(OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 400, 3000, 12_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            ended = run(f"{case.command} --overwrite")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert_old_or_new(folder, case.outputs, inputs)
        if limit == 0:
            assert (ended.code, ended.err.count("\n")) == (2, 1), ended
            assert "cannot be written: File too large" in ended.err
        if "train" in case.command:
            assert "accuracy " in ended.out, "the report is lost"


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left")], ids=repr)
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(CASES[0], id="train", marks=pytest.mark.slow),
        pytest.param(PREDICT, id="predict"),
        pytest.param(EXPORT, id="export", marks=pytest.mark.slow),
    ],
)
def test_a_failure_at_any_write(case, step, failure, folder, monkeypatch):
    inputs = held(folder)
    for output in case.outputs:
        (folder / output).write_bytes(OLD)
    real = getattr(os, step)
    for at in itertools.count():
        calls = itertools.count()

        def failing(*arguments, at=at, calls=calls):
            if next(calls) == at:
                raise failure
            return real(*arguments)

        monkeypatch.setattr(os, step, failing)
        ended = run(f"{case.command} --overwrite")
        assert_old_or_new(folder, case.outputs, inputs)
        if next(calls) <= at:
            assert ended.code == 0
            break
        if isinstance(failure, KeyboardInterrupt):
            assert ended.code == 130
            saved = "train" in case.command and (folder / FILES[0]).read_bytes() != OLD
            words = f"the best model so far is saved in {FILES[0]}" if at > 1 else "nothing was"
            assert words in ended.err or saved
    assert at >= len(case.outputs)


@pytest.mark.parametrize("where", ["measuring", "printing"])
def test_an_interrupt_after_the_fit_leaves_the_model(folder, monkeypatch, where):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    if where == "measuring":
        monkeypatch.setattr(LinearModel, "predict", interrupted)
    else:
        monkeypatch.setattr(report, "accuracies", interrupted)
    train = "train d.npz --strength 1"
    ended = run(f"{train} --out new")
    assert (ended.code, ended.err) == (
        130,
        "Error: Interrupted; the best model so far is saved in new.safetensors.\n",
    )
    assert halfspaces.load("new").n_features_in_ == 64
    ended = run(train)
    assert (ended.code, ended.err) == (130, "Error: Interrupted; nothing was saved.\n")


# --- output that cannot be printed ----------------------------------------------------------------


@contextmanager
def printing_on(name):
    """A standard output: a broken pipe, a full device, or one of an encoding."""
    if name == "a broken pipe":
        reading, writing = os.pipe()
        os.close(reading)
        stream = open(writing, "w")  # noqa: SIM115
    elif name == "a full device":
        stream = open("/dev/full", "w")  # noqa: SIM115
    else:
        stream = io.TextIOWrapper(io.BytesIO(), encoding=name)
    try:
        yield stream
    finally:
        with suppress(OSError):
            stream.close()


STREAMS = {"a broken pipe": 141, "a full device": 2, "ascii": 0, "latin-1": 0, "cp1252": 0}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (code == 0)) for name, code in STREAMS.items()],
)
def test_a_report_that_cannot_be_printed_costs_nothing(folder, name):
    with printing_on(name) as stream:
        ended = run("train d.npz --strengths 1,0.1 --out new", stdout=stream)
    assert ended.code == STREAMS[name]
    words = "Error: The output cannot be printed: No space left on device; send it elsewhere.\n"
    assert ended.err == (words if name == "a full device" else "")
    assert all(is_whole(folder / output) for output in FILES)
    for command in (
        "info m",
        "evaluate m d.npz",
        "predict m d.npz",
        "export m --to numpy",
        "features list",
        "data list",
        "data formats",
        "about --no-gpu",
        "convert liblinear c=1 --n-examples 9",
        "train --schema",
        "report --schema",
        "--version",
    ):
        with printing_on(name) as stream:
            assert run(command, stdout=stream).code == STREAMS[name], command


def test_predictions_are_printed_right_or_not_at_all(folder):
    names = [f"кот{label}" for label in range(10)]
    halfspaces.save(halfspaces.load("m"), "named.safetensors", class_names=names)
    with printing_on("cp1252") as stream:
        ended = run("predict named d.npz", stdout=stream)
        assert b"?" not in stream.buffer.getvalue()
    assert ended.code == 2
    assert "'\\u043a' cannot be printed in cp1252; write to a file with --out" in ended.err
