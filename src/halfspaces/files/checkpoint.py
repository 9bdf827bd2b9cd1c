"""Checkpoints: the state of a run in files, from which it goes on as if it had never stopped, to
the last bit.

A file is safetensors with JSON, like a model (`halfspaces.files.safetensors_file`): whole or not
there, with a checksum, and reading it runs no code. Arrays of a state are tensors; its dataclasses
are named, and only those in `halfspaces.files.state_classes` are made. A checkpoint is read by the
version of halfspaces that wrote it. Loss, penalty and optimizer are not in it: a run goes on with
those that it is given, which must be the same.
"""

import math
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from scipy.sparse import csr_array

import halfspaces
from halfspaces.files import safetensors_file
from halfspaces.files.checked import check_depth, fits, shown
from halfspaces.files.safetensors_file import SUFFIX, ModelFileError
from halfspaces.files.state_classes import class_named, name_of
from halfspaces.loop.optimizer import Optimizer
from halfspaces.loop.result import History, Reason, Result
from halfspaces.loop.run import Run
from halfspaces.objective.objective import Objective
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number
from halfspaces.system.atomic import brief, target_of
from halfspaces.system.digest import problem_of
from halfspaces.tuning.store import Store

RUN = "run"
NAMES = re.compile(rf"({RUN}|(strength|state)-\d{{4,}}){re.escape(SUFFIX)}", re.IGNORECASE)
FORMAT = 3


@dataclass(eq=False)
class Checkpoint(Store):
    """A callback that stores a run in a folder; `Checkpoint(folder).run(objective, optimizer)`
    loads it.

    Parameters
    ----------
    folder : path
        Made where it is not there. One run a folder.
    every : float
        Seconds from one file to the next; 0 writes one after every evaluation.

    Raises
    ------
    ModelFileError
        If a file cannot be written, is damaged, or is of another run.

    Examples
    --------
    >>> import tempfile
    >>> from halfspaces import LinearClassifier
    >>> from halfspaces import minimize
    >>> from halfspaces.optimizers import LBFGS
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> objective = LinearClassifier(strength=0.1).objective(X, y)
    >>> optimizer = LBFGS()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(folder, every=0)
    ...     stopped = minimize(objective, optimizer, max_passes=5, callbacks=[checkpoint])
    ...     stored = checkpoint.run(objective, optimizer)
    ...     resumed = minimize(objective, optimizer, resume=stored)
    >>> bool(np.array_equal(resumed.W, minimize(objective, optimizer).W))
    True
    """

    folder: Path | str
    every: float = 60.0
    written: float = field(default_factory=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        check_number("Checkpoint(every=...)", self.every, at_least=0)
        self.folder = Path(self.folder)

    def __call__(self, run: Run) -> None:
        """Write the run if `every` seconds have passed since the last file."""
        if time.monotonic() >= self.written + self.every:
            self.write(RUN, snapshot(run), run.objective)
            self.written = time.monotonic()

    def run(self, objective: Objective, optimizer: Optimizer) -> Result | None:
        """The stored run for `minimize(..., resume=)`; None if there is none of this problem."""
        stored = self.read(RUN, objective)
        if stored is None:
            return None
        path = Path(self.folder) / f"{RUN}{SUFFIX}"
        if not isinstance(stored, Result) or stored.loop is None or stored.state is None:
            raise _other(path, "it holds no run")
        if stored.loop.problem != problem_of(objective, optimizer):
            return None
        _check_shapes(path, stored, objective)
        return stored

    def write(self, name: str, value: Any, objective: Objective) -> None:
        """Write the state of a run as one file of the folder."""
        folder = Path(self.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelFileError(
                f"{folder} cannot be made: {error.strerror or error}; give another folder."
            ) from error
        path = folder / f"{name}{SUFFIX}"
        if path.exists() and not is_checkpoint(path):
            raise ModelFileError(_foreign(path))
        writer = _Writer(_given(objective))
        metadata = {
            "checkpoint": FORMAT,
            "version": halfspaces.__version__,
            "value": writer.encode(value),
        }
        safetensors_file.write(path, writer.tensors, metadata)

    def read(self, name: str, objective: Objective) -> Any:
        """The stored state; None if there is no such file."""
        path = Path(self.folder) / f"{name}{SUFFIX}"
        if not path.is_file():
            return None
        tensors, metadata = safetensors_file.read(path)
        if "checkpoint" not in metadata:
            raise ModelFileError(_foreign(path))
        _check_version(path, metadata.get("version"))
        try:
            check_depth(metadata)
            if metadata.get("checkpoint") != FORMAT:
                raise ValueError(f"its format is {metadata.get('checkpoint')!r} and not {FORMAT}")
            return _Reader(_given(objective), tensors).decode(metadata["value"])
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            IndexError,
            RecursionError,
            ArithmeticError,
        ) as error:
            raise _other(path, brief(error)) from error

    def may_write(self, path: Path) -> bool:
        """Whether the path is that of a file of a run in the folder."""
        in_folder = target_of(path).parent == target_of(Path(self.folder))
        return in_folder and NAMES.fullmatch(path.name) is not None

    @property
    def held(self) -> bool:
        """Whether the folder holds any run."""
        return bool(self.names("*"))

    def check_folder(self) -> None:
        """Raise, before a run, unless the folder is one and none of its files would be lost.

        Raises ModelFileError for a file in the folder's place, and for a file with the name of a
        checkpoint that is none.
        """
        folder = Path(self.folder)
        if folder.exists() and not folder.is_dir():
            raise ModelFileError(f"{folder} is a file and no folder; give another.")
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if NAMES.fullmatch(path.name) and not is_checkpoint(path):
                raise ModelFileError(_foreign(path))

    def names(self, pattern: str) -> list[str]:
        """The sorted names of the checkpoints in the folder that match a pattern."""
        files = sorted(Path(self.folder).glob(f"{pattern}{SUFFIX}"))
        return [path.stem for path in files if NAMES.fullmatch(path.name) and is_checkpoint(path)]

    def remove(self, name: str) -> None:
        """Remove a checkpoint, if it is there; never another file."""
        path = Path(self.folder) / f"{name}{SUFFIX}"
        if is_checkpoint(path):
            path.unlink()

    def clear(self) -> None:
        """Remove all files of the run."""
        for name in self.names("*"):
            self.remove(name)


def is_checkpoint(path: Path) -> bool:
    """Whether the file was written by a `Checkpoint`."""
    return "checkpoint" in (safetensors_file.metadata_of(path) or {})


def _foreign(path: Path) -> str:
    return f"{path} is no checkpoint, so it would be lost; give another folder."


def _other(path: Path, problem: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is no checkpoint of this version ({problem}); remove it to start anew."
    )


def _check_shapes(path: Path, stored: Result, objective: Objective) -> None:
    """Raise ModelFileError for a W of another shape than the objective's."""
    assert stored.loop is not None
    members = len(objective.total_weight)
    needed = objective.zeros(members).shape
    for W in (stored.W, stored.loop.final.W, stored.loop.lowest.W):
        if W.shape != needed or W.dtype.kind != "f":
            raise _other(path, f"its W is {W.dtype} {W.shape} and not floats {needed}")


def _check_version(path: Path, version: Any) -> None:
    """Raise for a checkpoint that another version wrote: its states may have other fields."""
    if version != halfspaces.__version__:
        wrote = brief(version) if isinstance(version, str) else "an earlier version"
        raise ModelFileError(
            f"{path} is a checkpoint of halfspaces {wrote}, and this is {halfspaces.__version__}; "
            "go on with that version, or remove the file to start anew."
        )


def _given(objective: Objective) -> dict[str, Any]:
    """Objects that are not stored, but taken from the objective."""
    return {"loss": objective.loss, "penalty": objective.penalty, "blocks": objective.blocks}


@dataclass
class _Writer:
    """Python values as JSON beside tensors. Arrays that are one in memory stay one."""

    given: Mapping[str, Any]
    tensors: dict[str, Array] = field(default_factory=dict)
    names: dict[int, Any] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)  # so that no two have one identity

    def encode(self, value: Any) -> Any:  # noqa: PLR0911
        if value is None or isinstance(value, (bool, int, str)):
            return value
        # np.float64 is a subclass of float, but its arithmetic differs.
        if isinstance(value, np.generic):
            return {"number": self._array(np.asarray(value))}
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        for name, component in self.given.items():
            if value is component:
                return {"given": name}
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, (list, tuple, deque)):
            items = {type(value).__name__: [self.encode(item) for item in value]}
            return items | {"most": value.maxlen} if isinstance(value, deque) else items
        if isinstance(value, dict):
            return {"dict": [[self.encode(key), self.encode(item)] for key, item in value.items()]}
        if isinstance(value, csr_array):
            parts = {
                "data": value.data,
                "indices": value.indices,
                "indptr": value.indptr,
                "shape": value.shape,
            }
            return {"csr": self.encode(parts)}
        if isinstance(value, Enum):
            return {"enum": self._name(value), "of": value.name}
        if isinstance(value, History):
            return {
                "history": self.encode(
                    {name: list(column) for name, column in value.columns.items()}
                )
            }
        if is_dataclass(value) and not isinstance(value, type):
            own = {entry.name: self.encode(getattr(value, entry.name)) for entry in fields(value)}
            return {"object": self._name(value), "fields": own}
        raise ModelFileError(f"{value!r} cannot be stored in a checkpoint; use a dataclass.")

    def _name(self, value: Any) -> str:
        name = name_of(type(value))
        if name is None:
            kind = type(value).__name__
            raise ModelFileError(
                f"A {kind} cannot be stored in a checkpoint; register it first: "
                f"halfspaces.callbacks.STATE_CLASSES[{kind!r}] = {kind}."
            )
        return name

    def _array(self, array: Array) -> dict[str, Any]:
        if id(array) not in self.names:
            name = f"a{len(self.tensors)}"
            turned = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
            self.tensors[name] = array.T if turned else array
            self.names[id(array)] = {"array": name, "turned": True} if turned else {"array": name}
            self.alive.append(array)
        return self.names[id(array)]


@dataclass
class _Reader:
    """The inverse of `_Writer`."""

    given: Mapping[str, Any]
    tensors: Mapping[str, Array]
    made_arrays: dict[str, Array] = field(default_factory=dict)

    def decode(self, encoded: Any) -> Any:  # noqa: PLR0911, PLR0912
        if not isinstance(encoded, dict):
            if isinstance(encoded, list):
                raise ValueError("a list stands where a value should")
            return encoded
        match encoded:
            case {"float": text}:
                return float(text)
            case {"given": name}:
                return self.given[name]
            case {"array": name}:
                if name not in self.made_arrays:
                    array = np.array(self.tensors[name])  # writable
                    self.made_arrays[name] = array.T if encoded.get("turned") else array
                return self.made_arrays[name]
            case {"number": number}:
                return self.decode(number)[()]
            case {"list": items}:
                return [self.decode(item) for item in items]
            case {"tuple": items}:
                return tuple(self.decode(item) for item in items)
            case {"deque": items, "most": most}:
                return deque((self.decode(item) for item in items), maxlen=most)
            case {"dict": pairs}:
                return {self.decode(key): self.decode(item) for key, item in pairs}
            case {"csr": parts}:
                parts = self.decode(parts)
                return csr_array(
                    (parts["data"], parts["indices"], parts["indptr"]), shape=parts["shape"]
                )
            case {"enum": name, "of": member}:
                return _kind(name, Enum)[member]
            case {"history": columns}:
                return History(self.decode(columns))
            case {"object": name, "fields": own}:
                return _object(
                    _kind(name, object), {key: self.decode(item) for key, item in own.items()}
                )
        raise ValueError(f"it holds {sorted(encoded)}")


def _kind(name: Any, base: type) -> Any:
    """The dataclass or the enum of this name."""
    found = class_named(name) if isinstance(name, str) else None
    if found is None or not issubclass(found, base):
        raise ValueError(f"it names {name!r}, which is no part of a state")
    return found


def _object(kind: Any, values: dict[str, Any]) -> Any:
    """A dataclass with these fields and no others."""
    names = {entry.name: entry.init for entry in fields(kind)}
    if set(values) != set(names):
        raise ValueError(f"{kind.__name__} has other fields than {sorted(values)}")
    for name, hint in _hints(kind).items():
        if name in values and not fits(values[name], hint):
            raise ValueError(f"{kind.__name__} has {name} = {shown(values[name])}")
    made = kind(**{name: value for name, value in values.items() if names[name]})
    for name, value in values.items():
        if not names[name]:
            object.__setattr__(made, name, value)
    return made


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields; none where they cannot be found outside its module."""
    try:
        return get_type_hints(kind)
    except NameError:
        return {}


def snapshot(run: Run) -> Result:
    """The run so far, for `minimize(..., resume=)`, nothing copied; losses are nan."""
    nan = np.full(run.W.shape[1], np.nan)
    return Result(
        W=run.W,
        reason=Reason.STOPPED_BY_CALLBACK,
        loss=nan,
        data_loss=nan,
        penalty=nan,
        gap=nan,
        passes=run.passes,
        seconds=run.seconds,
        history=run.history,
        state=run.state,
        loop=run.so_far(),
    )
