"""Libraries that a format needs and that are not installed with the package."""

import importlib
from typing import Any

from halfspaces.support.errors import DataError


def load(module: str, extra: str, what: str) -> Any:
    """Import a module of an optional library.

    >>> load("no_such_library", "parquet", "tables.parquet")
    Traceback (most recent call last):
    halfspaces.support.errors.DataError: tables.parquet needs no_such_library, which is not installed; run: pip install
        'halfspaces[parquet]'.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise DataError(
            f"{what} needs {library}, which is not installed; run: pip install 'halfspaces[{extra}]'."
        ) from error
