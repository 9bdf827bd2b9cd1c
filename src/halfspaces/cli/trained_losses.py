"""Losses trained on the same rows with the same features, each with its own λ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from halfspaces.cli import opened_data, training
from halfspaces.cli.listening import Listener
from halfspaces.cli.recipe import Recipe, recipe_of
from halfspaces.datasets import Dataset
from halfspaces.estimators.checked_data import hold_out
from halfspaces.estimators.metrics.answers import Answers, answers_of
from halfspaces.files.options import all_options
from halfspaces.losses import LOSSES
from halfspaces.support.types import Array
from halfspaces.system.distinct import encoded
from halfspaces.system.names import nearest
from halfspaces.tuning.folds import part_of_groups

TEST_PART = 0.25  # of the rows, where the data have no test rows


@dataclass(frozen=True, eq=False)
class TrainedLosses:
    """The answers of each loss for the test rows.

    Parameters
    ----------
    dataset : Dataset
    part : str
        What the rows are called.
    answers : dict of Answers
        By loss.
    strengths : dict
        The λ that was chosen for each loss.
    """

    dataset: Dataset
    part: str
    answers: dict[str, Answers]
    strengths: dict[str, float]


def losses_of(text: str) -> list[str]:
    """The names of losses in a list.

    >>> losses_of("hinge, softmax")
    ['hinge', 'softmax']

    Raises
    ------
    ValueError
        For fewer than two, for one that is not known, and for one that is there twice.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in LOSSES:
            raise ValueError(f"--losses has {name}, which is not known: {nearest(name, LOSSES)}")
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(
            f"--losses must name two losses or more, such as hinge,squared_hinge, got {text!r}."
        )
    return names


def trained(losses: list[str], options: Mapping[str, Any]) -> TrainedLosses:
    """Train each loss on the training rows, λ chosen on rows held out from them.

    Without test rows, a quarter of the rows is held out for the comparison.

    Parameters
    ----------
    losses : list of str
    options : mapping
        Those of `halfspaces train`; others have their defaults, and nothing is raced.
    """
    listener = Listener()
    defaults = {name: field.default for name, field in all_options().items()}
    given = {name: value for name, value in options.items() if value is not None}
    recipes = {
        loss: recipe_of(defaults | {"budget": "0"} | given | {"loss": loss}).with_defaults()
        for loss in losses
    }
    first = recipes[losses[0]]
    dataset, part = _with_test_rows(opened_data.read(first, listener), first)
    held_out = opened_data.held_out(first, dataset)
    dataset = opened_data.decided(first, dataset, listener).given
    examples = training.described_examples(first, dataset, held_out, listener)
    answers: dict[str, Answers] = {}
    strengths: dict[str, float] = {}
    for loss, recipe in recipes.items():
        search = training.choose_strength(recipe, examples, listener)
        classifier = training.fitted(recipe, recipe.classifier(), examples.rows, search, listener)
        answers[loss] = answers_of(classifier, examples.as_given.X_test, dataset.y_test)
        if search is not None:
            strengths[loss] = search.strength_
    return TrainedLosses(dataset, part, answers, strengths)


def _with_test_rows(dataset: Dataset, recipe: Recipe) -> tuple[Dataset, str]:
    """The data set with test rows, and what these are called."""
    if dataset.X_test is not None:
        return dataset, "test"
    classes, labels = encoded(dataset.y)
    seed = recipe.seed or 0
    if dataset.groups is None:
        train, test = hold_out(labels, len(classes), TEST_PART, seed)
    else:
        train, test = part_of_groups(dataset.groups, TEST_PART, seed)
    split = replace(
        dataset,
        X=dataset.X[train],
        y=dataset.y[train],
        X_test=dataset.X[test],
        y_test=dataset.y[test],
        groups=_rows(dataset.groups, train),
        weight=_rows(dataset.weight, train),
    )
    return split, "held-out"


def _rows(values_of_rows: Array | None, rows: Array) -> Array | None:
    return None if values_of_rows is None else np.asarray(values_of_rows)[rows]
