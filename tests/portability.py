"""The test suite as on other processors: `make test-portability`, `--quick` for a selection.

Three things choose instructions by processor: numba compiles for it, OpenBLAS has kernels for each
kind, and NumPy has loops for each. Environment variables set all three. A processor runs targets
older than itself; newer ones are skipped with a message.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent
NO_AVX512 = "NumPy without AVX-512"  # the names of these features depend on NumPy's version
GENERIC = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}

# name: environment, kernels of OpenBLAS that it is to run
TARGETS = {
    "native": ({}, None),
    "without AVX-512": (
        GENERIC | {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": NO_AVX512},
        "Haswell",
    ),
    "numba generic": (GENERIC, None),
    "OpenBLAS Haswell": ({"OPENBLAS_CORETYPE": "Haswell"}, "Haswell"),
    "OpenBLAS Zen": ({"OPENBLAS_CORETYPE": "Zen"}, "Zen"),
    "OpenBLAS SkylakeX": ({"OPENBLAS_CORETYPE": "SkylakeX"}, "SkylakeX"),
}
# What a target does not set is as the processor has it, whatever this process was told.
SETTINGS = {"NUMBA_DISABLE_JIT", "OPENBLAS_L2_SIZE"}.union(
    *(environment for environment, _ in TARGETS.values())
)

# What sums in an order of its own: kernels, the objective, learned features.
QUICK_FILES = (
    "kernels/test_fused_rows.py",
    "test_objective.py",
    "features/test_patches.py",
    "features/test_bag.py",
)
QUICK = (
    "(products and equal) or widened or other_targets or narrow_types or offsets_cost"
    " or gram_matrix_from_bytes or fractional_regions or a_level_is"
)
QUICK_TARGETS = ("without AVX-512", "OpenBLAS Zen", "OpenBLAS SkylakeX")
# Loops as plain Python take up to a thousand times as long.
UNCOMPILED_FILES = (
    "features/test_color.py",
    "features/test_hog.py",
    "features/test_sift.py",
    "features/test_similarity.py",
    "features/test_bag.py",
    "features/test_patches.py",
)
UNCOMPILED = (
    "colorsys or histograms or ramps or sift_is"
    " or self_similarity_is or a_level_is or (those_of_the_formula and mean and threshold)"
)

PROBE = """
import json, numpy, scipy.linalg, threadpoolctl
for number in "float32", "float64":  # kernels for a newer processor end the process here
    square = numpy.ones((300, 300), number)
    square @ square, scipy.linalg.blas.dgemm(1.0, square, square)
libraries = threadpoolctl.threadpool_info()
kernels = {each["architecture"] for each in libraries if each["internal_api"] == "openblas"}
simd = numpy.show_config(mode="dicts")["SIMD Extensions"]
print(json.dumps({"kernels": sorted(kernels), "features": simd.get("found", [])}))
"""


def probe(environment: dict[str, str]) -> dict[str, list[str]] | None:
    """OpenBLAS's kernels and NumPy's features with this environment; None if the process dies."""
    ended = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=False
    )
    return json.loads(ended.stdout) if ended.returncode == 0 else None


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with these settings alone."""
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    settings = dict(settings)
    if settings.get("NPY_DISABLE_CPU_FEATURES") == NO_AVX512:
        found = (probe(inherited) or {}).get("features", [])
        settings["NPY_DISABLE_CPU_FEATURES"] = " ".join(
            name for name in found if "AVX512" in name or name == "X86_V4"
        )
    return inherited | settings


def run(name: str, environment: dict[str, str], files: tuple[str, ...], selection: str) -> bool:
    """One line for one target, and pytest's output where tests fail."""
    print(f"{name:20}", end="", flush=True)
    paths = [str(TESTS / file) for file in files]  # pytest refuses a file that does not exist
    chosen = ["-k", selection] if selection else []
    marked = ["-m", "not browser"]  # what a browser draws is the same on all processors
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", *marked, *chosen, *paths]
    start = time.monotonic()
    ended = subprocess.run(
        command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False
    )
    lines = ended.stdout.strip().splitlines() or ["pytest did not start"]
    print(f"{lines[-1].split(' in ')[0]}, {time.monotonic() - start:.0f} s", flush=True)
    if ended.returncode != 0:
        print(ended.stdout, ended.stderr, sep="\n", flush=True)
    return ended.returncode == 0


def reason_to_skip(environment: dict[str, str], kernels: str | None) -> str:
    """Why this processor, or this build of NumPy, does not run a target; "" where it does."""
    if kernels is None:
        return ""
    probed = probe(environment)
    if probed is None:
        return "skipped: this processor does not run them"
    found = probed["kernels"]
    if not found:
        return "skipped: NumPy and SciPy have no OpenBLAS here"
    if found != [kernels]:
        return f"skipped: OpenBLAS runs its kernels for {' and '.join(found)} here"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a short selection, and that as plain Python, too"
    )
    quick = parser.parse_args().quick
    passed = []
    for name in QUICK_TARGETS if quick else TARGETS:
        settings, kernels = TARGETS[name]
        environment = environment_of(settings)
        if reason := reason_to_skip(environment, kernels):
            print(f"{name:20}{reason}", flush=True)
        else:
            passed.append(
                run(name, environment, QUICK_FILES if quick else (), QUICK if quick else "")
            )
    if quick:
        plain = environment_of({"NUMBA_DISABLE_JIT": "1"})
        passed.append(run("plain Python", plain, UNCOMPILED_FILES, UNCOMPILED))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
