"""`halfspaces plot`: pictures of a model, of its training and of its mistakes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halfspaces.cli.options import (
    IgnoreOption,
    JobsOption,
    LabelOption,
    MemoryOption,
    OverwriteOption,
    PluginOption,
    SkipOption,
    SplitOption,
)
from halfspaces.cli.subject import Subject

if TYPE_CHECKING:
    from halfspaces.plots.display import Display

HISTORY = ".history.csv"
MOST_IMAGES = 6  # of the table of scores


def _loss_curve(subject: Subject) -> "Display":
    from halfspaces.files import history
    from halfspaces.plots import LossCurveDisplay

    path = _history_of(subject.model)
    curves = history.read(path)
    if len(curves["passes"]) < 2:
        raise ValueError(f"{path} has one iterate, and a curve needs two; train for more passes.")
    return LossCurveDisplay.from_history(curves)


def _history_of(model: Path) -> Path:
    """The history beside a model, or the file itself if it is one."""
    from halfspaces.files.outputs import beside

    return model if model.name.endswith(HISTORY) else beside(model, HISTORY)


def _path(subject: Subject) -> "Display":
    from halfspaces.estimators.scoring import score_name
    from halfspaces.plots import ValidationCurveDisplay
    from halfspaces.plots.sources import check_linear

    check_linear(subject.classifier)
    search = subject.classifier.notes_.get("search")
    if search is None:
        raise ValueError(
            f"{subject.model} has no search for λ in it; train without --strength, so that "
            "λ is chosen."
        )
    score = score_name(search["scoring"])
    return ValidationCurveDisplay.from_rows(search["rows"], chosen=search["strength"], score=score)


def _candidates(subject: Subject) -> "Display":
    from halfspaces.plots import CandidatesDisplay

    race = subject.classifier.notes_.get("race")
    if race is None:
        raise ValueError(
            f"{subject.model} has no race in it; train without --features, --loss and --penalty, "
            "so that the best ones are raced."
        )
    return CandidatesDisplay.from_rows(race["rows"], winner=race["winner"])


def _step_sizes(subject: Subject) -> "Display":
    from halfspaces.plots import StepSizesDisplay

    return StepSizesDisplay.from_estimator(subject.classifier, *subject.training)


def _templates(subject: Subject) -> "Display":
    from halfspaces.plots import TemplatesDisplay

    return TemplatesDisplay.from_estimator(
        subject.with_columns, scale=subject.scale, class_names=subject.names
    )


def _confusion_matrix(subject: Subject) -> "Display":
    from halfspaces.plots import ConfusionMatrixDisplay

    return ConfusionMatrixDisplay.from_estimator(
        subject.classifier, *subject.evaluation, class_names=subject.names
    )


def _mistakes(subject: Subject) -> "Display":
    from halfspaces.plots import MistakesDisplay

    shown = {"images": subject.images, "class_names": subject.names}
    return MistakesDisplay.from_estimator(subject.classifier, *subject.evaluation, **shown)


def _margins(subject: Subject) -> "Display":
    from halfspaces.plots import MarginsDisplay

    return MarginsDisplay.from_estimator(subject.classifier, *subject.evaluation)


def _calibration(subject: Subject) -> "Display":
    from halfspaces.plots import ReliabilityDisplay

    return ReliabilityDisplay.from_estimator(subject.classifier, *subject.evaluation)


def _scores(subject: Subject) -> "Display":
    from halfspaces.plots import ScoresDisplay

    shown = {"images": subject.images, "class_names": subject.names, "rows": range(MOST_IMAGES)}
    return ScoresDisplay.from_estimator(subject.classifier, *subject.evaluation, **shown)


def _slice(subject: Subject) -> "Display":
    from halfspaces.plots import SliceDisplay

    return SliceDisplay.from_estimator(subject.classifier, *subject.training)


def _landscape(subject: Subject) -> "Display":
    from halfspaces.plots import LandscapeDisplay

    return LandscapeDisplay.from_estimator(subject.classifier, *subject.training)


def _curvature(subject: Subject) -> "Display":
    from halfspaces.plots import CurvatureDisplay

    return CurvatureDisplay.from_estimator(subject.classifier, *subject.training)


def _race(subject: Subject) -> "Display":
    from halfspaces.plots import RaceDisplay

    return RaceDisplay.from_estimator(subject.classifier, *subject.training)


def _race_in_seconds(subject: Subject) -> "Display":
    from halfspaces.plots import RaceDisplay

    return RaceDisplay.from_estimator(subject.classifier, *subject.training, against="seconds")


def _learning_curve(subject: Subject) -> "Display":
    from halfspaces.plots import LearningCurveDisplay

    return LearningCurveDisplay.from_estimator(subject.classifier, *subject.training)


def _occam(subject: Subject) -> "Display":
    from halfspaces.plots import OccamDisplay

    if subject.dataset.X_test is None:
        raise ValueError(
            f"{subject.dataset.name} has no test rows, and this picture compares their error with "
            "that of the training rows; give data with a test split."
        )
    return OccamDisplay.from_estimator(subject.classifier, *subject.training, *subject.evaluation)


def _sparsity(subject: Subject) -> "Display":
    from halfspaces.plots import SparsityDisplay

    return SparsityDisplay.from_estimator(subject.classifier, *subject.training)


KINDS: dict[str, Callable[[Subject], "Display"]] = {
    "loss-curve": _loss_curve,
    "path": _path,
    "candidates": _candidates,
    "step-sizes": _step_sizes,
    "templates": _templates,
    "confusion-matrix": _confusion_matrix,
    "mistakes": _mistakes,
    "margins": _margins,
    "calibration": _calibration,
    "scores": _scores,
    "slice": _slice,
    "landscape": _landscape,
    "curvature": _curvature,
    "race": _race,
    "race-in-seconds": _race_in_seconds,
    "learning-curve": _learning_curve,
    "occam": _occam,
    "sparsity": _sparsity,
}


def _model_or_history(given: Path) -> Path:
    from halfspaces.files.safetensors_file import model_path

    return model_path(given)


def plot(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    model: Annotated[
        Path,
        typer.Argument(
            help="A .safetensors file that `halfspaces train --out` wrote; for loss-curve also the "
            "history beside it.",
            callback=_model_or_history,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Data as for train; those that the model was trained on unless given."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write here: .svg, .png or .pdf; MODEL.KIND.svg unless given."),
    ] = None,
    overwrite: OverwriteOption = False,
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    skip_bad: SkipOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """Draw a picture of a saved model, of its training, or of what it gets wrong."""
    from halfspaces.cli import report, values
    from halfspaces.files.outputs import Input, Output, beside, check_outputs, plugins
    from halfspaces.plots.figure import check_format
    from halfspaces.system.atomic import write_whole
    from halfspaces.system.names import check_name

    check_name("KIND", kind, KINDS)
    stem = model.with_name(model.name.removesuffix(HISTORY))
    output = Output(beside(stem, f".{kind}.svg"), "plot", "The plot")
    if out is not None:
        output = Output(out, "plot")
    check_format(output.path)
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
    if kind == "loss-curve":
        inputs = [Input(model, "the model"), Input(_history_of(model), "the history")]
    else:
        inputs = subject.inputs
    check_outputs([output], [*inputs, *plugins(plugin)], overwrite=overwrite)
    display = KINDS[kind](subject)
    write_whole(output.path, display.content(output.path.suffix.lower()))
    report.seen(display.alt)
    report.plotted(output.path)
