"""Every Python snippet of README.md and docs/ runs as written; those of one page in order."""

import doctest
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import halfspaces
from halfspaces.datasets import FORMATS
from halfspaces.features import FEATURES

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LONG = ("features.md",)  # learns patches and words
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
CIFAR = "cifar-10-batches-bin"
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def snippets(page):
    return SNIPPET.findall(page.read_text(encoding="utf-8"))


@pytest.fixture
def restored():
    """The registries without what the snippets register."""
    before = dict(FORMATS), dict(FEATURES)
    yield
    for registry, rows in zip((FORMATS, FEATURES), before, strict=True):
        registry.clear()
        registry.update(rows)


def names_of(page):
    """What the text of a page takes as given beside `import halfspaces`: data of the reader."""
    rng = np.random.default_rng(0)
    names = {"halfspaces": halfspaces, "__name__": page.stem}
    if page.name == "data.md":
        names |= {"X": rng.random((8, 3)), "y": np.arange(8)}
    if page.name == "features.md":
        images = rng.integers(0, 256, (40, 32, 32, 3), np.uint8)
        names |= {"images": images, "y": np.arange(40) % 2}
    return names


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.long if page.name in LONG else pytest.mark.slow)
        for page in PAGES
        if snippets(page)
    ],
    ids=lambda page: page.name,
)
def test_snippets_run_as_written(page, tmp_path, monkeypatch, restored):
    monkeypatch.chdir(tmp_path)
    names = names_of(page)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for code in snippets(page):
        if CIFAR in code:
            if not (DATA / CIFAR).exists():
                continue
            if not Path(CIFAR).exists():
                Path(CIFAR).symlink_to(DATA / CIFAR)
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), 0)
            runner.run(test, clear_globs=False)
            names |= test.globs
        elif CIFAR not in code:
            exec(compile(code, str(page), "exec"), names)
        else:
            with monkeypatch.context() as few:
                few.setattr(halfspaces.datasets, "open", _few(halfspaces.datasets.open))
                exec(compile(code.replace("50_000, 5_000", "60, 20"), str(page), "exec"), names)
    assert runner.failures == 0


def _few(opened, n=60):
    """`datasets.open` whose data sets have their first images alone."""

    def open_few(path):
        data = opened(path)
        return replace(
            data,
            X=data.X[:n],
            y=data.y[:n],
            X_test=data.X_test[:n],
            y_test=data.y_test[:n],
        )

    return open_few
