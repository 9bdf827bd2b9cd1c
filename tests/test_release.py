"""What is released: its version, and a recipe that says what pyproject.toml says."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import halfspaces
from release import dist, environments

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
RECIPE = (ROOT / "release" / "conda" / "recipe.yaml").read_text(encoding="utf-8")


def requirements(section):
    """The lines of a list of the recipe, without spaces."""
    listed = re.search(rf"^  {section}:\n((?:    - .*\n)+)", RECIPE, re.MULTILINE)
    return {line.replace(" ", "").removeprefix("-") for line in listed[1].splitlines()}


def test_the_version_is_that_of_the_metadata():
    assert halfspaces.__version__ == metadata.version("halfspaces")
    assert "version" in PROJECT["dynamic"]


def test_the_recipe_has_the_requirements_of_the_project():
    assert requirements("run") == {*PROJECT["dependencies"], "python>=${{python_min}}"}
    build = set(SETTINGS["build-system"]["requires"])
    assert requirements("host") == {*build, "pip", "python${{python_min}}.*"}


def test_the_recipe_has_the_other_facts_of_the_project():
    (script,) = PROJECT["scripts"].items()
    for fact in (
        f'python_min: "{PROJECT["requires-python"].removeprefix(">=")}"',
        f"- {' = '.join(script)}\n",
        f'summary: "{PROJECT["description"]}"',
        f"license: {PROJECT['license']}\n",
        "".join(f"    - {path}\n" for path in PROJECT["license-files"]),
    ):
        assert fact in RECIPE


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a checkout")
def test_what_is_in_the_distributions_is_decided():
    listed = set(SETTINGS["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"])
    tops = {name.partition("/")[0] for name in dist.git("ls-files").splitlines()}
    left_out = {name.partition("/")[0] for name in dist.NOT_IN_SDIST}
    assert tops - {".gitignore"} == listed | left_out  # .gitignore is always there
    assert set(PROJECT["license-files"]) == set(dist.LICENSES)


def test_each_extra_is_tried_alone(tmp_path):
    (tmp_path / "a.tar.gz").touch()
    titles = {title for title, _ in environments.environments(tmp_path / "a.whl", [])}
    extras = PROJECT["optional-dependencies"].keys() - environments.LEFT_OUT
    assert {f"[{extra}]" for extra in extras} <= titles
