"""How files are damaged and given to a reader:
nothing but DataError may come out, soon, and in little memory.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from halfspaces import datasets

Rng = np.random.Generator
NUMBERS = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
    b"\0" * 8,
    b"\0\0\0\x40",
    b"-1",
    b"99999999",
]


class Reader(NamedTuple):
    """How one kind of file is damaged and where it lies:
    its seeds, a name, and what is done after the damage.
    """

    seeds: Callable[[], list[bytes]]
    name: str
    after: Callable[[bytes], bytes] = bytes
    beside: Callable[[], dict[str, bytes]] = dict
    skips: bool = False  # whether bad members may be left out


def damaged(content: bytes, other: bytes, rng: Rng) -> bytes:
    """One to four changes: bytes set, numbers made extreme, parts cut, repeated,
    moved or taken from elsewhere.
    """
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        start, length = place(len(data), rng), int(rng.integers(1, 64))
        part = data[start : start + length]
        change = rng.integers(8)
        if change == 0:
            del data[start:]
        elif change == 1:
            del data[start : start + length]
        elif change == 2:
            data[start:start] = part * int(rng.integers(1, 4))
        elif change == 3:
            data[start : start + length] = rng.bytes(length)
        elif change == 4:
            source = place(len(other), rng)
            data[start : start + length] = other[source : source + length]
        elif change == 5:
            number = NUMBERS[rng.integers(len(NUMBERS))]
            data[start : start + len(number)] = number
        else:
            data[start : start + 1] = bytes(
                byte ^ 1 << int(rng.integers(8)) for byte in data[start : start + 1]
            )
    return bytes(data)


def place(length: int, rng: Rng) -> int:
    """Anywhere, but most often near the ends, where headers are."""
    near = int(rng.integers(0, 200))
    return min(
        max([near, length - near, int(rng.integers(0, length + 1))][rng.integers(3)], 0), length
    )


def attack(
    name: str,
    reader: Reader,
    inputs: int,
    seed: int,
    folder: Path,
    limit: Callable[[str], AbstractContextManager[None]] = nullcontext,
) -> tuple[int, float]:
    """Open so many damaged files; return how many were read all the same, and the longest time."""
    seeds, read, longest = reader.seeds(), 0, 0.0
    inner = folder / name.replace(" ", "-")
    path = inner / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    for other, content in reader.beside().items():
        (inner / other).parent.mkdir(parents=True, exist_ok=True)
        (inner / other).write_bytes(content)
    alone = path.parent == inner and "." in path.name and not reader.beside()
    for number in range(inputs):
        rng = np.random.default_rng([seed, number])
        content, other = (seeds[rng.integers(len(seeds))] for _ in range(2))
        path.unlink(missing_ok=True)  # maps of the file before may still be open
        path.write_bytes(reader.after(damaged(content, other, rng)))
        started = time.perf_counter()
        try:
            with limit(f"{name}, seed {seed}, input {number}"):
                read += _is_read(path if alone else inner, reader, rng)
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}, input {number}")
            raise
        longest = max(longest, time.perf_counter() - started)
    return read, longest


def _is_read(given: Path, reader: Reader, rng: Rng) -> bool:
    """Whether the file is read; otherwise it is refused in one sentence."""
    try:
        data = datasets.open(given, skip_bad=reader.skips and bool(rng.integers(2)))
        X: Any = data.X if isinstance(data.X, np.ndarray) else data.X.data
        float(np.nansum(X.astype(np.float64))), data.y.tolist()  # all memory is there
    except datasets.DataError as error:
        message = str(error)
        assert (message[-1], message.count("\n")) == (".", 0), repr(message)
        return False
    return True
