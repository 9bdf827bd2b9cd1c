"""The images of these pages: CIFAR-10 where it is, the bundled digits otherwise."""

import os
from pathlib import Path

from halfspaces import datasets
from halfspaces.datasets import DataError, Dataset

FOLDER = "cifar-10-batches-bin"


def images(training: int = 3000, test: int = 1000) -> Dataset:
    """Some rows of a data set with a test split; prints its name and sizes.

    CIFAR-10 is taken from the folder that HALFSPACES_DATA names, or from the catalogue's downloads
    (`halfspaces data get cifar10`).
    """
    data = _cifar() or datasets.open("digits")
    data = datasets.Dataset(
        data.name,
        data.X[:training],
        data.y[:training],
        data.X_test[:test],
        data.y_test[:test],
        class_names=data.class_names,
        image_shape=data.image_shape,
        planar=data.planar,
    )
    print(data)
    return data


def _cifar() -> Dataset | None:
    here = Path(os.environ.get("HALFSPACES_DATA", "")) / FOLDER
    try:
        return datasets.open(here if here.is_dir() else "cifar10")
    except DataError:
        return None
