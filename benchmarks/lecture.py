"""Every bar of the lecture on real images, through the command line,
each in a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.data import FOLDER
from benchmarks.store import Store

BARS = [
    ("cifar-10-batches-bin", "--optimizer random_search", "14 to 18 %"),
    ("cifar-10-batches-bin", "--optimizer sgd --strength 0.01", "≥ 38 %"),
    ("cifar-10-batches-bin", "--loss hinge", "≥ 39.5 %"),
    ("cifar-10-batches-bin", "--features pixels", "≥ 40.5 %"),
    ("cifar-10-batches-bin", "", "≥ 67 %"),
    ("fashion-mnist", "--features pixels", "≥ 84 %"),
    ("digits", "", ""),
]


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a command that must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=FOLDER if FOLDER.exists() else None, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_maxrss * 1.024e-3


def run(store: Store, *, quick: bool) -> None:
    import halfspaces

    for data, options, bar in BARS[-1:] if quick else BARS:
        command = f"halfspaces train {data} {options}".strip()
        if data != "digits" and not (FOLDER / data).exists():
            print(f"  {command}: skipped, {FOLDER / data} is not there")
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = f"{folder}/model.safetensors"
            train = [
                sys.executable,
                "-m",
                "halfspaces",
                "train",
                data,
                *options.split(),
                "--out",
                model,
            ]
            seconds, memory = measure(train)
            accuracy = halfspaces.load(model).notes_["metrics"]["test"]
        row = {
            "command": command,
            "accuracy": accuracy,
            "asked": bar,
            "seconds": seconds,
            "memory": memory,
        }
        store.put("lecture", command, row)
        print(f"  {command}: {100 * accuracy:.2f} %, {seconds:.1f} s, {memory:.0f} MB", flush=True)
