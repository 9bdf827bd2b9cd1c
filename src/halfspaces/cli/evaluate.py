"""`halfspaces evaluate` and `halfspaces info`: what a saved model is, and how well it predicts."""

from halfspaces.cli.options import (
    DataArgument,
    JobsOption,
    LabelOption,
    MemoryOption,
    ModelArgument,
    PluginOption,
    SkipOption,
    default,
)

DATA = default("data")


def evaluate(
    model: ModelArgument,
    data: DataArgument = DATA,
    label: LabelOption = None,
    skip_bad: SkipOption = False,
    memory: MemoryOption = None,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
) -> None:
    """Accuracy of a saved model, whole and by class, on the test rows (or all rows where there is
    no test split).
    """
    import halfspaces
    from halfspaces.cli import model_data, prediction_table, report, values

    budget = values.memory_bytes(memory)
    classifier = halfspaces.load(model).set_params(n_jobs=jobs)
    with report.reading(data):
        dataset = model_data.open_dataset(classifier, data, label, budget, skip_bad=skip_bad)
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
    """What a saved model is: its loss and classes, the features it takes, its strength, its
    accuracy in training.
    """
    import halfspaces
    from halfspaces.cli import report

    classifier = halfspaces.load(model)
    report.model(classifier, model)
    report.noted(classifier)
