"""Which rows `halfspaces train` holds out to choose λ: those of the data set, a part, or folds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from halfspaces.cli.recipe import Recipe
from halfspaces.datasets import Dataset
from halfspaces.estimators.checked_data import hold_out
from halfspaces.files.options import VALIDATION
from halfspaces.support.types import Array
from halfspaces.system.distinct import encoded
from halfspaces.tuning.folds import (
    Fold,
    check_fold,
    fewest_of_a_class,
    make_folds,
    part_of_groups,
    repeated_folds,
    repeats_for,
)


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """The rows that are held out.

    `folds` is empty if the data set has validation rows of its own. `part` is the part that is held
    out, None for folds and rows of their own. `words` describes them; `never` names the classes
    whose only row is in all training rows.
    """

    folds: list[Fold]
    words: str
    part: float | None = None
    never: Sequence[str] = ()


def held_out_rows(recipe: Recipe, dataset: Dataset) -> HeldOutRows | None:
    """The rows to hold out: as asked, else by the number of rows; None if nothing is to be chosen.

    Without --folds, --validation and validation rows of the data set, few rows are held out in
    repeated folds (`repeats_for`), and of many rows a part. With --group whole groups are held out,
    and what counts is their number.

    Raises
    ------
    ValueError
        If a class would be missing from the training rows, or nothing can be held out.
    """
    if not recipe.holds_out:
        return None
    y = dataset.y
    seed = recipe.search()._seed() or 0
    groups = dataset.groups
    unit = "rows" if groups is None else "groups"
    never = _alone(dataset) if groups is None else ()
    if recipe.folds is not None:
        folds = make_folds(recipe.folds, y, y, groups, weight=dataset.weight, seed=seed)
        whole = "" if groups is None else " of whole groups"
        return HeldOutRows(folds, f"{recipe.folds} folds{whole}", never=never)
    if recipe.validation is None and dataset.X_val is not None:
        return HeldOutRows([], f"{len(dataset.X_val):,} rows of their own")
    if groups is None and len(never) == len(y):
        raise ValueError(
            f"{dataset.name} has {len(y):,} rows of {len(y):,} classes, so none can be held out;"
            " give two rows or more of each class, and no numbers to be predicted as labels."
        )
    count = len(y) if groups is None else len(np.unique(groups))
    repeats = 0 if recipe.validation else repeats_for(count, fewest_of_a_class(y, groups))
    if repeats:
        folds = repeated_folds(y, repeats, seed, groups, weight=dataset.weight)
        times = f", {repeats} times" if repeats > 1 else ""
        words = f"{len(folds) // repeats} folds{times}, of few {unit}"
        return HeldOutRows(folds, words, never=never)
    part = recipe.validation or VALIDATION
    fold = _part(dataset, part, seed)
    return HeldOutRows([fold], f"{100 * part:g} % of the training {unit}", part)


def _part(dataset: Dataset, part: float, seed: int) -> Fold:
    """One fold that holds out a part of the rows, or of the groups."""
    classes, labels = encoded(dataset.y)
    if dataset.groups is None:
        fold = Fold(*hold_out(labels, len(classes), part, seed))
    else:
        fold = part_of_groups(dataset.groups, part, seed)
    what = f"The training rows that --validation {part:g} leaves"
    names = _names(dataset, classes)
    weight = np.ones(len(labels)) if dataset.weight is None else dataset.weight
    check_fold(what, fold, names, labels, weight, "hold out a smaller part")
    return fold


def _alone(dataset: Dataset) -> list[str]:
    """The names of the classes that have a single row."""
    classes, labels = encoded(dataset.y)
    return _names(dataset, classes[np.bincount(labels) == 1]).tolist()


def _names(dataset: Dataset, labels: Array) -> Array:
    from halfspaces.cli.report import namer

    name = namer(dataset.class_names)
    return np.array([name(label) for label in labels], dtype=object)
