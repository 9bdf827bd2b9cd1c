"""Every option of `train` is described once, in `halfspaces.files.options`;
all else is made from there.
"""

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import halfspaces
from halfspaces import cli
from halfspaces.cli import opened_data
from halfspaces.cli.recipe import Recipe, recipe_of
from halfspaces.datasets import Dataset
from halfspaces.estimators.given import weight_of_each_class
from halfspaces.files import options, run_file
from halfspaces.files.options import TABLES, ThisCall

SOURCES = Path(halfspaces.__file__).parent
OPTIONS = options.all_options()
STORED = {name: table for table in TABLES.values() for name in table.model_fields}
SAMPLES = {
    "list[str]": ["a 'b' ß", "c"],
    "str": "a 'b' ß",
    "int": 3,
    "float": 0.1 + 0.2,
    "bool": True,
}


def help_of(command):
    return CliRunner().invoke(cli.app, [command, "--help"], terminal_width=300).output


def strings_in_sources():
    """All literal strings of cli/ and files/, and how often each occurs."""
    found = Counter()
    for room in ("cli", "files"):
        for path in (SOURCES / room).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found.update(
                node.value
                for node in nodes
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
    return found


def test_every_option_has_a_help_text_that_no_other_place_repeats():
    strings = strings_in_sources()
    texts = [field.description for field in OPTIONS.values()]
    assert all(texts)
    assert len(set(texts)) == len(texts)
    assert [text for text in texts if strings[text] > 1] == []


def test_every_option_is_on_the_command_line_with_its_help():
    shown = " ".join(re.sub("[│╭╮╰╯─]", " ", help_of("train")).split())
    for name, field in OPTIONS.items():
        assert (name if name == "data" else options.flag(name)) in shown
        first_words = " ".join(field.description.split()[1:5])
        assert first_words in shown, name


def test_other_commands_show_the_same_texts():
    for command, names in {
        "evaluate": ("data", "label", "skip_bad", "memory", "jobs", "plugin"),
        "predict": ("label", "memory", "jobs", "plugin"),
    }.items():
        shown = " ".join(re.sub("[│╭╮╰╯─]", " ", help_of(command)).split())
        for name in names:
            assert " ".join(OPTIONS[name].description.split()[:4]) in shown, name


def test_the_recipe_and_the_run_file_have_all_options_between_them():
    assert set(Recipe.model_fields) == set(OPTIONS)
    assert set(OPTIONS) == set(STORED) | set(ThisCall.model_fields)
    assert len(STORED) == sum(len(table.model_fields) for table in TABLES.values())


def test_the_schema_describes_every_option_of_a_run_file():
    schema = run_file.json_schema()
    for name, table in STORED.items():
        assert schema["$defs"][table.__name__]["properties"][name]["description"] == (
            OPTIONS[name].description
        )
    assert schema["additionalProperties"] is False


def test_train_prints_the_schema(run):
    ended = run("train", "--schema")
    assert (ended.code, ended.err) == (0, "")
    assert '"label_smoothing"' in ended.out


@pytest.mark.parametrize("name", STORED)
def test_every_option_of_a_run_file_comes_back(name):
    annotation = str(OPTIONS[name].annotation)
    value = next(value for word, value in SAMPLES.items() if word in annotation)
    if OPTIONS[name].annotation is bool:
        value = not OPTIONS[name].default
    text = run_file.dumps({name: value}, made={})
    assert run_file.loads(text) == {name: value}
    assert tomllib.loads(text)[options.section(name)] == {name: value}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--beta 2", ["--beta belongs to --penalty elastic_net, got --penalty l2."]),
        ("--penalty elastic_net --beta 0", ["ElasticNet(beta=...) must be above 0, got 0.0."]),
        ("--jobs 0", ["--jobs must be at least 1, got 0."]),
        ("--device gpu", ["--device must be 'auto', 'cpu', 'cuda', 'cuda:1'", "got 'gpu'."]),
        ("--device cpu --score mlp", ["--device cpu is for --score linear, got --score mlp;"]),
        ("--every -1 --checkpoint x", ["--every must be at least 0, got -1.0."]),
        ("--every 1", ["--every belongs to --checkpoint; give --checkpoint FOLDER, too."]),
        ("--budget soon", ["--budget must be a time such as 90s, 2min or 1h, got 'soon'."]),
        ("--cache-features --features pixels", ["--cache-features stores computed features"]),
        ("--max-passes inf", ["--max-passes must be finite and above 0, got inf."]),
        ("--epochs many", ["Invalid value for '--epochs'"]),
    ],
)
def test_values_that_cannot_be_are_one_sentence(refused, arguments, words):
    refused(f"train digits {arguments}", *words)


@pytest.mark.slow
def test_beta_reaches_the_penalty_and_the_run_file(run, tmp_path):
    model = tmp_path / "model.safetensors"
    given = "--penalty", "elastic_net", "--beta", 0.25, "--tol", 0.1
    for strength in (("--strength", 0.01), ("--strengths", "0.1,0.01")):
        ended = run("train", "digits", *given, *strength, "--out", model)
        assert ended.code == 0, ended
        assert "λ           0.01" in ended.out
        penalty = halfspaces.load(model).penalty
        assert (penalty.strength, penalty.beta) == (0.01, 0.25)
        assert run_file.loads(run_file.read(model))["beta"] == 0.25
        again = run("train", "--run", model, "--out", tmp_path / "again.safetensors")
        assert again.code == 0, again
        repeated = halfspaces.load(tmp_path / "again.safetensors")
        assert np.array_equal(repeated.coef_, halfspaces.load(model).coef_)
        assert "λ           0.01" in run("info", model).out


def test_class_weights_are_given_by_the_names_of_the_classes():
    given = Dataset("pets", np.ones((4, 2)), np.array([0, 1, 1, 0]), class_names=["cat", "dog"])
    recipe = opened_data.weighed_by_label(Recipe(class_weight="dog=5"), given)
    assert recipe.fit_options["class_weight"] == {"1": 5.0}
    assert weight_of_each_class({"1": 5.0}, np.array([0, 1])).tolist() == [1.0, 5.0]
    with pytest.raises(ValueError, match="names the class 'dgo': did you mean 'dog'"):
        opened_data.weighed_by_label(Recipe(class_weight="dgo=5"), given)
    for text in ("dog", "dog=much", "=3"):
        with pytest.raises(ValueError, match="balanced, or weights such as cat=5,dog=1"):
            recipe_of({"class_weight": text})
    with pytest.raises(ValueError, match="Each of --class-weight must be at least 0"):
        recipe_of({"class_weight": "dog=-1"})
