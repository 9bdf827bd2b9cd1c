"""The command line: a thin client of the public API."""

import sys
import warnings
from typing import Annotated

import typer

from halfspaces.cli import data, features
from halfspaces.cli.convert import convert
from halfspaces.cli.evaluate import evaluate, info
from halfspaces.cli.export import export
from halfspaces.cli.gradcheck import gradcheck
from halfspaces.cli.html_report import write_report
from halfspaces.cli.plot import plot
from halfspaces.cli.predict import predict
from halfspaces.cli.train import train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden."
    ),
)
for command in (train, evaluate, info, predict, plot, export, gradcheck, convert):
    app.command()(command)
app.command("report")(write_report)
app.add_typer(data.app, name="data")
app.add_typer(features.app, name="features")


def _version(asked: bool) -> None:
    if asked:
        import halfspaces

        typer.echo(f"halfspaces {halfspaces.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    from halfspaces.cli.plugins import load_installed

    load_installed()


def main() -> None:
    """Run the command line; a known error is one sentence and exit code 2."""
    from halfspaces.cli import report

    warnings.simplefilter("ignore")  # the report says how a run ended
    try:
        code = app(standalone_mode=False) or 0
        if code == 130:  # typer's answer to Ctrl-C
            report.error("Interrupted; nothing was saved.")
        sys.exit(code)
    except BrokenPipeError:  # the reader of our output is gone
        sys.stdout = None
        sys.exit(141)
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as problem:
        report.error(_sentence(problem))
        sys.exit(2)
    except Exception as problem:
        words = getattr(problem, "format_message", None)
        if words is None:
            raise
        report.error(f"{_sentence(ValueError(words())).rstrip('.')}; see halfspaces --help.")
        sys.exit(2)


def _sentence(problem: BaseException) -> str:
    text = str(problem) or type(problem).__name__
    return " ".join(text.split())
