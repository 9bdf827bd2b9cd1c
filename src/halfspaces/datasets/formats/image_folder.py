"""Images in a folder, a tar or a zip, with one sub-folder a class or with a table of labels.

Sub-folders train, val (valid, validation, dev) and test are splits. Files are JPEG, PNG, WebP, BMP,
TIFF, GIF (first frame), AVIF and HEIC of any size and mode: see
`halfspaces.datasets.formats.decode_image`. Images that all have one size of at most 64 x 64 keep
it. Other images are resized to 32 x 32, or to the size that is asked for, without cropping, so the
aspect ratio changes.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset, RowsToPredict
from halfspaces.datasets.files import archives
from halfspaces.datasets.files.decoded_cache import Stored
from halfspaces.datasets.files.source import Source
from halfspaces.datasets.formats import (
    class_folders,
    image_names,
    label_tables,
    labelled_images,
    split_tables,
    table_of_files,
)
from halfspaces.datasets.formats.class_folders import Layout
from halfspaces.datasets.formats.format import Format
from halfspaces.datasets.formats.image_size import ImageSize
from halfspaces.datasets.formats.label_tables import LabelTable
from halfspaces.datasets.formats.labelled_images import Wanted
from halfspaces.system.errors import DataError

PACKED_TABLES = tuple(ending + ".zip" for ending in label_tables.ENDINGS)


def recognizes(path: Path) -> bool:
    """Whether it is an archive, and no packed table, or a folder with an image among its files."""
    if path.is_dir():
        return image_names.has_image(path)
    return archives.is_archive(path) and not path.name.lower().endswith(PACKED_TABLES)


def read(
    path: Path,
    label: str | None = None,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> Dataset:
    """Read the images below `path`; X is (N, height * width * channels), uint8, memory-mapped.

    Their classes are the folders, or those of a table beside them that names the files: see
    `halfspaces.datasets.formats.label_tables`. `label` is the column of the classes in it.

    There is one channel if every image is grey, else three. `image_size` is a side, (height,
    width), or (height, width, channels), which makes all images grey or coloured. `skip_bad` skips
    files that are no image or cannot be decoded; a note says how many. Images of 16 bits are
    divided to 8 bits by the power of two that suits all of them, or the data set `like`. Hidden
    files, those of file managers, and files beside the folders of classes that are not named like
    images are skipped always.

    Raises DataError, by name, for a bad file, fewer than two classes, an empty folder of a class,
    and members of an archive that lead outside, are links, or unpack to too much.
    """
    X, stored = _decoded(path, label, image_size, skip_bad, like)
    conventions = Conventions(label=label)
    return labelled_images.dataset(archives.plain_name(path), X, stored, conventions)


def read_features(
    path: Path,
    label: str | None = None,
    image_size: ImageSize | None = None,
    skip_bad: bool = False,
    like: Conventions | None = None,
) -> RowsToPredict:
    """The images of the test split, or all if there is none, with the names of their files."""
    return labelled_images.rows_to_predict(*_decoded(path, label, image_size, skip_bad, like))


def _decoded(
    path: Path,
    label: str | None,
    image_size: ImageSize | None,
    skip_bad: bool,
    like: Conventions | None,
) -> tuple[np.ndarray, Stored]:
    wanted = Wanted.of(image_size, skip_bad, like)
    with archives.opened(path) as source:
        before = None if like is None else like.label
        arrange = _Arrangement(source, label, before, skip_bad)
        return labelled_images.decoded(source, arrange, wanted, label, before)


@dataclass(frozen=True)
class _Arrangement:
    """Splits and classes: those of the folders, or those of tables.

    A table gives the classes if its column `label` is asked for, or if the folders hold none. The
    column `before` is that of the training.
    """

    source: Source
    label: str | None
    before: str | None
    skip_bad: bool

    def __call__(
        self, names: Iterable[str], folders: Iterable[str], bad: Collection[str]
    ) -> Layout:
        path = self.source.path
        names = list(names)
        tables = self._tables if any(map(label_tables.is_table, names)) else []
        label = self._asked(tables)
        good = [name for name in names if name not in bad]
        if label is None:
            try:
                layout = class_folders.arrange(path, good, folders)
            except DataError:
                if not label_tables.naming(tables, names):
                    raise
            else:
                if table_of_files.folders_are_classes(path, tables, layout, names):
                    return split_tables.divided(path, tables, layout, names)
        return table_of_files.arrange(path, tables, names, bad, label, self.skip_bad)

    @cached_property
    def _tables(self) -> list[LabelTable]:
        return label_tables.read_all(self.source)

    def _asked(self, tables: list[LabelTable]) -> str | None:
        """The column of labels that is asked for, or that of the training if there is one."""
        if self.label is not None and not tables:
            raise DataError(
                f"{self.source.path} has no table with a column {self.label!r};"
                " leave the label out, or add a .csv that names the files."
            )
        if self.label is None and any(self.before in table.columns for table in tables):
            return self.before
        return self.label


FORMAT = Format(
    "image_folder",
    recognizes,
    read,
    read_features=read_features,
    options=("label", "image_size", "skip_bad", "like"),
    summary="a folder, .tar or .zip of images with one sub-folder a class or a table of labels",
)
