"""Arrays of a device behind NumPy's interface, so that optimizers need not know where they lie.

The optimizers, the certificate and the penalties are written for arrays of NumPy: W, gradients and
directions (D+1, M, C), and numbers of each member (M,). A `DeviceArray` takes the place of the
large ones. NumPy hands each operation on it to this class (its protocols `__array_ufunc__` and
`__array_function__`, NEP 13 and NEP 18), which computes it on the device. Arrays of NumPy that take
part are put there; they are small.

What has lost the first axis, the features, is small too, and comes back as an array of NumPy:
sums over the features, and single rows. So a line search stays where it is.

An operation that is not known here is computed by NumPy, of a copy: slower, and never wrong.

References
----------
https://numpy.org/neps/nep-0013-ufunc-overrides.html,
https://numpy.org/neps/nep-0018-array-function-protocol.html
"""

# NumPy's protocols take any arguments:
# pyright: reportIncompatibleMethodOverride=false

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from halfspaces.engines.devices.array_functions import FUNCTIONS_OF_ARRAYS
from halfspaces.engines.devices.place import Place
from halfspaces.support.types import AnyArray, Array

Axis = int | tuple[int, ...] | None
Index = AnyArray  # a number, a slice, None, an array of numbers or of truth values, or a tuple
OPERATORS: dict[str, Callable[..., AnyArray]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "negative": operator.neg,
    "absolute": operator.abs,
    "invert": operator.invert,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
FUNCTIONS = {"sqrt", "square", "exp", "log", "log1p", "expm1", "sign", "isfinite"}
OF_TWO = {"maximum", "minimum"}
LOGICAL = {"invert", "bitwise_and", "bitwise_or"}


class DeviceArray(NDArrayOperatorsMixin):
    """An array of a device.

    Parameters
    ----------
    values : array of a library
    place : Place
        Where it lies.

    Examples
    --------
    >>> from halfspaces.system.libraries import Library
    >>> W = DeviceArray(np.ones((3, 2, 4)), Place(Library()))
    >>> type(2 * W[:-1]).__name__, np.sum(W * W, axis=(0, 2)).tolist()
    ('DeviceArray', [12.0, 12.0])
    """

    def __init__(self, values: AnyArray, place: Place) -> None:
        self.values = values
        self.place = place

    @classmethod
    def put(cls, values: Array, place: Place) -> "DeviceArray":
        """A copy of an array of NumPy's."""
        return cls(place.put(np.array(values)), place)

    # --- what an array says of itself ----------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.values.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.values.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype:
        """Its type, as NumPy names it."""
        return np.dtype(str(self.values.dtype).rpartition(".")[2])

    @property
    def nbytes(self) -> int:
        """The memory it takes."""
        return self.size * self.dtype.itemsize

    @property
    def device(self) -> str:
        """That of NumPy's arrays, from which formulas make small arrays."""
        return "cpu"

    def __array_namespace__(self, api_version: str | None = None) -> AnyArray:
        return np

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: type | np.dtype | None = None, copy: bool | None = None) -> Array:
        return np.array(self.place.taken(self.values), dtype)

    def __deepcopy__(self, memo: Any) -> "DeviceArray":
        return self.copy()

    def __repr__(self) -> str:
        return f"DeviceArray({np.asarray(self)!r})"

    # --- parts ---------------------------------------------------------------------------------

    def __getitem__(self, index: Index) -> AnyArray:
        index = index if isinstance(index, tuple) else (index,)
        part = self.values[self._indices(index)]
        return self._small(part) if isinstance(index[0], (int, np.integer)) else self._like(part)

    def __setitem__(self, index: Index, value: AnyArray) -> None:
        index = index if isinstance(index, tuple) else (index,)
        self.values[self._indices(index)] = self._lifted(value)

    def _indices(self, index: tuple[Index, ...]) -> tuple[Index, ...]:
        whole = (*index, ...) if not any(each is ... for each in index) else index
        return tuple(
            self.place.put(each) if isinstance(each, np.ndarray) else each for each in whole
        )

    # --- shapes and types ----------------------------------------------------------------------

    def copy(self) -> "DeviceArray":
        """A copy."""
        return self._like(self.place.xp.asarray(self.values, copy=True))

    def astype(self, dtype: type | np.dtype, copy: bool = True) -> "DeviceArray":
        """In another type."""
        kind = getattr(self.place.xp, np.dtype(dtype).name)
        return self._like(self.place.xp.astype(self.values, kind, copy=copy))

    def reshape(self, *shape: int | tuple[int, ...]) -> "DeviceArray":
        """In another shape."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return self._like(self.place.xp.reshape(self.values, wanted))

    def ravel(self) -> "DeviceArray":
        """In one axis."""
        return self.reshape(-1)

    def tobytes(self) -> bytes:
        """Its bytes, as NumPy has them."""
        return np.asarray(self).tobytes()

    # --- reductions ----------------------------------------------------------------------------

    def sum(self, axis: Axis = None, keepdims: bool = False, **options: object) -> AnyArray:
        """Sums."""
        return self._reduced("sum", axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False, **options: object) -> AnyArray:
        """Maxima."""
        return self._reduced("max", axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False, **options: object) -> AnyArray:
        """Minima."""
        return self._reduced("min", axis, keepdims)

    def all(self, axis: Axis = None, keepdims: bool = False, **options: object) -> AnyArray:
        """Whether all hold."""
        return self._reduced("all", axis, keepdims)

    def any(self, axis: Axis = None, keepdims: bool = False, **options: object) -> AnyArray:
        """Whether any holds."""
        return self._reduced("any", axis, keepdims)

    def _reduced(self, name: str, axis: Axis, keepdims: bool) -> AnyArray:
        found = getattr(self.place.xp, name)(self.values, axis=axis, keepdims=keepdims)
        axes = axis if isinstance(axis, tuple) else (axis,)
        over_features = any(each is None or each % self.ndim == 0 for each in axes)
        return self._small(found) if over_features else self._like(found)

    # --- NumPy's protocols ---------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> AnyArray:
        out = options.pop("out", (None,))[0]
        found = self._computed(ufunc.__name__, inputs) if method == "__call__" else NotImplemented
        if options or found is NotImplemented:
            found = getattr(ufunc, method)(*map(_here, inputs), **options)
        if out is None:
            return found
        out[...] = found if isinstance(out, DeviceArray) else _here(found)
        return out

    def _computed(self, name: str, inputs: Sequence[AnyArray]) -> AnyArray:
        """A function of each entry, or a product of matrices; NotImplemented for others."""
        xp = self.place.xp
        logical = name in LOGICAL
        values = [self._lifted(each if logical else _as_numbers(each)) for each in inputs]
        if name == "matmul":
            kind = xp.result_type(*values)
            return self._like(xp.matmul(*(xp.astype(each, kind, copy=False) for each in values)))
        if name in OPERATORS:
            return self._like(OPERATORS[name](*values))
        if name in FUNCTIONS:
            return self._like(getattr(xp, name)(*values))
        if name in OF_TWO:
            return self._like(getattr(xp, name)(*map(self._of_array, values)))
        return NotImplemented

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> AnyArray:
        known = FUNCTIONS_OF_ARRAYS.get(func.__name__)
        if known is not None:
            return known(self, *args, **kwargs)
        return func(*map(_here, args), **{name: _here(value) for name, value in kwargs.items()})

    # --- to the device and back ----------------------------------------------------------------

    def _like(self, values: AnyArray) -> "DeviceArray":
        return DeviceArray(values, self.place)

    def _small(self, values: AnyArray) -> AnyArray:
        found = np.array(self.place.taken(values))
        return found[()] if found.ndim == 0 else found

    def _lifted(self, value: AnyArray) -> AnyArray:
        """An operand on the device; plain numbers as they are."""
        if isinstance(value, DeviceArray):
            return value.values
        if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
            return value.item()
        return self.place.put(value) if isinstance(value, np.ndarray) else value

    def _of_array(self, value: AnyArray) -> AnyArray:
        """A plain number as an array of the device's."""
        if isinstance(value, (bool, int, float)):
            return self.place.xp.asarray(
                value, dtype=self.values.dtype, device=self.place.library.device
            )
        return value


def _as_numbers(value: AnyArray) -> AnyArray:
    """An operand whose integers and truth values are floats: some libraries do not mix types."""
    is_array = isinstance(value, (DeviceArray, np.ndarray))
    return value.astype(np.float64) if is_array and value.dtype.kind != "f" else value


def _here(value: AnyArray) -> AnyArray:
    """An argument with copies of the device's arrays in this machine's memory."""
    if isinstance(value, DeviceArray):
        return np.asarray(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_here, value))
    return value
