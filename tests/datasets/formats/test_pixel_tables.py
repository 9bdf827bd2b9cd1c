"""Tables of the pixels of grey images, as Kaggle has MNIST and its kin."""

import numpy as np
import pytest

from halfspaces import datasets
from tests.helpers import DIGITS, refuses

SQUARES = DIGITS.X.reshape(-1, 8, 8)[:90]  # upright, 8 x 8
Y = DIGITS.y[:90]
NUMBERED = [f"pixel{i}" for i in range(1, 65)]  # datamunge/sign-language-mnist, zalando-research
BY_PLACE = [f"{row}x{column}" for row in range(1, 9) for column in range(1, 9)]  # oddrationale


def write(path, images, y, header=()):
    path.parent.mkdir(exist_ok=True)
    rows = np.column_stack([y, images.reshape(len(y), -1)]).astype(int)
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    path.write_text("".join(f"{line}\n" for line in ([",".join(header)] if header else []) + lines))


@pytest.mark.parametrize("names", [NUMBERED, BY_PLACE, [f"pixel{i}" for i in range(64)]])
def test_tables_of_pixels_are_images(tmp_path, names):
    write(tmp_path / "fashion-mnist_train.csv", SQUARES, Y, ["label", *names])
    write(tmp_path / "fashion-mnist_test.csv", SQUARES[:20], Y[:20], ["label", *names])
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(data.images(data.X)[..., 0], SQUARES)
    assert datasets.open_images(tmp_path).shape == (20, 8, 8, 1)
    write(tmp_path / "other.csv", SQUARES, Y, ["label", *names[1:], names[0]])
    assert datasets.open(tmp_path / "other.csv").image_shape is None


def emnist(folder, name="balanced", shift=36):
    """https://www.kaggle.com/datasets/crawford/emnist: no header, and images are transposed."""
    stored = SQUARES.transpose(0, 2, 1)
    write(folder / f"emnist-{name}-train.csv", stored, Y + shift)
    write(folder / f"emnist-{name}-test.csv", stored[:20], Y[:20] + shift)
    mapping = "".join(f"{shift + i} {97 + i}\n" for i in range(10))
    (folder / f"emnist-{name}-mapping.txt").write_text(mapping)
    return folder


@pytest.mark.parametrize("given", [".", "emnist-balanced-train.csv"])
def test_emnist_without_header_is_upright_and_its_mapping_names_the_classes(tmp_path, given):
    data = datasets.open(emnist(tmp_path) / given)
    for X, count in ((data.X, 90), (data.X_test, 20)):
        np.testing.assert_array_equal(data.images(X)[..., 0], SQUARES[:count])
    assert data.class_names == tuple("abcdefghij")
    assert "images are transposed: EMNIST stores them so" in data.notes
    test = datasets.open(tmp_path / "emnist-balanced-test.csv")
    assert (len(test.X), test.X_test) == (20, None)


def test_emnist_without_header_that_is_not_clear_or_does_not_fit(tmp_path):
    emnist(tmp_path)
    (tmp_path / "emnist-balanced-mapping.txt").unlink()
    assert datasets.open(tmp_path).class_names is None
    emnist(tmp_path, "letters", shift=1)
    refuses(tmp_path, "'emnist-balanced', 'emnist-letters'", "give the file of one, such as")
    write(tmp_path / "emnist-letters-train.csv", SQUARES[:, 1:], Y)
    refuses(tmp_path / "emnist-letters-train.csv", "57 columns, and EMNIST's 785")
