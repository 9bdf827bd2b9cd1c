"""`halfspaces data suspects`: labels that are likely wrong."""

from pathlib import Path
from typing import Annotated

import typer

from halfspaces.cli.options import (
    DataArgument,
    IgnoreOption,
    JobsOption,
    LabelOption,
    MemoryOption,
    OverwriteOption,
    PluginOption,
    SkipOption,
    SplitOption,
    typer_option,
)
from halfspaces.datasets.suspects import LEVEL

FOLDS = 5
SHOWN = 20  # suspects, and half as many pairs of classes, on the screen


def suspects(
    data: DataArgument,
    out: Annotated[
        Path | None, typer.Option(help="Write all of them here: .csv, .parquet, .jsonl or .json.")
    ] = None,
    level: Annotated[
        float, typer.Option(help="List labels that are believed less than this, from 0 to 1.")
    ] = LEVEL,
    features: Annotated[str | None, typer_option("features")] = "auto",
    loss: Annotated[str, typer_option("loss")] = "auto",
    strengths: Annotated[str | None, typer_option("strengths")] = None,
    folds: Annotated[int, typer.Option(help="Each label is judged without its fold.")] = FOLDS,
    budget: Annotated[str, typer_option("budget")] = "2min",
    seed: Annotated[int | None, typer_option("seed")] = None,
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    group: Annotated[str | None, typer_option("group")] = None,
    image_size: Annotated[str | None, typer_option("image_size")] = None,
    skip_bad: SkipOption = False,
    overwrite: OverwriteOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """List training rows whose label is likely wrong, the least believed first.

    Each row is judged by a classifier that was not fitted on it: folds are held out, as to choose
    λ. The score is the probability of the label, to the power 1.5 and normalized.
    """
    from halfspaces.cli import prediction_table, suspect_rows
    from halfspaces.cli.recipe import recipe_of
    from halfspaces.files.outputs import Input, Output, check_outputs, plugins
    from halfspaces.support.validation import check_number

    check_number("--level", level, above=0, below=1)
    if out is not None:
        inputs = [Input(Path(data), "the data"), *plugins(plugin)]
        check_outputs([Output(out, "suspects")], inputs, overwrite=overwrite)
        prediction_table.check_format(out)
    recipe = recipe_of(
        {
            "data": data,
            "features": features,
            "loss": loss,
            "strengths": strengths,
            "folds": folds,
            "budget": budget,
            "seed": seed,
            "label": label,
            "ignore": ignore,
            "split": split,
            "group": group,
            "image_size": image_size,
            "skip_bad": skip_bad,
            "memory": memory,
            "jobs": jobs,
        }
    )
    found = suspect_rows.found(recipe, level)
    if out is not None:
        prediction_table.write_table(found.table, out)
    found.show(out, most=SHOWN)
