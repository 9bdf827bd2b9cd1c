"""The command line of the benchmark: `python -m benchmarks [SECTION ...] [--quick]`."""

import argparse
import datetime
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    auto,
    checks,
    csv_files,
    gpu,
    gradients,
    grid,
    history,
    l1path,
    lecture,
    networks,
    page,
    probes,
    race,
    report,
    roofline,
    small,
    summary,
    text,
)
from benchmarks.data import ROOT
from benchmarks.problems import Problem, parity_problems, problems, quick_problems
from benchmarks.solvers import SOLVERS
from benchmarks.store import Store

PACKAGES = (
    "halfspaces",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-learn-intelex",
    "cyanure",
    "liblinear-official",
    "torch",
    "numba",
)
SECTIONS = (
    "roofline",
    "memory",
    "workers",
    "history",
    "parity",
    "races",
    "grid",
    "l1path",
    "text",
    "small",
    "lecture",
    "networks",
    "page",
    "csv",
    "auto",
    "gradients",
    "probes",
    "gpu",
    "report",
)


def main() -> None:
    options = _options()
    results = options.out / "benchmarks.json"
    store = Store(results)
    sections: dict[str, Callable[[], None]] = {
        "roofline": lambda: roofline.run(store, quick=options.quick),
        "memory": lambda: checks.memory(store, quick=options.quick),
        "workers": lambda: checks.workers(store, quick=options.quick),
        "history": lambda: history.run(store, quick=options.quick),
        "parity": lambda: _parity(store, options),
        "races": lambda: race.race(store, _raced(options), options.solvers),
        "grid": lambda: grid.run(store, quick=options.quick, cap=grid.CAP * options.time),
        "l1path": lambda: l1path.run(store, quick=options.quick, cap=l1path.CAP * options.time),
        "text": lambda: text.run(store, quick=options.quick),
        "small": lambda: small.run(
            store,
            quick=options.quick,
            only=options.only,
            problems=options.problems or ("",),
            cap=small.CAP * options.time,
        ),
        "lecture": lambda: lecture.run(store, quick=options.quick),
        "networks": lambda: networks.run(store, quick=options.quick),
        "page": lambda: page.run(store, quick=options.quick),
        "csv": lambda: csv_files.run(store, gigabytes=0.02 if options.quick else options.gigabytes),
        "auto": lambda: auto.run(store, quick=options.quick),
        "gradients": lambda: gradients.run(store, quick=options.quick),
        "probes": lambda: probes.run(store, quick=options.quick),
        "gpu": lambda: gpu.run(store, quick=options.quick),
        "report": lambda: None,
    }
    asked = options.sections or list(SECTIONS)
    if set(asked) != {"report"}:
        for name, value in _machine(quick=options.quick).items():
            store.put("machine", name, value)
    for name in SECTIONS:
        if name in asked:
            start = time.perf_counter()
            print(f"\n== {name}", flush=True)
            sections[name]()
            print(f"== {name} took {time.perf_counter() - start:.0f} s", flush=True)
    for path in report.write(store, options.out):
        print(f"wrote {path}")
    if options.summary:
        options.summary.write_text(summary.page(store), encoding="utf-8")
        print(f"wrote {options.summary}")
    if failed := race.failed(store):
        raise SystemExit(f"These runs failed: {', '.join(failed)}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all without any"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rows and seconds: only shows that everything works",
    )
    parser.add_argument(
        "--problems",
        nargs="+",
        default=[],
        help="names or beginnings of names of the problems of races and small",
    )
    parser.add_argument("--solvers", nargs="+", default=[], metavar="SOLVER", choices=SOLVERS)
    parser.add_argument(
        "--only", nargs="+", default=[], choices=small.PARTS, help="parts of the section small"
    )
    parser.add_argument(
        "--sklearn-cap", type=float, default=1200.0, help="seconds for scikit-learn to come to 1e-3"
    )
    parser.add_argument("--time", type=float, default=1.0, help="factor on all other time limits")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the file of csv")
    parser.add_argument("--rows", type=int, help="only so many rows of each data set")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for results and report; benchmarks/results, or build/benchmarks when quick",
    )
    parser.add_argument(
        "--summary",
        type=Path,
        help="file for the summary; docs/benchmarks.md when everything is run at full length",
    )
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown section {min(unknown)!r}; there are {', '.join(SECTIONS)}")
    options.out = options.out or ROOT / (
        "build/benchmarks" if options.quick else "benchmarks/results"
    )
    # A part of the results would make a summary with holes, so it is written only when asked for.
    if options.summary is None and not (
        options.quick or options.sections or options.problems or options.solvers
    ):
        options.summary = ROOT / "docs/benchmarks.md"
    return options


def _raced(options: argparse.Namespace) -> list[Problem]:
    every = quick_problems() if options.quick else problems(options.sklearn_cap)
    wanted = [
        p for p in every if not options.problems or p.name.startswith(tuple(options.problems))
    ]
    return [
        replace(
            problem,
            rows=options.rows or problem.rows,
            cap=problem.cap * options.time,
            caps={name: cap * options.time for name, cap in problem.caps.items()},
            reference=problem.reference * options.time,
        )
        for problem in wanted
    ]


def _parity(store: Store, options: argparse.Namespace) -> None:
    made = parity_problems((1.5 if options.quick else 12.0) * options.time)
    if options.quick:
        made = [problem for problem in made if problem.loss in ("softmax", "ova_squared_hinge")]
    race.race(store, made, options.solvers, "parity")
    race.judge_parity(store, 100.0 if options.quick else 1.0)


def _machine(*, quick: bool) -> dict[str, object]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    model = models[0] if models else platform.processor()
    return {
        "cpu": model or platform.machine(),
        "cores": race.THREADS,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        "system": platform.system(),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
        "quick": quick,
        "versions": versions,
    }


if __name__ == "__main__":
    main()
