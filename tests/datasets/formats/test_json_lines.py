"""JSON lines: types widened over all lines, the narrowest numbers, and what is refused."""

import json

import numpy as np
import pytest

from halfspaces import datasets
from tests.helpers import refuses


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_types_that_later_lines_widen(tmp_path, monkeypatch):
    monkeypatch.setattr("halfspaces.datasets.formats.json_lines.BLOCK", 200)
    rows = [{"a": i % 5, "e": [i % 9, 300], "label": i % 2} for i in range(40)]
    data = datasets.open(written(tmp_path / "a.jsonl", rows))
    assert data.X.dtype == np.int16
    assert data.X.tolist() == [row["e"] for row in rows]
    rows[-1]["e"] = [0.5, 2]
    data = datasets.open(written(tmp_path / "a.jsonl", rows))
    assert data.X.dtype == np.float64
    assert data.X[-1].tolist() == [0.5, 2]


def test_bytes_of_images_in_nested_lists(tmp_path):
    rows = [{"pixels": [[i, 255], [0, 1]], "label": i % 2} for i in range(6)]
    data = datasets.open(written(tmp_path / "a.ndjson", rows))
    assert data.X.dtype == np.uint8
    assert data.X[5].tolist() == [5, 255, 0, 1]


def test_lines_longer_than_a_block(tmp_path, monkeypatch):
    for name in ("BLOCK", "PART"):
        monkeypatch.setattr(f"halfspaces.datasets.formats.json_lines.{name}", 100)
    rows = [{"e": list(np.linspace(0, i, 1 + 60)), "label": i % 2} for i in range(5)]
    rows += [{"e": [0.25] * 61, "label": 0}] * 3
    data = datasets.open(written(tmp_path / "a.jsonl", rows))
    np.testing.assert_array_equal(data.X, [row["e"] for row in rows])


def test_splits_by_files(tmp_path):
    for split in ("train", "test"):
        written(tmp_path / f"{split}.jsonl", [{"a": i % 3, "y": i % 2} for i in range(9)])
    data = datasets.open(tmp_path)
    assert data.X_test.tolist() == data.X.tolist()
    assert datasets.open_features(tmp_path / "test.jsonl").shape == (9, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["holds no rows", "one JSON object a line"]),
        ('[{"a": 1, "y": 0}]', ["one object a line", "from object to array"]),
        ('{"a": 1, "y": 0}\n{"a": "x", "y": 1}\n', ["from number to string"]),
        ('{"a": 1, "y": 0}\n{"y": 1}\n', ["1 missing values (null) in the column 'a'"]),
        ('{"a": 1, "d": {"u": 1}, "y": 0}\n', ["'d' of type struct", "--ignore d"]),
        ('{"e": [1, 2], "y": 0}\n{"e": [1], "y": 1}\n', ["lists of different lengths"]),
        ('{"a": 1, "y": 0}\n{"a": 2, "y"', ["cannot be read as JSON lines"]),
    ],
)
def test_what_is_refused(tmp_path, text, words):
    (tmp_path / "a.jsonl").write_text(text)
    refuses(tmp_path / "a.jsonl", "a.jsonl", *words)
