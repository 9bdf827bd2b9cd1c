"""Functions that the laws are written with."""

import functools
import pickle
from collections.abc import Callable
from dataclasses import is_dataclass
from types import ModuleType
from typing import Any

import numpy as np

Law = Callable[..., None]


def register_in(laws: dict[str, Law]) -> Callable[[Law], Law]:
    """A decorator that registers a law by its name.

    Every error in the law becomes an AssertionError that names law and component.
    """

    def register(law: Law) -> Law:
        @functools.wraps(law)
        def named(component: Any, **options: Any) -> None:
            broken = f"{law.__name__} is broken by {component!r}"
            try:
                law(component, **options)
            except AssertionError as error:
                raise AssertionError(f"{broken}: {error}") from None
            except Exception as error:
                raise AssertionError(f"{broken}: {type(error).__name__}: {error}") from error

        laws[law.__name__] = named
        return named

    return register


def require(condition: Any, message: str) -> None:
    """Raise an AssertionError with this message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def same(found: Any, expected: Any, what: str, tolerance: float = 1e-10) -> None:
    """Require equal shapes, and differences within tolerance · (1 + the largest value)."""
    found = np.asarray(found)
    expected = np.asarray(expected)
    same_shape = found.shape == expected.shape
    require(same_shape, f"{what} has shape {found.shape} instead of {expected.shape}.")
    scale = 1 + np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    bad = ~np.isclose(found, expected, rtol=tolerance, atol=tolerance * scale)
    if bad.any():
        first = tuple(np.argwhere(bad)[0].tolist())
        values = f"{found[first]:.9g} instead of {expected[first]:.9g}"
        raise AssertionError(f"{what}{list(first)} is {values}.")


def at_least(found: Any, bound: Any, what: str, tolerance: float = 1e-9) -> None:
    """Require found ≥ bound, up to rounding."""
    found, bound = np.broadcast_arrays(found, bound)
    scale = 1 + np.max(np.abs(bound), initial=0.0, where=np.isfinite(bound))
    bad = ~(found >= bound - tolerance * scale)
    if bad.any():
        first = tuple(np.argwhere(bad)[0].tolist())
        raise AssertionError(f"{what}: {found[first]:.9g} is below {bound[first]:.9g}.")


def torch_if_installed() -> ModuleType | None:
    """torch, or None: the laws of array libraries then check nothing."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def check_plain(component: Any) -> None:
    """Require a frozen, comparable and hashable dataclass whose pickled copy is equal.

    Runs can then be recorded and sent to other processes.
    """
    require(is_dataclass(component), "it is not a dataclass.")
    parameters = component.__dataclass_params__  # pyright: ignore[reportAttributeAccessIssue]
    require(parameters.frozen, "the dataclass is not frozen.")
    copy = pickle.loads(pickle.dumps(component))
    equal = copy == component and hash(copy) == hash(component)
    require(equal, "a pickled copy is not equal to it.")
