"""What `halfspaces train` does: open the data, choose λ, fit, report, save."""

import importlib.util
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from halfspaces.cli import cluster, html_report, model_pixels, opened_data, report, screen, values
from halfspaces.cli.fold_features import FoldSearch, search_by_fold
from halfspaces.cli.holding_out import HeldOutRows
from halfspaces.cli.image_features import Describing, Rows
from halfspaces.cli.listening import Listener, Printed
from halfspaces.cli.network_training import arrange, assessed_on, last_assessment
from halfspaces.cli.recipe import Recipe
from halfspaces.cli.saving import Interrupt, planned_files, run_options
from halfspaces.cli.subject import Subject
from halfspaces.datasets import Dataset
from halfspaces.datasets.fingerprint import fingerprint
from halfspaces.engines import Engine
from halfspaces.estimators.base import ScoreModel
from halfspaces.estimators.components import make_optimizer
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.features import Augmentation, Feature, parse
from halfspaces.features.candidates import PIXELS
from halfspaces.files import history, run_file
from halfspaces.files.models import save, versions
from halfspaces.files.notes import race_note, search_note
from halfspaces.files.outputs import ModelFiles, model_files
from halfspaces.loop.result import Reason
from halfspaces.support.types import Array
from halfspaces.system.atomic import write_whole
from halfspaces.tuning.race import Race

Search = LinearClassifierCV | FoldSearch


@dataclass(frozen=True, eq=False)
class Examples:
    """The data of a training.

    `given` is the data set as it was opened. `rows` is the data set to fit: with --features its
    columns are the features, and with --flip or --shift it has copies. `as_given` is `rows` without
    copies. `described` has the feature and its folds, None without --features; `held_out` are the
    rows held out to choose λ, None if nothing is to be chosen.
    """

    given: Dataset
    fingerprint: dict[str, Any]
    rows: Dataset
    as_given: Dataset
    held_out: HeldOutRows | None
    describing: Describing | None = None
    described: Rows | None = None

    @property
    def feature(self) -> Feature | None:
        """The feature of --features."""
        return None if self.described is None else self.described.feature


def train(recipe: Recipe, trained_on: Mapping[str, Any] | None = None) -> ScoreModel:
    """Open the data, choose λ on held-out rows, fit all training rows, save, and report.

    What will be written is checked first. The model is saved before the report is printed, and the
    report is printed even if a file cannot be written.

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
        After Ctrl-C if nothing is saved.
    """
    files = planned_files(recipe)
    with cluster.started(recipe.engine, recipe.cluster, recipe.jobs) as engine:
        return _train(recipe, trained_on, files, engine)


def _train(
    recipe: Recipe,
    trained_on: Mapping[str, Any] | None,
    files: ModelFiles | None,
    engine: Engine | None,
) -> ScoreModel:
    listener = Printed()
    given = opened_data.read(recipe, listener, engine)
    held_out = opened_data.held_out(recipe, given)
    decision = opened_data.decided(recipe, given, listener)
    recipe = decision.recipe
    classifier = recipe.classifier()
    examples = described_examples(recipe, decision.given, held_out, listener, trained_on, engine)
    rows = examples.rows
    arrange(recipe, classifier, rows)
    if recipe.sanity:
        report.sanity_checks(classifier, rows.X, rows.y)
    there = cluster.placed(rows, engine)
    search = choose_strength(recipe, replace(examples, rows=there), listener)
    classifier = fitted(recipe, classifier, there, search, listener)
    interrupt = Interrupt(classifier.result_.reason is Reason.INTERRUPTED)
    if interrupt.came and files is None:
        raise KeyboardInterrupt
    fit_is_finite = bool(np.all(np.isfinite(classifier.result_.loss)))
    evaluation = None
    saved: dict[str, Path] = {}
    with interrupt.ends_block():
        if fit_is_finite:
            evaluation = evaluated(recipe, classifier, examples.as_given, search)
    with interrupt.ends_block():
        try:
            if fit_is_finite:
                trained = Trained(recipe, classifier, examples, evaluation, search, decision.race)
                for name, path in save_all(trained, files):
                    saved[name] = path
        finally:
            report_all(recipe, classifier, examples, evaluation, search, saved)
    if not fit_is_finite:
        raise ValueError(f"The training failed and nothing is saved: {classifier.result_.reason}")
    if interrupt.came:
        _end_interrupted(saved)
    if recipe.stored_run is not None:
        recipe.stored_run.clear()
    return classifier


def _end_interrupted(saved: Mapping[str, Path]) -> NoReturn:
    if "saved" not in saved:
        raise KeyboardInterrupt
    screen.error(f"Interrupted; the best model so far is saved in {saved['saved']}.")
    raise SystemExit(130)


# --- data -----------------------------------------------------------------------------------------


def described_examples(
    recipe: Recipe,
    given: Dataset,
    held_out: HeldOutRows | None,
    listener: Listener,
    trained_on: Mapping[str, Any] | None = None,
    engine: Engine | None = None,
) -> Examples:
    """The examples and, with --features, their features, of which an engine computes most."""
    found = fingerprint(given.X, given.y)
    report.other_data(trained_on, found)
    if not recipe.describes:
        return Examples(given, found, given, given, held_out)
    describing = _describing(recipe, recipe.features or PIXELS, engine)
    folds = [] if held_out is None else held_out.folds
    rows = describing.rows(given, folds, standardized=recipe.standardize)
    listener.described(rows, asked_to_flip=recipe.flip)
    return Examples(given, found, rows.dataset, rows.as_given, held_out, describing, rows)


def _describing(recipe: Recipe, features: str, engine: Engine | None) -> Describing:
    feature = parse(features)
    feature.set_params(n_jobs=recipe.jobs)
    augmentation = Augmentation(recipe.flip, recipe.shift or 0, recipe.seed or 0)
    memory = values.memory_bytes(recipe.memory)
    return Describing(feature, augmentation, recipe.cache_features, memory, engine)


# --- fit ------------------------------------------------------------------------------------------


def choose_strength(recipe: Recipe, examples: Examples, listener: Listener) -> Search | None:
    """A fitted search for λ, with its calibration; None if neither is needed."""
    held_out = examples.held_out
    if held_out is None:
        return None
    dataset = examples.rows
    if recipe.optimizer != "auto":
        _check_optimizer(recipe.classifier(), dataset)
    rows = examples.described
    if rows is not None and rows.anew:
        assert examples.describing is not None
        search: Search = search_by_fold(
            recipe, examples.describing, examples.given, rows, listener.callbacks
        )
        seconds = search.seconds
    else:
        search = listener.follow(recipe.search())
        folds = held_out.folds if rows is None else rows.folds
        if folds:
            search.set_params(cv=folds).fit(dataset.X, dataset.y, dataset.weight)
        else:
            search.fit(dataset.X, dataset.y, dataset.weight, validation=dataset.validation)
        seconds = search.result_.seconds
    words = held_out.words
    if recipe.optimizer != "auto":
        words += f", solved by auto, not by {recipe.optimizer}"
    if recipe.make_noise() is not None:
        words += ", solved without noise"
    listener.searched(search, words, seconds, held_out.never)
    return search


def fitted(
    recipe: Recipe,
    classifier: Any,
    dataset: Dataset,
    search: Search | None,
    listener: Listener,
) -> Any:
    """The classifier fitted to all rows, at the λ that the search chose if there was one."""
    if search is not None:
        classifier.set_params(**recipe.make_penalty(search.strength_))
    if recipe.finds_step_size:
        _find_step_size(classifier, dataset, listener)
    if isinstance(search, LinearClassifierCV):
        interrupted = search.result_.reason is Reason.INTERRUPTED
        if interrupted or not recipe.fits_after_search:
            return search.classifier_  # all rows were a member of the grid
    validation = assessed_on(recipe, dataset)
    listener.follow(classifier).fit(dataset.X, dataset.y, dataset.weight, validation=validation)
    if isinstance(search, FoldSearch):
        classifier.calibration_ = search.calibration_
        classifier.threshold_ = search.threshold_
        if not recipe.fits_after_search:
            classifier.reliability_ = search.reliability_
    return classifier


def _check_optimizer(classifier: Any, dataset: Dataset) -> None:
    """Raise, before λ is chosen, if the optimizer cannot minimize with this penalty."""
    rows = np.unique(dataset.y, return_index=True)[1]
    objective = classifier.objective(dataset.X[rows], dataset.y[rows])
    optimizer = make_optimizer(classifier.optimizer, objective, None).optimizer
    optimizer.init(objective.zeros(), objective)


def _find_step_size(classifier: Any, dataset: Dataset, listener: Listener) -> None:
    from halfspaces.tuning.step_size import find_step_size

    optimizer: Any = classifier.optimizer
    objective = classifier.objective(dataset.X, dataset.y, dataset.weight)
    test = find_step_size(objective, optimizer)
    listener.step_size(test)
    classifier.set_params(optimizer=replace(optimizer, step_size=test.suggestion))


# --- report and save ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The accuracies by part of the data, and the labels and predictions of the last part."""

    metrics: dict[str, float]
    part: str
    y: Array
    predicted: Array


def evaluated(
    recipe: Recipe, classifier: Any, dataset: Dataset, search: Search | None
) -> Evaluation:
    """The accuracies on training, validation and test rows, and the predictions.

    The validation accuracy is of classifiers that were fitted as this one, without the validation
    rows: there is none where another optimizer chose λ.
    """
    predicted = classifier.predict(dataset.X)
    metrics = {"train": report.accuracy(dataset.y, predicted)}
    fits_anew = recipe.fits_after_search
    if search is not None and search.scoring == "accuracy" and not fits_anew:
        metrics["validation"] = float(search.cv_results_["mean_test_score"][search.best_index_])
    if recipe.is_network:
        metrics |= last_assessment(classifier)
    y = dataset.y
    part = "train"
    if dataset.X_test is not None and dataset.y_test is not None:
        y = dataset.y_test
        part = "test"
        predicted = classifier.predict(dataset.X_test)
        metrics["test"] = report.accuracy(y, predicted)
    return Evaluation(metrics, part, np.asarray(y), predicted)


@dataclass(frozen=True, eq=False)
class Trained:
    """All that a training leaves behind."""

    recipe: Recipe
    classifier: Any
    examples: Examples
    evaluation: Evaluation | None
    search: Search | None
    race: Race | None = None

    @property
    def run_file(self) -> str:
        """The text of the run file."""
        examples = self.examples
        made = {
            "data": str(examples.given),
            **versions(self.classifier),
            "rows": examples.fingerprint,
        }
        return run_file.dumps(run_options(self.recipe, examples.held_out), made=made)

    def save(self, path: Path) -> None:
        """Write the model with its notes."""
        examples = self.examples
        given = examples.given
        save(
            self.classifier,
            path,
            features=examples.feature,
            run=self.run_file,
            data=examples.rows.name,
            metrics={} if self.evaluation is None else self.evaluation.metrics,
            search=None if self.search is None else search_note(self.search),
            race=None if self.race is None else race_note(self.race),
            class_names=given.class_names,
            **model_pixels.notes(given),
            conventions=given.conventions.to_note(),
        )


def save_all(trained: Trained, files: ModelFiles | None) -> Iterator[tuple[str, Path]]:
    """Write the model with the files beside it and, if it is asked for, the report.

    Yields the name and the path of each as soon as it is written.
    """
    if files is not None:
        yield from _save_model(trained, files)
        if trained.search is not None and importlib.util.find_spec("matplotlib") is not None:
            from halfspaces.plots import ValidationCurveDisplay

            write_whole(files.plot, ValidationCurveDisplay.from_estimator(trained.search).content())
            yield "plot", files.plot
    path = trained.recipe.report
    if path is not None:
        language = trained.recipe.language
        write_whole(path, report_content(trained, files, path.suffix.lower(), language))
        yield "report", path


def _save_model(trained: Trained, files: ModelFiles) -> Iterator[tuple[str, Path]]:
    trained.save(files.model)
    yield "saved", files.model
    run_file.write(files.run_file, trained.run_file)
    yield "run file", files.run_file
    history.write(files.history, trained.classifier.result_.history)
    yield "history", files.history


def report_content(trained: Trained, files: ModelFiles | None, suffix: str, language: str) -> bytes:
    """The report of the model; without --out, of one that is in a folder as long as this takes."""
    given = trained.examples.given
    jobs = trained.recipe.jobs
    if files is not None:
        subject = Subject(files.model, jobs=jobs, opened=given)
        return html_report.content(subject, suffix, language)
    with tempfile.TemporaryDirectory() as folder:
        files = model_files(Path(folder) / "model")
        list(_save_model(trained, files))
        subject = Subject(files.model, jobs=jobs, opened=given)
        return html_report.content(subject, suffix, language, is_saved=False)


def report_all(
    recipe: Recipe,
    classifier: Any,
    examples: Examples,
    evaluation: Evaluation | None,
    search: Search | None,
    saved: Mapping[str, Path],
) -> None:
    """Print how the fit ended, the accuracies, and the files that were written."""
    report.choice(classifier)
    one_search = isinstance(search, LinearClassifierCV) and not recipe.fits_after_search
    report.fit(classifier, cost=not one_search)
    report.calibration(classifier)
    report.threshold(classifier, examples.given.class_names)
    if evaluation is not None:
        report.accuracies(evaluation.metrics)
        names = examples.given.class_names
        report.classes(evaluation.y, evaluation.predicted, names, evaluation.part)
    report.saved(saved)
