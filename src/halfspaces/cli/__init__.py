"""The command line: a thin client of the public API."""

import sys
import warnings
from typing import Annotated

import typer

from halfspaces.cli.commands import Commands, add_all
from halfspaces.system.compiling import hearing

app = typer.Typer(
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden."
    ),
)
add_all(app)


def _version(asked: bool) -> None:
    if asked:
        import halfspaces
        from halfspaces.cli.screen import echo

        echo(f"halfspaces {halfspaces.__version__}")
        raise typer.Exit


def _note_on_a_terminal(sentence: str) -> None:
    from halfspaces.cli.screen import note

    if sys.stderr.isatty():
        note(sentence)


@app.callback()
def _main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    from halfspaces.cli.plugins import load_installed

    load_installed()
    if context.invoked_subcommand != "compile":
        context.with_resource(hearing(_note_on_a_terminal))
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line.

    A known error is one sentence and exit code 2; Ctrl-C is 130, and a pipe without a reader 141.
    """
    from halfspaces.cli import screen

    warnings.simplefilter("ignore")  # the report says how a run ended
    screen.prepare()
    code = _run()
    problem = screen.finish()
    if isinstance(problem, BrokenPipeError):
        code = 141
    elif problem is not None:
        screen.error(f"The output cannot be printed: {problem.strerror}; send it elsewhere.")
        code = code or 2
    sys.exit(code)


def _run() -> int:
    """Run the command that was given; return its exit code."""
    from halfspaces.cli.screen import error

    try:
        code = app(standalone_mode=False) or 0
        if code == 130:  # typer's answer to Ctrl-C
            error("Interrupted; nothing was saved.")
        return code
    except SystemExit as ended:
        return int(ended.code or 0)
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as problem:
        error(_sentence(problem))
    except Exception as problem:
        words = getattr(problem, "format_message", None)
        if words is None:
            raise
        error(f"{_sentence(ValueError(words())).rstrip('.')}; see halfspaces --help.")
    return 2


def _sentence(problem: BaseException) -> str:
    text = str(problem) or type(problem).__name__
    if isinstance(problem, OSError) and problem.strerror:
        place = "" if problem.filename is None else f": {problem.filename}"
        text = f"{problem.strerror}{place}."
    return " ".join(text.split())
