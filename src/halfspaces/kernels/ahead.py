"""Compiling all loops ahead of time, and where their machine code is kept."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import halfspaces
from halfspaces.kernels.compile import DIVISION, FASTMATH, compile_loop
from halfspaces.kernels.known_loops import TYPES

PRODUCTS = ("scores", "pull", "moments")
# A file of loops in each folder; numba keeps the machine code of a folder together.
FILES = ("kernels/column_loops.py", "features/loops/lbp.py")
CODE = "*.nbc"  # numba's files of machine code
INDEX = "*.nbi"


class Loop(NamedTuple):
    """A loop for some types of its arguments, or several that are used together.

    `compile()` compiles them, or loads them from disk, and returns what numba made of them.
    """

    name: str
    compile: Callable[[], tuple[Any, ...]]


class Kept(NamedTuple):
    """The machine code on disk: its folders, the number of compiled loops, and bytes."""

    folders: tuple[Path, ...]
    loops: int
    size: int


def all_loops() -> list[Loop]:
    """Every loop that this processor can use.

    >>> [loop.name for loop in all_loops()][:2]
    ['scores of uint8', 'scores of float16']
    """
    from halfspaces.kernels.product_loops import STORED

    products = [
        Loop(f"{name} of {dtype}", partial(_product, name, dtype))
        for name in PRODUCTS
        for dtype in STORED
    ]
    others = [
        Loop(home.partition(":")[2], partial(_compiled, home, types))
        for home, variants in TYPES.items()
        for types in variants
    ]
    return [*products, *others, Loop("Gram matrix of bytes", _byte_gram)]


def was_compiled(loops: tuple[Any, ...]) -> bool:
    """Whether one of the loops that `Loop.compile` returned was not on disk."""
    return any(loop.stats.cache_misses for loop in loops)


def kept() -> Kept:
    """Where the machine code of the loops is kept, and how much is there."""
    folders = sorted({folder for folder in map(_folder, FILES) if folder is not None})
    files = [file for folder in folders for file in folder.glob(CODE)]
    indexes = [file for folder in folders for file in folder.glob(INDEX)]
    size = sum(file.stat().st_size for file in (*files, *indexes))
    return Kept(tuple(folders), len(files), size)


def _folder(file: str) -> Path | None:
    """The folder of numba's cache for the loops of a file; None where none can be written.

    Numba goes by the file of a function. The function here is one that claims to be from there:
    the import of a loop of features would take a second.
    """
    import numba

    source = Path(halfspaces.__file__).parent / file
    names: dict[str, Any] = {}
    exec(compile("def loop(): pass", str(source), "exec"), names)
    try:
        loop: Any = numba.njit(cache=True)(names["loop"])
    except (RuntimeError, OSError):
        return None
    return Path(loop.stats.cache_path) if hasattr(loop, "stats") else None


def _product(name: str, dtype: str) -> tuple[Any, ...]:
    from halfspaces.kernels.product_loops import compiled

    return (compiled(name, dtype),)


def _byte_gram() -> tuple[Any, ...]:
    """None on processors without the instruction that they need."""
    from halfspaces.kernels import byte_gram

    return byte_gram.compiled() if byte_gram.available() else ()


def _compiled(home: str, words: str) -> tuple[Any, ...]:
    types = tuple(map(_type, words.split()))
    return (compile_loop(_function(home), types, fastmath=FASTMATH, error_model=DIVISION),)


def _function(home: str) -> Callable[..., None]:
    module, _, name = home.partition(":")
    return getattr(import_module(f"halfspaces.{module}"), name)


def _type(word: str) -> Any:
    """Numba's type of an argument.

    >>> _type("f4:2"), _type("int")
    (Array(float32, 2, 'C', False, aligned=True), int64)
    """
    from numba import from_dtype, types

    kind, colon, dimensions = word.partition(":")
    if colon:
        return types.Array(from_dtype(np.dtype(kind)), int(dimensions), "C")
    scalars = {"int": types.int64, "float": types.float64, "bool": types.boolean}
    return scalars.get(kind) or from_dtype(np.dtype(kind))
