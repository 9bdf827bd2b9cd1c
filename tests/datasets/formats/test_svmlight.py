"""Sparse rows in text."""

import gzip

import numpy as np
import pytest

from halfspaces import datasets
from tests.data_files import PACKERS
from tests.helpers import real, refuses

TEXT = "# two classes\n+1 1:0.5 3:-2e-1 # first\n-1\r\n\n1 qid:7 2:1 3:3\n"


@pytest.mark.parametrize("suffix", PACKERS)
def test_svmlight_files_agree_on_the_features(tmp_path, suffix):
    def write(name, text):
        (tmp_path / f"{name}{suffix}").write_bytes(PACKERS[suffix](text.encode()))
        return datasets.open(tmp_path / f"{name}{suffix}")

    alone = write("small", TEXT)
    assert alone.X.toarray().tolist() == [[0.5, 0, -0.2], [0, 0, 0], [0, 1, 3]]
    assert (alone.y.tolist(), alone.X_test) == ([1, -1, 1], None)
    assert write("small.t", "1 1:1\n").X.shape == (1, 3)
    test, both = write("small.t", "1 5:1\n"), datasets.open(tmp_path / f"small{suffix}")
    assert (
        str(both)
        == "small: 3 examples + 1 for testing, 5 features (float64, 27 % stored), 2 classes"
    )
    assert (both.X_test.toarray().tolist(), test.X.toarray().tolist()) == ([[0, 0, 0, 0, 1]],) * 2
    assert datasets.open_features(tmp_path / f"small{suffix}").shape == (1, 5)
    from_zero = write("small", TEXT.replace("1:0.5", "0:0.5"))
    assert (from_zero.X.shape, from_zero.X_test.indices.tolist()) == ((3, 6), [5])
    write("small.t", "1 0:1\n")
    assert write("small", TEXT).X.indices.tolist() == [1, 3, 2, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello world\n", ["is no data set; give", "`halfspaces data formats` lists all"]),
        ("1\n2\n3\n", ["is no data set"]),
        (
            TEXT * 5 + "1 3:x\n",
            ["given is no svmlight text (", "write each line as label index:value"],
        ),
        (TEXT + "1 3:1 2:1\n", ["given is no svmlight text (", "sorted"]),
        ("1 1:1\n1.5 1:1\n", ["given has the label 1.5; classes are whole numbers"]),
        ("1 0:1\n", ["given.t is no svmlight text ("]),
    ],
)
def test_text_that_is_no_svmlight(tmp_path, text, words):
    (tmp_path / "given").write_text(text)
    (tmp_path / "given.t").write_text("1 1:1\n2 1 1\n")
    refuses(tmp_path / "given", *words)


def test_rows_without_zeros(tmp_path):
    (tmp_path / "full").write_text("0 1:1 2:3\n1 1:2 2:2\n")
    assert "2 features (float64, 100 % stored)" in str(datasets.open(tmp_path / "full"))


def test_svmlight_damaged(tmp_path):
    whole = gzip.compress(TEXT.encode() * 1000)
    (tmp_path / "given.gz").write_bytes(whole)
    (tmp_path / "given.t.gz").write_bytes(whole[:-20])
    refuses(tmp_path / "given.gz", "given.t.gz is damaged")


def test_dna():
    dna = datasets.open(real("libsvm/dna.scale"))
    assert str(dna) == (
        "dna.scale: 2,000 examples + 1,186 for testing, "
        "180 features (float64, 25 % stored), 3 classes"
    )
    assert (np.bincount(dna.y).tolist(), np.bincount(dna.y_test).tolist()) == (
        [0, 464, 485, 1051],
        [0, 303, 280, 603],
    )
