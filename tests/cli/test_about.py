"""`halfspaces about` and `halfspaces compile`."""

import json
from pathlib import Path

import pytest

import halfspaces
from halfspaces.cli import about, installation
from halfspaces.kernels import ahead

HOME = "/home/someone"


@pytest.fixture
def facts(run, monkeypatch, cache):
    monkeypatch.setenv("HOME", HOME)
    monkeypatch.setenv("HALFSPACES_CACHE", f"{HOME}/cache")
    monkeypatch.setenv("HALFSPACES_MIRROR", "https://me:secret@example.org/")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("OMP_WAIT_POLICY", "a\x1b[31m\nb")
    return run("about", "--json", "--no-gpu")


def test_the_facts_of_a_report(facts):
    assert (facts.code, facts.err) == (0, "")
    found = json.loads(facts.out)
    assert found["halfspaces"]["version"] == halfspaces.__version__
    assert found["libraries"]["numpy"] is not None
    assert found["blas"][0]["threads"] >= 1
    assert found["processor"]["name"]
    assert found["kernels"]["folders"]
    assert found["extras"]["plots"].keys() == {"matplotlib"}
    assert found["caches"]["downloaded data"]["folder"] == "~/cache/data"
    assert found["variables"]["OMP_WAIT_POLICY"] == "a\x1b[31m\nb"


def test_the_facts_hold_neither_secrets_nor_names(facts):
    assert "secret" not in facts.out
    assert "someone" not in facts.out
    assert "https://...@example.org/" in facts.out


def test_the_report_is_one_line_a_fact(run, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "a\x1b[31m\nb")
    ended = run("about", "--no-gpu")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"halfspaces  {halfspaces.__version__}")
    assert "OMP_WAIT_POLICY=a?[31m?b\n" in ended.out
    assert "GPU" not in ended.out


def test_sizes_of_caches(cache):
    folder = cache / "images" / "deeper"
    folder.mkdir(parents=True)
    (folder / "a.npy").write_bytes(bytes(1_500_000))
    assert installation.caches()["decoded images and features"]["bytes"] == 1_500_000
    assert installation.caches()["encoders"]["bytes"] == 0


def test_what_is_missing_comes_with_a_remedy():
    assert about._extra("heic", {"pillow-heif": None}).endswith("pip install 'halfspaces[heic]'")
    none = {"numba": None, "compiled": 0, "known": 0, "bytes": 0, "folders": []}
    assert about._kernels(none).endswith("pip install numba")
    assert about._kernels({**none, "numba": "1", "folders": ["~/a"]}).endswith("halfspaces compile")
    assert about._gpu({"torch": None}) == "not asked for: torch is not installed"


def test_a_folder_without_git_has_no_commit(tmp_path):
    assert installation.commit_of(tmp_path) is None
    root = Path(__file__).parents[2]
    if (root / ".git").exists():
        assert len(installation.commit_of(root)) >= 7


# --- compile --------------------------------------------------------------------------------------


class FakeLoop:
    """What numba makes of a loop, which was on disk or not."""

    def __init__(self, misses):
        self.stats = type("Stats", (), {"cache_misses": misses})


@pytest.fixture
def two_loops(monkeypatch):
    misses = {"types": 1}
    loops = [
        ahead.Loop("first", lambda: (FakeLoop(misses),)),
        ahead.Loop("second", lambda: (FakeLoop({}), FakeLoop({}))),
    ]
    monkeypatch.setattr(ahead, "all_loops", lambda: loops)
    return misses


def test_compile_says_what_it_did_and_a_second_run_that_all_is_there(run, two_loops):
    assert run("compile").out.startswith("1 of 2 loops compiled in ")
    two_loops.clear()
    assert run("compile").out.startswith("All 2 loops are compiled; they are in ")


def test_compile_without_a_folder_or_a_compiler_is_refused(refused, two_loops, monkeypatch):
    monkeypatch.setattr(ahead, "_folder", lambda file: None)
    refused("compile", "no folder for them can be written", "set NUMBA_CACHE_DIR")
    monkeypatch.setattr("halfspaces.kernels.product_loops.UNCOMPILED", True)
    refused("compile", "NUMBA_DISABLE_JIT forbids to compile; unset it.")
