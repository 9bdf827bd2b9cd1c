"""`halfspaces train`."""

from pathlib import Path
from typing import Any

import typer

from halfspaces.cli.options import default, with_all_options
from halfspaces.files.options import TABLES, flag, section


@with_all_options
def train(context: typer.Context, **options: Any) -> None:
    """Train a linear classifier on all training rows and report it. λ is chosen on rows held out
    unless it is given.
    """
    from halfspaces.cli import training
    from halfspaces.cli.recipe import recipe_of
    from halfspaces.files import run_file

    trained_on = None
    run: Path | None = options["run"]
    if run is not None:
        text = run_file.read(run)
        options |= _with_run_file(context, options, run_file.loads(text, f"The run file {run}"))
        if not _is_given(context, "data"):
            trained_on = run_file.trained_on(text)
    training.train(recipe_of(options), trained_on)


def _with_run_file(
    context: typer.Context, options: dict[str, Any], stored: dict[str, Any]
) -> dict[str, Any]:
    """The options of a run file: those given beside it, else the file's, else the defaults.

    Options that override another value of the file are reported.
    """
    from halfspaces.cli import report
    from halfspaces.files.run_file import merged

    names = [name for name in options if section(name) in TABLES]
    given = {name: options[name] for name in names if _is_given(context, name)}
    for name, value in given.items():
        if value != stored.get(name):
            report.overridden(flag(name), value, stored.get(name))
    return {name: default(name) for name in names} | merged(stored, given)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")
