"""What a command writes into the folder of the data is no data."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from halfspaces import datasets
from tests.data_files import save_image
from tests.helpers import DIGITS, refuses

X, Y = DIGITS.X[:60], DIGITS.y[:60] % 2


def _arrays(folder):
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", Y)


def _table():
    return pa.table({"a": X[:, 20], "b": X[:, 30], "label": Y})


def _images(folder):
    for row, label in enumerate(Y[:12]):
        image = Image.fromarray(X[row].reshape(8, 8).astype(np.uint8))
        save_image(folder / f"class {label}" / f"{row}.png", image)


FOLDERS = {
    "arrays": _arrays,
    "CSV": lambda folder: pa.csv.write_csv(_table(), folder / "train.csv"),
    "Parquet": lambda folder: pa.parquet.write_table(_table(), folder / "train.parquet"),
    "images": _images,
}


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_model_in_the_folder_of_its_data_changes_no_data(run, tmp_path, kind):
    FOLDERS[kind](tmp_path)
    before = datasets.open(tmp_path)
    trained = run("train", tmp_path, "--strengths", "1,0.1", "--out", tmp_path / "a model")
    assert trained.code == 0, trained.err
    after = datasets.open(tmp_path)
    np.testing.assert_array_equal(after.X, before.X)
    assert str(after) == str(before)


def test_a_file_of_another_kind_beside_shards_is_named(tmp_path):
    FOLDERS["CSV"](tmp_path)
    (tmp_path / "more.csv").write_text("width,label\n" + "".join(f"{i},1\n" for i in range(20)))
    refuses(tmp_path, "train.csv lacks the column 'width' of", "more.csv")
