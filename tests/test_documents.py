"""The documents: the size of the README, links, and the form of the decisions."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "halfspaces"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)[^)\s]*\)")
MODULE = re.compile(r"`(?:python )?([\w/]+\.py)`")
STATUS = re.compile(r"^Status: (holds|replaced by|open)\b", re.MULTILINE)


def named(page):
    return str(page.relative_to(ROOT))


def test_readme_is_short():
    readme = ROOT / "README.md"
    assert readme.stat().st_size <= 6000
    text = readme.read_text(encoding="utf-8")
    assert all(command in text for command in ("$ make demo", "$ make test"))


def test_results_of_benchmarks_are_a_summary():
    assert (DOCS / "benchmarks.md").stat().st_size <= 10_000
    size = {path: path.stat().st_size for path in DOCS.rglob("*") if path.is_file()}
    pictures = {path for path in size if path.parent == DOCS / "pictures"}
    assert sum(size[path] for path in pictures) <= 2_000_000
    assert [named(path) for path in size if path not in pictures and size[path] > 50_000] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    missing = [link for link in local if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_source_files_exist(page):
    files = MODULE.findall(page.read_text(encoding="utf-8"))
    assert [
        file for file in files if not ((SOURCE / file).exists() or (ROOT / file).exists())
    ] == []


@pytest.mark.parametrize("page", DECISIONS, ids=named)
def test_each_decision_has_one_status(page):
    _, *decisions = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    without = [text.splitlines()[0] for text in decisions if len(STATUS.findall(text)) != 1]
    assert decisions
    assert without == []


def test_every_topic_of_decisions_is_in_the_index():
    index = (DOCS / "decisions.md").read_text(encoding="utf-8")
    assert [page.name for page in DECISIONS if f"decisions/{page.name}" not in index] == []
