"""The pages of the reference: one for each public module, and docstrings as Sphinx reads them."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import halfspaces

MORE = (
    "estimators.calibration",
    "estimators.metrics",
    "estimators.presets",
    "estimators.probes",
    "estimators.reliability",
)
STOP = "BaseEstimator, ClassifierMixin, TransformerMixin, ABC, Protocol, tuple, dict"
CODE = re.compile(r"(``.*?``|`[^`]*`_?)")
SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")


_properties: dict[str, list[str]] = {}  # docstrings by name, while Napoleon reads the others


def write(folder: Path) -> None:
    """Write a page for `halfspaces` and each public module; those that have not changed stay."""
    folder.mkdir(exist_ok=True)
    names = [
        "halfspaces",
        *(f"halfspaces.{name}" for name in sorted([*halfspaces._MODULES, *MORE])),
    ]
    pages = {name: "\n".join(_page(name)) for name in names}
    entries = "\n".join(names)
    pages["index"] = (
        f"# Reference\n\nEvery public name, from its docstring.\n\n```{{toctree}}\n{entries}\n```\n"
    )
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def public(module: ModuleType) -> list[str]:
    """The public names of a module: `__all__`, or the project's classes and functions in it."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(name for name in dir(module) if _is_own(module, name))


def _is_own(module: ModuleType, name: str) -> bool:
    value: Any = getattr(module, name)
    known = inspect.isclass(value) or inspect.isfunction(value)
    return known and not name.startswith("_") and value.__module__.startswith("halfspaces.")


def _page(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    yield f"# {name}\n"
    if name == "halfspaces":
        yield f"{inspect.getdoc(module)}\n"
    else:
        yield f"```{{eval-rst}}\n.. automodule:: {name}\n```\n"
    for each in public(module):
        value = getattr(module, each)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        if not inspect.getdoc(value):
            raise ValueError(f"{name}.{each} has no docstring; write one.")
        yield f"## {each}\n\n```{{eval-rst}}"
        if inspect.isclass(value):
            yield f".. autoclass:: {name}.{each}\n   :members:\n   :inherited-members: {STOP}"
        else:
            yield f".. autofunction:: {name}.{each}"
        yield "```\n"


def is_of_another_library(
    app: Any, what: str, name: str, value: Any, skip: bool, options: Any
) -> bool | None:
    """Whether a member is documented elsewhere, as those of scikit-learn's base classes are."""
    own = getattr(inspect.unwrap(value) if callable(value) else value, "__module__", "halfspaces")
    return True if not str(own).startswith("halfspaces") or name.endswith("_request") else None


def as_restructured_text(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Change a docstring in place: formulas in prose hold signs that reStructuredText would read.

    Examples stay as they are, and what is indented after a colon is shown as it stands.
    """
    changed: list[str] = []
    example = literal = False
    for number, line in enumerate(lines):
        blank = not line.strip()
        if literal and not blank and not line.startswith("    "):
            literal = False
        example = not blank and (example or line.lstrip().startswith(">>>"))
        if blank or example or literal or set(line.strip()) <= set("-="):
            changed.append(line)
            continue
        following = lines[number + 1 : number + 3]
        shows = len(following) == 2 and not following[0].strip() and following[1].startswith("    ")
        shown = line.endswith(":") and not line.startswith(" ") and shows
        literal = literal or shown
        changed.append(_escaped(line) + ":" * shown)
    if what in ("attribute", "property"):
        _properties[name], changed = changed, []
    lines[:] = changed


def restore_property(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Put back the docstring of a property, which Napoleon did not see.

    It takes the words before a colon in the first line for a type.
    """
    lines[:0] = _properties.pop(name, [])


def _escaped(line: str) -> str:
    bullet = re.match(r"\s*(\* )?", line).group()
    parts = CODE.split(line[len(bullet) :])
    return bullet + "".join(
        part if odd % 2 else SPECIAL.sub(r"\\\1", part) for odd, part in enumerate(parts)
    )
