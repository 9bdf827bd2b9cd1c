"""Libraries that only the page needs: they come with `pip install 'halfspaces[see]'`."""

from halfspaces.datasets.optional import Library


def load(*modules: str) -> None:
    """Import modules; raise DataError with the command to run where one is not installed.

    >>> load("no_such_library")
    Traceback (most recent call last):
    halfspaces.system.errors.DataError: The page needs no_such_library, which is not installed;
        run: pip install 'halfspaces[see]'.
    """
    for module in modules:
        Library(module, "halfspaces[see]").load("The page")
