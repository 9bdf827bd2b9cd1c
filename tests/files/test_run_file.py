"""Run files: a run repeated is the same to the bit, and what cannot be read is refused by name."""

import os
import re
import tomllib

import numpy as np
import pytest
import scipy.sparse

from halfspaces.datasets.fingerprint import fingerprint
from halfspaces.files import run_file, safetensors_file
from halfspaces.files.run_file import RunFileError
from tests.helpers import assert_one_sentence


def coefficients(path):
    return {name: tensor.tobytes() for name, tensor in safetensors_file.read(path)[0].items()}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            "--loss hinge --margin 0.5 --strengths 3 --folds 2 --tol 0.05 --no-standardize",
            marks=pytest.mark.long,
        ),
        "--optimizer sgd --epochs 2 --seed 5 --step-size find --strength 0.1 "
        "--class-weight balanced",
        "--loss squared_hinge --calibrate temperature --strengths 1,0.1 "
        "--validation 0.2 --tol 0.05",
    ],
)
def test_a_run_is_repeated_to_the_bit(run, tmp_path, options):
    first, again = tmp_path / "first.safetensors", tmp_path / "again.safetensors"
    ended = run("train", "digits", *options.split(), "--out", first)
    assert f"run file    {tmp_path / 'first.run.toml'}" in ended.out, ended
    text = (tmp_path / "first.run.toml").read_text()
    told = {
        name: value
        for table in tomllib.loads(text).values()
        if isinstance(table, dict)
        for name, value in table.items()
    }
    for flag, value in re.findall(r"--(\S+) ([^-]\S*)", options):
        given = told[flag.replace("-", "_")]
        assert given == type(given)(value)
    assert told["numpy"] == np.__version__
    assert safetensors_file.read(first)[1]["notes"] != {}

    for source in (tmp_path / "first.run.toml", first):
        ended = run("train", "--run", source, "--out", again)
        assert ended.code == 0, ended
        assert "override" not in ended.out
        assert coefficients(again) == coefficients(first)
        assert (tmp_path / "again.run.toml").read_text() == text


def test_a_run_file_knows_its_data(run, tmp_path):
    X, y = np.arange(40, dtype=np.uint8).reshape(10, 4), np.arange(10) % 2
    data, model = tmp_path / "data.npz", tmp_path / "model.safetensors"

    def warnings(X, *arguments):
        np.savez(data, X=X, y=y)
        ended = run("train", *arguments)
        assert ended.code == 0, ended
        return [
            line.split(maxsplit=1)[1]
            for line in ended.out.splitlines()
            if line.startswith("warning")
        ]

    assert warnings(X, data, "--strength", 1, "--out", model) == []
    for source in (tmp_path / "model.run.toml", model):
        assert warnings(X, "--run", source) == []
        said = "the data differ from those of the run file ({}), so W will differ"
        assert warnings(X[:, ::-1], "--run", source) == [
            said.format("the same shape and type, but other values")
        ]
        assert warnings(X[:, 1:], "--run", source) == [
            said.format("then 10 x 4 uint8, now 10 x 3 uint8")
        ]
        assert warnings(X[:, 1:], data, "--run", source) == [], "the file was named again"


@pytest.mark.slow
def test_a_fingerprint_looks_at_rows_everywhere():
    X, y = np.zeros((1100, 1 << 16), np.uint8), np.zeros(1100, int)
    prints = {fingerprint(X, y)["digest"]}
    for row in (0, 1099):
        X[row, -1] = 1
        prints.add(fingerprint(X, y)["digest"])
    prints |= {fingerprint(X, y + 1)["digest"], fingerprint(scipy.sparse.csr_array(X), y)["digest"]}
    assert len(prints) == 5
    assert (
        fingerprint(X, np.array(["a"] * 1100))["digest"]
        == fingerprint(X, np.array(["a"] * 1100, object))["digest"]
    )


@pytest.mark.long
def test_options_beside_a_run_file_override_it(run, tmp_path):
    model = tmp_path / "model.safetensors"
    run(
        "train",
        "digits",
        "--strengths",
        3,
        "--tol",
        0.05,
        "--loss",
        "hinge",
        "--margin",
        2,
        "--out",
        model,
    )
    ended = run(
        "train",
        "--run",
        tmp_path / "model.run.toml",
        "--strength",
        0.1,
        "--tol",
        0.05,
        "--loss",
        "softmax",
    )
    assert ended.code == 0, ended
    overrides = [
        line.split(maxsplit=1)[1] for line in ended.out.splitlines() if line.startswith("override")
    ]
    assert sorted(overrides) == [
        "--loss softmax instead of the run file's hinge",
        "--strength 0.1 instead of the run file's nothing",
    ]
    direct = run("train", "digits", "--strength", 0.1, "--tol", 0.05).out
    assert "loss " in direct
    for word in ("loss ", "gap ", "accuracy "):
        assert [line for line in ended.out.splitlines() if line.startswith(word)] == [
            line for line in direct.splitlines() if line.startswith(word)
        ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no `format = 1`, so it is no run file"),
        ("format = true", "has no `format = 1`"),
        (
            "format = 2\n[new]",
            "has format 2, but this version reads up to 1; install a newer halfspaces.",
        ),
        ("format = 1\n[data", "given.run.toml is not TOML"),
        ("format = 1\n[dta]", r"has \[dta\], which is not known: did you mean 'data'\?"),
        ("format = 1\nloss = 'hinge'", r"has \[loss\], which must be a table; write its"),
        (
            "format = 1\n[loss]\nmagin = 1",
            r"has magin in \[loss\], which is not known: did you mean 'margin'\?",
        ),
        ("format = 1\n[loss]\ndata = 'x'", r"has data in \[loss\], which is not known"),
        (
            "format = 1\n[loss]\nmargin = 'big'",
            r"has margin = 'big' in \[loss\], which must be a number.",
        ),
        ("format = 1\n[loss]\nloss = 3", r"has loss = 3 in \[loss\], which must be a string."),
        ("format = 1\n[strength]\nfolds = 2.5", "which must be a whole number."),
        ("format = 1\n[strength]\nfolds = true", "which must be a whole number."),
        ("format = 1\n[fit]\nstandardize = 1", "which must be true or false."),
        ("format = 1\n[loss]\nmargin = 1" + "0" * 400, "which must be a number."),
        (
            "format = 1\n[strength]\nfolds = 1",
            r"folds in \[strength\], which must be at least 2, got 1",
        ),
        ("format = 1\n[fit]\nout = 'm'", r"has out in \[fit\], which is not known"),
        ("a = " + "[" * 5000, "is not TOML"),
    ],
)
def test_what_is_no_run_file_is_refused_by_name(tmp_path, text, words):
    path = tmp_path / "given.run.toml"
    path.write_text(text)
    with pytest.raises(RunFileError, match=words) as caught:
        run_file.loads(run_file.read(path), f"The run file {path}")
    assert "given.run.toml" in str(caught.value)
    assert str(caught.value).isprintable()


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(RunFileError, match=r"There is no run file .*gone.toml; check the path"):
        run_file.read(tmp_path / "gone.toml")
    with pytest.raises(RunFileError, match=r"is a folder; give the .run.toml file in it"):
        run_file.read(tmp_path)
    (tmp_path / "large").write_bytes(b"#" * (run_file.LARGEST + 1))
    with pytest.raises(RunFileError, match="larger than 65,536 bytes"):
        run_file.read(tmp_path / "large")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(RunFileError, match="not UTF-8 text"):
        run_file.read(tmp_path / "binary")


def test_every_option_of_its_kind_comes_back():
    options = {
        "data": 'a "b"\n\\ Käse\x7f',
        "loss": "hinge",
        "margin": 0.1 + 0.2,
        "standardize": False,
        "label": "y",
    }
    text = run_file.dumps({**options, "folds": None}, made={})
    assert run_file.loads(text) == options
    assert tomllib.loads(text)["data"]["label"] == "y"  # what no table claims is of the data


@pytest.mark.parametrize(
    "text",
    [
        "format = 1\n" + ".".join(["a"] * 30_000) + " = 1\n",
        "format = 1\n[made]\nx = " + "[" * 150 + "]" * 150,
        "format = 1\n[data]\ndata = '" + "a" * 5000 + "'\n",
        "format = 1\n[optimizer]\ntol = 1" + "0" * 400,
    ],
    ids=["a key of many parts", "values within values", "a long string", "a long number"],
)
def test_what_a_file_claims_is_bounded(text):
    with pytest.raises(RunFileError) as caught:
        run_file.loads(text, "given.run.toml")
    assert_one_sentence(str(caught.value), ("given.run.toml",))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        RunFileError, match=r"pipe is no file on disk; give the .run.toml file itse"
    ):
        run_file.read(tmp_path / "pipe")
