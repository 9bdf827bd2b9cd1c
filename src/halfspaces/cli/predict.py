"""`halfspaces predict`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from halfspaces.cli.options import (
    ClusterOption,
    EngineOption,
    IgnoreOption,
    JobsOption,
    LabelOption,
    MemoryOption,
    ModelArgument,
    OverwriteOption,
    PluginOption,
    SkipOption,
    SplitOption,
)


def predict(
    model: ModelArgument,
    data: Annotated[
        list[str],
        typer.Argument(
            help="As for train, or X alone; test rows where there is a test split. Or several."
        ),
    ],
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    skip_bad: SkipOption = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write here: .csv, .parquet, or .jsonl (or .json), an object a line; with --engine"
            " a new folder of Parquet parts."
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column for each class.")
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            help="Add the K best classes with probabilities, or scores if there are none."
        ),
    ] = None,
    explain: Annotated[
        int | None,
        typer.Option(help="Add the K columns, or pixels and cells, that add most to the score."),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            help="Add the set of labels that holds the right one this often, such as 0.95."
        ),
    ] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="With --coverage: for the rows of each class.")
    ] = False,
    max_error: Annotated[
        float | None,
        typer.Option(
            help="Add whether to accept a label: at most this part of those accepted is wrong."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    engine: EngineOption = None,
    cluster: ClusterOption = None,
    plugin: PluginOption = None,
) -> None:
    """Predict a label for each row; print CSV to the screen unless --out is given.

    Labels are written as they are. A spreadsheet computes a text that begins with =, +, - or @: of
    data or models that are not yours, write .parquet or .jsonl.
    """
    import halfspaces
    from halfspaces.cli import model_data, prediction_parts, prediction_table, report, values
    from halfspaces.cli.promises import Promises
    from halfspaces.files.outputs import Input, Output, check_outputs, plugins

    promises = Promises(coverage, by_class, max_error)
    wanted = prediction_table.Wanted(probabilities, top, explain, promises)
    how: Any = {"label": label, "ignore": ignore, "split": split, "skip_bad": skip_bad}
    if engine is not None or cluster is not None:
        where = prediction_parts.Where(engine, cluster, jobs, out)
        prediction_parts.predict(model, data, where, wanted, how)
        return
    if out is not None:
        read = [Input(Path(each), "the data") for each in data]
        inputs = [Input(model, "the model"), *read, *plugins(plugin)]
        check_outputs([Output(out, "predictions")], inputs, overwrite=overwrite)
        prediction_table.check_format(out)
    budget = values.memory_bytes(memory)
    classifier = halfspaces.load(model).set_params(n_jobs=jobs)
    columns = wanted.columns(classifier)
    sources = []
    for each in data:
        with report.reading(each):
            X, read = model_data.open_rows(classifier, each, memory=budget, **how)
        report.left_out(read)
        sources.append(prediction_table.Source(X, read.keys))
    if len(data) > 1:
        sources = [each.within(path) for each, path in zip(sources, data, strict=True)]
    prediction_table.write_all(columns, sources, out)
