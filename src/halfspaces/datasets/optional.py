"""Libraries that some formats need and that are not installed with the package."""

import importlib
from dataclasses import dataclass
from types import ModuleType

from halfspaces.system.errors import DataError


@dataclass(frozen=True)
class Library:
    """An optional library: the name of its module, and what pip installs to get it."""

    module: str
    requirement: str

    def load(self, purpose: str) -> ModuleType:
        """Import the module; raise DataError with the command to run where it is not installed.

        >>> Library("no_such_library", "halfspaces[parquet]").load("tables.parquet")
        Traceback (most recent call last):
        halfspaces.system.errors.DataError: tables.parquet needs no_such_library, which is not
            installed; run: pip install 'halfspaces[parquet]'.
        """
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            raise DataError(
                f"{purpose} needs {self.module}, which is not installed;"
                f" run: pip install '{self.requirement}'."
            ) from error


FSSPEC = Library("fsspec", "halfspaces[remote]")
H5PY = Library("h5py", "halfspaces[hdf5]")
HEIF = Library("pillow_heif", "halfspaces[heic]")
POOCH = Library("pooch", "halfspaces[remote]")
PYARROW = Library("pyarrow", "halfspaces[parquet]")
TORCH = Library("torch", "halfspaces[torch]")
ZARR = Library("zarr", "halfspaces[zarr]")
