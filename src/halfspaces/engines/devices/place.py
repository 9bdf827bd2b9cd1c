"""A device and the library of its arrays: numbers are put there and taken back."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from halfspaces.support.types import AnyArray, Array
from halfspaces.system.libraries import Library, as_numpy


@dataclass(frozen=True)
class Place:
    """A device of a library.

    Parameters
    ----------
    library : Library

    Examples
    --------
    >>> Place(Library()).put(np.ones(2)).tolist()
    [1.0, 1.0]
    """

    library: Library

    @cached_property
    def xp(self) -> Any:
        """The functions of the library, by the names of the array API standard."""
        return self.library.namespace

    @property
    def has_double(self) -> bool:
        """Whether the device computes in float64: all but Apple's MPS."""
        return "mps" not in str(self.library.device)

    @property
    def wide(self) -> Any:
        """The type of sums over the rows: float64 where there is one."""
        return self.xp.float64 if self.has_double else self.xp.float32

    def put(self, values: Array) -> AnyArray:
        """Numbers of NumPy on the device, in their type where the device has it."""
        if values.dtype == np.float64 and not self.has_double:
            values = values.astype(np.float32)
        return self.library.array(values)

    def of_type(self, values: AnyArray, dtype: np.dtype) -> AnyArray:
        """An array of the device in a type of NumPy's."""
        return self.xp.astype(values, getattr(self.xp, dtype.name), copy=False)

    def taken(self, values: AnyArray) -> Array:
        """An array of the device, in the memory of this machine."""
        return as_numpy(values)


class Moved:
    """The last matrix that blocks were multiplied by, put on the device once for all of them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._last: tuple[AnyArray, AnyArray] = (None, None)

    def __call__(self, values: Array, dtype: np.dtype) -> AnyArray:
        """The matrix on the device in a type; it must stay as it is."""
        if self._last[0] is not values:
            self._last = values, self.place.put(np.ascontiguousarray(values, dtype))
        return self._last[1]
