"""docs/regularization.md: its tables are those of the measurements, its commands are taken."""

import re
import shlex

import pytest

from docs.regularization import FILES, PAGE, SWEEPS, TABLE, with_tables
from halfspaces.cli.commands import imported
from halfspaces.cli.recipe import recipe_of

COMMAND = re.compile(r"^One command: `halfspaces train (.+)`$", re.MULTILINE)
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_measurement_has_its_table_on_the_page():
    assert sorted(mark[2] for mark in TABLE.finditer(TEXT)) == sorted(SWEEPS)
    assert {path.stem for path in FILES.iterdir()} == set(SWEEPS)
    assert with_tables(TEXT) == TEXT, "run `python -m docs.regularization tables`"
    assert len(TEXT.splitlines()) <= 270


@pytest.mark.parametrize("words", COMMAND.findall(TEXT))
def test_the_commands_are_taken(words):
    if "--score" in words:
        pytest.importorskip("torch")
    train = imported("train")
    recipe_of(train.make_context("train", shlex.split(words)).params)


def test_a_command_stands_before_each_table():
    parts = TABLE.split(TEXT)[::4]
    without = [part for part in parts[:-1] if not COMMAND.search(part)]
    assert without == []
