"""The bundle is made from web/, and fetches nothing."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
STATIC = files("halfspaces.page") / "static"


@pytest.mark.skipif(not WEB.exists(), reason="needs a checkout with web/")
def test_it_belongs_to_its_sources():
    digest = hashlib.sha256()
    sources = [WEB / "src" / name for name in sorted(path.name for path in (WEB / "src").iterdir())]
    for path in [
        *(WEB / name for name in ("bundle.mjs", "package.json", "package-lock.json")),
        *sources,
    ]:
        digest.update(f"{path.relative_to(WEB).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    first = (STATIC / "page.js").read_text("utf-8").splitlines()[0]
    assert first.endswith(digest.hexdigest()), "run make vendor"


def test_it_fetches_nothing():
    names = {"http://www.w3.org/" + name for name in ("2000/svg", "1999/xhtml", "1999/xlink")}
    names |= {"http://www.w3.org/2000/xmlns/", "http://www.w3.org/XML/1998/namespace"}
    for file in ("page.js", "page.css", "index.html"):
        text = (STATIC / file).read_text("utf-8")
        assert set(re.findall(r"https?://[\w./-]+", text)) <= names
        assert "@import" not in text
    assert "@observablehq/plot" in (STATIC / "LICENSES.txt").read_text("utf-8")


@pytest.mark.skipif(not WEB.exists(), reason="needs a checkout with web/")
def test_no_address_of_a_registry_is_stored():
    assert "http" not in (WEB / "package-lock.json").read_text("utf-8")
