"""Compare two checkouts on this machine: do the same small runs end with the same bits?

    python tests/same_bits.py OLD NEW [--only PATTERN]   # a table; exits with 1 if any run differs
    python tests/same_bits.py CHECKOUT                   # the digests of one checkout

Each checkout runs in a process of its own, with the interpreter that runs this tool.
Digests depend on the processor and on the versions of the libraries, so none is stored in a file.
A run that differs names the arrays that do.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Digests = dict[str, str]  # of the arrays of a run, by name

THREADS = "2"  # in both processes
FIXED = {
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "PYTHONHASHSEED": "0",
    "NUMBA_NUM_THREADS": THREADS,
    "OMP_NUM_THREADS": THREADS,
    "OPENBLAS_NUM_THREADS": THREADS,
}
ERROR = "error"  # the name under which the message of a failed run is stored


def digest(array: Any) -> str:
    """A short digest of an array's bytes, type and shape."""
    values = np.ascontiguousarray(array)
    description = f"{values.dtype.str} {np.shape(array)} "
    return hashlib.blake2b(description.encode() + values.tobytes(), digest_size=6).hexdigest()


def in_one(digests: Digests | None) -> str:
    """One digest of the arrays of a run."""
    if digests is None:
        return "-"
    if ERROR in digests:
        return "failed"
    text = json.dumps(digests, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


# --------------------------------------------------------------------------------- in each checkout


def run_here(source: Path, only: str) -> None:
    """Do the runs in this process; print a line of JSON for each as it ends."""
    import small_runs  # noqa: F401  # it registers its runs
    import small_runs_of_files  # noqa: F401
    from small_fits import RUNS

    import halfspaces

    imported = Path(str(halfspaces.__file__)).resolve()
    if not imported.is_relative_to(source):
        raise SystemExit(f"halfspaces was imported from {imported}, which is not in {source}.")
    warnings.simplefilter("ignore")
    for name in RUNS:
        if only in name:
            print(json.dumps([name, digests_of(name)]), flush=True)


def digests_of(name: str) -> Digests:
    """The digests of the arrays of one run, or the message of its error."""
    from small_fits import RUNS

    try:
        return {part: digest(array) for part, array in RUNS[name]().items()}
    except Exception as error:
        traceback.print_exc()
        return {ERROR: f"{type(error).__name__}: {error}"}


def runs_of(checkout: Path, only: str = "") -> Iterator[tuple[str, Digests]]:
    """The digests of each run of a checkout, done in a fresh process, as they come."""
    checkout = checkout.resolve()
    tool = str(Path(__file__).resolve())
    command = [sys.executable, tool, str(checkout), "--here", "--only", only]
    environment = os.environ | FIXED | {"PYTHONPATH": str(checkout / "src")}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            name, digests = json.loads(line)
            yield name, digests
    if process.returncode:
        raise SystemExit(f"The runs of {checkout} ended with exit code {process.returncode}.")


# ----------------------------------------------------------------------------------- the comparison


def verdict(old: Digests | None, new: Digests | None) -> str:
    """The word same, or which arrays of a run differ."""
    if old is None or new is None:
        return f"DIFFERENT: only in {'new' if old is None else 'old'}"
    if ERROR in old or ERROR in new:
        return f"FAILED: {new.get(ERROR) or old[ERROR]}"
    differ = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
    if not differ:
        return "same"
    more = f" and {len(differ) - 4} more" if len(differ) > 4 else ""
    return f"DIFFERENT: {', '.join(differ[:4])}{more}"


def compare(old: Mapping[str, Digests], new: Mapping[str, Digests]) -> tuple[list[str], int]:
    """The lines of the table, and the number of runs that are not the same."""
    lines = [f"{'run':42} {'old':12} {'new':12}"]
    unequal = 0
    for name in {**old, **new}:
        words = verdict(old.get(name), new.get(name))
        unequal += words != "same"
        lines.append(f"{name:42} {in_one(old.get(name)):12} {in_one(new.get(name)):12} {words}")
    return lines, unequal


def show_digests(checkout: Path, only: str) -> int:
    """Print the digest of each run of one checkout; 1 if a run failed."""
    failed = False
    for name, digests in runs_of(checkout, only):
        print(f"{name:42} {in_one(digests)}", flush=True)
        failed |= ERROR in digests
    return int(failed)


def main() -> int:
    """The command line; the exit code is 1 if a run differs or failed, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(description="Compare the bits of small runs in two checkouts.")
    parser.add_argument("checkouts", nargs="+", type=Path, help="one or two folders with src/")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for checkout in options.checkouts:
        if not (checkout / "src" / "halfspaces").is_dir():
            parser.error(f"{checkout} has no src/halfspaces; give the root folder of a checkout.")
    if options.here:
        run_here((options.checkouts[0] / "src").resolve(), options.only)
        return 0
    if len(options.checkouts) == 1:
        return show_digests(options.checkouts[0], options.only)
    if len(options.checkouts) > 2:
        parser.error("give one or two checkouts.")
    old, new = (dict(runs_of(checkout, options.only)) for checkout in options.checkouts)
    if not old and not new:
        parser.error(f"no run has {options.only!r} in its name.")
    lines, unequal = compare(old, new)
    print("\n".join(lines))
    print(f"{unequal or 'None'} of {len(lines) - 1} runs differ or failed.")
    return int(unequal > 0)


if __name__ == "__main__":
    sys.exit(main())
