"""The words of exercises and verdicts, in each language: one file a language in `words/`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from halfspaces.course.findings import Finding, Remark
from halfspaces.system.names import check_name
from halfspaces.system.words import LANGUAGES

DOCTOR = "doctor"  # the key of a remark in the gradient doctor's words


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a language by their keys.

    Raises
    ------
    ValueError
        If there is no such language.

    Examples
    --------
    >>> texts("ko")["argument.y"]
    '레이블, 정수 0 ... C−1'
    """
    check_name("language", language, LANGUAGES)
    text = files("halfspaces.course").joinpath("words", f"{language}.toml").read_text("utf-8")
    return MappingProxyType(dict(_flat(tomllib.loads(text), "")))


def _flat(table: Mapping[str, object], start: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield start + key, str(value).strip("\n")


@dataclass(frozen=True)
class Texts:
    """The words of one language.

    Examples
    --------
    >>> Texts("en").check("svm_loss_naive.gradient")
    'svm_loss_naive: the gradient'
    """

    language: str

    def __getitem__(self, key: str) -> str:
        """The text of a key."""
        return texts(self.language)[key]

    def check(self, name: str) -> str:
        """The name of a check: the function, and what is checked of it."""
        function, _, aspect = name.partition(".")
        return f"{function}: {self[f'aspect.{aspect}']}"

    def verdict(self, verdict: str) -> str:
        """A verdict in words."""
        return self[f"verdict.{verdict.replace(' ', '_')}"]

    def remark(self, remark: Remark) -> str:
        """What to look at. The gradient doctor's own words are English."""
        values = dict(remark.values)
        if remark.key == DOCTOR:
            key = f"hint.{str(values['hint']).replace(' ', '_')}"
            return texts(self.language).get(key, str(values["words"]))
        if "case" in values:
            values["case"] = self[f"remark.{values['case']}"]
        if remark.key == "exception":
            words = str(values["words"]).strip().rstrip(".")
            values["words"] = f": {words}." if words else "."
        return self[f"remark.{remark.key}"].format(**values)

    def place(self, place: tuple[int, int]) -> str:
        """A place: a cell (0: the file is no notebook) and a line (0: not known)."""
        cell, line = place
        if not line:
            return ""
        return self["place.cell" if cell else "place.line"].format(cell=cell, line=line)

    def finding(self, finding: Finding) -> str:
        """The remark of a finding; empty if it is right."""
        return "" if finding.remark is None else self.remark(finding.remark)
