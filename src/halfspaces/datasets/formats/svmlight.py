"""Text in the format of svmlight and libsvm: `label index:value index:value ...` a line, zeros left out.

Joachims, SVMlight, https://www.cs.cornell.edu/people/tj/svm_light; Chang & Lin, LIBSVM, https://doi.org/10.1145/1961189.1961199
"""

import re
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.support.errors import DataError

LINE = re.compile(rb"[-+.\deE]+(\s+qid:\d+)?(\s+\d+:\S+)*")
LINES = 10  # one of the first must hold a feature
LONGEST = 1 << 26
TEST = ".t"  # what libsvm's collection appends to the name of the test rows


class _Rows(NamedTuple):
    X: Any  # CSR
    y: np.ndarray


def recognizes(path: Path) -> bool:
    """Whether the first lines are a number and pairs index:value."""
    with compressed.reading(path) as stream:
        lines = [
            line.partition(b"#")[0].strip()
            for line in islice(iter(lambda: stream.readline(LONGEST), b""), LINES)
        ]
    examples = [line for line in lines if line]
    return all(map(LINE.fullmatch, examples)) and any(b":" in line for line in examples)


def read(path: Path) -> Dataset:
    """Read NAME and, where it lies beside it, NAME.t for testing; NAME.t alone has the features of both, too.

    X is a csr_array (N, D) of float64, D the largest index in either file, and indices count from 0 where either file
    has one; files may be .gz or .xz. Raises DataError for lines of another format and labels that are no whole numbers.
    """
    stem, packed = (
        (path.stem, path.suffix) if path.suffix in compressed.UNPACKERS else (path.name, "")
    )
    is_test = stem.endswith(TEST)
    other = path.with_name((stem.removesuffix(TEST) if is_test else stem + TEST) + packed)
    rows = _aligned([_read(each) for each in (path, other) if each == path or each.is_file()])
    X_test, y_test = rows[1] if len(rows) == 2 and not is_test else (None, None)
    return Dataset(stem, *rows[0], X_test, y_test)


def _read(path: Path) -> _Rows:
    """The rows with indices as they are written."""
    from sklearn.datasets import load_svmlight_file

    load: Any = load_svmlight_file  # annotated as taking no bool
    with compressed.reading(path) as stream:
        try:
            X, y = load(stream, zero_based=True)
        except (ValueError, OverflowError) as error:
            told = str(error).rstrip(".")
            raise DataError(
                f"{path} is no svmlight text ({told}); write each line as label index:value."
            ) from error
    whole = np.round(y)
    if not np.array_equal(y, whole):
        raise DataError(f"{path} has the label {y[y != whole][0]:g}; classes are whole numbers.")
    return _Rows(X, y.astype(np.int64))


def _aligned(rows: list[_Rows]) -> list[_Rows]:
    """The same with as many features as the widest has, the first of them at 0."""
    first = 0 if any(np.any(X.indices == 0) for X, _ in rows) else 1
    width = max(X.shape[1] for X, _ in rows) - first
    return [
        _Rows(csr_array((X.data, X.indices - first, X.indptr), shape=(len(y), width)), y)
        for X, y in rows
    ]
