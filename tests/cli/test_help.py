"""The help of the commands: what it costs, and that its examples can be typed."""

import inspect
import json
import shlex
import subprocess
import sys

import pytest
import typer

from halfspaces.cli.commands import COMMANDS, imported
from halfspaces.cli.examples import EXAMPLES

COMPILER = {"numba", "llvmlite"}
HEAVY = COMPILER | {"numpy", "scipy", "sklearn", "pydantic", "pyarrow", "pandas", "torch"}
CODE = """
import json, sys
from halfspaces import cli
sys.argv = ["halfspaces", *sys.argv[1:]]
try:
    cli.main()
except SystemExit as ended:
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    print("\\n" + json.dumps([ended.code, modules]))
"""
WITHOUT_KERNELS = (
    "data list",
    "data formats",
    "data info digits",
    "convert sklearn.LogisticRegression C=1 --n-examples 100 --n-classes 3",
    "gradcheck --show",
    "train --schema",
    "report --schema",
)


def loaded_by(words, cwd):
    command = [sys.executable, "-c", CODE, *words.split()]
    run = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=True)
    code, modules = json.loads(run.stdout.splitlines()[-1])
    assert code == 0, run.stderr
    return set(modules)


def commands():
    """Names and commands, those of groups included."""
    for name in COMMANDS:
        command = imported(name)
        yield name, command
        for inner, each in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", each


EVERY = dict(commands())


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_the_help_needs_no_library_of_numbers(words, tmp_path):
    assert loaded_by(words, tmp_path) & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize("words", WITHOUT_KERNELS)
def test_commands_without_kernels_load_no_compiler(words, tmp_path):
    assert loaded_by(words, tmp_path) & COMPILER == set()


def test_small_data_are_trained_without_the_compiler(tmp_path):
    train = "train digits --strength 0.1 --out m.safetensors"
    assert loaded_by(train, tmp_path) & COMPILER == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(name):
    paragraph = inspect.cleandoc(EVERY[name].help).partition("\n\n")[0]
    assert COMMANDS[name].summary == " ".join(paragraph.split())


def test_every_command_has_examples():
    assert EXAMPLES.keys() == EVERY.keys()
    for name, command in EVERY.items():
        assert all(line in command.epilog for line in EXAMPLES[name])


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in EXAMPLES.items() for line in lines]
)
def test_examples_can_be_typed(name, line):
    program, *words = shlex.split(line)
    assert program == "halfspaces"
    group = " ".join(words[:2]) in EVERY
    shown = " ".join(words[: 1 + group])
    assert shown == name or name in ("data", "features", "course")
    command = EVERY[shown]
    _, left, _ = command.make_parser(typer.Context(command)).parse_args(args=words[1 + group :])
    assert left == []  # every option is known, and there are as many arguments as it takes
