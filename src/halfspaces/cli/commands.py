"""The table of commands: `halfspaces --help` is made from it, a command is imported when it runs.

A new command is one row in `COMMANDS`, and its examples are one in `EXAMPLES`.
"""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from halfspaces.cli.examples import epilog


class Command(NamedTuple):
    """A command, or a group of commands.

    `home` is where its function is, or the Typer of a group: "module:name", in `halfspaces.cli`.
    `summary` is the first paragraph of its docstring, or the help of a group.
    """

    home: str
    summary: str


COMMANDS = {
    "train": Command(
        "train:train",
        "Train a linear classifier on all training rows and report it. λ is chosen on rows held "
        "out unless it is given.",
    ),
    "evaluate": Command(
        "evaluate:evaluate",
        "Report how good a saved model is, in total and by class, with 95 % intervals, on the test "
        "rows (all rows if there is no test split).",
    ),
    "compare": Command(
        "compare:compare",
        "Compare two saved models, or losses trained with λ chosen for each, on the same test "
        "rows.",
    ),
    "info": Command(
        "evaluate:info",
        "Describe a saved model: loss, classes, features, strength, accuracy in training.",
    ),
    "predict": Command(
        "predict:predict",
        "Predict a label for each row; print CSV to the screen unless --out is given.",
    ),
    "probe": Command(
        "probe:probe",
        "Run a published protocol of linear probes on embeddings: the sweep over the strengths, "
        "the final fit, and the score of each test set with a 95 % interval.",
    ),
    "plot": Command(
        "plot:plot", "Draw a picture of a saved model, of its training, or of what it gets wrong."
    ),
    "report": Command(
        "html_report:report",
        "Write a report of a saved model: one HTML file that opens without a network.",
    ),
    "export": Command(
        "export:export",
        "Export a saved model to another library; its labels and probabilities stay the same, and "
        "no pickle is written.",
    ),
    "gradcheck": Command(
        "gradcheck:gradcheck",
        "Check a gradient and name the likely bug; without FILE.py:NAME, those of every registered "
        "loss and penalty.",
    ),
    "convert": Command(
        "convert:convert",
        "Translate C, alpha, weight decay, ... of another library into a penalty with λ, or back.",
    ),
    "play": Command(
        "play:play",
        "Open the interactive page: move points, change W, loss and optimizer, and see what "
        "follows.",
    ),
    "data": Command(
        "data:app",
        "Well-known data sets: list, download and describe them; labels that are likely wrong.",
    ),
    "features": Command(
        "features:app", "Features of images: the words of train --features, and pictures."
    ),
    "course": Command(
        "course:app",
        "Exercises on losses and optimization: write stubs, check work, grade a class.",
    ),
    "about": Command(
        "about:about",
        "Describe this installation: versions, processor, threads, extras, caches; for reports of "
        "bugs.",
    ),
    "compile": Command(
        "compile:compile_all",
        "Compile the kernels for this processor ahead of time, so that no fit has to.",
    ),
}


class Commands(TyperGroup):
    """A group that lists its commands from the table and imports the one that is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name, the command and the arguments that are left; the command is imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and imported(command.name or ""), rest


def imported(name: str) -> Any:
    """The whole command, or group of commands, of this name."""
    module, _, attribute = COMMANDS[name].home.partition(":")
    found = getattr(import_module(f"halfspaces.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        command: Any = typer.main.get_group(found)
        command.epilog = epilog(name)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command(name, epilog=epilog(name))(found)
        command = typer.main.get_command(alone)
    command.name = name
    return command


def add_all(app: typer.Typer) -> None:
    """Add each command of the table to the program, by its name and summary alone."""
    for name, command in COMMANDS.items():
        app.command(name, help=command.summary)(_nothing)


def _nothing() -> None:
    """In place of a command, until it is imported."""
