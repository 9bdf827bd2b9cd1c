"""The words of the course kit: complete in each language, in that language, and used."""

import re
from pathlib import Path

import pytest

import halfspaces
from halfspaces.course.exercises import EXERCISES, PLACE, template
from halfspaces.course.findings import Remark
from halfspaces.course.texts import DOCTOR, Texts, texts
from halfspaces.system.words import LANGUAGES
from tests.system.test_words import problems

ROOM = Path(halfspaces.__file__).parent / "course"
HINTS = {key for key in texts("zh") if key.startswith("hint.")}  # in English the doctor's own words
CODE = re.compile(r"halfspaces course \w+|[\w.]*\([^(){}가-힣]*\)", re.ASCII)  # in any language
SYMBOLS = {"remark.case_plain"}  # empty in each language


def test_each_text_is_there_in_each_language_and_in_that_language():
    keys = set(texts("en")) | HINTS
    assert [set(texts(language)) ^ keys for language in ("zh", "ko")] == [set(), set()]
    assert len(keys) > 200
    entries = {
        key: {language: CODE.sub("", texts(language)[key]) for language in LANGUAGES}
        for key in texts("en")
        if key not in SYMBOLS
    }
    wrong = [problem for key, entry in entries.items() for problem in problems(key, entry)]
    assert wrong == []


def test_each_text_is_used():
    sources = [path.read_text(encoding="utf-8") for path in ROOM.rglob("*.py")]
    sources.append((ROOM.parent / "cli" / "course_report.py").read_text(encoding="utf-8"))
    literal = set(re.findall(r"""["']([a-z]\w*(?:\.\w+)*) *["']""", "\n".join(sources)))
    placed = {
        found["key"] for name in [*EXERCISES, "README"] for found in PLACE.finditer(template(name))
    }
    aspects = {check.partition(".")[2] for each in EXERCISES.values() for check in each.checks}
    used = literal | placed | {f"aspect.{aspect}" for aspect in aspects}
    used |= {f"remark.{name}" for name in literal} | {f"verdict.{name}" for name in literal}
    used |= {"verdict.not_done", "remark.not_done"}
    assert set(texts("en")) - used == set()


def test_each_hint_of_the_gradient_doctor_is_translated():
    doctor = [path.read_text(encoding="utf-8") for path in (ROOM.parent / "gradcheck").glob("*.py")]
    names = set(re.findall(r'Hint\(\s*"([^"]+)"', "\n".join(doctor)))
    assert len(names) > 20
    assert {f"hint.{name.replace(' ', '_')}" for name in names} <= HINTS


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_without_words_is_a_sentence(language):
    values = {"error": "ZeroDivisionError", "words": ""}
    sentence = Texts(language).remark(Remark("exception", values))
    assert re.match(r"ZeroDivisionError\. \S", sentence), sentence
    doctor = Remark(DOCTOR, {"hint": "factor N", "words": "that is N"})
    assert ("that is N" in Texts(language).remark(doctor)) == (language == "en")
