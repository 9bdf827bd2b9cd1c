"""Which device computes: that on which the data lie, or the one that was asked for."""

import re
import warnings
from typing import Any

import numpy as np
from scipy.sparse import issparse

from halfspaces.engines.devices.bfloat16 import Bfloat16Rows
from halfspaces.engines.devices.device_rows import (
    TAKEN,
    DeviceRows,
    PlacedRows,
    StreamedRows,
    type_name,
)
from halfspaces.engines.devices.place import Place
from halfspaces.engines.devices.stored_rows import BFLOAT16, StoredRows
from halfspaces.support.types import AnyArray, Array
from halfspaces.system import libraries, tensors
from halfspaces.system.blas import OUTSIDE

DEVICES = "'auto', 'cpu', 'cuda', 'cuda:1' (or another number) or 'mps'"
COMPUTING = ("torch", "cupy", "array_api_strict")  # others' arrays cannot be written into: copied
USED = 0.7  # of a device's free memory, for rows: the rest is for scores, W and its gradient


def check_device(device: object, called: str = "device") -> None:
    """Raise for a device that has no such name.

    Parameters
    ----------
    device : object
    called : str
        The option's name in messages.

    Raises
    ------
    ValueError
        For anything else than a name of `DEVICES`.
    """
    if not (isinstance(device, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device)):
        raise ValueError(f"{called} must be {DEVICES}, got {device!r}.")


def stored_rows(name: str, X: Any, device: str) -> StoredRows | None:
    """Rows of bfloat16, and rows that a device multiplies; None for all others.

    Parameters
    ----------
    name : str
        Of X in messages.
    X : array of any library, or anything else that holds rows
    device : str
        "auto": where X lies.

    Raises
    ------
    ValueError, TypeError
        If the device is not there, or X does not suit it.

    Warns
    -----
    UserWarning
        If rows do not fit the device, and are streamed to it.
    """
    if device not in ("auto", "cpu"):
        return _on_card(name, X, device)
    there = not libraries.is_here(X) and libraries.Library.of(X).name in COMPUTING
    if device == "auto" and there:
        return PlacedRows(_of_known_type(name, X))
    bits = tensors.bits_of(X)
    return None if bits is None else Bfloat16Rows(bits)


def check_one_device(X: Any, others: dict[str, Any]) -> None:
    """Raise if X and the labels or weights are arrays on two devices; NumPy's may lie anywhere.

    Raises
    ------
    ValueError
        In one sentence that names both devices.
    """
    if not libraries.is_foreign(X):
        return
    own = libraries.device_of(X)
    for name, values in others.items():
        if libraries.is_foreign(values) and libraries.device_of(values) != own:
            raise ValueError(
                f"X lies on {own} and {name} on {libraries.device_of(values)}; put both on one "
                f"device, or give {name} as an array of NumPy."
            )


def _on_card(name: str, X: Any, device: str) -> DeviceRows:
    """The rows on this card: where they are, copied, or streamed if they do not fit."""
    free = free_memory(device)
    if issparse(X):
        raise ValueError(
            f"{name} is sparse, and device={device!r} takes dense rows; use device='cpu'."
        )
    if libraries.is_foreign(X) and is_on(libraries.device_of(X), device):
        return PlacedRows(_of_known_type(name, X))
    host = _of_this_machine(name, X)
    if host.nbytes <= USED * free:
        try:
            return PlacedRows(_copied(host, device))
        except MemoryError as error:
            problem = f"does not fit {device} ({error})"
    else:
        problem = f"has {_gigabytes(host.nbytes)}, and {device} {_gigabytes(free)} free"
    warnings.warn(
        f"{name} {problem}: its rows are streamed there, block by block, in every pass.",
        stacklevel=OUTSIDE + 3,
    )
    return StreamedRows(host, device)


def is_on(own: str, device: str) -> bool:
    """Whether the device on which an array lies is the one that was asked for.

    >>> is_on("cuda:1", "cuda"), is_on("cuda:1", "cuda:1"), is_on("cuda:0", "cuda:1")
    (True, True, False)
    """
    return device in (own, own.partition(":")[0])


def free_memory(device: str) -> int:
    """Bytes that are free on a card.

    Raises
    ------
    ValueError
        If torch is not installed, or finds no such card.
    """
    try:
        import torch
    except ImportError:
        raise ValueError(
            f"device={device!r} needs torch, which is not installed; pip install torch, or use "
            "device='cpu'."
        ) from None
    if device == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError(
                "device='mps' needs an Apple processor whose GPU torch can use, and there is none "
                "here; use device='cpu'."
            )
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= cards:
        found = f"{cards} such card" + "s" * (cards != 1) if cards else "no such card"
        raise ValueError(
            f"device={device!r} needs a card that torch can use by CUDA, and {found} is here; use "
            "device='cpu' or 'auto'."
        )
    return torch.cuda.mem_get_info(device)[0]


def _copied(host: Array, device: str) -> AnyArray:
    """The rows on a card; MemoryError if they do not fit."""
    import torch

    try:
        if host.dtype == BFLOAT16:
            return tensors.of_numpy(host.view(np.int16), device).view(torch.bfloat16)
        return tensors.of_numpy(host, device)
    except torch.cuda.OutOfMemoryError as error:
        raise MemoryError(f"{_gigabytes(host.nbytes)} were asked for") from error


def _of_this_machine(name: str, X: Any) -> Array:
    """Rows of any kind as an array here, of a type that is not converted."""
    bits = tensors.bits_of(X) if libraries.is_here(X) else None
    if bits is not None:
        return bits.view(BFLOAT16)
    rows = np.asarray(libraries.as_numpy(X))
    if rows.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {rows.dtype}, not numbers; convert them first.")
    return rows if rows.dtype.name in TAKEN else rows.astype(np.float64)


def _of_known_type(name: str, X: AnyArray) -> AnyArray:
    """An array on a device, converted as a whole if products do not take its type."""
    kind = type_name(X)
    if kind in TAKEN:
        return X
    if kind.startswith("complex"):
        raise ValueError(f"{name} holds complex numbers; give real ones.")
    place = Place(libraries.Library.of(X))
    if kind.startswith("float8"):
        return place.xp.astype(X, place.xp.float32)
    return place.xp.astype(X, place.wide)


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
