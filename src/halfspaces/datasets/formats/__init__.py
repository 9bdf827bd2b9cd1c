"""File formats, one a module, and their registry."""

from halfspaces.datasets.formats import (
    cifar,
    emnist,
    emnist_csv,
    hdf5,
    hugging_face,
    idx,
    image_files,
    image_folder,
    image_tables,
    npy,
    npy_shards,
    npz,
    safetensors,
    safetensors_shards,
    stl10,
    svhn,
    svmlight,
    tables,
    torch_file,
    webdataset,
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
        torch_file.FORMAT,
        safetensors.FORMAT,
        safetensors_shards.FORMAT,  # looks into the files
        npz.FORMAT,
        npy.FORMAT,
        tables.FORMAT,
        webdataset.FORMAT,  # looks into the tars; img2dataset puts tables of metadata beside them
        npy_shards.FORMAT,
        zarr.FORMAT,
        hugging_face.FORMAT,
        image_tables.FORMAT,  # looks into the tables of the two before
        stl10.FORMAT,
        svhn.FORMAT,
        emnist_csv.FORMAT,
        emnist.FORMAT,
        idx.FORMAT,
        cifar.FORMAT,
    )
}
