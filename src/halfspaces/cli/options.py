"""Parameters of commands, made from the table of options in `halfspaces.files.options`."""

from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from halfspaces.files import options as table


def with_all_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `(context, **options)` one parameter for each option of the table."""
    kinds: dict[str, Any] = {"context": typer.Context}
    for name, field in table.all_options().items():
        kinds[name] = Annotated[field.annotation, typer_option(name)]
    parameters = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if name == "context" else default(name),
            annotation=kind,
        )
        for name, kind in kinds.items()
    ]
    command.__signature__ = Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = kinds
    return command


def default(name: str) -> Any:
    """The value of an option that is not given."""
    return table.all_options()[name].default


def typer_option(name: str) -> Any:
    """An option of the table as typer describes it; `data` is an argument."""
    field = table.all_options()[name]
    if name == "data":
        return typer.Argument(help=field.description)
    is_switch = field.annotation == bool | None  # --batch-norm, --no-batch-norm, or neither
    has_no_form = is_switch or (field.annotation is bool and field.default)
    flag = table.flag(name)
    return typer.Option(
        *([f"{flag}/--no-{flag[2:]}"] if has_no_form else [flag]),
        help=_help(name),
        callback=_callback(name),
        envvar=table.rule(name, "env"),
        is_eager=name in ("plugin", "print_schema"),
        metavar="<path>" if name == "plugin" else None,
        rich_help_panel=_panel(name),
    )


def _help(name: str) -> str:
    needed = table.rule(name, "needs")
    text = table.all_options()[name].description or ""
    return text if needed is None else f"With {table.flag(needed)}: {text[0].lower()}{text[1:]}"


def _panel(name: str) -> str | None:
    section = table.section(name)
    return None if section is None else section.capitalize()


def _callback(name: str) -> Callable[[Any], Any]:
    """The function that typer calls with the value of an option."""
    own = {"plugin": _load_plugins, "print_schema": _print_schema}

    def check(value: Any) -> Any:
        table.check_value(name, value)
        return value

    return own.get(name, check)


def _load_plugins(files: list[Path] | None) -> list[Path] | None:
    from halfspaces.cli.plugins import load_file

    for file in files or ():
        load_file(file)
    return files


def _model_path(given: Path) -> Path:
    from halfspaces.files.safetensors_file import model_path

    return model_path(given)


def _print_schema(asked: bool) -> bool:
    if asked:
        from halfspaces.cli.screen import print_json
        from halfspaces.files.run_file import json_schema

        print_json(json_schema())
        raise typer.Exit
    return asked


def help_alone(context: typer.Context) -> None:
    """The callback of a group of commands: print its help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


DataArgument = Annotated[str, typer_option("data")]
LabelOption = Annotated[str | None, typer_option("label")]
IgnoreOption = Annotated[list[str] | None, typer_option("ignore")]
SplitOption = Annotated[str | None, typer_option("split")]
SkipOption = Annotated[bool, typer_option("skip_bad")]
MemoryOption = Annotated[str | None, typer_option("memory")]
JobsOption = Annotated[int | None, typer_option("jobs")]
EngineOption = Annotated[str | None, typer_option("engine")]
ClusterOption = Annotated[str | None, typer_option("cluster")]
LanguageOption = Annotated[str, typer.Option(help=table.all_options()["language"].description)]
OverwriteOption = Annotated[bool, typer_option("overwrite")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead.")]
FiguresOption = Annotated[Path | None, typer.Option(help="Write the figures here, a .json file.")]
PluginOption = Annotated[list[Path] | None, typer_option("plugin")]
ModelArgument = Annotated[
    Path,
    typer.Argument(
        help="A .safetensors file that `halfspaces train --out` wrote.", callback=_model_path
    ),
]
