"""A disk that is full: one sentence, exit code 2, what was there stays,
nothing half-written is left.
"""

import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import halfspaces
from halfspaces import datasets
from halfspaces.datasets import DataError
from halfspaces.files import run_file
from halfspaces.objective import Objective
from halfspaces.system import memory

SIZE, PAGE = 1 << 20, 4096
TRAIN = ("train", "digits", "--strength", "0.1")


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("mount") is None or os.name != "posix":
        pytest.skip("this needs a system that can mount")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk, pages_left=0):
    """Leave so many pages free."""
    free = shutil.disk_usage(disk).free // PAGE
    (disk / "filler").write_bytes(bytes(PAGE * (free - pages_left)))
    assert shutil.disk_usage(disk).free == PAGE * pages_left


def held(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name != "filler"
    }


def test_a_model_and_its_run_file(run, refused, disk):
    model = disk / "model.safetensors"
    assert run(*TRAIN, "--out", model).code == 0
    fill(disk, pages_left=1)
    before = held(disk)
    refused(
        [*TRAIN, "--tol", "0.1", "--out", model],
        f"{model} cannot be written: No space left on device; save it",
    )
    assert held(disk) == before
    (disk / "filler").unlink()
    fill(disk, pages_left=-(-model.stat().st_size // PAGE))
    other = disk / "other.safetensors"
    refused(
        [*TRAIN, "--out", other],
        f"{other.with_suffix('.run.toml')} cannot be written: No space left on device",
    )
    assert set(held(disk)) == {*before, other.name}, "the model has its run file in it, too"
    assert "strength = 0.1" in run_file.read(other)
    assert halfspaces.load(model).n_features_in_ == 64


def test_a_table_of_predictions(run, refused, disk, tmp_path):
    model = tmp_path / "model.safetensors"
    run(*TRAIN, "--out", model)
    fill(disk, pages_left=1)
    for name in ("labels.csv", "labels.jsonl", "labels.parquet"):
        out = disk / name
        refused(
            ["predict", model, "digits", "--probabilities", "--out", out],
            f"{out} cannot be written: No space left",
        )
    assert held(disk) == {}


def test_a_checkpoint(run, refused, disk, tmp_path, monkeypatch):
    train = [*TRAIN, "--tol", "1e-6", "--checkpoint", disk / "kept", "--every", "0"]
    assert run(*train, "--out", tmp_path / "whole").code == 0
    evaluate = Objective.evaluate

    def fills_up(objective, request):
        if not (disk / "filler").exists() and held(disk / "kept"):
            fills_up.before = held(disk / "kept")
            fill(disk)
        return evaluate(objective, request)

    with monkeypatch.context() as broken:
        broken.setattr(Objective, "evaluate", fills_up)
        refused(
            train,
            f"{disk / 'kept' / 'run.safetensors'} cannot be written: "
            "No space left on device; save it",
        )
    assert held(disk / "kept") == fills_up.before
    (disk / "filler").unlink()
    assert run(*train, "--resume", "--out", tmp_path / "resumed").code == 0
    whole, resumed = (halfspaces.load(tmp_path / name).coef_ for name in ("whole", "resumed"))
    assert np.array_equal(whole, resumed)


def test_the_cache_of_images(disk, tmp_path, monkeypatch):
    monkeypatch.setenv("HALFSPACES_CACHE", str(disk / "cache"))
    for name, shade in {"cat": 50, "dog": 200}.items():
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (50, 40), (shade, i, 0)).save(tmp_path / "pets" / name / f"{i}.png")
    whole = datasets.open(tmp_path / "pets", image_size=8).X.tobytes()
    before = held(disk / "cache" / "images")
    fill(disk, pages_left=3)
    with pytest.raises(
        DataError,
        match=r"cannot be written \(No space left on device\); set HALFSPACES_CACHE to a folder",
    ):
        datasets.open(tmp_path / "pets")
    assert held(disk / "cache" / "images") == before
    assert datasets.open(tmp_path / "pets", image_size=8).X.tobytes() == whole


def test_arrays_larger_than_the_memory(disk, monkeypatch):
    """Their place is taken before they are filled:
    a map of a file that cannot grow would kill the process.
    """
    monkeypatch.setenv("HALFSPACES_CACHE", str(disk / "cache"))
    usage = type(shutil.disk_usage(disk))(SIZE, 0, 2 * SIZE)
    monkeypatch.setattr(
        memory.shutil, "disk_usage", lambda path: usage
    )  # as if another program took the room at once
    with (
        memory.budget(0),
        pytest.raises(DataError, match=r"cannot be written \(No space left on device\); set"),
    ):
        memory.empty(disk / "X.parquet", (2 * SIZE,), np.uint8)
    assert list((disk / "cache" / "large").iterdir()) == []
