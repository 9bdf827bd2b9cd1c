"""`make bench`: every bar of the lecture on real images, through the command line, each in a process of its own.

Prints a Markdown table: command, test accuracy, seconds and peak memory of the whole process. Then what one visit to
CIFAR-10 costs with one worker and with all, and what a fit adds to memory. Data: HALFSPACES_DATA, else ../shared/data.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("HALFSPACES_DATA", ROOT.parent / "shared" / "data")).resolve()

BARS = [
    ("cifar-10-batches-bin", "--optimizer random_search", "14 to 18 %"),
    ("cifar-10-batches-bin", "--optimizer sgd --strength 0.01", "≥ 38 %"),
    ("cifar-10-batches-bin", "--loss hinge", "≥ 39.5 %"),
    ("cifar-10-batches-bin", "", "≥ 40.5 %"),
    ("fashion-mnist", "", "≥ 84 %"),
    ("digits", "", ""),
]


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a command that must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=DATA, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_maxrss * 1.024e-3


def bars() -> None:
    import halfspaces

    print("| command | test accuracy | asked for | seconds | peak memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for data, options, bar in BARS:
        if data != "digits" and not (DATA / data).exists():
            print(f"| `halfspaces train {data} {options}` | skipped: {DATA / data} is not there | | | |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = f"{folder}/model.safetensors"
            train = [sys.executable, "-m", "halfspaces.cli", "train", data, *options.split(), "--out", model]
            seconds, memory = measure(train)
            accuracy = halfspaces.load(model).notes_["metrics"]["test"]
        command = f"halfspaces train {data} {options}".strip()
        print(f"| `{command}` | {100 * accuracy:.2f} % | {bar} | {seconds:.1f} | {memory:.0f} MB |", flush=True)


def visits() -> None:
    """One evaluation of softmax with gradient on all of CIFAR-10, with one worker and with all."""
    from halfspaces import LinearClassifier, datasets
    from halfspaces.objective import Request

    if not (DATA / "cifar-10-batches-bin").exists():
        return
    cifar = datasets.open(DATA / "cifar-10-batches-bin")
    seconds: dict[int | None, list[float]] = {1: [], None: []}
    objectives = {jobs: LinearClassifier(n_jobs=jobs).objective(cifar.X, cifar.y) for jobs in seconds}
    for _ in range(7):
        for jobs, objective in objectives.items():
            start = time.perf_counter()
            objective.evaluate(Request(objective.zeros()))
            seconds[jobs].append(time.perf_counter() - start)
    one, every = (1e3 * statistics.median(times) for times in seconds.values())
    print(
        f"\nOne visit to 50,000 × 3,072 uint8, 10 classes: {one:.0f} ms with one worker, {every:.0f} ms with all cores."
    )


def memory() -> None:
    """Peak resident memory of loading and fitting CIFAR-10 less that after imports and a warm-up fit (Linux)."""
    script = """
import sys, numpy as np, warnings
from pathlib import Path
from halfspaces import LinearClassifier, datasets
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
LinearClassifier().fit(rng.integers(0, 256, (300, 3072), dtype=np.uint8), np.arange(300) % 10)
lines = lambda: Path("/proc/self/status").read_text().splitlines()
read = lambda name: next(int(line.split()[1]) * 1.024e-3 for line in lines() if name in line)
base = read("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
data = datasets.open(sys.argv[1])
size = (data.X.nbytes + data.X_test.nbytes) / 1e6
LinearClassifier().fit(data.X, data.y).score(data.X_test, data.y_test)
print(f"Memory: CIFAR-10 is {size:.0f} MB; loading and fitting it takes {read('VmHWM') - base - size:.0f} MB more.")
"""
    folder = DATA / "cifar-10-batches-bin"
    if folder.exists() and Path("/proc/self/clear_refs").exists():
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True)


if __name__ == "__main__":
    bars()
    visits()
    memory()
