"""The version of the installed package; `halfspaces.__version__` is read here when it is asked for.

The number is that of the last git tag, with the commits since then: it is written into the metadata
of the package when it is built, and nothing of git is asked afterwards.
"""

from importlib import metadata

UNKNOWN = "0+unknown"  # of a folder of sources that is not installed


def _installed() -> str:
    """The version in the metadata of the installed package."""
    try:
        return metadata.version("halfspaces")
    except metadata.PackageNotFoundError:
        return UNKNOWN


__version__ = _installed()
