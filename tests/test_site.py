"""The documentation site, without building it: what has a page, and what is in the gallery."""

import importlib
import re
from pathlib import Path

import pytest

from halfspaces import gradcheck, plots

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "halfspaces"
DOCS = ROOT / "docs"
INNER = {"halfspaces.page.images"}  # of the server of the page
IMPORTED = re.compile(r"^(?:>>> )?(?:from|import) (halfspaces[\w.]*)", re.MULTILINE)
EXAMPLES = [*DOCS.rglob("*.md"), *DOCS.glob("examples/*.py"), *ROOT.glob("tests/outside/out*.py")]


@pytest.fixture
def reference(monkeypatch):
    """The module that writes the pages of the reference."""
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("reference")


def with_public_names():
    """The modules that say which of their names are public."""
    for path in SOURCE.rglob("*.py"):
        if re.search(r"^__all__", path.read_text(encoding="utf-8"), re.MULTILINE):
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__")


def test_every_public_module_has_a_page(reference):
    assert set(with_public_names()) - set(reference.modules()) == INNER


def test_every_module_that_examples_import_has_a_page(reference):
    used = {
        module
        for path in EXAMPLES
        if path.parent.name != "reference"
        for module in IMPORTED.findall(path.read_text(encoding="utf-8"))
    }
    homes = {value.__module__ for value in reference.documented().values()}
    assert sorted(used - homes - set(reference.modules())) == []


def test_pages_show_every_public_name(reference):
    pytest.importorskip("anywidget")
    for module in reference.modules():
        page = "\n".join(reference._page(module))
        names = getattr(importlib.import_module(module), "__all__", [])
        assert [name for name in names if f"## {name}\n" not in page and name != "sanity"] == []


def test_names_of_other_projects_are_there(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    for name in importlib.import_module("inventories").names():
        module, _, last = name.rpartition(".")
        try:
            home = importlib.import_module(module or "builtins")
        except ModuleNotFoundError as missing:
            if missing.name == name.partition(".")[0]:
                continue  # this project is not installed
            raise
        assert hasattr(home, last) or importlib.import_module(name)


def test_the_gallery_has_every_picture():
    gallery = (DOCS / "gallery.md").read_text(encoding="utf-8")
    pictures = [*plots.__all__, *(name for name in gradcheck.__all__ if name.endswith("Display"))]
    assert [name for name in pictures if not re.search(rf"\b{name}[.(]", gallery)] == []


@pytest.mark.parametrize("page", [*DOCS.rglob("*.md")], ids=lambda page: page.stem)
def test_each_column_of_a_table_has_a_heading(page):
    """Those who hear a table know a cell by the heading of its column."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^(\|.*\|)\n\|[-:| ]+\|$", text, re.MULTILINE)
    empty = [line for line in headings if re.search(r"\|\s*\|", line)]
    assert not empty
