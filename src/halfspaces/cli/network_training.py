"""What a training of a network has beside that of linear scores."""

from typing import Any

import numpy as np

from halfspaces.cli.recipe import Recipe
from halfspaces.cli.score_choice import check_images
from halfspaces.datasets import Dataset
from halfspaces.estimators.base import ScoreModel
from halfspaces.estimators.network import NetworkClassifier


def arrange(recipe: Recipe, classifier: ScoreModel, rows: Dataset) -> None:
    """Give a network the shape of the images in the rows, and an optimizer for their number.

    Linear scores need neither.

    Raises
    ------
    ValueError
        If it needs images and the rows are plain, or would be assessed on rows without regard to
        groups.
    """
    if recipe.is_network:
        check_images(recipe.score, rows.image_shape, f"{rows.name} has plain rows")
        if recipe.validation is not None and rows.groups is not None:
            raise ValueError(
                f"--validation {recipe.validation:g} of a network holds out rows without regard to "
                f"--group {recipe.group}; name validation rows by --split, or leave one out."
            )
        classifier.set_params(
            image_shape=rows.image_shape,
            planar=rows.planar,
            optimizer=recipe.make_optimizer(len(rows.y)),
        )


def assessed_on(recipe: Recipe, dataset: Dataset) -> Any:
    """What a network is assessed on after each epoch: a part, rows of their own, or nothing."""
    if not recipe.is_network:
        return None
    if recipe.validation is not None:
        return recipe.validation
    return dataset.validation


def last_assessment(classifier: NetworkClassifier) -> dict[str, float]:
    """The accuracy of a network on the rows that it was assessed on, if there were any."""
    history = classifier.result_.history
    accuracies = history["validation_accuracy"] if "validation_accuracy" in history else np.zeros(0)
    assessed = accuracies[np.isfinite(accuracies)]
    return {"validation": float(assessed[-1])} if len(assessed) else {}
