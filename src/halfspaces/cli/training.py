"""What `halfspaces train` does: open the data, choose λ, fit, report, save."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces import datasets
from halfspaces.cli import report, values
from halfspaces.cli.image_features import Describing, Rows, folds_of
from halfspaces.cli.recipe import Recipe
from halfspaces.datasets import Dataset
from halfspaces.datasets.fingerprint import fingerprint
from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_optimizer
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.estimators.finite import check_finite
from halfspaces.features import Augmentation, Feature, parse
from halfspaces.files import run_file
from halfspaces.files.atomic import write_whole
from halfspaces.files.models import save, versions
from halfspaces.files.options import STRENGTHS, VALIDATION
from halfspaces.loop.result import Reason
from halfspaces.tuning.folds import Fold


@dataclass(frozen=True, eq=False)
class Examples:
    """The data of a training.

    `given` is the data set as it was opened. `rows` is the data set to fit: with --features its
    columns are the features, and with --flip or --shift it has copies. `as_given` is `rows` without
    copies. `folds` are the folds for which the feature was computed, empty without a feature.
    """

    given: Dataset
    fingerprint: dict[str, Any]
    rows: Dataset
    as_given: Dataset
    feature: Feature | None
    folds: list[Fold]


def train(recipe: Recipe, trained_on: Mapping[str, Any] | None = None) -> LinearClassifier:
    """Open the data, choose λ on held-out rows, fit all training rows, report, and save.

    Parameters
    ----------
    recipe : Recipe
    trained_on : mapping, optional
        The fingerprint of the data of the run that is repeated; a difference is reported.

    Raises
    ------
    SystemExit
        With code 130 after Ctrl-C, once the best model so far is saved.
    KeyboardInterrupt
        After Ctrl-C without --out.
    """
    classifier = recipe.classifier()
    values.check_out(recipe.out)
    examples = open_examples(recipe, trained_on)
    rows = examples.rows
    if recipe.sanity:
        report.sanity_checks(classifier, rows.X, rows.y)
    search = choose_strength(recipe, examples)
    classifier = _fitted(recipe, classifier, rows, search)
    interrupted = classifier.result_.reason is Reason.INTERRUPTED
    if interrupted and recipe.out is None:
        raise KeyboardInterrupt
    report.choice(classifier)
    report.fit(classifier, cost=search is None or recipe.optimizer != "auto")
    report.calibration(classifier)
    if not np.all(np.isfinite(classifier.result_.loss)):
        raise ValueError(f"The training failed and nothing is saved: {classifier.result_.reason}")
    metrics = accuracies(classifier, examples.as_given, search)
    if recipe.out is not None:
        save_all(recipe, recipe.out, classifier, examples, metrics, search)
    if interrupted:
        report.error(f"Interrupted; the best model so far is saved in {recipe.out}.")
        raise SystemExit(130)
    if recipe.stored_run is not None:
        recipe.stored_run.clear()
    return classifier


# --- data -----------------------------------------------------------------------------------------


def open_examples(recipe: Recipe, trained_on: Mapping[str, Any] | None = None) -> Examples:
    """Open the data set and, with --features, compute the features."""
    with report.reading(recipe.data):
        given = datasets.open(
            recipe.data,
            label=recipe.label,
            ignore=recipe.ignore,
            split=recipe.split,
            image_size=values.image_size(recipe.image_size),
            skip_bad=recipe.skip_bad,
            memory=values.memory_bytes(recipe.memory),
        )
    if given.X_test is not None:
        check_finite("X_test", given.X_test)
    report.dataset(given)
    found = fingerprint(given.X, given.y)
    report.other_data(trained_on, found)
    described = describe(recipe, given)
    if described is None:
        return Examples(given, found, given, given, None, [])
    return Examples(
        given, found, described.dataset, described.as_given, described.feature, described.folds
    )


def describe(recipe: Recipe, dataset: Dataset) -> Rows | None:
    """The data set with the features of --features as columns; None without --features."""
    if recipe.features is None:
        return None
    check_two(np.unique(dataset.y))  # before features are computed in vain
    feature = parse(recipe.features)
    feature.set_params(n_jobs=recipe.jobs)
    augmentation = Augmentation(recipe.flip, recipe.shift or 0, recipe.seed or 0)
    memory = values.memory_bytes(recipe.memory)
    describing = Describing(feature, augmentation, recipe.cache_features, memory)
    folds: list[Fold] = []
    if recipe.holds_out:
        part = None
        if not (recipe.folds or has_own_validation(recipe, dataset)):
            part = recipe.validation or VALIDATION
        folds = folds_of(dataset.y, recipe.folds, part, recipe.search()._seed() or 0)
    rows = describing.rows(dataset, folds, standardized=recipe.standardize)
    report.described(rows, asked_to_flip=recipe.flip)
    return rows


def has_own_validation(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether λ is chosen on the validation rows of the data set."""
    return recipe.folds is None and recipe.validation is None and dataset.X_val is not None


# --- fit ------------------------------------------------------------------------------------------


def choose_strength(recipe: Recipe, examples: Examples) -> LinearClassifierCV | None:
    """A fitted search for λ, with its calibration; None if neither is needed."""
    if not recipe.holds_out:
        return None
    dataset = examples.rows
    if recipe.optimizer != "auto":
        _check_optimizer(recipe.classifier(), dataset)
    search = recipe.search()
    part = recipe.validation or VALIDATION
    validation: Any = part
    rows = f"{100 * part:g} % of the training rows"
    if recipe.folds:
        validation = None
        rows = f"{recipe.folds} folds"
    elif has_own_validation(recipe, dataset):
        validation = (dataset.X_val, dataset.y_val)
        rows = f"{len(validation[1]):,} rows of their own"
    if examples.folds:
        validation = None
        search.set_params(cv=examples.folds)
    search.fit(dataset.X, dataset.y, validation=validation)
    report.search(search, rows)
    return search


def _fitted(
    recipe: Recipe,
    classifier: LinearClassifier,
    dataset: Dataset,
    search: LinearClassifierCV | None,
) -> LinearClassifier:
    """The classifier fitted to all rows, at the λ that the search chose if there was one."""
    if search is not None:
        classifier.set_params(**recipe.make_penalty(search.strength_))
    if recipe.finds_step_size:
        _find_step_size(classifier, dataset)
    if search is not None:
        interrupted = search.result_.reason is Reason.INTERRUPTED
        if recipe.optimizer == "auto" or interrupted:
            return search.classifier_  # all rows were a member of the grid
    return classifier.fit(dataset.X, dataset.y)


def _check_optimizer(classifier: LinearClassifier, dataset: Dataset) -> None:
    """Raise, before λ is chosen, if the optimizer cannot minimize with this penalty."""
    rows = np.unique(dataset.y, return_index=True)[1]
    objective = classifier.objective(dataset.X[rows], dataset.y[rows])
    optimizer = make_optimizer(classifier.optimizer, objective, None).optimizer
    optimizer.init(objective.zeros(), objective)


def _find_step_size(classifier: LinearClassifier, dataset: Dataset) -> None:
    from halfspaces.tuning.step_size import find_step_size

    optimizer: Any = classifier.optimizer
    test = find_step_size(classifier.objective(dataset.X, dataset.y), optimizer)
    report.range_test(test)
    classifier.set_params(optimizer=replace(optimizer, step_size=test.suggestion))


# --- report and save ------------------------------------------------------------------------------


def accuracies(
    classifier: LinearClassifier, dataset: Dataset, search: LinearClassifierCV | None
) -> dict[str, float]:
    """Report and return the accuracies on training, validation and test rows.

    The validation accuracy is of classifiers that were fitted without the validation rows.
    """
    predicted = classifier.predict(dataset.X)
    metrics = {"train": report.accuracy(dataset.y, predicted)}
    if search is not None:
        metrics["validation"] = float(search.cv_results_["mean_test_score"][search.best_index_])
    y = dataset.y
    part = "train"
    if dataset.X_test is not None and dataset.y_test is not None:
        y = dataset.y_test
        part = "test"
        predicted = classifier.predict(dataset.X_test)
        metrics["test"] = report.accuracy(y, predicted)
    report.accuracies(metrics)
    report.classes(np.asarray(y), predicted, dataset.class_names, part)
    return metrics


def save_all(
    recipe: Recipe,
    out: Path,
    classifier: LinearClassifier,
    examples: Examples,
    metrics: Mapping[str, float],
    search: LinearClassifierCV | None,
) -> None:
    """Write the model, its run file and, if matplotlib is installed, a plot of the search."""
    given = examples.given
    made = {"data": str(given), **versions(), "rows": examples.fingerprint}
    run = run_file.dumps(run_options(recipe), made=made)
    save(
        classifier,
        out,
        features=examples.feature,
        run=run,
        data=examples.rows.name,
        metrics=dict(metrics),
        class_names=given.class_names,
        image_shape=given.image_shape,
        planar=given.planar,
        conventions=given.conventions.to_note(),
    )
    report.saved(out)
    run_path = out.with_suffix(".run.toml")
    run_file.write(run_path, run)
    report.run_file(run_path)
    if search is not None and importlib.util.find_spec("matplotlib") is not None:
        _plot(search, out.with_suffix(".svg"))


def run_options(recipe: Recipe) -> dict[str, Any]:
    """The recipe's options for its run file, with the defaults used to choose λ written out."""
    options = recipe.model_dump()
    if recipe.chooses_strength:
        options["strengths"] = recipe.strengths or str(STRENGTHS)
    if recipe.holds_out and recipe.folds is None:
        options["validation"] = recipe.validation or VALIDATION
    for name in ("local", "flip"):  # stored only if set: they need random_search or --features
        options[name] = options[name] or None
    return options


def _plot(search: LinearClassifierCV, path: Path) -> None:
    from halfspaces.plots.validation_curve import save_validation

    write_whole(path, save_validation(search))
    report.plotted(path)
