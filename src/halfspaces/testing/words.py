"""The few words that the laws are written in."""

import functools
import pickle
from collections.abc import Callable
from dataclasses import is_dataclass
from types import ModuleType
from typing import Any

import numpy as np

Law = Callable[..., None]


def register_in(laws: dict[str, Law]) -> Callable[[Law], Law]:
    """Register a law by its name; whatever goes wrong in it becomes an AssertionError that names law and component."""

    def register(law: Law) -> Law:
        @functools.wraps(law)
        def named(component: Any, **options: Any) -> None:
            try:
                law(component, **options)
            except AssertionError as error:
                raise AssertionError(
                    f"{law.__name__} is broken by {component!r}: {error}"
                ) from None
            except Exception as error:
                message = (
                    f"{law.__name__} is broken by {component!r}: {type(error).__name__}: {error}"
                )
                raise AssertionError(message) from error

        laws[law.__name__] = named
        return named

    return register


def require(condition: Any, words: str) -> None:
    """Raise an AssertionError with these words unless the condition holds."""
    if not condition:
        raise AssertionError(words)


def same(found: Any, expected: Any, what: str, tolerance: float = 1e-10) -> None:
    """Require equal shapes, and values that agree relative to the largest."""
    found, expected = np.asarray(found), np.asarray(expected)
    require(
        found.shape == expected.shape,
        f"{what} has shape {found.shape} instead of {expected.shape}.",
    )
    scale = 1 + np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    bad = ~np.isclose(found, expected, rtol=tolerance, atol=tolerance * scale)
    if bad.any():
        first = tuple(np.argwhere(bad)[0].tolist())
        raise AssertionError(
            f"{what}{list(first)} is {found[first]:.9g} instead of {expected[first]:.9g}."
        )


def at_least(found: Any, bound: Any, what: str, tolerance: float = 1e-9) -> None:
    """Require found ≥ bound but for rounding."""
    found, bound = np.broadcast_arrays(found, bound)
    scale = 1 + np.max(np.abs(bound), initial=0.0, where=np.isfinite(bound))
    bad = ~(found >= bound - tolerance * scale)
    if bad.any():
        first = tuple(np.argwhere(bad)[0].tolist())
        raise AssertionError(f"{what}: {found[first]:.9g} is below {bound[first]:.9g}.")


def torch_if_installed() -> ModuleType | None:
    """A second array library, if there is one: the laws of array libraries are empty without it."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def check_plain(component: Any) -> None:
    """Components are frozen, comparable, hashable and survive pickling, so that runs can be recorded and shared out."""
    require(is_dataclass(component), "it is not a dataclass.")
    parameters = component.__dataclass_params__  # pyright: ignore[reportAttributeAccessIssue]
    require(parameters.frozen, "the dataclass is not frozen.")
    copy = pickle.loads(pickle.dumps(component))
    require(
        copy == component and hash(copy) == hash(component), "a pickled copy is not equal to it."
    )
