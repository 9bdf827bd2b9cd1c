"""`halfspaces probe`: a published protocol of linear probes on embeddings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    import numpy as np

    from halfspaces.datasets import Dataset
    from halfspaces.estimators.probes import ProbeResult

Tests = dict[str, tuple[Any, Any]]


def probe(
    data: Annotated[
        str,
        typer.Argument(
            metavar="EMBEDDINGS",
            help="Embeddings with labels, in any format of data, with test rows or --test.",
        ),
    ],
    protocol: Annotated[
        str, typer.Option(help="clip, dinov2, dinov3, vtab, mteb or fewshot.")
    ] = "clip",
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="One more test set; may be given several times."),
    ] = None,
    shots: Annotated[
        str | None,
        typer.Option(help="Training rows a class, such as 1,2,4; the protocol's unless given."),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Runs, each with rows of its own draw.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="That of the first draw.")] = None,
    normalize: Annotated[
        bool | None,
        typer.Option("--normalize/--no-normalize", help="Divide each row by its length."),
    ] = None,
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    skip_bad: SkipOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the result as JSON here.")] = None,
    overwrite: OverwriteOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """Run a published protocol of linear probes on embeddings: the sweep over the strengths, the
    final fit, and the score of each test set with a 95 % interval.
    """
    from halfspaces.cli import screen, values
    from halfspaces.estimators.probes import probe
    from halfspaces.estimators.probes.protocols import protocol_of
    from halfspaces.files.outputs import Input, Output, check_outputs, plugins

    named = _named(test or [])
    used = protocol_of(protocol).changed(
        shots=None if shots is None else values.whole_numbers("--shots", shots),
        repeats=repeats,
        seed=seed,
        normalize=normalize,
    )
    if out is not None:
        paths = [Input(Path(path), "a test set") for path in named.values()]
        inputs = [Input(Path(data), "the data"), *paths, *plugins(plugin)]
        check_outputs([Output(out, "probe")], inputs, overwrite=overwrite)
    options = {
        "label": label,
        "ignore": ignore,
        "split": split,
        "skip_bad": skip_bad,
        "memory": values.memory_bytes(memory),
    }
    dataset, tests = _opened(data, named, options)
    validation = None
    if dataset.y_val is not None:
        validation = (dataset.X_val, _labels(dataset, dataset.y_val))
    y = _labels(dataset, dataset.y)
    result = probe(dataset.X, y, tests, protocol=used, validation=validation, n_jobs=jobs)
    content = _content(data, result)
    if out is not None:
        _write(out, content)
    if as_json:
        screen.print_json(content)
        return
    _report(dataset, result, out)


def _named(given: list[str]) -> dict[str, str]:
    """The paths of --test by name."""
    named: dict[str, str] = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not (name and equals and path):
            raise ValueError(f"--test must be NAME=PATH, such as v2=v2.npz, got {each!r}.")
        if name in named:
            raise ValueError(f"--test {name} is given twice; give each test set a name of its own.")
        named[name] = path
    return named


def _opened(data: str, named: dict[str, str], options: Any) -> "tuple[Dataset, Tests]":
    """The data set, and all test sets by name: its own, and those of --test."""
    from halfspaces import datasets
    from halfspaces.cli import report

    with report.reading(data):
        dataset = datasets.open(data, **options)
    tests: Tests = {}
    if dataset.y_test is not None:
        tests["test"] = (dataset.X_test, _labels(dataset, dataset.y_test))
    for name, path in named.items():
        if name in tests:
            raise ValueError(f"--test {name}: {data} has test rows of this name; give another.")
        like: Any = {**options, "like": dataset.conventions}
        if dataset.image_shape is not None and datasets.takes(path, "image_size"):
            like["image_size"] = dataset.image_shape
        with report.reading(path):
            read = datasets.open(path, **like)
        X, y = (read.X, read.y) if read.y_test is None else (read.X_test, read.y_test)
        tests[name] = (X, _labels(read, y))
    if not tests:
        raise ValueError(
            f"{data} has no test rows; give --test NAME=PATH, or --split, the column of a table "
            "that says which rows are for testing."
        )
    return dataset, tests


def _labels(dataset: "Dataset", y: "np.ndarray") -> "np.ndarray":
    """The names of the classes, by which test sets are matched; else the labels as they are."""
    import numpy as np

    return y if dataset.class_names is None else np.array(dataset.class_names)[y]


def _content(data: str, result: "ProbeResult") -> dict[str, object]:
    import halfspaces
    from halfspaces.system.mark import mark

    about = {"about": mark("probe"), "version": halfspaces.__version__, "data": data}
    return {**about, **result.as_dict()}


def _write(out: Path, content: dict[str, object]) -> None:
    import json

    from halfspaces.system.atomic import write_whole

    write_whole(out, (json.dumps(content, indent=2) + "\n").encode())


def _report(dataset: "Dataset", result: "ProbeResult", out: Path | None) -> None:
    """Print the data, the protocol, the scores and what the runs chose."""
    from halfspaces.cli import report
    from halfspaces.cli.screen import console
    from halfspaces.estimators.probes.scores import SCORES

    report.dataset(dataset)
    protocol = result.protocol
    report.pair("protocol", f"{protocol.name}: {protocol.sources[0]}")
    report.pair("rows", _rows(result))
    table = report.table_of("test set", "rows", "shots", "runs", "score", "mean", "95 % interval")
    for row in result.rows:
        interval = "" if row.low != row.low else f"{100 * row.low:.2f} to {100 * row.high:.2f}"
        table.add_row(
            row.test,
            f"{row.rows:,}",
            "all" if row.shots is None else str(row.shots),
            str(len(row.values)),
            SCORES[row.score].words,
            report.percent(row.mean),
            interval,
        )
    console.print(table)
    report.pair("strength", _strengths(result))
    for note in result.notes:
        report.pair("note", note)
    if all(run.converged for run in result.runs):
        report.pair("proof", "every final fit is within its tolerance of the minimum")
    report.pair("cost", f"{sum(run.seconds for run in result.runs):.2f} s")
    if out is not None:
        report.pair("saved", str(out))


def _rows(result: "ProbeResult") -> str:
    runs = len(result.runs)
    fitted = _span([run.fitted for run in result.runs])
    held_out = [run.held_out for run in result.runs]
    words = f"{fitted} in the final fit"
    if any(held_out):
        among = ", some of them" if result.runs[0].refit else ", others"
        words += f"; {_span(held_out)}{among}, choose the strength"
    return words if runs == 1 else f"{words}; {runs} runs"


def _span(counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _strengths(result: "ProbeResult") -> str:
    parameter = result.protocol.grid.parameter
    values = sorted(run.value for run in result.runs)
    if values[0] == values[-1]:
        strengths = {run.strength for run in result.runs}
        own = f", λ = {strengths.pop():.3g}" if len(strengths) == 1 else ""
        return f"{parameter} = {values[0]:.3g}{own}"
    return f"{parameter} = {values[0]:.3g} to {values[-1]:.3g}"
