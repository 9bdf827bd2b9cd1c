"""The pages of the reference: one for each public module, with every public name in it."""

import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import docstrings
import inventories

import halfspaces

# Modules below those of `halfspaces` that users and authors of components import from, and which of
# their names; (): all.
MORE: dict[str, tuple[str, ...]] = {
    "engines.base": ("How", "Part", "Pass", "Tree", "Visiting", "add"),
    "engines.dask": ("Dask",),
    "engines.parquet": (),
    "engines.placed": ("ComputedRows", "check_rows"),
    "engines.ray": ("Ray",),
    "estimators.calibration": (),
    "estimators.metrics": (),
    "estimators.metrics.compare": (),
    "estimators.metrics.evaluate": ("Figures", "OfClass"),
    "estimators.presets": (),
    "estimators.probes": (),
    "estimators.reliability": (),
    "files.safetensors_file": ("ModelFileError",),
    "gradcheck.sanity": (),
    "loop.result": (),
    "losses.base": (),
    "losses.surrogates": (),
    "page": (),
    "support.arrays": (),
    "system.atomic": ("FileError",),
    "tuning.grid": ("Grid", "solve_grid"),
    "tuning.largest_strength": ("largest_strength",),
    "tuning.path": ("Path", "solve_path"),
    "tuning.step_size": (),
}
STOP = "BaseEstimator, ClassifierMixin, TransformerMixin, ABC, Protocol, tuple, dict"
MOST = 60  # characters of a value in a table


@cache
def modules() -> list[str]:
    """The full names of all modules that have a page."""
    names = (f"halfspaces.{name}" for name in (*halfspaces._MODULES, *MORE))
    return ["halfspaces", *sorted(names)]


@cache
def documented() -> dict[str, Any]:
    """What the pages document, classes and functions, by full name."""
    found: dict[str, Any] = {}
    for module in map(importlib.import_module, modules()):
        for name in public(module):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                found[f"{module.__name__}.{name}"] = value
    return found


def write(folder: Path) -> None:
    """Write a page for each public module; pages that have not changed stay."""
    folder.mkdir(exist_ok=True)
    docstrings.link_to(list(documented()), inventories.names())
    pages = {name: "\n".join(_page(name)) for name in modules()}
    entries = "\n".join(pages)
    pages["index"] = (
        f"# Reference\n\nEvery public name, from its docstring.\n\n```{{toctree}}\n{entries}\n```\n"
    )
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def public(module: ModuleType) -> list[str]:
    """The public names of a module: those of `MORE`, `__all__`, or its classes and functions.

    Of a package these are all that it imports from its files, and its registries; of a file those
    that it defines and its package does not import.
    """
    chosen = MORE.get(module.__name__.removeprefix("halfspaces."))
    if chosen:
        return list(chosen)
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(name for name in dir(module) if _is_own(module, name))


def _is_own(module: ModuleType, name: str) -> bool:
    value: Any = getattr(module, name)
    if name.startswith("_"):
        return False
    is_package = hasattr(module, "__path__")
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return is_package and name.isupper()
    if is_package:
        return value.__module__.startswith("halfspaces.")
    package = importlib.import_module(module.__name__.rpartition(".")[0])
    return value.__module__ == module.__name__ and vars(package).get(name) is not value


def _page(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    yield f"# {name}\n"
    if name == "halfspaces":
        yield f"{inspect.getdoc(module)}\n"
    else:
        yield f"```{{eval-rst}}\n.. automodule:: {name}\n```\n"
    below = [other for other in modules() if other.rpartition(".")[0] == name]
    if below and name != "halfspaces":
        yield "More: " + ", ".join(f"[{other}]({other}.md)" for other in below) + ".\n"
    for each in public(module):
        yield from _entry(name, each, getattr(module, each))


def _entry(module: str, name: str, value: Any) -> Iterator[str]:
    if inspect.ismodule(value):
        return
    yield f"## {name}\n"
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        yield from _constant(value)
        return
    if not inspect.getdoc(value):
        raise ValueError(f"{module}.{name} has no docstring; write one.")
    yield "```{eval-rst}"
    if inspect.isclass(value):
        yield f".. autoclass:: {module}.{name}\n   :members:\n   :inherited-members: {STOP}"
        if list(_shown_bases(value)):
            yield "   :show-inheritance:"
    else:
        yield f".. autofunction:: {module}.{name}"
    yield "```\n"


def _constant(value: Any) -> Iterator[str]:
    """A registry as a table, another value as it is."""
    if not isinstance(value, dict):
        text = str(value)
        yield f"`{text[:MOST]} ...`\n" if len(text) > MOST else f"`{text}`\n"
        return
    yield "| name | value |\n| --- | --- |"
    for key, each in value.items():
        text = _text_of(each)
        target = docstrings.target(re.match(r"\w*", text)[0])
        yield f"| `{key}` | " + (f"{{py:obj}}`{text} <{target}>` |" if target else f"`{text}` |")
    yield ""


def _text_of(value: Any) -> str:
    """A value in a table; one with a long text by the name of its class."""
    if hasattr(value, "__name__"):
        return value.__name__
    text = repr(value)
    return text if len(text) <= MOST and "<" not in text else f"{type(value).__name__}(...)"


def _shown_bases(value: type) -> Iterator[type]:
    """The bases that a page or another project documents; of others, their own bases."""
    known = list(documented().values())
    for base in value.__bases__:
        if base in known or f"{base.__module__}.{base.__qualname__}" in inventories.names():
            yield base
        else:
            yield from _shown_bases(base)


def documented_bases(app: Any, name: str, value: Any, options: Any, bases: list[Any]) -> None:
    """Take the bases that are documented, for the line that lists them."""
    bases[:] = dict.fromkeys(_shown_bases(value))


def is_of_another_library(
    app: Any, what: str, name: str, value: Any, skip: bool, options: Any
) -> bool | None:
    """Whether a member is documented elsewhere, as those of scikit-learn's base classes are."""
    own = getattr(inspect.unwrap(value) if callable(value) else value, "__module__", "halfspaces")
    return True if not str(own).startswith("halfspaces") or name.endswith("_request") else None
