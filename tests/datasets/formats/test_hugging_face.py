"""Folders that Hugging Face's library saved."""

import json

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from halfspaces import datasets
from tests.data_files import SMALL, SMALL_LABELS, listed, save_to_disk
from tests.helpers import refuses


def test_hugging_face_names_classes(tmp_path):
    names = {
        "kind": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"},
        "x": {"dtype": "float32"},
    }
    table = pa.table({"x": listed(SMALL), "kind": SMALL_LABELS})
    save_to_disk(tmp_path / "pets", table, names)
    data = datasets.open(tmp_path / "pets", label="kind")
    assert str(data) == "pets: 6 examples, 4 features (float32), 3 classes"
    assert data.class_names == ("cat", "dog", "owl")
    assert datasets.open_features(tmp_path / "pets", label="kind").shape == (6, 4)
    metadata = {"huggingface": json.dumps({"info": {"features": names}})}
    pa.parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "pets.parquet")
    assert datasets.open(tmp_path / "pets.parquet", label="kind").class_names == (
        "cat",
        "dog",
        "owl",
    )
    save_to_disk(
        tmp_path / "hidden", pa.table({"x": listed(SMALL), "kind": SMALL_LABELS - 1}), names
    )
    refuses(tmp_path / "hidden", "3 class_names but labels from -1 to 1", label="kind")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "state.json",
            '{"_data_files": [{"filename": "../../secret.arrow"}]}',
            "names the file '../../secret.arrow'",
        ),
        (
            "state.json",
            '{"_data_files": [{"filename": "/etc/passwd"}]}',
            "names the file '/etc/passwd'",
        ),
        ("state.json", '{"_data_files": [7]}', "names the file None"),
        ("state.json", '{"_data_files": []}', "names no files"),
        (
            "state.json",
            '{"_data_files": [{"filename": "gone.arrow"}]}',
            "gone.arrow cannot be read",
        ),
        ("state.json", '{"_indices_data_files": [{"filename": "i.arrow"}]}', "a selection of rows"),
        ("state.json", "[" * 100_000, "cannot be read as JSON"),
        ("state.json", "7", "holds no JSON object"),
        ("dataset_dict.json", '{"splits": ["test"]}', "none is 'train'"),
    ],
)
def test_hugging_face_folders_that_do_not_fit(tmp_path, name, content, words):
    save_to_disk(tmp_path / "saved", pa.table({"x": listed(SMALL), "label": SMALL_LABELS}))
    (tmp_path / "saved" / name).write_text(content)
    refuses(tmp_path / "saved", words)
