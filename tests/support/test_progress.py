"""A bar is shown where it takes long."""

import io
import sys

import pytest

from halfspaces import datasets
from halfspaces.datasets import waiting

pytestmark = pytest.mark.usefixtures("cache")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_a_bar_is_shown_where_it_takes_long(pets, monkeypatch, patience):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(waiting, "PATIENCE", patience)
    monkeypatch.setenv("TERM", "xterm")
    datasets.open(pets)
    assert ("decoding pets" in sys.stderr.getvalue()) == (patience == 0)
