"""`halfspaces report`: the report of a saved model on data, as HTML or JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halfspaces.cli.options import (
    JobsOption,
    LabelOption,
    MemoryOption,
    ModelArgument,
    PluginOption,
)

if TYPE_CHECKING:
    from halfspaces.cli.subject import Subject
    from halfspaces.plots.display import Display
    from halfspaces.report.page import Picture

SUFFIXES = (".html", ".json")

# kind, title, what to look for, whether it shows pixels
PICTURES = (
    ("loss-curve", "The loss while it was trained", "It should fall and become flat.", False),
    (
        "templates",
        "What each class looks for",
        "A score is the inner product of a row and these weights.",
        True,
    ),
    (
        "confusion-matrix",
        "Which classes are taken for which",
        "Dark off the diagonal: two classes that are mixed up.",
        False,
    ),
    (
        "mistakes",
        "The most confident mistakes",
        "Often wrong labels, or rows that people find hard, too.",
        True,
    ),
    (
        "margins",
        "How clear the decisions are",
        "Left of 0 the prediction is wrong; near 0 it could easily have been another.",
        False,
    ),
    (
        "calibration",
        "How far its probabilities can be trusted",
        "Below the diagonal the model is too sure of itself.",
        False,
    ),
)


def write_report(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Option(help="Data as for train; those that the model was trained on unless given."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write here: .html, or .json for the figures; MODEL.html unless given."),
    ] = None,
    label: LabelOption = None,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """Write a report of a saved model: one HTML file that opens without a network."""
    from halfspaces.cli import report, values
    from halfspaces.cli.subject import Subject
    from halfspaces.system.atomic import write_whole

    path = (
        model.with_name(model.name.removesuffix(".safetensors") + ".html") if out is None else out
    )
    values.check_out(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"A report is a file that ends in .html or .json, got {path}.")
    subject = Subject(model, data, label, values.memory_bytes(memory), jobs)
    write_whole(path, content(subject, path.suffix.lower()))
    report.reported(path)


def content(subject: "Subject", suffix: str) -> bytes:
    """The content of a report in the format of the suffix."""
    from halfspaces.report.page import render
    from halfspaces.report.summary import summarize

    dataset = subject.dataset
    X, y = subject.evaluation
    summary = summarize(
        subject.classifier,
        y,
        subject.classifier.predict(X),
        model=subject.model.name,
        data=str(dataset),
        part="all" if dataset.X_test is None else "test",
        class_names=subject.names,
        notes=dataset.notes,
    )
    if suffix == ".json":
        return json.dumps(summary.model_dump(), indent=2, ensure_ascii=False).encode()
    return render(summary, _pictures(subject)).encode()


def _pictures(subject: "Subject") -> "list[Picture]":
    """The pictures that there are of this model."""
    from halfspaces.report.page import Picture

    pictures = []
    for kind, title, text, is_image in PICTURES:
        display = _drawn(subject, kind)
        if display is not None:
            pictures.append(Picture(title, text, display, is_image))
    return pictures


def _drawn(subject: "Subject", kind: str) -> "Display | None":
    from halfspaces.cli.plot import KINDS

    draw: Any = KINDS[kind]
    try:
        return draw(subject)
    except ValueError:  # a model without a history, without probabilities, of other features
        return None
