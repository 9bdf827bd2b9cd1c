"""`halfspaces evaluate` and `halfspaces info`: figures and description of a saved model."""

from pathlib import Path

from halfspaces.cli.options import (
    ClusterOption,
    DataArgument,
    EngineOption,
    FiguresOption,
    IgnoreOption,
    JobsOption,
    JsonOption,
    LabelOption,
    MemoryOption,
    ModelArgument,
    OverwriteOption,
    PluginOption,
    SkipOption,
    SplitOption,
    default,
)

DATA = default("data")


def evaluate(
    model: ModelArgument,
    data: DataArgument = DATA,
    label: LabelOption = None,
    ignore: IgnoreOption = None,
    split: SplitOption = None,
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
    out: FiguresOption = None,
    overwrite: OverwriteOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    engine: EngineOption = None,
    cluster: ClusterOption = None,
    plugin: PluginOption = None,
) -> None:
    """Report how good a saved model is, in total and by class, with 95 % intervals, on the test
    rows (all rows if there is no test split).
    """
    import halfspaces
    from halfspaces.cli import cluster as clusters
    from halfspaces.cli import evaluation, figures_report, report, screen, values
    from halfspaces.estimators.metrics.evaluate import figures_of
    from halfspaces.files.outputs import Input, plugins

    inputs = [Input(model, "the model"), Input(Path(data), "the data"), *plugins(plugin)]
    evaluation.check_output(out, inputs, overwrite=overwrite)
    clusters.check(engine, cluster)
    classifier = halfspaces.load(model).set_params(n_jobs=jobs)
    with clusters.started(engine, cluster, jobs) as there:
        rows = evaluation.opened(
            classifier,
            data,
            there,
            label=label,
            ignore=ignore,
            split=split,
            skip_bad=skip_bad,
            memory=values.memory_bytes(memory),
        )
        answers = evaluation.answers(classifier, rows)
    figures = figures_of(answers)
    about = {"model": str(model), "data": rows.dataset.name, "part": rows.part}
    content = {**about, **figures.to_dict(report.namer(rows.labels.names))}
    if out is not None:
        evaluation.write(out, content)
    if as_json:
        screen.print_json(content)
        return
    report.model(classifier, model)
    report.notes(rows.dataset)
    report.unknown(rows.labels)
    report.accuracies({rows.part: figures["accuracy"].value})
    figures_report.show(figures, rows.labels.names, rows.part)
    if out is not None:
        figures_report.written(out)


def info(model: ModelArgument, plugin: PluginOption = None) -> None:
    """Describe a saved model: loss, classes, features, strength, accuracy in training."""
    import halfspaces
    from halfspaces.cli import report

    classifier = halfspaces.load(model)
    report.model(classifier, model)
    report.noted(classifier)
