"""Components from outside the package: modules that register losses, penalties, ... when they are
imported.

A module adds rows to the registries, such as `halfspaces.losses.LOSSES["mine"] = MyLoss()`. The
command line imports those that installed packages name under the entry points of the group
"halfspaces.plugins", and those given by `--plugin FILE`. In Python a plain `import` does the same.
Models and run files name components, and never import any.
"""

import sys
from collections.abc import Callable
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

GROUP = "halfspaces.plugins"


def load_installed() -> None:
    """Import the modules that installed packages name in the group "halfspaces.plugins".

    Raises
    ------
    ImportError
        One sentence that names the package.
    """
    for entry in metadata.entry_points(group=GROUP):
        package = "a package" if entry.dist is None else entry.dist.name
        _load(entry.load, f"The plugin {entry.name} of {package}", f"uninstall {package}")


def load_file(path: Path) -> None:
    """Import a Python file, once in a process.

    Raises
    ------
    ImportError
        One sentence, if there is no such file or it cannot be run.
    """
    path = path.resolve()
    if not path.is_file() or path.suffix != ".py":
        raise ImportError(f"--plugin {path} is no Python file; give an existing .py file.")
    name = f"halfspaces_plugin_{path.stem}"
    if getattr(sys.modules.get(name), "__file__", None) != str(path):
        _load(lambda: _run(name, path), f"--plugin {path}", "leave it out")


def _run(name: str, path: Path) -> None:
    spec: Any = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for their types
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _load(load: Callable[[], Any], what: str, remedy: str) -> None:
    try:
        load()
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise ImportError(f"{what} cannot be imported ({problem}); mend it or {remedy}.") from error
