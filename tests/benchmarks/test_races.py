"""The benchmark runs: a race of a few rows, from the command line to the report."""

import subprocess
import sys

import pytest

from benchmarks import race
from tests.helpers import ROOT, real


@pytest.mark.long
def test_a_race_from_the_command_line_to_the_report(tmp_path):
    real("libsvm")
    command = [sys.executable, "-m", "benchmarks", "races", "--quick", "--problems", "dna-easy"]
    command += ["--solvers", "halfspaces", "--out", tmp_path]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "halfspaces" in ended.stdout
    assert (tmp_path / "benchmarks.md").exists()


def test_runs_that_ended_with_an_error_are_named():
    runs = {"halfspaces": {"error": "AttributeError: none"}, "peer": {"error": ""}}
    store = {"parity": {}, "races": {"digits": {"runs": runs}}}
    assert race.failed(store) == ["halfspaces on digits"]
