"""Parameters of any structure as one vector: arrays and tensors, in lists and dicts."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Parameters = Any  # an array or a tensor, or lists, tuples and mappings of them

EPS = float(np.finfo(np.float64).eps)
_NARROW = {
    "float32": 2.0**-23,
    "complex64": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}


def _is_several(tree: Any) -> bool:
    """Whether a value is a list or tuple of arrays, and not one array written as lists."""
    if not isinstance(tree, list | tuple):
        return False
    return any(
        isinstance(item, Mapping) or bool(getattr(item, "ndim", 0)) or _is_several(item)
        for item in tree
    )


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Names and arrays, such as ("layers[0].bias", ...); a single array is called W."""
    if isinstance(tree, Mapping):
        for key, item in tree.items():
            yield from _leaves(item, f"{name}.{key}" if name else str(key))
    elif _is_several(tree):
        for number, item in enumerate(tree):
            yield from _leaves(item, f"{name or 'W'}[{number}]")
    else:
        yield name or "W", tree


def _filled(tree: Any, arrays: Iterator[np.ndarray]) -> Any:
    """The same structure and types with other arrays."""
    if isinstance(tree, Mapping):
        return {key: _filled(item, arrays) for key, item in tree.items()}
    if _is_several(tree):
        items = [_filled(item, arrays) for item in tree]
        return items if isinstance(tree, list) else tuple(items)
    array = next(arrays)
    if hasattr(tree, "new_tensor"):
        tensor = tree.detach().new_tensor(array)
        return tensor.requires_grad_(tree.requires_grad)
    return array


def _numbers(value: Any) -> np.ndarray:
    """An array or tensor as a NumPy array of float64 or complex128."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.numpy() if value.is_complex() else value.double().numpy()
    array = np.asarray(value)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def shapes_of(tree: Parameters) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays by their names."""
    return {name: np.shape(array) for name, array in _leaves(tree)}


def precision(tree: Parameters) -> float:
    """The largest rounding unit among the types of the arrays; that of float64 for integers."""
    kinds = [getattr(array, "dtype", "float64") for _, array in _leaves(tree)]
    return max((_NARROW.get(str(kind).removeprefix("torch."), EPS) for kind in kinds), default=EPS)


def scalar(value: Any) -> float:
    """The value of f as a float; TypeError unless it is one real number."""
    if value is None:
        raise TypeError("f must return one number, got None.")
    number = _numbers(value)
    if number.size != 1:
        raise TypeError(
            f"f must return one number, got an array of shape {number.shape}: add its entries up."
        )
    single = complex(number.reshape(()))
    if single.imag:
        raise TypeError(f"f must return a real number, got {single}.")
    return single.real


def copied(tree: Any) -> Any:
    """The same structure with copies of its arrays and tensors; None stays None."""
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {key: copied(item) for key, item in tree.items()}
    if _is_several(tree):
        return [copied(item) for item in tree]
    return tree.clone() if hasattr(tree, "clone") else np.array(tree)


@dataclass(frozen=True)
class Layout:
    """The positions of arrays and blocks in one flat vector of all parameters."""

    like: Parameters  # the structure and the types that f receives
    shapes: dict[str, tuple[int, ...]]
    blocks: dict[str, np.ndarray]  # positions in the vector

    @classmethod
    def of(cls, W: Parameters, blocks: Mapping[str, Any] | None) -> "Layout":
        """The layout of these parameters; one array can be split into blocks by indices."""
        shapes = shapes_of(W)
        if blocks is not None and (isinstance(W, Mapping) or _is_several(W)):
            problem = "splits one array; the arrays of a mapping or list W are its blocks"
            raise ValueError(f"check_gradient(blocks=...) {problem}.")
        arrays = _split(np.arange(sum(map(math.prod, shapes.values()))), shapes)
        if blocks is not None:
            arrays = {name: arrays["W"][index] for name, index in blocks.items()}
        positions = {name: np.ravel(array) for name, array in arrays.items() if np.size(array)}
        if not positions:
            raise ValueError("check_gradient(W=...) must have at least one coordinate, got none.")
        return cls(W, shapes, positions)

    def pack(self, values: Parameters, what: str) -> np.ndarray:
        """One vector of all arrays, float64 or complex128."""
        named = dict(_leaves(values))
        shapes = {name: np.shape(array) for name, array in named.items()}
        if shapes != self.shapes:
            needed = f"the shapes of W, {self.shapes}"
            raise ValueError(f"check_gradient({what}=...) must have {needed}, got {shapes}.")
        try:
            return np.concatenate([np.ravel(_numbers(named[name])) for name in self.shapes])
        except (TypeError, ValueError):
            raise TypeError(f"check_gradient({what}=...) must hold numbers only.") from None

    def pack_real(self, values: Parameters, what: str) -> np.ndarray:
        """One float64 vector of all arrays; TypeError for complex ones."""
        vector = self.pack(values, what)
        if vector.dtype.kind == "c":
            needed = "real: make the real and the imaginary part two arrays"
            raise TypeError(f"check_gradient({what}=...) must be {needed}.")
        return vector

    def unpack(self, vector: np.ndarray) -> Parameters:
        """New arrays in the structure of W, float64 ones or tensors in the type of W."""
        return _filled(self.like, iter(_split(vector.copy(), self.shapes).values()))

    def called(self, function: Callable[[Parameters], Any], at: np.ndarray) -> tuple[Any, str]:
        """function(W), and how it changed W in place: "W[0] from 1 to 2", or ""."""
        W = self.unpack(at)
        value = function(W)
        after = self.pack(W, "W")
        changed = np.flatnonzero(after != at)
        if not changed.size:
            return value, ""
        first = int(changed[0])
        return value, f"{self.name(first)} from {at[first]:.6g} to {after[first]:.6g}"

    @property
    def is_numpy(self) -> bool:
        """Whether f receives NumPy arrays, and no tensors."""
        return not any(hasattr(array, "new_tensor") for _, array in _leaves(self.like))

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return sum(map(math.prod, self.shapes.values()))

    def position(self, array: str, index: tuple[int, ...]) -> int:
        """The position of an entry in the vector; the inverse of `index`."""
        start = 0
        for name, shape in self.shapes.items():
            if name == array:
                return start + (int(np.ravel_multi_index(index, shape)) if shape else 0)
            start += math.prod(shape)
        raise KeyError(array)

    def split(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """A vector of all coordinates as arrays by name."""
        return _split(vector, self.shapes)

    def index(self, position: int) -> tuple[str, tuple[int, ...]]:
        """The array and the index of a position, such as ("W", (3, 0, 2))."""
        for name, shape in self.shapes.items():
            if position < math.prod(shape):
                return name, tuple(int(i) for i in np.unravel_index(position, shape))
            position -= math.prod(shape)
        raise IndexError(position)

    def name(self, position: int) -> str:
        """A position in Python's notation: W[3, 0, 2]."""
        array, index = self.index(position)
        return f"{array}{list(index) if index else ''}"

    def block(self, position: int) -> str:
        """The block that holds a position."""
        return next(name for name, positions in self.blocks.items() if position in positions)

    def scales(self, at: np.ndarray) -> np.ndarray:
        """A power of two for each coordinate, near its size; where it is 0, that of its array.

        Steps by powers of two times these scales change the coordinates without rounding.
        """
        scales = np.empty_like(at)
        for positions in _split(np.arange(at.size), self.shapes).values():
            sizes = np.abs(at[positions])
            usual = float(np.median(sizes[sizes > 0])) if sizes.any() else 1.0
            scales[positions] = np.where(sizes > 0, sizes, usual)
        return np.exp2(np.floor(np.log2(scales)))


def _split(vector: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    start = 0
    for name, shape in shapes.items():
        end = start + math.prod(shape)
        arrays[name] = vector[start:end].reshape(shape)
        start = end
    return arrays
