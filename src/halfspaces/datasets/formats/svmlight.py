"""Text in the format of svmlight and libsvm: `label index:value index:value ...` a line.

Zeros are omitted. Joachims, SVMlight, https://www.cs.cornell.edu/people/tj/svm_light; Chang & Lin,
LIBSVM, https://doi.org/10.1145/1961189.1961199
"""

import re
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from halfspaces.datasets.conventions import Conventions
from halfspaces.datasets.dataset import Dataset
from halfspaces.datasets.files import compressed
from halfspaces.datasets.formats.format import Format
from halfspaces.system.errors import DataError

LINE = re.compile(rb"[-+.\deE]+(\s+qid:\d+)?(\s+\d+:\S+)*")
FIRST_LINES = 10  # one of them must have a feature
LONGEST_LINE = 1 << 23
TEST = ".t"  # suffix of the file of test rows in libsvm's collection


class _Rows(NamedTuple):
    X: Any  # CSR
    y: np.ndarray


def recognizes(path: Path) -> bool:
    """Whether it is a file whose first lines are a number and pairs index:value."""
    if not path.is_file():
        return False
    with compressed.reading(path) as stream:
        lines = list(islice(iter(lambda: stream.readline(LONGEST_LINE), b""), FIRST_LINES))
    without_comments = (line.partition(b"#")[0].strip() for line in lines)
    examples = [line for line in without_comments if line]
    return all(map(LINE.fullmatch, examples)) and any(b":" in line for line in examples)


def read(path: Path, like: Conventions | None = None) -> Dataset:
    """Read NAME, and NAME.t for testing if it lies beside it; NAME.t alone becomes X.

    X is a csr_array (N, D), float64. D is the largest index in either file; indices count from 0 if
    either file has the index 0, else from 1, or as `like` says. Both files may be packed as .gz or
    .xz. Raises DataError for lines of another format and for labels that are not whole numbers.
    """
    packing = path.suffix if path.suffix in compressed.OPENERS else ""
    stem = path.stem if packing else path.name
    is_test = stem.endswith(TEST)
    other_stem = stem.removesuffix(TEST) if is_test else stem + TEST
    other = path.with_name(other_stem + packing)
    files = [_read(each) for each in (path, other) if each == path or each.is_file()]
    has_zero = any(np.any(X.indices == 0) for X, _ in files)
    known = None if like is None else like.first_index
    first_index = 1 if known is None else known
    if has_zero:
        first_index = 0
    rows = _aligned(files, first_index)
    X_test, y_test = rows[1] if len(rows) == 2 and not is_test else (None, None)
    conventions = Conventions(first_index=first_index)
    return Dataset(stem, *rows[0], X_test, y_test, conventions=conventions)


def _read(path: Path) -> _Rows:
    """The rows, with the indices of the file."""
    from sklearn.datasets import load_svmlight_file

    load: Any = load_svmlight_file  # scikit-learn's annotation of zero_based lacks bool
    with compressed.reading(path) as stream:
        compressed.check_text(path, stream)
        try:
            X, y = load(stream, zero_based=True)
        except (ValueError, OverflowError) as error:
            cause = str(error).rstrip(".")
            raise DataError(
                f"{path} is no svmlight text ({cause}); write each line as label index:value."
            ) from error
    whole = np.round(y)
    if not np.array_equal(y, whole):
        raise DataError(f"{path} has the label {y[y != whole][0]:g}; classes are whole numbers.")
    return _Rows(X, y.astype(np.int64))


def _aligned(files: list[_Rows], first: int) -> list[_Rows]:
    """The rows of all files with D columns, the first of which has the index 0."""
    D = max(X.shape[1] for X, _ in files) - first
    return [
        _Rows(csr_array((X.data, X.indices - first, X.indptr), shape=(len(y), D)), y)
        for X, y in files
    ]


FORMAT = Format("svmlight", recognizes, read, options=("like",), summary="svmlight text")
