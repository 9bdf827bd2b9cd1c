"""Packed files that are damaged are named, with the place."""

import pytest

from tests.data_files import MNIST_IMAGES, PACKERS, idx, tar_gz
from tests.helpers import refuses


def packed(path, members):
    path.write_bytes(tar_gz(members))
    return path


@pytest.mark.parametrize("packing", [".gz", ".xz"])
@pytest.mark.parametrize("reader", ["cifar", "idx"])
@pytest.mark.parametrize("damage", ["cut", "changed", "not packed", "end missing"])
def test_damaged_packing_is_named_with_its_place(
    mnist_folder, cifar_records, packing, reader, damage
):
    if reader == "cifar":
        folder, name, plain = mnist_folder.parent, "data_batch_1.bin", cifar_records.tobytes()
    else:
        folder, name, plain = mnist_folder, "train-images-idx3-ubyte", idx(MNIST_IMAGES)
    (folder / name).unlink(missing_ok=True)
    packed = bytearray(PACKERS[packing](plain))
    middle = len(packed) // 2
    if damage == "changed":
        packed[middle] ^= 0xFF
    content = {
        "cut": packed[:middle],
        "changed": packed,
        "not packed": plain,
        "end missing": packed[:-3],
    }[damage]
    (folder / (name + packing)).write_bytes(content)
    refuses(folder, name + packing, "is damaged after", "unpacked bytes")
