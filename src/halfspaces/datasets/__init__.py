"""Labelled data sets, opened by name or read from files as they are.

>>> from halfspaces import datasets
>>> digits = datasets.open("digits")
>>> digits.X.shape, digits.X.dtype, digits.image_shape
((1437, 64), dtype('uint8'), (8, 8, 1))

`FORMATS` has one row for each file format. A format of your own is one more row, a `Format`, which
`open`, `open_features`, `open_images` and the command line then read.
"""

from halfspaces.datasets.batches import from_batches
from halfspaces.datasets.catalogue import CATALOGUE
from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, Features, RowsToPredict
from halfspaces.datasets.formats import FORMATS
from halfspaces.datasets.formats.format import Format, file_named, folder_with
from halfspaces.datasets.image_list import images
from halfspaces.datasets.opening import (
    BUILT_IN,
    holds_images,
    open,
    open_features,
    open_images,
    open_rows,
    takes,
)
from halfspaces.datasets.optional import Library
from halfspaces.datasets.suspects import Suspects, find_suspects
from halfspaces.system.errors import DataError

__all__ = [
    "BUILT_IN",
    "CATALOGUE",
    "FORMATS",
    "Conventions",
    "DataError",
    "Dataset",
    "Features",
    "Format",
    "Library",
    "RowsToPredict",
    "Suspects",
    "file_named",
    "find_suspects",
    "folder_with",
    "from_batches",
    "holds_images",
    "images",
    "open",
    "open_features",
    "open_images",
    "open_rows",
    "takes",
]
