"""A few hundred damaged files for every reader."""

import subprocess
import sys

import pytest

from tests.fuzz import settings
from tests.fuzz.damage import attack
from tests.fuzz.images import READERS as IMAGES
from tests.fuzz.tables import READERS as TABLES
from tests.helpers import ROOT


@pytest.mark.long
@pytest.mark.parametrize(
    "readers", [["hdf5 strings"], [name for name in TABLES if name != "hdf5 strings"]], ids=len
)
def test_damaged_tables_are_refused_or_read(readers):
    """In a process of its own, so that a crash, a hang or a great memory is seen;
    `python -m tests.fuzz`.
    """
    inputs = "8" if readers == ["hdf5 strings"] else "250"
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", inputs, "--seed", "1", *readers]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count(f"{inputs} inputs") == len(readers)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("reader", IMAGES)
def test_damaged_images_give_data_errors_only(tmp_path, reader):
    read, _ = attack(reader, IMAGES[reader], 60, 0, tmp_path)
    assert read < 60


@pytest.mark.long
def test_small_files_that_claim_much_take_little():
    """Each in 5 s of the processor and 300 MB; in a process of its own, whose memory is limited."""
    command = [sys.executable, "-m", "tests.fuzz.claims"]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_mutated_run_files_and_checkpoints_give_a_value_or_a_sentence(tmp_path):
    values = settings.fuzz(80, tmp_path)
    assert all(0 < count < 80 for count in values.values()), values
