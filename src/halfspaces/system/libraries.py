"""Arrays of other libraries than NumPy: where they lie, as NumPy's, and results as theirs.

An array in the memory of this machine is viewed as NumPy's, without a copy; one on another device
is copied.
"""

from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from halfspaces.system import tensors


def is_foreign(values: object) -> bool:
    """Whether this is an array of a library such as torch, CuPy or JAX, and not one of NumPy.

    >>> is_foreign(np.zeros(2)), is_foreign([0.0, 0.0])
    (False, False)
    """
    if isinstance(values, (np.ndarray, np.generic)):
        return False
    return array_api_compat.is_array_api_obj(values) and hasattr(values, "__dlpack__")


def device_of(values: Any) -> str:
    """The name of the device on which an array lies, such as "cpu" or "cuda:0"."""
    return str(array_api_compat.device(values))


def is_here(values: Any) -> bool:
    """Whether an array lies in the memory of this machine."""
    return not is_foreign(values) or "cpu" in device_of(values).lower()


def as_numpy(values: Any) -> Any:
    """An array of any library as NumPy's: in its own memory if it lies here, else a copy.

    What is no array is returned as it is.

    >>> as_numpy([1, 2])
    [1, 2]
    """
    if tensors.is_tensor(values):
        return tensors.as_numpy(values)
    if not is_foreign(values):
        return values
    if hasattr(values, "get"):  # CuPy's copy to this machine
        return values.get()
    try:
        return np.from_dlpack(values)
    except (BufferError, RuntimeError, TypeError, ValueError):  # such as booleans of some libraries
        return np.asarray(values)


@dataclass(frozen=True)
class Library:
    """A library of arrays and one of its devices: where results are wanted.

    Parameters
    ----------
    name : str
        Of the module: "numpy", "torch", "cupy", ...
    device : object, optional
        As the library names it; None for its default.

    Examples
    --------
    >>> Library.of([[1.0]]).array(np.ones(2)).tolist()
    [1.0, 1.0]
    """

    name: str = "numpy"
    device: Any = None

    @classmethod
    def of(cls, values: Any) -> "Library":
        """That of an array; NumPy for whatever is none, such as lists and data frames."""
        if not is_foreign(values):
            return cls()
        name = array_api_compat.array_namespace(values).__name__
        return cls(name.removeprefix("array_api_compat."), array_api_compat.device(values))

    def array(self, values: np.ndarray) -> Any:
        """Numbers of NumPy as an array of this library on its device; other arrays as they are."""
        if self.name == "numpy" or values.dtype.kind not in "biuf":
            return values
        if self.name == "torch":
            return tensors.of_numpy(values, self.device)
        return self.namespace.asarray(values, device=self.device)

    @property
    def namespace(self) -> Any:
        """The functions of the library, by the names of the array API standard."""
        import importlib

        wrapped = self.name in ("torch", "cupy", "numpy")
        return importlib.import_module(f"array_api_compat.{self.name}" if wrapped else self.name)
