"""Docstrings as Sphinx reads them: formulas in prose are escaped, names are links."""

import re
from collections.abc import Callable, Iterator
from typing import Any

CODE = re.compile(r"(:py:obj:`[^`]*`|``.*?``|`[^`]*`_?)")
SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")
NAME = re.compile(r"`((?:\w+\.)*\w+)(\(.*\))?`")  # `Loss`, `halfspaces.load`, `L2(0.1)`
PARAMETER = re.compile(r"(\*{0,2}\w[\w, *]*) : (.+)")  # of a list of parameters, with its type
IN_TYPE = re.compile(r"(?<![\w.`\"])(?:[a-z]\w*\.)*[A-Z]\w*(?![\w.`\"])")
RULE = re.compile(r"-{3,}")
TYPED = {"Parameters", "Attributes", "Returns", "Yields"}  # sections whose entries have types

_properties: dict[str, list[str]] = {}  # docstrings by name, while Napoleon reads the others
_targets: dict[str, str] = {}  # what a name in a docstring links to


def link_to(own: list[str], others: list[str]) -> None:
    """Let docstrings link to names of the library and of other projects, by their full names.

    Own names and those of scikit-learn are found by their last part, too, unless this is an
    ordinary word in lower case, such as `open`. Of two with the same last part the first is taken.
    """
    _targets.clear()
    _targets.update((name, name) for name in (*own, *others))
    for name in (*own, *(other for other in others if other.startswith("sklearn."))):
        last = name.rpartition(".")[2]
        if not last.islower() or "_" in last:
            _targets.setdefault(last, name)


def target(name: str) -> str | None:
    """The full name that a name in a docstring means, if it is a link."""
    return _targets.get(name)


def as_restructured_text(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Change a docstring in place: formulas in prose hold signs that reStructuredText would read.

    Examples stay as they are, and what is indented after a colon is shown as it stands.
    """
    link = _linker(name)
    changed = list(_changed(lines, link))
    if what in ("attribute", "property"):
        _properties[name], changed = changed, []
    lines[:] = changed


def _changed(lines: list[str], link: Callable[[str, str], str]) -> Iterator[str]:
    example = literal = False
    section = ""
    for number, line in enumerate(lines):
        following = lines[number + 1 : number + 3]
        if following and RULE.fullmatch(following[0]):
            section = line
        blank = not line.strip()
        if literal and not blank and not line.startswith("    "):
            literal = False
        example = not blank and (example or line.lstrip().startswith(">>>"))
        if blank or example or literal or set(line.strip()) <= set("-="):
            yield line
            continue
        shows = len(following) == 2 and not following[0].strip() and following[1].startswith("    ")
        shown = line.endswith(":") and not line.startswith(" ") and shows
        literal = literal or shown
        yield _escaped(_typed(line, section, link), link) + ":" * shown


def _typed(line: str, section: str, link: Callable[[str, str], str]) -> str:
    """An entry of a list of parameters with links in its type."""
    if section not in TYPED or line.startswith(" ") or line == section:
        return line
    entry = PARAMETER.fullmatch(line)
    if entry:
        return f"{entry[1]} : {IN_TYPE.sub(lambda word: _in_type(word[0], link), entry[2])}"
    if section in ("Returns", "Yields"):
        return IN_TYPE.sub(lambda word: _in_type(word[0], link), line)
    return line


def _in_type(word: str, link: Callable[[str, str], str]) -> str:
    return link(word, word) or word


def _linker(documented: str) -> Callable[[str, str], str]:
    """A function of a name and the text that shows it: the link, or "" for a name without one."""

    parts = documented.split(".")
    around = [".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]

    def link(name: str, text: str) -> str:
        nearest = (target(f"{module}.{name}") for module in around)
        full = next(filter(None, nearest), target(name))
        return "" if full in (None, documented) else f":py:obj:`{text} <{full}>`"

    return link


def _escaped(line: str, link: Callable[[str, str], str]) -> str:
    bullet = re.match(r"\s*(\* )?", line).group()
    parts = CODE.split(line[len(bullet) :])
    return bullet + "".join(
        _linked(part, link) if odd % 2 else SPECIAL.sub(r"\\\1", part)
        for odd, part in enumerate(parts)
    )


def _linked(code: str, link: Callable[[str, str], str]) -> str:
    named = NAME.fullmatch(code)
    return (named and link(named[1], code.strip("`"))) or code


def restore_property(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Put back the docstring of a property, which Napoleon did not see.

    It takes the words before a colon in the first line for a type.
    """
    lines[:0] = _properties.pop(name, [])
