"""`halfspaces report`: the report of a saved model on data, as HTML or JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halfspaces.cli.options import (
    IgnoreOption,
    JobsOption,
    LabelOption,
    LanguageOption,
    MemoryOption,
    ModelArgument,
    OverwriteOption,
    PluginOption,
    SkipOption,
    SplitOption,
)
from halfspaces.system.words import DEFAULT, say, words

if TYPE_CHECKING:
    from halfspaces.cli.subject import Subject
    from halfspaces.plots.display import Display
    from halfspaces.report.page import Picture

SUFFIXES = (".html", ".json")

# Kind, and whether it shows pixels. Titles and what to look for are in the table of words.
PICTURES = {
    "loss-curve": False,
    "candidates": False,
    "path": False,
    "templates": True,
    "confusion-matrix": False,
    "mistakes": True,
    "margins": False,
    "calibration": False,
}


def _print_schema(asked: bool) -> None:
    if asked:
        from halfspaces.cli.screen import print_json
        from halfspaces.report.summary import Summary

        print_json(Summary.model_json_schema())
        raise typer.Exit


def report(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Option(help="Data as for train; those that the model was trained on unless given."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write here: .html, or .json for the figures; MODEL.html unless given."),
    ] = None,
    language: LanguageOption = DEFAULT,
    overwrite: OverwriteOption = False,
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    skip_bad: SkipOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            callback=_print_schema,
            is_eager=True,
            help="Show the JSON schema of reports and exit.",
        ),
    ] = False,
) -> None:
    """Write a report of a saved model: one HTML file that opens without a network."""
    from halfspaces.cli import report as shown
    from halfspaces.cli import values
    from halfspaces.cli.subject import Subject
    from halfspaces.files.outputs import Output, beside, check_outputs, plugins
    from halfspaces.system.atomic import write_whole

    output = Output(beside(model, ".html"), "report", "The report")
    if out is not None:
        output = Output(out, "report")
    check_format(output.path, language)
    subject = Subject(
        model,
        data,
        {
            "label": label,
            "ignore": ignore,
            "split": split,
            "skip_bad": skip_bad,
            "memory": values.memory_bytes(memory),
        },
        jobs,
    )
    check_outputs([output], [*subject.inputs, *plugins(plugin)], overwrite=overwrite)
    write_whole(output.path, content(subject, output.path.suffix.lower(), language))
    shown.reported(output.path)


def check_format(path: Path, language: str) -> None:
    """Raise ValueError for an unknown format or language, and ImportError without matplotlib.

    Call it before the work, so that neither is found out after it.
    """
    from halfspaces.plots.figure import new_figure

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"A report is a file that ends in .html or .json, got {path}.")
    words(language)
    if path.suffix.lower() == ".html":
        new_figure(1)


def content(
    subject: "Subject", suffix: str, language: str = DEFAULT, *, is_saved: bool = True
) -> bytes:
    """The content of a report in the format of the suffix; of a model that stays, or does not.

    Figures as JSON have English sentences.
    """
    from halfspaces.cli import report
    from halfspaces.report.page import render
    from halfspaces.report.summary import dumps, summarize

    if suffix == ".json":
        language = DEFAULT
    dataset = subject.dataset
    X, y = subject.evaluation
    summary = summarize(
        subject.classifier,
        y,
        subject.classifier.predict(X),
        model=subject.model.name if is_saved else None,
        data=dataset.describe(language),
        part="all" if dataset.X_test is None else "test",
        were_fitted=dataset.X_test is None and subject.is_training_data,
        class_names=subject.names,
        notes=dataset.notes,
        warnings=report.repeated(dataset, language),
        language=language,
    )
    if suffix == ".json":
        return dumps(summary).encode()
    return render(summary, _pictures(subject, language)).encode()


def _pictures(subject: "Subject", language: str) -> "list[Picture]":
    """The pictures that there are of this model."""
    from halfspaces.report.page import Picture

    pictures = []
    for kind, is_image in PICTURES.items():
        display = _drawn(subject, kind)
        if display is not None:
            title = say(language, f"picture.{kind}.title")
            text = say(language, f"picture.{kind}.text")
            pictures.append(Picture(title, text, display, is_image))
    return pictures


def _drawn(subject: "Subject", kind: str) -> "Display | None":
    from halfspaces.cli.plot import KINDS

    draw: Any = KINDS[kind]
    try:
        return draw(subject)
    except ValueError:  # a model without a history, without probabilities, of other features
        return None
