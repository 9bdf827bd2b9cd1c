"""The training of the page: that of `halfspaces train`, watched instead of printed."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from halfspaces.cli import opened_data, training
from halfspaces.cli.image_features import Rows
from halfspaces.cli.listening import Listener
from halfspaces.cli.recipe import recipe_of
from halfspaces.cli.report import namer
from halfspaces.cli.strength_report import Search
from halfspaces.datasets import Dataset
from halfspaces.page.images import Trained, Watcher
from halfspaces.system.distinct import distinct
from halfspaces.system.progress import quiet


class Watched(Listener):
    """It tells a watcher, which may end the training."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__([watcher])
        self.watcher = watcher

    def opened(self, dataset: Dataset) -> None:
        """The data, and the names of the classes."""
        self.watcher.opened(dataset, list(map(namer(dataset.class_names), distinct(dataset.y))))

    def described(self, rows: Rows, *, asked_to_flip: bool) -> None:
        """The feature."""
        self.watcher.described(rows.feature)

    def searched(self, search: Search, rows: str, seconds: float, never: Sequence[str]) -> None:
        """The chosen λ."""
        self.watcher.chosen(search.strength_)


def train(options: Mapping[str, object], watcher: Watcher) -> Trained:
    """Train as `halfspaces train` does with these options, without --out; see `Trainer`.

    Progress is shown on the page: no bar appears on the terminal of its server.
    """
    with quiet():
        return _trained(options, watcher)


def _trained(options: Mapping[str, object], watcher: Watcher) -> Trained:
    recipe = recipe_of(options).with_defaults()
    listener = Watched(watcher)
    given = opened_data.read(recipe, listener)
    held_out = opened_data.held_out(recipe, given)
    examples = training.described_examples(recipe, given, held_out, listener)
    search = training.choose_strength(recipe, examples, listener)
    classifier = training.fitted(recipe, recipe.classifier(), examples.rows, search, listener)
    if not np.all(np.isfinite(classifier.result_.loss)):
        raise ValueError(f"The training failed: {classifier.result_.reason}")
    evaluation = training.evaluated(recipe, classifier, examples.as_given, search)
    trained = training.Trained(recipe, classifier, examples, evaluation, search)
    return Trained(
        classifier=classifier,
        dataset=examples.given,
        feature=examples.feature,
        names=list(map(namer(examples.given.class_names), classifier.classes_)),
        X=examples.as_given.X,
        X_test=examples.as_given.X_test,
        accuracies=evaluation.metrics,
        part=evaluation.part,
        y=evaluation.y,
        predicted=evaluation.predicted,
        model=lambda: _model(trained),
        report=lambda language: training.report_content(trained, None, ".html", language),
    )


def _model(trained: training.Trained) -> bytes:
    """The content of the model's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        trained.save(path)
        return path.read_bytes()
