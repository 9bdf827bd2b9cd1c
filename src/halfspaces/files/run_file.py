r"""The run file: all that a training was asked for, as TOML that people read and `halfspaces train --run` repeats.

A table for each part of the recipe, and `[made]`, which tells of the run that wrote the file and is not read as an
option. What is not there takes its default. A run file may also be read out of the model that was saved with it.

>>> text = dumps({"data": "digits", "loss": "hinge", "margin": 0.5, "strength": 0.01}, made={})
>>> print(text.partition("\n\n")[2])
[data]
data = "digits"
<BLANKLINE>
[loss]
loss = "hinge"
margin = 0.5
<BLANKLINE>
[strength]
strength = 0.01
<BLANKLINE>
>>> loads(text, {"data": str, "loss": str, "margin": float, "strength": float})
{'data': 'digits', 'loss': 'hinge', 'margin': 0.5, 'strength': 0.01}
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import tomli_w

from halfspaces.files.atomic import ModelFileError, brief, write_whole
from halfspaces.support.validation import nearest

FORMAT = 1
LARGEST = 1 << 20  # bytes
SECTIONS: dict[str, tuple[str, ...]] = {  # what is in none of them is in the first
    "data": ("data",),
    "features": ("features", "flip", "shift"),
    "loss": ("loss", "margin", "label_smoothing"),
    "penalty": ("penalty", "radius"),
    "strength": ("strength", "strengths", "folds", "validation"),
    "optimizer": (
        *(
            "optimizer",
            "update_rule",
            "schedule",
            "step_size",
            "batch_size",
            "epochs",
            "draws",
            "local",
            "seed",
        ),
        *("tol", "max_passes"),
    ),
    "fit": ("standardize", "class_weight", "calibrate"),
}
# An option given beside a run file takes the place of those that it rules out.
RIVALS: dict[str, tuple[str, ...]] = {
    "loss": ("margin", "label_smoothing"),
    "penalty": ("radius",),
    "optimizer": ("update_rule", "schedule", "step_size", "batch_size", "epochs", "draws", "local"),
    "strength": ("strengths", "folds", "validation"),
    "strengths": ("strength",),
    "folds": ("strength", "validation"),
    "validation": ("strength", "folds"),
}
TYPE_WORDS = {str: "a string", float: "a number", int: "a whole number", bool: "true or false"}


class RunFileError(ValueError):
    """A run file that cannot be read: one sentence on what was given, what is needed and what to do."""


def dumps(options: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """The text of a run file: options by name, None left out, and what is to be told of the run."""
    tables: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for name, value in options.items():
        if value is not None:
            tables[_section(name)][name] = value
    for section, names in SECTIONS.items():  # in the order of the table above
        own = tables[section]
        tables[section] = {
            name: own[name] for name in [*names, *sorted(set(own) - set(names))] if name in own
        }
    document = {"format": FORMAT, **{name: table for name, table in tables.items() if table}}
    comment = "# A run of halfspaces; again, to the bit: halfspaces train --run FILE --out MODEL.safetensors\n"
    return comment + tomli_w.dumps(document | ({"made": dict(made)} if made else {}))


def loads(text: str, known: Mapping[str, Any], source: str = "The run file") -> dict[str, Any]:
    """The options in the text of a run file, checked by name and type.

    Parameters
    ----------
    text : str
    known : mapping
        The type of each option by its name: str, int, float, bool, or one of them | None.
    source : str
        What errors call it.

    Raises
    ------
    RunFileError
        For text that is no TOML, a newer format, unknown tables and options, values of another type.
    """
    document = _document(text, source)
    options: dict[str, Any] = {}
    for section, table in document.items():
        if section in ("format", "made"):
            continue
        if section not in SECTIONS or not isinstance(table, dict):
            raise RunFileError(
                f"{source} has [{brief(section)}], which is not known: {nearest(section, SECTIONS)}"
            )
        own = [name for name in known if _section(name) == section]
        for name, value in table.items():
            if name not in own:
                raise RunFileError(
                    f"{source} has {brief(name)} in [{section}], which is not known: {nearest(name, own)}"
                )
            options[name] = _checked(
                value, known[name], f"{source} has {name} = {brief(repr(value))} in [{section}]"
            )
    return options


def trained_on(text: str) -> dict[str, Any] | None:
    """What the run that wrote the file noted of its data; None where it noted nothing.

    >>> trained_on(dumps({}, made={"rows": {"shape": [3, 2]}}))
    {'shape': [3, 2]}
    """
    made = tomllib.loads(text).get("made")
    rows = made.get("rows") if isinstance(made, dict) else None
    return rows if isinstance(rows, dict) else None


def read(path: str | os.PathLike[str]) -> str:
    """The text of a run file, or of the one in a model file (.safetensors).

    Raises
    ------
    RunFileError, ModelFileError
        If there is none, or it cannot be read.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        from halfspaces.files.models import load

        text = load(path).notes_.get("run")
        if not isinstance(text, str):
            raise RunFileError(
                f"{path} has no run file in it; give a model that `halfspaces train --out` wrote."
            )
        return text
    try:
        with open(path, "rb") as stream:
            content = stream.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise RunFileError(f"There is no run file {path}; check the path.") from error
    except OSError as error:
        raise RunFileError(
            f"The run file {path} cannot be read: {error.strerror or error}."
        ) from error
    if len(content) > LARGEST:
        raise RunFileError(
            f"{path} is no run file: it is larger than {LARGEST:,} bytes; give a .run.toml."
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RunFileError(
            f"{path} is no run file: it is not UTF-8 text; give a .run.toml."
        ) from error


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write the text of a run file, whole or not at all; raises ModelFileError where it cannot be written."""
    write_whole(Path(path), text.encode())


def merged(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run file with those given beside it, which also take the place of their rivals.

    >>> merged({"strengths": "10", "folds": 3, "loss": "hinge"}, {"strength": 0.1})
    {'loss': 'hinge', 'strength': 0.1}
    """
    ruled_out = {
        rival
        for name, value in given.items()
        if value != options.get(name)
        for rival in RIVALS.get(name, ())
    }
    if given.get("penalty") in ("max_norm", "none") or given.get("optimizer") == "random_search":
        ruled_out |= set(SECTIONS["strength"])  # they have none
    return {name: value for name, value in options.items() if name not in ruled_out} | dict(given)


def _section(name: str) -> str:
    return next((section for section, names in SECTIONS.items() if name in names), "data")


def _document(text: str, source: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{source} is not TOML: {brief(error)}; correct it there.") from error
    version = document.get("format")
    if type(version) is int and version > FORMAT:
        told = f"has format {brief(version)}, but this version reads up to {FORMAT}"
        raise RunFileError(f"{source} {told}; install a newer halfspaces.")
    if version != FORMAT or type(version) is not int:
        raise RunFileError(
            f"{source} has no `format = {FORMAT}`, so it is no run file; give a .run.toml."
        )
    return document


def _checked(value: Any, kind: Any, told: str) -> Any:
    kinds = [own for own in get_args(kind) or (kind,) if own is not type(None)]
    if float in kinds and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    elif type(value) in kinds:
        return value
    words = " or ".join(TYPE_WORDS[own] for own in kinds)
    raise RunFileError(f"{told}, which must be {words}.")


__all__ = [
    "ModelFileError",
    "RunFileError",
    "dumps",
    "loads",
    "merged",
    "read",
    "trained_on",
    "write",
]
