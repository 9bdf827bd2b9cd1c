"""A bar is shown where it takes long."""

import io
import itertools
import sys
import time

import pytest

from halfspaces import datasets

pytestmark = pytest.mark.usefixtures("cache")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("seconds", [0.0, 10.0])
def test_a_bar_is_shown_where_it_takes_long(pets, monkeypatch, seconds):
    """By a clock that goes on so many seconds each time it is looked at."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(time, "perf_counter", itertools.count(step=seconds).__next__)
    monkeypatch.setenv("TERM", "xterm")
    datasets.open(pets)
    assert ("decoding pets" in sys.stderr.getvalue()) == (seconds > 0)
