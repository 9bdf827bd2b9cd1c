"""The translations of the lecture's pages: each is complete, and of the text as it stands."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {page.stem: page for page in sorted((DOCS / "lecture").glob("*.md"))}
LANGUAGES = ["ko", "zh_CN"]
# What a translation keeps: code, dollars, targets of links, bold and emphasis.
KEPT = re.compile(r"`[^`]*`|\$|\]\([^)]*\)|\*+")

FRONT_MATTER = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^(```+)[^`\n]*\n.*?^\1 *$", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"^\$\$(.+?)\$\$$", re.DOTALL | re.MULTILINE)
SEEN = re.compile(r"^:alt: (.+)$", re.MULTILINE)  # of pictures, for those who do not see them
TITLE = re.compile(r"^(?:#+|:::+ *\{[\w-]+\}) +(.+)$", re.MULTILINE)
ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
RULE = re.compile(r"[\s|:-]+")
BAR = re.compile(r"(?<!\\)\|")
# Where a paragraph begins or ends: empty lines, marks of lists and definitions, ends of boxes.
BETWEEN = re.compile(r"\n\s*\n|^[*-] |\n: |^:::+ *$", re.MULTILINE)


def catalogue(language, name):
    return DOCS / "locales" / language / "LC_MESSAGES" / "lecture" / f"{name}.po"


def spaced(text):
    return " ".join(text.split())


def texts(page):
    """The titles, cells, formulas and paragraphs of a page, without its code."""
    found = SEEN.findall(page)
    text = FENCED.sub("\n", FRONT_MATTER.sub("", page))
    for pattern in (FORMULA, TITLE):
        found += pattern.findall(text)
        text = pattern.sub("\n\n", text)
    for row in ROW.findall(text):
        if not RULE.fullmatch(row):
            found += [cell.replace(r"\|", "|") for cell in BAR.split(row)]
    found += BETWEEN.split(ROW.sub("\n\n", text))
    return {spaced(part) for part in found} - {""}


def messages(catalogue):
    """(flags, text, translation) of each message of a .po file, the header included."""
    entries = []
    for block in re.split(r"\n\s*\n", catalogue.strip()):
        flags, parts, keyword = set(), {"msgid": "", "msgstr": ""}, None
        for line in block.splitlines():
            if line.startswith("#,"):
                flags |= {flag.strip() for flag in line[2:].split(",")}
            if line.startswith("#") or not line.strip():
                continue
            word, quoted = re.fullmatch(r'(\w*) *(".*")', line.strip()).groups()
            keyword = word or keyword
            parts[keyword] += ast.literal_eval(quoted)
        if keyword:
            entries.append((flags, parts["msgid"], parts["msgstr"]))
    return entries


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_a_catalogue(language):
    folder = catalogue(language, "index").parent
    assert sorted(path.stem for path in folder.glob("*.po")) == sorted(PAGES)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
class TestCatalogue:
    @pytest.fixture
    def entries(self, language, name):
        return messages(catalogue(language, name).read_text(encoding="utf-8"))

    def test_has_the_texts_of_the_page(self, entries, name):
        there = {spaced(text) for _, text, _ in entries} - {""}
        wanted = texts(PAGES[name].read_text(encoding="utf-8"))
        assert sorted(wanted - there) == [], "without a translation"
        assert sorted(there - wanted) == [], "no longer on the page"

    def test_is_complete(self, entries):
        assert [text for _, text, translation in entries if not translation.strip()] == []
        assert [text for flags, text, _ in entries if "fuzzy" in flags] == []

    def test_keeps_code_links_and_formulas(self, entries):
        changed = [
            (text, translation)
            for _, text, translation in entries
            if text and Counter(KEPT.findall(text)) != Counter(KEPT.findall(translation))
        ]
        formulas = [text for _, text, kept in entries if "\\" in text and text != kept]
        assert (changed, formulas) == ([], [])


def test_a_page_is_read_as_its_texts():
    page = """---
a: b
---
# Title

One line
and another, `x`.

```{code-cell} ipython3
# no title
```

```{image} x.png
:alt: A picture.
```

$$a + b$$

| x | y |
| --- | --- |
| Σ \\|W\\| | z |

:::{admonition} Box
Inside.
:::

* first
* second

word
: what it means
"""
    assert texts(page) == {
        "A picture.", "Title", "One line and another, `x`.", "a + b", "x", "y", "Σ |W|", "z", "Box",
        "Inside.", "first", "second", "word", "what it means",
    }  # fmt: skip


def test_a_catalogue_is_read_as_its_messages():
    written = '# Words\n\n#: a.md:1\n#, fuzzy\nmsgid ""\n"one "\n"\\"two\\""\nmsgstr "1"\n'
    assert messages(written) == [({"fuzzy"}, 'one "two"', "1")]
