"""Build the sdist and the wheel of a commit twice, in two folders, and compare their bytes.

    python -m release.dist [--out dist]

Run by `make dist`, with the tools of release/requirements.txt. The commit is cloned, so nothing
that lies about in the checkout gets in. The wheel is built from the checkout and from the sdist.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Of the files of the commit these are not in the sdist: they are of use in a checkout alone.
NOT_IN_SDIST = {".ci/run", ".gitattributes"}
LICENSES = ("LICENSE", "src/halfspaces/page/static/LICENSES.txt")


def main(arguments: list[str] | None = None) -> int:
    """Build, compare, check; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="A folder, emptied first.")
    out = parser.parse_args(arguments).out
    try:
        check_committed()
        with tempfile.TemporaryDirectory() as folder:
            first = build(Path(folder) / "first", umask=0o022)
            second = build(Path(folder) / "a second one", umask=0o077)
            check_equal(first, second)
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(first, out)
    except ValueError as problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 2
    for path in sorted(out.iterdir()):
        print(f"{digest(path)}  {path.name}  {path.stat().st_size:,} bytes")
    return 0


def check_committed() -> None:
    """Raise if the checkout differs from its commit."""
    changed = git("status", "--porcelain")
    if changed:
        raise ValueError(
            f"The checkout has changes that are not committed, such as {changed.split()[1]}; "
            "commit or stash them: what is built is a commit."
        )


def build(folder: Path, umask: int) -> Path:
    """The folder of the sdist and the wheel, built in a clone of the commit, both checked."""
    clone = folder / "halfspaces"
    folder.mkdir(parents=True)
    quietly("git", "clone", "--quiet", str(ROOT), str(clone), umask=umask)
    for kind in ("--sdist", "--wheel"):
        python_build(clone, kind, folder / "of the commit", umask)
    sdist = one(folder / "of the commit", "*.tar.gz")
    unpacked = folder / "unpacked"
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    python_build(one(unpacked, "*"), "--wheel", folder / "of the sdist", umask)
    wheel = one(folder / "of the commit", "*.whl")
    if digest(wheel) != digest(one(folder / "of the sdist", "*.whl")):
        raise ValueError("The wheel of the sdist is not that of the commit.")
    check_contents(sdist, wheel)
    quietly(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
    return folder / "of the commit"


def python_build(source: Path, kind: str, out: Path, umask: int) -> None:
    """Build one kind of distribution, dated as the commit."""
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(out)]
    seconds = git("log", "-1", "--format=%ct")
    quietly(*command, str(source), umask=umask, SOURCE_DATE_EPOCH=seconds)


def check_contents(sdist: Path, wheel: Path) -> None:
    """Raise unless both hold the files of the commit that they should, and no other."""
    tracked = set(git("ls-files").splitlines())
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    compare("sdist", names - {"PKG-INFO"}, tracked - NOT_IN_SDIST)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    own = {name for name in names if ".dist-info/" not in name}
    package = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    compare("wheel", own, package)
    licenses = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    compare("licences of the wheel", licenses, set(LICENSES))


def compare(title: str, found: set[str], expected: set[str]) -> None:
    """Raise if two sets of names differ."""
    if found != expected:
        too_many = sorted(found - expected)
        missing = sorted(expected - found)
        raise ValueError(f"The {title}: too many are {too_many}, and {missing} are missing.")


def check_equal(first: Path, second: Path) -> None:
    """Raise unless two folders hold files of the same names and bytes."""
    digests = [{path.name: digest(path) for path in folder.iterdir()} for folder in (first, second)]
    if digests[0] != digests[1]:
        raise ValueError(f"Two builds of one commit differ: {digests[0]} and {digests[1]}.")


def digest(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def one(folder: Path, pattern: str) -> Path:
    """The one path in a folder that matches."""
    (path,) = folder.glob(pattern)
    return path


def git(*arguments: str) -> str:
    """What git prints about the checkout."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def quietly(*command: str, umask: int = 0o022, **variables: str) -> None:
    """Run a command; its output is part of the error if it fails."""
    run = subprocess.run(
        command,
        env=os.environ | variables,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise ValueError(f"{' '.join(command)} failed:\n{run.stdout}{run.stderr}")


if __name__ == "__main__":
    sys.exit(main())
