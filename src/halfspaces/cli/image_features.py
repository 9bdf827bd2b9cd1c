"""`halfspaces train --features`: the features of all images, computed once before training."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from halfspaces.cli import cluster
from halfspaces.datasets import Dataset
from halfspaces.datasets.formats.image_size import AtMost
from halfspaces.engines import Engine, PartitionedRows
from halfspaces.features import Augmentation, Described, Feature, parse
from halfspaces.features.stored_rows import stored_rows
from halfspaces.features.union import learns
from halfspaces.support.types import Array
from halfspaces.system import memory
from halfspaces.system.errors import DataError
from halfspaces.tuning.folds import Fold


@dataclass(frozen=True, eq=False)
class Rows:
    """A data set whose rows are features of images.

    `dataset.X` holds the features of the training images, here or on an engine, and with an
    `augmentation` the features of their copies after them. `folds` hold out training images only,
    never copies, and a fold does not fit copies of the images that it holds out. `folds` is empty
    if nothing is held out or the data set has validation rows. With a single fold, the feature has
    learned from its training images only; with several, from all images, and `anew` says whether
    this matters, so that it is to be learned anew in each fold to choose λ.
    """

    dataset: Dataset
    feature: Feature
    folds: list[Fold]
    augmentation: Augmentation
    seconds: float
    anew: bool = False

    @property
    def as_given(self) -> Dataset:
        """The data set without copies."""
        if not self.augmentation:
            return self.dataset
        count = len(self.dataset.y) // 2
        return replace(
            self.dataset,
            X=self.dataset.X[:count],
            **{name: values[:count] for name, values in _of_rows(self.dataset).items()},
        )


@dataclass(frozen=True)
class Describing:
    """How to compute features: the feature, the copies of training images, whether to store the
    result on disk, the memory limit in bytes, and the engine that computes, if there is one.

    Features that are stored, and those of copies, are computed here.
    """

    feature: Feature
    augmentation: Augmentation
    cached: bool
    memory: float | None
    engine: Engine | None = None

    def rows(self, dataset: Dataset, folds: list[Fold], *, standardized: bool) -> Rows:
        """Fit the feature to the training images that are not held out; transform all images.

        Raises
        ------
        DataError, ValueError, TypeError
            If the data are not images, or if the feature refuses the images.
        """
        if dataset.image_shape is None:
            raise DataError(
                f"--features {self.feature} describes images, and {dataset.name} holds plain rows "
                "of numbers; leave --features out, or give images."
            )
        started = time.perf_counter()
        images = dataset.images(np.asarray(dataset.X))
        self.feature.fit(images, rows=folds[0].train if len(folds) == 1 else None)
        augmentation = self.augmentation.seen_by(self.feature.invariances)
        with memory.budget(self.memory):
            described: dict[str, Any] = {"X": self._described(dataset, dataset.X, augmentation)}
            for name in ("X_val", "X_test"):
                X = getattr(dataset, name)
                if X is not None:  # scored here
                    described[name] = self._described(dataset, X, Augmentation())[:]
        count = len(dataset.y)
        if augmentation:
            described |= {name: np.tile(each, 2) for name, each in _of_rows(dataset).items()}
            folds = [
                Fold(np.concatenate([fold.train, fold.train + count]), fold.test) for fold in folds
            ]
        plain = replace(dataset, **described, image_shape=None, planar=False)
        anew = len(folds) > 1 and learns(self.feature, standardized=standardized)
        seconds = time.perf_counter() - started
        return Rows(plain, self.feature, folds, augmentation, seconds, anew)

    def anew(self) -> "Describing":
        """The same with a feature that has learned nothing; rows of a fold are not cached."""
        return replace(self, feature=clone(self.feature), cached=False)

    def _described(
        self, dataset: Dataset, X: Any, augmentation: Augmentation
    ) -> Array | PartitionedRows:
        images = dataset.images(X)
        is_stored = self.cached or self.feature.stored
        if self.engine is not None and not (augmentation or is_stored):
            return cluster.held(Described(self.feature, images), self.engine)
        count = len(images)
        columns = len(self.feature.get_feature_names_out())
        copies = augmentation.copies(images) if augmentation else None
        shape = (2 * count if copies else count, columns)

        def fill(out: Array) -> Array:
            self.feature.transform(images, out=out[:count])
            if copies:
                self.feature.transform(copies, out=out[count:])
            return out

        if not is_stored:
            return fill(memory.empty(Path(str(self.feature)), shape, np.float32))
        text = str(self.feature)
        return stored_rows(
            text,
            self.feature.arrays(),
            images,
            shape,
            fill,
            recipe=repr(augmentation) if augmentation else "",
            source=f"{text} of {dataset.name}",
        )


def _of_rows(dataset: Dataset) -> dict[str, Array]:
    """Labels, groups and weights of the training rows, where there are any."""
    found = {"y": dataset.y, "groups": dataset.groups, "weight": dataset.weight}
    return {name: values for name, values in found.items() if values is not None}


def wanted_size(features: str | None) -> AtMost | None:
    """The largest size of images that the features of an expression need to see."""
    size = None if features is None else parse(features).image_size
    return None if size is None else AtMost(*size)
