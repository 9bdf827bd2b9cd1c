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
from halfspaces.cli.report import namer
from halfspaces.datasets import Dataset
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.partitions import is_pattern
from halfspaces.engines import Engine
from halfspaces.estimators.checked_data import check_two
from halfspaces.estimators.finite import check_finite
from halfspaces.estimators.threshold import check_two_classes
from halfspaces.features import parse
from halfspaces.system import memory
from halfspaces.system.distinct import distinct
from halfspaces.system.names import nearest

NO_RACE = "nothing is raced: workers have the rows"


def read(recipe: Recipe, listener: Listener, engine: Engine | None = None) -> Dataset:
    """Open the data set and check its labels; the files of a pattern are read by the engine."""
    features = recipe.with_defaults().features
    if features is not None:
        parse(features).check_installed()
    size: Any = values.image_size(recipe.image_size)
    if size is None:
        size = wanted_size(features)
    with listener.reading(recipe.data):
        given = _opened(recipe, size, engine)
    if given.X_test is not None:
        check_finite("X_test", given.X_test)
    if recipe.report is not None and is_pattern(recipe.data):
        raise ValueError(
            "--report draws rows that lie here, and workers have those of a pattern; leave it out,"
            " and write it later: halfspaces report MODEL --data DATA."
        )
    listener.opened(given)
    classes = distinct(given.y)
    check_two(classes)  # before features are computed in vain
    if recipe.threshold is not None:
        check_two_classes(recipe.threshold, len(classes), "--threshold")
    listener.counted(given, recipe.class_weight)
    return given


def weighed_by_label(recipe: Recipe, given: Dataset) -> Recipe:
    """The recipe, its class weights by labels where they are given by the names of the classes."""
    weights = values.class_weight(recipe.class_weight)
    if not isinstance(weights, dict):
        return recipe
    name = namer(given.class_names)
    labels = {name(label): str(label) for label in distinct(given.y)}
    for key in weights:
        if key not in labels:
            raise ValueError(f"--class-weight names the class {key!r}: {nearest(key, labels)}")
    text = ",".join(f"{labels[key]}={weight:g}" for key, weight in weights.items())
    return recipe.model_copy(update={"class_weight": text})


def _opened(recipe: Recipe, image_size: ImageSize | None, engine: Engine | None = None) -> Dataset:
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
        engine=engine if is_pattern(recipe.data) else None,
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
    recipe = weighed_by_label(recipe, given)
    if is_pattern(recipe.data):
        return Decision(recipe.with_defaults(), given, note=NO_RACE)
    has_sizes = recipe.image_size is None and datasets.takes(recipe.data, "image_size")
    opened = partial(_opened, recipe) if has_sizes else None
    with memory.budget(values.memory_bytes(recipe.memory)):
        decision = racing.decided(recipe, given, opened)
    if decision.race is not None:
        listener.raced(decision.race)
    if decision.note:
        listener.noted(decision.note)
    return decision
