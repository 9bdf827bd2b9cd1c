"""Blocks of whole rows, parsed alone, are the rows that Python's csv module reads."""

import csv
import io

import numpy as np
import pytest

from halfspaces import datasets
from halfspaces.datasets.formats.csv_blocks import Block, Rest, blocks

FIELDS = ["1", "plain", "a,b", 'the "owl"', "two\nlines", '"', "", "x\n\n,y", '""']


@pytest.mark.parametrize("size", [1, 7, 40, 300, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_are_whole_rows(seed, size):
    rng = np.random.default_rng(seed)
    rows = [[FIELDS[i] for i in rng.integers(0, len(FIELDS), 3)] for _ in range(60)]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    stream = io.BytesIO(text.getvalue().encode())
    read = []
    for block in blocks(stream, "utf-8", ",", size):
        content = block.rows if isinstance(block, Block) else block.stream.read()
        found = list(csv.reader(io.StringIO(content.decode(), newline="")))
        if isinstance(block, Block):
            assert block.breaks or len(found) == content.count(b"\n")
        read += found
    assert read == rows


def test_a_stray_quote_leaves_the_rest_to_one_reader(tmp_path, monkeypatch):
    text = 'x,size,label\n1,"5 "" pipe",a\n' + '2,6" rod,b\n3,"7\n8",a\n' * 50
    found = list(blocks(io.BytesIO(text.encode()), "utf-8", ",", 40))
    assert isinstance(found[-1], Rest)
    monkeypatch.setattr("halfspaces.datasets.formats.csv.BLOCK", 4000)
    (tmp_path / "a.csv").write_text(text)
    data = datasets.open(tmp_path / "a.csv", ignore=["size"])
    assert data.X[:, 0].tolist() == [1, *[2, 3] * 50]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_become_utf_8(encoding):
    text = "é,1\n" * 50
    parts = blocks(io.BytesIO(text.encode(encoding)), encoding, ",", 32)
    assert b"".join(part.rows for part in parts).decode() == text
