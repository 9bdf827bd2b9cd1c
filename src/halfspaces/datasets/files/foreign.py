"""Files that are no data as they are, recognized by their first bytes or their suffix."""

import re
from pathlib import Path

from halfspaces.system.errors import DataError

HEAD = 512  # bytes that are looked at
LFS = b"version https://git-lfs.github.com/spec/"
PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html)\b", re.IGNORECASE)
BY_PANDAS = {  # its reader of the files with a suffix
    ".xlsx": "read_excel",
    ".xls": "read_excel",
    ".ods": "read_excel",
    ".json": "read_json",
    ".pkl": "read_pickle",
    ".pickle": "read_pickle",
    ".dta": "read_stata",
    ".sav": "read_spss",
    ".sas7bdat": "read_sas",
}
OTHERS = {
    ".arff": "copy the lines below its line @data into a .csv file",
    ".mat": (
        'save its arrays: mat = scipy.io.loadmat("{name}"); numpy.savez("{stem}.npz", X=mat["X"],'
        ' y=mat["y"].ravel())'
    ),
    ".rds": 'save it in R: write.csv(readRDS("{name}"), "{stem}.csv", row.names=FALSE)',
}


def check_content(path: Path) -> None:
    """Raise DataError for a pointer of Git LFS and for a web page, whatever the file is called."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError:  # the reader of the format says it
        return
    if head.startswith(LFS):
        raise DataError(
            f"{path} is a pointer of Git LFS, not the data; run `git lfs pull` in its folder."
        )
    if PAGE.match(head):
        raise DataError(f"{path} is a web page, not the data; download the file that it shows.")


def remedy(path: Path) -> str | None:
    """How a file of another program becomes one that is read; None for an unknown suffix.

    >>> remedy(Path("birds.xlsx"))
    'write it as a table by pandas.read_excel("birds.xlsx").to_parquet("birds.parquet")'
    """
    suffix = path.suffix.lower()
    if suffix in BY_PANDAS:
        read = f'pandas.{BY_PANDAS[suffix]}("{path.name}")'
        return f'write it as a table by {read}.to_parquet("{path.stem}.parquet")'
    return OTHERS[suffix].format(name=path.name, stem=path.stem) if suffix in OTHERS else None
