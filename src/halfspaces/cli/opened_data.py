"""The data of a training, and what a race decides for them."""

from functools import partial
from typing import Any

from halfspaces import datasets
from halfspaces.cli import racing, values
from halfspaces.cli.holding_out import HeldOutRows, held_out_rows
from halfspaces.cli.image_features import wanted_size
from halfspaces.cli.listening import Listener
from halfspaces.cli.racing import Decision
from halfspaces.cli.recipe import Recipe
from halfspaces.datasets import Dataset
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.finite import check_finite
from halfspaces.estimators.threshold import check_two_classes
from halfspaces.features import parse
from halfspaces.system import memory
from halfspaces.system.distinct import distinct


def read(recipe: Recipe, listener: Listener) -> Dataset:
    """Open the data set and check its labels."""
    features = recipe.with_defaults().features
    if features is not None:
        parse(features).check_installed()
    size: Any = values.image_size(recipe.image_size)
    if size is None:
        size = wanted_size(features)
    with listener.reading(recipe.data):
        given = _opened(recipe, size)
    if given.X_test is not None:
        check_finite("X_test", given.X_test)
    listener.opened(given)
    classes = distinct(given.y)
    check_two(classes)  # before features are computed in vain
    if recipe.threshold is not None:
        check_two_classes(recipe.threshold, len(classes), "--threshold")
    listener.counted(given, recipe.class_weight)
    return given


def _opened(recipe: Recipe, image_size: ImageSize | None) -> Dataset:
    return datasets.open(
        recipe.data,
        label=recipe.label,
        ignore=recipe.ignore,
        split=recipe.split,
        group=recipe.group,
        weight=recipe.weight,
        image_size=image_size,
        skip_bad=recipe.skip_bad,
        memory=values.memory_bytes(recipe.memory),
    )


def held_out(recipe: Recipe, given: Dataset) -> HeldOutRows | None:
    """The rows to hold out to choose λ; of data that have NaN, too, NaN is what is told."""
    try:
        return held_out_rows(recipe.with_defaults(), given)
    except ValueError:
        check_finite("X", given.X)  # would be the first thing to mend
        raise


def decided(recipe: Recipe, given: Dataset, listener: Listener) -> Decision:
    """The recipe without anything that is "auto", after a race if there is one."""
    has_sizes = recipe.image_size is None and datasets.takes(recipe.data, "image_size")
    opened = partial(_opened, recipe) if has_sizes else None
    with memory.budget(values.memory_bytes(recipe.memory)):
        decision = racing.decided(recipe, given, opened)
    if decision.race is not None:
        listener.raced(decision.race)
    if decision.note:
        listener.noted(decision.note)
    return decision
