"""The same class in several files of a table is one class, however each file writes it."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from halfspaces import datasets
from tests.data_files import encoded_photo, save_to_disk
from tests.helpers import refuses

NAMES = ["setosa", "versicolor", "virginica"]
IS = np.array(["virginica", "setosa", "versicolor", "setosa"])


def hub_table(names, is_a=IS, column="x"):
    """Rows with a ClassLabel, as `Dataset.to_parquet` of Hugging Face's library writes them."""
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    values = pa.array(np.arange(len(is_a) * 2.0).reshape(-1, 2).tolist())
    if column == "image":
        features["image"] = {"_type": "Image"}
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        values = pa.array([{"bytes": encoded_photo(i), "path": ""} for i in range(len(is_a))], kind)
    numbers = [names.index(each) if each else -1 for each in is_a]
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table({column: values, "label": numbers}).replace_schema_metadata(metadata)


def of_names(data, y):
    return [data.class_names[label] for label in y]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("column", ["x", "image"])
def test_class_labels_are_matched_by_name(tmp_path, column):
    """Shards that were written one by one number their classes in the order of their own names."""
    tables = {
        "train-0": hub_table(NAMES, column=column),
        "train-1": hub_table(NAMES[::-1], column=column),
        "test": hub_table(["virginica", "setosa"], ["setosa", "virginica"], column=column),
    }
    for name, table in tables.items():
        pa.parquet.write_table(table, tmp_path / f"{name}.parquet")
    data = datasets.open(tmp_path)
    assert data.class_names == tuple(NAMES)
    assert of_names(data, data.y) == [*IS, *IS]
    assert of_names(data, data.y_test) == ["setosa", "virginica"]


def test_saved_splits_with_names_of_their_own(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    for split, names in {"train": NAMES, "test": NAMES[::-1]}.items():
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        save_to_disk(tmp_path / split, hub_table(names).replace_schema_metadata(None), features)
    data = datasets.open(tmp_path)
    assert of_names(data, data.y) == of_names(data, data.y_test) == IS.tolist()


def write(folder, **labels):
    for name, y in labels.items():
        frame = pd.DataFrame({"width": np.arange(len(y)) / 2, "label": y})
        frame.to_csv(folder / f"{name.replace('_', '-')}.csv", index=False)
    return datasets.open(folder)


def test_texts_in_one_file_make_texts_of_the_others(tmp_path):
    """The bets of football-data.co.uk, 1, 2 and X, of which a small file has no X."""
    data = write(tmp_path, train=["1", "2", "x"], test=["1", "2", "1"], validation=["02", "2", "1"])
    assert data.y.tolist() == ["1", "2", "x"]
    assert data.y_test.tolist() == ["1", "2", "1"]
    assert data.y_val.tolist() == ["02", "2", "1"]


def test_zeros_before_a_number_belong_to_the_class(tmp_path):
    """Codes, such as those of the US Census, of which one shard has letters, too."""
    data = write(tmp_path, train_0=["007", "010"], train_1=["007", "x10"], train_2=["10", "11"])
    assert data.y.tolist() == ["007", "010", "007", "x10", "10", "11"]


@pytest.mark.parametrize("mark", ["NA", "?", "nan", "null", ""])
def test_missing_labels_are_no_class(tmp_path, mark):
    """As R, UCI's files, Python and databases write them."""
    (tmp_path / "a.csv").write_text(f"x,label\n1,cat\n2,{mark}\n3,dog\n4,{mark}\n")
    words = [f"written {mark!r}"] if mark else []
    refuses(tmp_path / "a.csv", "2 missing values (null) in the column 'label'", *words)


def test_rows_for_testing_without_labels_are_left_out(tmp_path):
    """A competition of Kaggle: test.csv lacks the label, and has an index in addition."""
    train = pd.DataFrame({"width": [1.5, 2, 3], "species": ["a", "b", "a"]})
    train.to_csv(tmp_path / "train.csv", index=False)
    train.drop(columns="species").to_csv(tmp_path / "test.csv")
    train[["species"]].to_csv(tmp_path / "sample_submission.csv")
    data = datasets.open(tmp_path)
    assert data.X_test is None
    assert data.notes[-2:] == (
        "left out: the 3 rows for testing, which have no labels",
        "not used: 'sample_submission.csv'",
    )
    assert datasets.open_rows(tmp_path).X.tolist() == [[1.5], [2], [3]]
    train.rename(columns={"width": "height"}).to_csv(tmp_path / "test.csv", index=False)
    refuses(tmp_path, "test.csv lacks the column 'width' of", "train.csv;")
    (tmp_path / "test.csv").unlink()
    for split, labels in {"train": IS, "test": [None] * 4}.items():
        pa.parquet.write_table(hub_table(NAMES, labels), tmp_path / f"{split}.parquet")
    assert datasets.open(tmp_path).X_test is None


def test_labels_in_lists_are_one_hot(tmp_path):
    """As Keras' to_categorical makes them; .npz with such labels are read so, too."""
    hot = np.eye(3, dtype=np.uint8)[[2, 0, 1, 0]]
    table = {"x": np.arange(4.0), "label": pa.array(hot.tolist())}
    pa.parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    data = datasets.open(tmp_path / "a.parquet")
    assert data.y.tolist() == [2, 0, 1, 0]
    assert data.notes[-1].startswith("one-hot labels in 3 columns")
    table["label"] = pa.array([[1, 1, 0], *hot[1:].tolist()])
    pa.parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    refuses(tmp_path / "a.parquet", "several labels a row")
