"""Install the wheel into fresh environments, with each extra alone, and train in each.

    python -m release.environments [EXTRA ...] [--wheel WHEEL]

Run by `make test-dist`. Beyond the extras: the wheel alone by pip, with every Python from 3.11 to
3.14 that is on the path, and by uv; and the sdist. Extras are installed by uv, which takes seconds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = {"bench", "dev"}  # of developers; constraints.txt and `make bench-peers` install them
# Installed before an extra that needs it: an index may offer another build of several gigabytes.
FIRST = {"torch": ["torch==2.13.0"]}
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", "PYTHON"]
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def main(arguments: list[str] | None = None) -> int:
    """Try all environments; return 1 if one fails, and 2 where there is no wheel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("extras", nargs="*", help="These alone; all extras unless given.")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="As of `make dist`.")
    given = parser.parse_args(arguments)
    wheels = sorted(given.dist.glob("*.whl"))
    if len(wheels) != 1:
        print(f"Error: {given.dist} holds {len(wheels)} wheels; run: make dist", file=sys.stderr)
        return 2
    failed = 0
    for title, install in environments(wheels[0], given.extras):
        started = time.perf_counter()
        problem = tried(title, install)
        failed += problem is not None
        words = problem or "installed; digits are trained"
        print(f"{title:<24} {time.perf_counter() - started:4.0f} s  {words}", flush=True)
    return int(failed > 0)


def environments(wheel: Path, chosen: list[str]) -> list[tuple[str, list[list[str]]]]:
    """Titles, and for each the commands that install; PYTHON stands for the environment's own."""
    pip = ["PYTHON", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = sorted(settings["project"]["optional-dependencies"].keys() - LEFT_OUT)
    found = [
        (f"[{extra}]", [*([[*pip, *FIRST[extra]]] if extra in FIRST else []), whole])
        for extra in chosen or extras
        for whole in [[*UV, f"{wheel}[{extra}]"]]
    ]
    if chosen:
        return found
    (sdist,) = wheel.parent.glob("*.tar.gz")
    alone = [
        (name, [[name, "-m", "venv"], [*pip, str(wheel)]]) for name in filter(is_there, PYTHONS)
    ]
    alone.append(("uv pip install", [[*UV, str(wheel)]]))
    return [*alone, ("the sdist", [[*pip, str(sdist)]]), *found]


def is_there(python: str) -> bool:
    """Whether a Python of this name starts; a shim of a version manager may not."""
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


def tried(title: str, install: list[list[str]]) -> str | None:
    """What went wrong in an environment of its own; None if nothing did."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "environment" / "bin" / "python"
        creator = [sys.executable, "-m", "venv"]
        if install[0][1:] == ["-m", "venv"]:
            creator, *install = install
        commands = [[*creator, str(folder / "environment")]]
        commands += [[str(python) if word == "PYTHON" else word for word in x] for x in install]
        commands += [[str(python), "-m", "pip", "check"], *trainings(python, title)]
        for command in commands:
            run = subprocess.run(
                command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
            )
            if run.returncode:
                return f"{' '.join(command)} failed: {(run.stderr or run.stdout)[-600:]}"
        return missing(run.stdout, title.strip("[]"))


def trainings(python: Path, title: str) -> list[list[str]]:
    """The commands that are run in an environment; the last one prints what it holds.

    The race of features, whose loops are compiled in each environment anew, is run without extras.
    """
    halfspaces = str(python.parent / "halfspaces")
    budget = ["--budget", "0"] if title.startswith("[") else []
    return [
        [halfspaces, "train", "digits", "--out", "digits.safetensors", *budget],
        [halfspaces, "evaluate", "digits.safetensors", "digits"],
        [halfspaces, "about", "--json", "--no-gpu"],
    ]


def missing(about: str, extra: str) -> str | None:
    """The packages of an extra that are not there, by `halfspaces about --json`."""
    packages = json.loads(about)["extras"].get(extra, {})
    lacking = [name for name, version in packages.items() if version is None]
    return f"{', '.join(lacking)} are missing" if lacking else None


def environment() -> dict[str, str]:
    """The variables of this process, without those that would let other packages in.

    uv reads no settings of pip: where pip finds wheels and certificates, uv shall, too.
    """
    found = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for ours, theirs in (("UV_FIND_LINKS", "PIP_FIND_LINKS"), ("SSL_CERT_FILE", "PIP_CERT")):
        if theirs in found:
            found.setdefault(ours, found[theirs])
    return found


if __name__ == "__main__":
    sys.exit(main())
