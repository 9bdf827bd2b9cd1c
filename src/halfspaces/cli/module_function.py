"""FILE.py:NAME: a function of the user's, and the parameters and data that its file defines."""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfspaces.system.names import nearest

if TYPE_CHECKING:
    from halfspaces.gradcheck.diagnosis import Diagnosis
    from halfspaces.gradcheck.user_function import UserFunction


@dataclass(frozen=True)
class Loaded:
    """A function of a file, and what the file defines under the names of its arguments."""

    path: Path
    function: Callable[..., Any]
    gradient: Callable[..., Any] | None
    W: Any
    arguments: Mapping[str, Any]

    def subject(self, seed: int) -> "UserFunction":
        """The function as the gradient doctor calls it."""
        from halfspaces.gradcheck.user_function import of_function

        return of_function(self.function, self.W, self.gradient, seed=seed, **self.arguments)

    def diagnosed(self, **options: Any) -> "Diagnosis":
        """The diagnosis of its gradient; options are those of `diagnose`."""
        from halfspaces.gradcheck.doctor import diagnose

        given = {**self.arguments, **options}
        return diagnose(self.function, self.W, gradient=self.gradient, **given)


def load_function(target: str, gradient: str | None) -> Loaded:
    """The function of FILE.py:NAME.

    Arguments are taken from variables of the file that have their names. A function without
    arguments returns (function, W), or (f, gradient, W).

    Raises
    ------
    ValueError
        One sentence, if there is no such file or name.
    """
    file, _, name = target.rpartition(":")
    path = Path(file)
    if not file or not name:
        raise ValueError(f"Give FILE.py:NAME, such as my_module.py:my_loss, got {target!r}.")
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(f"{path} is no Python file; give an existing .py file before the colon.")
    module = _imported(path)
    function = _found(module, path, name)
    slopes = None if gradient is None else _found(module, path, gradient)
    arguments = list(inspect.signature(function).parameters)
    if not arguments:
        with blamed(path):
            function, slopes, W = _made(function(), name)
        return Loaded(path, function, slopes, W, {})
    defined = {key: vars(module)[key] for key in arguments if _is_value(module, key)}
    names = _parameters(arguments)
    W = {name: defined.pop(name) for name in names if name in defined}
    if len(W) < len(names):  # the others would not fit
        return Loaded(path, function, slopes, None, defined)
    alone = next(iter(W.values())) if len(names) == 1 else W or None
    return Loaded(path, function, slopes, alone, defined)


def _parameters(arguments: list[str]) -> list[str]:
    """Of the arguments those that are parameters, whose gradient is checked."""
    from halfspaces.gradcheck.user_function import ROLES

    if len(arguments) == 1:
        return arguments
    known = (*ROLES["weights"], *ROLES["bias"])
    return [name for name in arguments if name.lower() in known]


def _is_value(module: Any, key: str) -> bool:
    return key in vars(module) and not callable(vars(module)[key])


def _found(module: Any, path: Path, name: str) -> Callable[..., Any]:
    value = vars(module).get(name)
    if callable(value):
        return value
    own = [key for key, each in vars(module).items() if inspect.isfunction(each)]
    raise ValueError(f"{path} has no function {name!r}: {nearest(name, own)}")


def _made(made: Any, name: str) -> tuple[Callable[..., Any], Any, Any]:
    """Function, gradient and W, as a function without arguments returns them."""
    if isinstance(made, tuple) and len(made) in (2, 3) and callable(made[0]):
        first, *between, W = made
        return first, between[0] if between else None, W
    raise ValueError(
        f"{name}() takes no arguments: let it return (function, W), where function returns "
        "(value, gradient), or (f, gradient, W)."
    )


def _imported(path: Path) -> Any:
    name = f"halfspaces_checked_{path.stem}"
    spec: Any = spec_from_file_location(name, path.resolve())
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there for their types
    sys.path.insert(0, str(path.resolve().parent))  # as if the file were run
    with blamed(path):
        spec.loader.exec_module(module)
    return module


@contextmanager
def blamed(path: Path) -> Iterator[None]:
    """Errors of the user's code become one sentence with the file and the line.

    What it prints goes to the error stream: standard output is for the result.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        raise ValueError(f"{path} ended the program (SystemExit: {error}).") from error
    except Exception as error:
        root = error.__cause__ or error
        own = [
            frame
            for frame in traceback.extract_tb(root.__traceback__)
            if Path(frame.filename).resolve() == path.resolve()
        ]
        if isinstance(root, SyntaxError) and root.filename is not None:
            raise ValueError(f"{path}, line {root.lineno}: {root.msg}.") from error
        if not own:
            raise
        place = f"{path}, line {own[-1].lineno}"
        words = f"{place}: {type(root).__name__}: {root}"
        raise ValueError(f"{words.rstrip('.')}.") from error
