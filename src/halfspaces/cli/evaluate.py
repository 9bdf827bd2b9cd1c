"""`halfspaces evaluate` and `halfspaces info`: accuracy and description of a saved model."""

from halfspaces.cli.options import (
    DataArgument,
    IgnoreOption,
    JobsOption,
    LabelOption,
    MemoryOption,
    ModelArgument,
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
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """Report the accuracy of a saved model, in total and by class, on the test rows (all rows if
    there is no test split).
    """
    import halfspaces
    from halfspaces.cli import model_data, prediction_table, report, values

    budget = values.memory_bytes(memory)
    classifier = halfspaces.load(model).set_params(n_jobs=jobs)
    with report.reading(data):
        dataset = model_data.open_dataset(
            classifier,
            data,
            label=label,
            ignore=ignore,
            split=split,
            skip_bad=skip_bad,
            memory=budget,
        )
    part = "all"
    X = dataset.X
    y = dataset.y
    if dataset.X_test is not None and dataset.y_test is not None:
        part = "test"
        X = dataset.X_test
        y = dataset.y_test
    labels = model_data.labels(classifier, dataset, y)
    predicted = prediction_table.labels(classifier, model_data.rows(classifier, dataset, X))
    report.model(classifier, model)
    report.notes(dataset)
    report.unknown(labels)
    report.accuracies({part: report.accuracy(labels.y, predicted)})
    report.classes(labels.y, predicted, labels.names, part)


def info(model: ModelArgument, plugin: PluginOption = None) -> None:
    """Describe a saved model: loss, classes, features, strength, accuracy in training."""
    import halfspaces
    from halfspaces.cli import report

    classifier = halfspaces.load(model)
    report.model(classifier, model)
    report.noted(classifier)
