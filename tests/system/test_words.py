"""The table of words: complete in each language, used, and true to the registries."""

import json
import re
from pathlib import Path

import pytest

import halfspaces
from halfspaces.cli.html_report import PICTURES
from halfspaces.loop.result import Reason
from halfspaces.losses import LOSSES
from halfspaces.noise import NOISES
from halfspaces.optimizers import OPTIMIZERS, SCHEDULES, UPDATE_RULES
from halfspaces.page.settings import Settings
from halfspaces.page.shapes import SHAPES
from halfspaces.page.steps import ENDS
from halfspaces.penalties import PENALTIES
from halfspaces.system.words import LANGUAGES, table, words

SOURCES = Path(halfspaces.__file__).parent
WEB = Path(__file__).parents[2] / "web" / "src"
TABLE = table()

COMPONENTS = [*LOSSES, *PENALTIES, *NOISES, *OPTIMIZERS, *UPDATE_RULES, *SCHEDULES]
WORKING = ("scores", "shifted", "exponentials", "probabilities", "targets", "terms", "loss")
PHASES = ("idle", "reading", "describing", "training", "stopping", "done", "stopped", "nothing")
# Texts that are the same in all languages: names and symbols.
NAMES = {
    *("choice.lbfgs", "choice.adagrad", "choice.rmsprop", "choice.adam"),
    *("choice.l1", "choice.l2", "report.f1", "language.tag"),
}
SCRIPTS = {"zh": "[\u4e00-\u9fff]", "ko": "[\uac00-\ud7a3]"}
CALLS = {
    ".py": r'(?:say\(\s*[\w.]+,|_say\(|Sentence\(|PageError\(|warn\(|phrase\()\s*"([\w.-]+)"',
    ".html": r'say\("([\w.-]+)"[,)]',
    ".js": r"""\bt\(\s*["'`]([\w.-]+)["'`]""",
}


def sources():
    for room in (SOURCES, WEB):
        for path in sorted(room.rglob("*")):
            if path.suffix in CALLS and "static" not in path.parts:
                yield path, path.read_text(encoding="utf-8")


def shown_fields():
    """The names of all controls that the page has for some choice of components."""
    parts = {"loss": LOSSES, "penalty": PENALTIES, "noise": NOISES, "optimizer": OPTIMIZERS}
    settings = [
        Settings().set(path.split("."), name)
        for path, registry in {
            **parts,
            "optimizer.update_rule": UPDATE_RULES,
            "optimizer.schedule": SCHEDULES,
        }.items()
        for name in registry
    ]
    return {control["path"][-1] for each in settings for control in each.form()}


WORKINGS = ["scores", "terms", "shifted", "exponentials", "probabilities", "targets", "loss"]


def composed():
    """Keys that are put together from names."""
    yield from (f"choice.{name}" for name in COMPONENTS)
    yield from (f"field.{name}" for name in shown_fields())
    yield from (f"shape.{name}" for name in SHAPES)
    yield from (f"weight.{row}" for row in "xyb")
    yield from (f"working.{kind}" for kind in WORKINGS)
    yield from (f"reason.{reason.name.lower()}" for reason in Reason)
    yield from (f"status.{reason.name.lower()}" for reason in ENDS)
    yield from (f"picture.{kind}.{part}" for kind in PICTURES for part in ("title", "text"))
    yield from ("report.right.all", "report.right.test")
    yield from (f"working.{kind}" for kind in WORKING)
    yield from (f"weight.{name}" for name in "xyb")
    yield from ("tab.points", "tab.images", "images.model", "images.report")
    yield from (f"images.phase.{phase}" for phase in PHASES)
    for part in ("train", "validation", "test"):
        yield from (f"report.accuracy.{part}", f"images.accuracy.{part}")
        yield f"images.confusion.{part}"
    yield from ("images.part.train", "images.part.test", "images.all", "images.mistakes")
    yield from (f"score.{name}" for name in ("accuracy", "balanced_accuracy", "log_loss", "loss"))


def test_every_key_that_is_used_is_in_the_table():
    used = {
        (path.name, key) for path, text in sources() for key in re.findall(CALLS[path.suffix], text)
    }
    used |= {("composed", key) for key in composed()}
    assert len(used) > 100
    assert {(where, key) for where, key in used if key not in TABLE} == set()


def test_every_key_of_the_table_is_used():
    texts = "\n".join(text for _, text in sources())
    literal = set(re.findall(r"""["'`]([a-z]\w*(?:\.[\w-]+)*)["'`]""", texts))
    assert set(TABLE) - literal - set(composed()) == set()


def test_no_file_of_the_table_repeats_a_key():
    files = sorted((SOURCES / "system" / "words").glob("*.json"))
    pairs = []
    for file in files:
        entries = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)
        pairs += [key for key, _ in entries]
    assert len(files) >= 3
    assert sorted(set(pairs)) == sorted(pairs)


def problems(key, entry):
    """What is wrong with an entry of the table."""
    if list(entry) != list(LANGUAGES):
        yield f"{key} has the languages {list(entry)}"
        return
    placeholders = sorted(set(re.findall(r"{(\w*)}", entry["en"])))
    is_name = key in NAMES or re.search(r"[^\W\d_]{2}", entry["en"].format_map(Blank())) is None
    for language, text in entry.items():
        found = sorted(set(re.findall(r"{(\w*)}", text)))
        if found != placeholders or "" in found:
            yield f"{key} has other placeholders in {language}: {text}"
        if not text.strip():
            yield f"{key} is empty in {language}"
        if language != "en" and re.search(r"[A-Za-z]{2,}(?: [a-z]{2,}){2}", text):
            yield f"{key} is English in {language}: {text}"
        if language in SCRIPTS and not is_name and not re.search(SCRIPTS[language], text):
            yield f"{key} has no word of {language}: {text}"
    if re.search(r"[\u4e00-\u9fff][,;:?!.(]|[,;:?!)] ?[\u4e00-\u9fff]", entry["zh"]):
        yield f"{key} has signs of other scripts: {entry['zh']}"
    if re.search(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]", entry["ko"]):
        yield f"{key} has signs of other scripts: {entry['ko']}"


class Blank(dict):
    """Nothing for any placeholder."""

    def __missing__(self, key):
        return ""


def test_every_entry_is_complete_and_in_its_language():
    assert [problem for key, entry in TABLE.items() for problem in problems(key, entry)] == []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"en": "Loss", "zh": "损失"}, "languages"),
        ({"en": "{a} rows", "zh": "{b} 个样本", "ko": "샘플 {a}개"}, "placeholders"),
        ({"en": "Loss", "zh": "Loss", "ko": "손실"}, "no word of zh"),
        ({"en": "Loss", "zh": "损失", "ko": "손실 of all rows here"}, "English in ko"),
        ({"en": "Loss.", "zh": "损失.", "ko": "손실."}, "other scripts"),
        ({"en": "Loss.", "zh": "损失。", "ko": "손실。"}, "other scripts"),
    ],
)
def test_wrong_entries_are_found(entry, problem):
    assert any(problem in found for found in problems("x", entry))


def test_reasons_are_those_of_the_library():
    for reason in Reason:
        assert words("en")[f"reason.{reason.name.lower()}"] == str(reason)


def test_other_languages_are_refused():
    with pytest.raises(
        ValueError, match="language='fr' is not known: choose one of 'en', 'zh', 'ko'"
    ):
        words("fr")
