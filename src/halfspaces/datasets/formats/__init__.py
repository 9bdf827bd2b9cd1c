"""File formats, one a module, and their registry."""

from halfspaces.datasets.formats import (
    cifar,
    hdf5,
    hugging_face,
    idx,
    image_files,
    image_folder,
    npy,
    npz,
    stl10,
    svhn,
    svmlight,
    tables,
    zarr,
)
from halfspaces.datasets.formats.format import Format

# From the most general to the most particular format: of the rows that recognize a path, the last
# one reads it. So a row that is added comes before those of the package.
FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        svmlight.FORMAT,  # looks into the file
        tables.JSON_LINES,
        tables.CSV,  # a folder of images may have one beside them
        image_folder.FORMAT,  # looks for an image among all files below a folder
        image_files.FORMAT,
        hdf5.FORMAT,
        npz.FORMAT,
        npy.FORMAT,
        tables.FORMAT,
        zarr.FORMAT,
        hugging_face.FORMAT,
        stl10.FORMAT,
        svhn.FORMAT,
        idx.FORMAT,
        cifar.FORMAT,
    )
}
