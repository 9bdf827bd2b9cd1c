"""Lists of images of different sizes, as they lie in Python."""

import io

import numpy as np
import pytest
from PIL import Image

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError
from halfspaces.features import HOG
from tests.data_files import encoded_photo, photo

pytestmark = pytest.mark.usefixtures("cache")


def test_a_list_becomes_what_a_folder_becomes(tmp_path):
    given = []
    for i in range(6):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded_photo(i, (40 + i, 50)))
        given.append((path, path.read_bytes(), photo(i, (40 + i, 50)))[i % 3])
    X = datasets.images(given)
    folder = datasets.open(tmp_path / "photos")
    order = [0, 2, 4, 1, 3, 5]
    np.testing.assert_array_equal(X[order].reshape(6, -1), folder.X)
    rows = HOG().fit(X).transform(X)
    LinearClassifier(strength=1.0).fit(rows, [0, 1] * 3)
    with pytest.raises(ValueError, match=r"halfspaces\.datasets\.images"):
        HOG().fit([np.asarray(photo(i, (40 + i, 50))) for i in range(2)])
    with pytest.raises(ValueError, match=r"halfspaces\.datasets\.images"):
        LinearClassifier().fit([photo(i, (40 + i, 50)) for i in range(2)], [0, 1])


def test_kinds_of_arrays():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    same = [grey, grey[..., None], grey.astype(np.float64) / 255, Image.fromarray(grey)]
    assert (datasets.images(same)[..., 0] == grey).all()
    deep = grey.astype(np.uint16) * 300  # at most 3,300: 12 bits
    np.testing.assert_array_equal(datasets.images([deep, deep.T])[:1, 0, 0, 0], [0])
    np.testing.assert_array_equal(datasets.images([deep])[0, ..., 0], deep >> 4)
    clear = np.zeros((3, 4, 4), np.uint8)
    assert (datasets.images([clear]) == 255).all()
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(0, (10, 20)).save(turned, "JPEG", exif=exif)
    opened = Image.open(turned)
    assert datasets.images([opened]).shape == (1, 20, 10, 3)
    assert opened.size == (20, 10)
    assert datasets.images([grey, photo(0)], image_size=(5, 6, 1)).shape == (2, 5, 6, 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "list of images is empty"),
        (b"x", "needs a list"),
        ([np.zeros((4, 4), np.uint8), np.zeros((3, 40, 40))], r"Image 1 has shape .*moveaxis"),
        ([np.full((4, 4), 2.0)], r"Image 0 has floats that are not in \[0, 1\]"),
        ([np.zeros((4, 4), np.int64)], "Image 0 has values of type int64"),
        (["/no/such.png"], "Image 0 cannot be read"),
        ([b"no image"], "Image 0 is no JPEG"),
        ([Image.new("F", (2, 2))], "Image 0 holds floats of 32 bits"),
    ],
)
def test_lists_that_do_not_fit(given, words):
    with pytest.raises(DataError, match=words):
        datasets.images(given)
