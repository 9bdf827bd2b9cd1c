"""What a command will write, checked before it starts: nothing that is not its own is replaced.

An output is a regular file, new or of the same kind written by halfspaces before; another existing
file is replaced only if this is asked for, and an input of the command never.
"""

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import safetensors

from halfspaces.files import history, safetensors_file
from halfspaces.files.export.onnx_graph import PRODUCER
from halfspaces.files.export.torch_model import WRITTEN_BY
from halfspaces.files.run_file import BEGINNING
from halfspaces.files.safetensors_file import SUFFIX
from halfspaces.plots.figure import KIND
from halfspaces.system.atomic import FileError, is_special, target_of
from halfspaces.system.mark import is_marked


class ModelFiles(NamedTuple):
    """The files that belong to one trained model."""

    model: Path
    run_file: Path
    history: Path
    plot: Path


def model_files(out: Path) -> ModelFiles:
    """The files of the model `out`, named by appending to its name without .safetensors.

    >>> [path.name for path in model_files(Path("k-v1.2"))]
    ['k-v1.2.safetensors', 'k-v1.2.run.toml', 'k-v1.2.history.csv', 'k-v1.2.svg']
    >>> model_files(Path("k.safetensors")).run_file.name
    'k.run.toml'
    """
    name = out.name[: -len(SUFFIX)] if out.name.lower().endswith(SUFFIX) else out.name
    model = out if name != out.name else beside(out, SUFFIX)
    return ModelFiles(
        model, beside(out, ".run.toml"), beside(out, history.SUFFIX), beside(out, ".svg")
    )


def beside(model: Path, suffix: str) -> Path:
    """The path of a file beside a model: its name, without .safetensors, and the suffix.

    >>> beside(Path("k-v1.2.safetensors"), ".onnx").name
    'k-v1.2.onnx'
    """
    name = model.name
    if name.lower().endswith(SUFFIX):
        name = name[: -len(SUFFIX)]
    return model.with_name(name + suffix)


# --- kinds ----------------------------------------------------------------------------------------


def _is_model(path: Path) -> bool:
    return "parameters" in (safetensors_file.metadata_of(path) or {})


def _is_run_file(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(len(BEGINNING)) == BEGINNING.encode()


def _is_plot(path: Path) -> bool:
    return is_marked(path, KIND)


def _is_report(path: Path) -> bool:
    return is_marked(path, "report")


def _is_probe(path: Path) -> bool:
    return is_marked(path, "probe")


def _is_table_of_figures(path: Path) -> bool:
    return is_marked(path, "table of figures")


_PRODUCER_FIELD = b"\x12" + bytes([len(PRODUCER)]) + PRODUCER.encode()  # the second of protobuf


def _is_onnx_export(path: Path) -> bool:
    with open(path, "rb") as stream:
        return _PRODUCER_FIELD in stream.read(32)


def _is_torch_export(path: Path) -> bool:
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return dict(file.metadata() or {}).items() >= WRITTEN_BY.items()
    except safetensors.SafetensorError:
        return False


def _is_never_known(path: Path) -> bool:
    return False


# Whether an existing file is of this kind and was written by halfspaces.
KINDS: Mapping[str, Callable[[Path], bool]] = {
    "model": _is_model,
    "run file": _is_run_file,
    "history": history.is_history,
    "plot": _is_plot,
    "report": _is_report,
    "probe": _is_probe,
    "table of figures": _is_table_of_figures,
    "ONNX model": _is_onnx_export,
    "file of torch weights": _is_torch_export,
    "code": _is_never_known,
    "predictions": _is_never_known,
    "suspects": _is_never_known,
    "exercise": _is_never_known,
    "marks": _is_never_known,
}


@dataclass(frozen=True)
class Output:
    """A file that a command will write.

    Parameters
    ----------
    path : Path
    kind : str
        One of `KINDS`.
    flag : str
        How messages call it, such as "--out" or "The run file".
    """

    path: Path
    kind: str
    flag: str = "--out"

    def __str__(self) -> str:
        return f"{self.flag} {self.path}"

    def is_own(self) -> bool:
        """Whether the file that is there was written by halfspaces as the same kind."""
        try:
            return self.path.is_file() and KINDS[self.kind](self.path)
        except OSError:
            return False


class Input(NamedTuple):
    """A file or folder that a command reads, and how messages call it."""

    path: Path
    flag: str

    def __str__(self) -> str:
        return f"{self.flag} {self.path}"


def plugins(files: Iterable[Path] | None) -> list[Input]:
    """The files of --plugin as inputs."""
    return [Input(file, "--plugin") for file in files or ()]


# --- checks ---------------------------------------------------------------------------------------


def check_outputs(
    outputs: Sequence[Output], inputs: Iterable[Input] = (), *, overwrite: bool = False
) -> None:
    """Raise, before any work is done, unless all outputs can be written without a loss.

    Parameters
    ----------
    outputs : sequence of Output
    inputs : iterable of Input
        Never replaced. Of a folder, all files are inputs except those of the output's own kind.
    overwrite : bool
        Whether files that halfspaces did not write may be replaced.

    Raises
    ------
    FileError
        For a place that cannot be written, two outputs that are one file, an output that is an
        input, and without `overwrite` for a file that halfspaces did not write.
    """
    for output in outputs:
        _check_place(output)
    for first, second in combinations(outputs, 2):
        if is_same(first.path, second.path):
            raise FileError(f"{second} and {first} are one file; give another name.")
    inputs = [given for given in inputs if os.path.exists(given.path)]
    for output in outputs:
        for given in inputs:
            _check_is_not(output, given)
        if output.path.exists() and not (overwrite or output.is_own()):
            is_known = KINDS[output.kind] is not _is_never_known
            what = f", and is no {output.kind} that halfspaces wrote" if is_known else ""
            raise FileError(
                f"{output} exists{what}; give another name, or --overwrite to replace it."
            )


def check_model_name(out: Path) -> None:
    """Raise if `out` exists and the model would be saved beside it, as `out`.safetensors."""
    files = model_files(out)
    if out != files.model and os.path.lexists(out):
        _check_place(Output(out, "model"))
        raise FileError(
            f"--out {out} exists, and the names of models end in {SUFFIX}; "
            f"give --out {files.model}."
        )


def is_same(first: Path, second: Path) -> bool:
    """Whether two paths are one file, now or once they are written."""
    if first.exists() and second.exists():
        return os.path.samefile(first, second)
    return target_of(first) == target_of(second)


def is_within(path: Path, folder: Path) -> bool:
    """Whether the file lies in the folder or in one below it."""
    return target_of(folder) in target_of(path).parents


def _check_is_not(output: Output, given: Input) -> None:
    if is_same(output.path, given.path):
        raise FileError(f"{output} would replace {given}, which is read; give another name.")
    is_part = given.path.is_dir() and output.path.exists() and is_within(output.path, given.path)
    if is_part and not output.is_own():
        raise FileError(f"{output} would replace a file of {given}; write it elsewhere.")


def _check_place(output: Output) -> None:
    """Raise unless a regular file can be written there."""
    path = output.path
    try:
        os.stat(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        remedy = "choose a shorter one" if error.errno == errno.ENAMETOOLONG else "choose another"
        raise FileError(f"{output} cannot be written: {error.strerror}; {remedy}.") from error
    folder = target_of(path).parent
    if path.is_dir():
        raise FileError(f"{output} is a folder; name a file in it.")
    if is_special(path):
        raise FileError(f"{output} is a device or a pipe, not a file on disk; name a file.")
    if not folder.is_dir():
        raise FileError(
            f"{output} lies in a folder that does not exist; create {path.parent} first."
        )
    if not os.access(folder, os.W_OK):
        raise FileError(f"{output} lies in a folder that cannot be written; choose another.")
    if path.exists() and not os.access(path, os.W_OK):
        raise FileError(f"{output} is protected from writing; choose another name.")
