"""Values that come out of files, checked by type, range and depth before they are used.

Model files, their notes, run files and checkpoints hold nested values. Each kind of file describes
its own with types; what does not fit is named in the words that its reader puts into a sentence.
"""

import collections.abc
import types
import typing
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from halfspaces.system.atomic import brief

DEEPEST = 100  # values within values
KINDS = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
}
Kind = TypeVar("Kind", bound="Held")


class Held(BaseModel):
    """A table of a file with the types of its values; entries that it does not name are allowed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


def check_depth(value: Any) -> None:
    """Raise ValueError for lists and tables that are nested too often to be read.

    >>> check_depth([[1, {"a": 2}]])
    """
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return
    raise ValueError(f"it has more than {DEEPEST} values within each other")


def checked(kind: type[Kind], values: Any) -> Kind:
    """The values of a table, once they have the types of `kind`.

    Raises ValueError, in words without an end, with the first that has another type.

    >>> class Sizes(Held):
    ...     sides: list[int]
    >>> checked(Sizes, {"sides": [3, "4"]})
    Traceback (most recent call last):
    ValueError: it has sides[1] = '4', which must be a whole number
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ValueError(problem(error)) from None


def problem(error: ValidationError) -> str:
    """What pydantic found first: the place of the value, the value, and what it must be."""
    found = error.errors(include_url=False)[0]
    must = KINDS.get(found["type"])
    if found["type"] == "missing":
        return f"it has no {_place(found['loc'])!r}"
    words = f"must be {must}" if must else f"cannot be ({found['msg']})"
    return f"it has {_place(found['loc'])} = {shown(found['input'])}, which {words}"


def shown(value: Any) -> str:
    """A value in a sentence, in a few printable characters."""
    try:
        return brief(repr(value))
    except (ValueError, RecursionError):  # a number of more digits than Python writes
        return f"a {type(value).__name__}"


def fits(value: Any, hint: Any) -> bool:
    """Whether a value has an annotated type; names of types that only type checkers know fit all.

    >>> fits((3, 0.5), tuple[int, float]), fits([None], list[int]), fits(2, int | None)
    (True, False, True)
    """
    kind = typing.get_origin(hint) or hint
    inner = typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if kind is Any or not isinstance(kind, type):
        return value in inner if kind is typing.Literal else True
    if kind in (float, int):
        return _is_number(value, kind)
    return isinstance(value, kind) and _contents_fit(value, kind, inner)


def _is_number(value: Any, kind: type) -> bool:
    allowed = (int, np.integer) if kind is int else (int, float, np.integer, np.floating)
    return isinstance(value, allowed) and not isinstance(value, bool)


def _contents_fit(value: Any, kind: type, inner: tuple[Any, ...]) -> bool:
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(fits, value, inner))
    if issubclass(kind, collections.abc.Mapping) and inner:
        return all(fits(key, inner[0]) and fits(item, inner[1]) for key, item in value.items())
    if kind in (list, tuple, set, frozenset, collections.deque) and inner:
        return all(fits(item, inner[0]) for item in value)
    return True


def _within(value: Any) -> typing.Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _place(location: tuple[int | str, ...]) -> str:
    """Where a value lies, such as metrics.test or classes[3]; the names of unions are left out."""
    words = ""
    for part in location:
        if isinstance(part, int):
            words += f"[{part}]"
        elif part not in ("bool", "int", "float", "str"):
            words += f".{part}" if words else part
    return brief(words)
