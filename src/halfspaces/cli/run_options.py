"""`halfspaces train --run FILE`: the options of a run file, and those given beside it."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import typer

from halfspaces.cli import report
from halfspaces.files import run_file

# Of one call, and without a say in the coefficients.
NOT_KEPT = (
    "run",
    "out",
    "jobs",
    "sanity",
    "memory",
    "checkpoint",
    "every",
    "resume",
    "cache_features",
)


def known(command: Callable[..., Any]) -> dict[str, Any]:
    """The types of a command's options that a run file keeps."""
    hints = get_type_hints(command)
    return {name: kind for name, kind in hints.items() if name not in (*NOT_KEPT, "ctx", "return")}


def options(context: typer.Context, command: Callable[..., Any], run: Path) -> dict[str, Any]:
    """All options of the command: those given, else the run file's, else the defaults. Tells which were overridden."""
    kept = run_file.loads(run_file.read(run), known(command), f"The run file {run}")
    all_options = {name: value for name, value in context.params.items() if name in known(command)}
    given = {name: value for name, value in all_options.items() if _is_given(context, name)}
    for name, value in given.items():
        if value != kept.get(name):
            report.overridden(f"--{name.replace('_', '-')}", value, kept.get(name))
    defaults = {
        name: default.default
        for name, default in signature(command).parameters.items()
        if name in all_options
    }
    return defaults | run_file.merged(kept, given)


def trained_on(context: typer.Context, run: Path) -> dict[str, Any] | None:
    """What the run file says of its data; None where it says nothing, or other data are given beside it."""
    return None if _is_given(context, "data") else run_file.trained_on(run_file.read(run))


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")
