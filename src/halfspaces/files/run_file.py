r"""The run file: the options of a training, as TOML that people read and `halfspaces train --run`
repeats.

It has a table for each kind of option, see `halfspaces.files.options`, and `[made]`, which
describes the run that wrote the file and is not read as options. An option that is missing takes
its default. A run file may also be read out of the model that was saved with it.

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
>>> loads(text)
{'data': 'digits', 'loss': 'hinge', 'margin': 0.5, 'strength': 0.01}
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import Field, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema

from halfspaces.files.checked import check_depth
from halfspaces.files.options import (
    TABLES,
    Table,
    chooses_by_strength,
    first_problem,
    ruled_out_by,
)
from halfspaces.files.reading import reading
from halfspaces.files.safetensors_file import SUFFIX, model_path
from halfspaces.system.atomic import FileError, brief, write_whole

FORMAT = 1
LARGEST = 1 << 16  # bytes; a run file has about one thousand
MOST_DOTS = 1000  # in a line: tomllib takes 40 s for a key of 32,000 parts
BEGINNING = "# A run of halfspaces; "  # of every run file that is written, also by earlier versions
COMMENT = f"{BEGINNING}again, to the bit: halfspaces train --run FILE --out MODEL.safetensors\n"

RunFile = create_model(
    "RunFile",
    __base__=Table,
    __doc__="A training of a classifier, which `halfspaces train --run FILE` repeats.",
    format=(Literal[1], Field(description="The version of this format.")),
    **{word: (table, table()) for word, table in TABLES.items()},  # pyright: ignore[reportArgumentType, reportCallIssue]
    made=(
        dict[str, Any],
        Field({}, description="The run that wrote the file: data, versions. Not read as options."),
    ),
)


class _WithoutNull(GenerateJsonSchema):
    """TOML has no null: an option without a value is left out."""

    def nullable_schema(self, schema: Any) -> Any:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> Any:
        if schema.get("default", 0) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


class RunFileError(FileError):
    """A run file that cannot be read or written; the message says what to do."""


def json_schema() -> dict[str, Any]:
    """The JSON schema of run files, for editors and checkers of TOML.

    >>> sorted(json_schema()["properties"])[:4]
    ['data', 'features', 'fit', 'format']
    """
    schema = RunFile.model_json_schema(schema_generator=_WithoutNull)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def dumps(options: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """The text of a run file: options by name, None left out, and what describes the run."""
    document: dict[str, Any] = {"format": FORMAT}
    for word, table in TABLES.items():
        own = {name: options[name] for name in table.model_fields if options.get(name) is not None}
        if own:
            document[word] = own
    if made:
        document["made"] = dict(made)
    return COMMENT + tomli_w.dumps(document)


def loads(text: str, source: str = "The run file") -> dict[str, Any]:
    """The options in the text of a run file, checked by name, type and range.

    Parameters
    ----------
    text : str
    source : str
        The file's name in errors.

    Raises
    ------
    RunFileError
        For text that is no TOML, a newer format, unknown tables and options, values that cannot be.
    """
    document = _document(text, source)
    try:
        read: Any = RunFile.model_validate(document)
    except ValidationError as error:
        raise RunFileError(first_problem(error, source)) from None
    except OverflowError:  # pydantic lets that of a whole number pass
        raise RunFileError(f"{source} has a number that is too large; correct it there.") from None
    options: dict[str, Any] = {}
    for word in TABLES:
        options |= getattr(read, word).model_dump(exclude_unset=True)
    return options


def trained_on(text: str) -> dict[str, Any] | None:
    """The fingerprint of the data in the file of a run; None where there is none.

    >>> trained_on(dumps({}, made={"rows": {"shape": [3, 2]}}))
    {'shape': [3, 2]}
    """
    made = _document(text, "The run file").get("made")
    rows = made.get("rows") if isinstance(made, dict) else None
    return rows if isinstance(rows, dict) else None


def read(path: str | os.PathLike[str]) -> str:
    """The text of a run file, or of the one in a model file (.safetensors).

    Raises
    ------
    RunFileError, ModelFileError
        If there is none, or it cannot be read.
    """
    path = model_path(path)
    if path.suffix == SUFFIX:
        return _in_model(path)
    with reading(path, "run file", ".run.toml", RunFileError) as stream:
        content = stream.read(LARGEST + 1)
    _check_length(str(path), len(content))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RunFileError(
            f"{path} is no run file: it is not UTF-8 text; give a .run.toml."
        ) from error


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write the text of a run file, whole or not at all; raises RunFileError where this fails."""
    write_whole(Path(path), text.encode(), RunFileError)


def merged(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run file with those given beside it, which rule out some of the file's.

    >>> merged({"strengths": "10", "folds": 3, "loss": "hinge"}, {"strength": 0.1})
    {'loss': 'hinge', 'strength': 0.1}
    """
    ruled_out: set[str] = set()
    changed = {name for name, value in given.items() if value != options.get(name)}
    for name in changed:
        ruled_out |= ruled_out_by(name)
    if "score" in changed:  # networks have no search for λ
        ruled_out |= {*TABLES["strength"].model_fields, "calibrate", "threshold"}
    if not chooses_by_strength(given.get("penalty", "l2"), given.get("optimizer", "auto")):
        ruled_out |= set(TABLES["strength"].model_fields)
    left = {name: value for name, value in options.items() if name not in ruled_out}
    return left | dict(given)


def _in_model(path: Path) -> str:
    from halfspaces.files.models import load

    text = load(path).notes_.get("run")
    if not isinstance(text, str):
        raise RunFileError(
            f"{path} has no run file in it; give a model that `halfspaces train --out` wrote."
        )
    return text


def _check_length(source: str, length: int) -> None:
    if length > LARGEST:
        raise RunFileError(
            f"{source} is no run file: it is larger than {LARGEST:,} bytes; give a .run.toml."
        )


def _document(text: str, source: str) -> dict[str, Any]:
    """The tables of a run file, if its length, its keys and its depth are those of one."""
    _check_length(source, len(text))
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise RunFileError(
            f"{source} is no run file: a line has more than {MOST_DOTS:,} dots; give a .run.toml."
        )
    try:
        document = tomllib.loads(text)
        check_depth(document)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"{source} is not TOML: {brief(error)}; correct it there.") from error
    version = document.get("format")
    if type(version) is int and version > FORMAT:
        newer = f"has format {brief(version)}, but this version reads up to {FORMAT}"
        raise RunFileError(f"{source} {newer}; install a newer halfspaces.")
    if version != FORMAT or type(version) is not int:
        raise RunFileError(
            f"{source} has no `format = {FORMAT}`, so it is no run file; give a .run.toml."
        )
    return document
