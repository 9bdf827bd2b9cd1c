"""Loops compiled ahead of time, the note of a first compilation, and where machine code is kept."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import halfspaces
from halfspaces import LinearClassifier
from halfspaces.cli import screen
from halfspaces.estimators import base
from halfspaces.kernels.compile import run_compiled
from halfspaces.kernels.known_loops import TYPES
from halfspaces.system.compiling import NOTE, compiling, hearing
from tests.kernels import workloads

KNOWN = {(home, words) for home, variants in TYPES.items() for words in variants}


@pytest.mark.slow
def test_the_table_has_every_loop_that_runs():
    workloads.run_all()
    ours = {
        row for row in workloads.rows_that_ran() if row[0].split(".")[0] in ("kernels", "features")
    }
    assert ours >= KNOWN
    assert {home for home, _ in ours} == TYPES.keys()


def fill(value: float, out: np.ndarray) -> None:
    """A loop of this test's own, which is in no cache."""
    for i in range(len(out)):
        out[i] = value


def test_a_compilation_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    told = []
    with hearing(told.append):
        run_compiled(fill, 1.0, np.empty(3))
        run_compiled(fill, 1, np.empty(3))
    assert told == [NOTE]
    with hearing(told.append):
        run_compiled(fill, 2.0, np.empty(3))
    assert told == [NOTE]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_command_line_tells_a_terminal(run, monkeypatch, is_terminal):
    told = []

    def convert(*_, **__):
        with compiling():
            return "converted"

    monkeypatch.setattr("halfspaces.convert.to_penalty", convert)
    monkeypatch.setattr(screen, "note", told.append)
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert run("convert", "liblinear").out == "converted\n"
    assert told == [NOTE] * is_terminal


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_fit_tells_where_it_is_verbose(capsys, monkeypatch, verbose):
    def minimize(*arguments, **options):
        with compiling():
            return real(*arguments, **options)

    real = base.minimize
    monkeypatch.setattr(base, "minimize", minimize)
    LinearClassifier(verbose=verbose).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    assert (NOTE in capsys.readouterr().out) == bool(verbose)


PROGRAM = """
import json, sys
import numpy as np
from halfspaces.kernels.ahead import FILES, _folder
from halfspaces.kernels.column_loops import column_sums
from halfspaces.kernels.compile import run_compiled
from halfspaces.system.compiling import hearing
ends, rows = np.array([0, 2]), np.array([0, 1], np.int32)
sums = np.empty(1)
told = []
with hearing(told.append):
    run_compiled(column_sums, ends, rows, np.ones(2), np.array([0]), np.ones(2), sums)
print(json.dumps([sums[0], len(told), str(_folder(FILES[0]))]))
"""


def drop_the_rights_of_root():
    """Root may write everywhere; without this capability it may not (PR_CAPBSET_DROP)."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="rights are dropped as Linux does it")
def test_machine_code_is_kept_in_the_users_folder_where_the_package_is_read_only(tmp_path):
    site = tmp_path / "site"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(halfspaces.__file__).parent, site / "halfspaces", ignore=ignored)
    folders = [folder for folder in (site, *site.rglob("*")) if folder.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    home = tmp_path / "home"
    home.mkdir()
    variables = {"HOME": str(home), "PYTHONPATH": str(site), "PATH": os.environ["PATH"]}
    answers = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=variables,
            preexec_fn=drop_the_rights_of_root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        answers.append(json.loads(run.stdout))
    for folder in folders:
        folder.chmod(0o755)
    assert [answer[:2] for answer in answers] == [[2.0, 1], [2.0, 0]]  # the second compiles nothing
    kept = Path(answers[0][2])
    assert kept.is_relative_to(home)
    assert list(kept.glob("column_loops.column_sums*.nbc"))
    assert not list(site.rglob("*.nbc"))
