"""A file format from outside the package: lines of numbers, the class first."""

import numpy as np

from halfspaces.datasets import FORMATS, Dataset
from halfspaces.datasets.formats.format import Format, file_named


def read(path):
    """The data set."""
    rows = np.loadtxt(path, ndmin=2)
    return Dataset(name=path.name, X=rows[:, 1:], y=rows[:, 0].astype(int))


FORMATS["numbers"] = Format("numbers", file_named(".numbers"), read)
