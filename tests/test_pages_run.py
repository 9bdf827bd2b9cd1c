"""The cells of the documentation's pages run on the bundled digits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted(page for page in DOCS.rglob("*.md") if CELL.search(page.read_text(encoding="utf-8")))
# fmt: off
NUMBERS = {  # of the lecture, each on the page that computes it
    "losses": (
        "[ 2.9  0.  12.9] mean 5.27", "6.3 + 6.6 = 12.9", "10.9", "4.6",
        "[535.7  159.75] sum 695.45",
        "[10.58  0.27 71.91] mean 27.59", "24.5, 164.0, 0.18", "0.13, 0.87, 0.00", "2.04", "0.89",
        "[-666. -333.    0.]", "C - 1 = 9, ln 10 = 2.3026", "[0.] [20000.]",
    ),
    "random-search": ("7  8.605604  8.605604", "15.5 %", "95 %"),
    "gradient": ("0.34 -1.11  0.78", "1.25322", "1.25353", "1.25347", "-2.5", "0.6"),
    "regularization": ("of w1 1, of w2 0.25", "of w1 1, of w2 1"),
}
# fmt: on


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_cells_of_a_page_run(page, tmp_path):
    pytest.importorskip("matplotlib")
    script = tmp_path / "cells.py"
    cells = CELL.findall(page.read_text(encoding="utf-8"))
    script.write_text("import matplotlib\nmatplotlib.use('agg')\n" + "\n".join(cells))
    environment = {"PATH": "", "PYTHONPATH": str(page.parent), "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, script],
        cwd=page.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    for number in NUMBERS.get(page.stem, ()):
        assert number in ended.stdout
