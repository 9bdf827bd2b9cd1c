"""`halfspaces compare`: two saved models, or several losses, on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halfspaces.cli.options import (
    FiguresOption,
    IgnoreOption,
    JobsOption,
    JsonOption,
    LabelOption,
    MemoryOption,
    OverwriteOption,
    PluginOption,
    SkipOption,
    SplitOption,
    default,
    typer_option,
)

if TYPE_CHECKING:
    from halfspaces.estimators.metrics.answers import Answers


@dataclass(frozen=True, eq=False)
class Compared:
    """The answers of each model for the same rows, in the order to report them.

    `rows` says which rows these are; `strengths` are the λ that were chosen.
    """

    data: str
    rows: str
    answers: "dict[str, Answers]"
    strengths: Mapping[str, float]


def compare(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Two files that `halfspaces train --out` wrote.")
    ] = None,
    losses: Annotated[
        str | None,
        typer.Option(help="Train these losses and compare them, such as hinge,squared_hinge."),
    ] = None,
    data: Annotated[str, typer.Option(help="Data as for train.")] = default("data"),
    features: Annotated[str | None, typer_option("features")] = None,
    penalty: Annotated[str | None, typer_option("penalty")] = None,
    strengths: Annotated[str | None, typer_option("strengths")] = None,
    folds: Annotated[int | None, typer_option("folds")] = None,
    validation: Annotated[float | None, typer_option("validation")] = None,
    calibrate: Annotated[str | None, typer_option("calibrate")] = None,
    seed: Annotated[int | None, typer_option("seed")] = None,
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
    out: FiguresOption = None,
    overwrite: OverwriteOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """Compare two saved models, or losses trained with λ chosen for each, on the same test rows.

    The difference of their accuracies has a 95 % interval and the p-value of McNemar's exact test.
    """
    from halfspaces.cli import evaluation
    from halfspaces.files.outputs import Input, plugins
    from halfspaces.files.safetensors_file import model_path

    paths = [model_path(path) for path in models or ()]
    given = {
        "features": features,
        "penalty": penalty,
        "strengths": strengths,
        "folds": folds,
        "validation": validation,
        "calibrate": calibrate,
        "seed": seed,
    }
    _check(paths, losses, given)
    read = [Input(path, "the model") for path in paths]
    inputs = [*read, Input(Path(data), "the data"), *plugins(plugin)]
    evaluation.check_output(out, inputs, overwrite=overwrite)
    reading = {"label": label, "ignore": ignore, "split": split, "skip_bad": skip_bad}
    if losses is not None:
        options = {**given, **reading, "data": data, "memory": memory, "jobs": jobs}
        compared = _losses(losses, options)
    else:
        compared = _models(paths, data, reading, memory, jobs)
    _report(compared, out, as_json=as_json)


def _check(paths: list[Path], losses: str | None, given: Mapping[str, Any]) -> None:
    """Raise unless there are two models, or losses to train and no models."""
    from halfspaces.files.options import flag

    if losses is not None and paths:
        raise ValueError(f"--losses trains its models, and {paths[0]} is one; give one of them.")
    if losses is not None:
        return
    if len(paths) != 2:
        raise ValueError(
            f"compare needs two models, got {len(paths)}; give two, or --losses "
            "hinge,squared_hinge to train some."
        )
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{flag(name)} {value} belongs to --losses; leave it out.")


def _models(
    paths: list[Path], data: str, reading: Mapping[str, Any], memory: str | None, jobs: int | None
) -> Compared:
    import halfspaces
    from halfspaces.cli import evaluation, values

    answers: dict[str, Answers] = {}
    rows = ""
    for name, path in zip(_names(paths), paths, strict=True):
        classifier = halfspaces.load(path).set_params(n_jobs=jobs)
        options: Any = {**reading, "memory": values.memory_bytes(memory)}
        opened = evaluation.opened(classifier, data, **options)
        answers[name] = evaluation.answers(classifier, opened)
        rows = opened.part
    return Compared(data, rows, answers, {})


def _names(paths: list[Path]) -> list[str]:
    """The names of the files, or the paths where these are the same."""
    names = [path.name.removesuffix(".safetensors") for path in paths]
    if len(set(names)) == len(names):
        return names
    if len(set(paths)) == len(paths):
        return list(map(str, paths))
    raise ValueError(f"{paths[0]} is both models; give two.")


def _losses(losses: str, options: Mapping[str, Any]) -> Compared:
    from halfspaces.cli import trained_losses

    found = trained_losses.trained(trained_losses.losses_of(losses), options)
    return Compared(found.dataset.name, found.part, found.answers, found.strengths)


def _report(compared: Compared, out: Path | None, *, as_json: bool) -> None:
    from halfspaces.cli import evaluation, figures_report, screen
    from halfspaces.estimators.metrics.compare import compare_all
    from halfspaces.estimators.metrics.evaluate import figures_of

    names = list(compared.answers)
    figures = {name: figures_of(answers) for name, answers in compared.answers.items()}
    pairs = compare_all(list(compared.answers.values()), names)
    content = {
        "data": compared.data,
        "part": compared.rows,
        "rows": figures[names[0]].rows,
        "models": {
            name: {"strength": compared.strengths.get(name), **each.to_dict()["figures"]}
            for name, each in figures.items()
        },
        "comparisons": [pair.to_dict() for pair in pairs],
    }
    if out is not None:
        evaluation.write(out, content)
    if as_json:
        screen.print_json(content)
        return
    figures_report.compared(compared.data, compared.rows, figures, compared.strengths, pairs)
    if out is not None:
        figures_report.written(out)
