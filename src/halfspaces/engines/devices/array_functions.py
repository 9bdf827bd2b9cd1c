"""NumPy's functions of whole arrays, for a `DeviceArray`: `one` is one that takes part."""

from collections.abc import Callable, Sequence

import numpy as np

from halfspaces.support.types import AnyArray

Function = Callable[..., AnyArray]
Shape = tuple[int, ...] | None
Type = type | np.dtype | None
DeviceArray = AnyArray  # that of engines/devices/device_array.py, which imports this module


def _where(one: DeviceArray, condition: AnyArray, x: AnyArray, y: AnyArray) -> DeviceArray:
    xp = one.place.xp
    lifted = [one._lifted(each) for each in (condition, x, y)]
    kinds = [each.dtype for each in lifted[1:] if hasattr(each, "dtype")] or [xp.float64]
    mask, first, second = (
        each
        if hasattr(each, "dtype")
        else xp.asarray(each, dtype=kinds[0], device=one.place.library.device)
        for each in lifted
    )
    mask = mask if mask.dtype == xp.bool else mask != 0
    return one._like(xp.where(mask, first, second))


def _empty_like(
    one: DeviceArray, like: AnyArray, dtype: Type = None, shape: Shape = None
) -> DeviceArray:
    return _zeros_like(one, like, dtype, shape)


def _zeros_like(
    one: DeviceArray, like: AnyArray, dtype: Type = None, shape: Shape = None
) -> DeviceArray:
    kind = getattr(one.place.xp, np.dtype(dtype or like.dtype).name)
    size = like.shape if shape is None else shape
    return one._like(one.place.xp.zeros(size, dtype=kind, device=one.place.library.device))


def _array(
    one: DeviceArray, values: AnyArray, dtype: Type = None, **options: object
) -> DeviceArray:
    """A copy in the memory of the device, for `np.array(..., like=...)`."""
    if isinstance(values, type(one)):
        return values.astype(dtype or values.dtype, copy=True)
    return one.put(np.asarray(values, dtype), one.place)


def _concatenate(one: DeviceArray, arrays: Sequence[AnyArray], axis: int = 0) -> DeviceArray:
    return one._like(one.place.xp.concat([one._lifted(each) for each in arrays], axis=axis))


def _split(one: DeviceArray, array: AnyArray, sections: int, axis: int = 0) -> list[DeviceArray]:
    size = array.shape[axis] // sections
    before = (slice(None),) * axis
    return [array[(*before, slice(k * size, (k + 1) * size))] for k in range(sections)]


def _copyto(one: DeviceArray, target: AnyArray, source: AnyArray, where: AnyArray = True) -> None:
    if isinstance(target, type(one)):
        target[...] = source if where is True else _where(target, where, source, target)
    else:
        np.copyto(target, np.asarray(source), where=np.asarray(where))


def _einsum(one: DeviceArray, subscripts: str, *operands: AnyArray) -> AnyArray:
    """Three of the sums over features by the functions that all libraries have; else by NumPy."""
    xp = one.place.xp
    if subscripts == "dmc,dmc->m":
        a, b = map(one._lifted, operands)
        return one._small(xp.sum(a * b, axis=(0, 2)))
    if subscripts == "d,dmc->mc":
        a, b = map(one._lifted, operands)
        return one._small(xp.sum(xp.reshape(a, (-1, 1, 1)) * b, axis=0))
    if subscripts == "dm,dmc->mc":
        a, b = map(one._lifted, operands)
        return one._small(xp.sum(xp.reshape(a, (*a.shape, 1)) * b, axis=0))
    return np.einsum(subscripts, *map(np.asarray, operands))


def _array_equal(one: DeviceArray, a: AnyArray, b: AnyArray) -> bool:
    return np.shape(a) == np.shape(b) and bool((one._like(one._lifted(a)) == b).all())


def _vdot(one: DeviceArray, a: AnyArray, b: AnyArray) -> AnyArray:
    return (one._like(one._lifted(a)) * b).sum()


def _shape(one: DeviceArray, array: AnyArray) -> tuple[int, ...]:
    return array.shape


def _reduction(name: str) -> Function:
    def reduced(one: DeviceArray, array: AnyArray, *args: object, **options: object) -> AnyArray:
        return getattr(array, name)(*args, **options)

    return reduced


FUNCTIONS_OF_ARRAYS: dict[str, Function] = {
    "where": _where,
    "empty_like": _empty_like,
    "zeros_like": _zeros_like,
    "array": _array,
    "asarray": _array,
    "concatenate": _concatenate,
    "split": _split,
    "copyto": _copyto,
    "einsum": _einsum,
    "array_equal": _array_equal,
    "vdot": _vdot,
    "shape": _shape,
    "amax": _reduction("max"),
    "amin": _reduction("min"),
} | {name: _reduction(name) for name in ("sum", "max", "min", "all", "any", "astype", "reshape")}
