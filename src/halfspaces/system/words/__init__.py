"""The table of words: all that the page and the report say, in English, Chinese and Korean.

The table is the JSON files beside this one. An entry has a key and its texts side by side, so that
a missing one is seen:

    "report.classes": {
     "en": "Class by class",
     "zh": "各类别的结果",
     "ko": "클래스별 결과"
    }

Texts have placeholders in braces, the same ones in each language. Numbers are put in as they are to
be read: texts contain no formats.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from halfspaces.system.names import check_name

DEFAULT = "en"
LANGUAGES = MappingProxyType({"en": "English", "zh": "简体中文", "ko": "한국어"})


def words(language: str = DEFAULT) -> Mapping[str, str]:
    """The text of each key in a language.

    Raises
    ------
    ValueError
        If the language is none of `LANGUAGES`.

    Examples
    --------
    >>> words("zh")["field.strength"]
    '强度 λ'
    """
    check_name("language", language, LANGUAGES)
    return _texts(language)


def say(language: str, key: str, **values: object) -> str:
    r"""The text of a key in a language, its placeholders replaced by values.

    >>> say("en", "percent", number=97.5)
    '97.5\xa0%'
    """
    return words(language)[key].format(**values)


@cache
def _texts(language: str) -> Mapping[str, str]:
    return MappingProxyType({key: entry[language] for key, entry in table().items()})


@cache
def table() -> Mapping[str, Mapping[str, str]]:
    """The text of each key in each language."""
    entries: dict[str, Mapping[str, str]] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            entries |= json.loads(file.read_text("utf-8"))
    return MappingProxyType(entries)
