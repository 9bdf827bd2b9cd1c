"""Two promises: a fit takes little memory beside X,
and more workers are never slower and change no bit.
"""

import hashlib
import json
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.data import ROOT, Data, MissingError, read
from benchmarks.race import THREADS, prepared
from benchmarks.store import Store

ALLOWED = 0.2, 60.0  # of X's bytes, and MB beside


def memory(store: Store, *, quick: bool) -> None:
    """Peak resident memory of a fit less that after imports, a warm-up fit and reading X,
    in processes of their own.
    """
    try:
        data = read("cifar", 2000 if quick else None)
    except MissingError as error:
        print(f"memory is skipped: {error}")
        return
    with prepared(data) as made:
        for loss in (
            ("softmax", "ova_squared_hinge") if quick else ("softmax", "ova_squared_hinge", "hinge")
        ):
            command = [
                sys.executable,
                "-m",
                "benchmarks.checks",
                str(made.features("raw")),
                str(made.labels),
                loss,
            ]
            output = subprocess.run(
                command, cwd=ROOT, check=True, capture_output=True, text=True
            ).stdout
            row = json.loads(output)
            store.put("memory", loss, row)
            print(f"  {loss}: X {row['features']:.1f} MB, a fit takes {row['extra']:.1f} MB more, "
                  f"of which Gram matrix and factor {row['gram']:.1f} MB", flush=True)  # fmt: skip


def _fit_in_this_process(features: str, labels: str, loss: str) -> None:
    from benchmarks.track import peak, reset_peak
    from halfspaces import LinearClassifier
    from halfspaces.kernels import fused_rows

    warnings.simplefilter("ignore")
    X, y = np.load(features), np.load(labels)
    D = X.shape[1]
    rng = np.random.default_rng(0)
    LinearClassifier(loss).fit(rng.integers(0, 256, (300, D), dtype=np.uint8), np.arange(300) % 10)
    for kernel in ("moments", "scores", "pull"):  # the compiler is an import, too
        fused_rows.load(kernel, X.dtype)
    base = reset_peak()
    classifier = LinearClassifier(loss).fit(X, y)
    extra = peak() - base
    gram = getattr(classifier.optimizer_, "preconditioner", None) is not None
    print(json.dumps({"features": X.nbytes / 1e6, "extra": extra, "gram": 4e-6 * D * D * gram}))


WORKERS = [  # data, loss, λ, tol
    ("digits", "softmax", 1e-3, 1e-4),
    ("digits", "hinge", 0.1, 1e-2),
    ("dna", "softmax", 1e-2, 1e-4),
    ("fashion", "softmax", 3e-3, 1e-3),
    ("cifar", "softmax", 3e-2, 1e-3),
    ("cifar", "softmax", 3e-4, 1e-3),
    ("cifar", "ova_squared_hinge", 5e-3, 1e-3),
    ("embeddings-100", "softmax", 1e-2, 1e-3),
]


def workers(store: Store, *, quick: bool) -> None:
    """The same fit with one worker and with several, in turn;
    the best time of each, and a digest of the weights.
    """
    counts = sorted({1, 2, THREADS, THREADS + 1})
    for name, loss, strength, tol in WORKERS:
        try:
            data = read(name, 2000 if quick else None)
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        turns = 1 if quick else 9 if data.X.nbytes < 1e7 else 3
        seconds: dict[int, list[float]] = {jobs: [] for jobs in counts}
        digests = set()
        for _ in range(turns):
            for jobs in counts:
                spent, digest = _fit(data, loss, strength, tol, jobs)
                seconds[jobs].append(spent)
                digests.add(digest)
        best = {str(jobs): min(times) for jobs, times in seconds.items()}
        row = {
            "data": name,
            "loss": loss,
            "strength": strength,
            "seconds": best,
            "identical": len(digests) == 1,
        }
        store.put("workers", f"{name}, {loss}, {strength:g}", row)
        told = ", ".join(f"{jobs}: {spent:.3f} s" for jobs, spent in best.items())
        bits = "same" if row["identical"] else "DIFFERENT"
        print(f"  {name} {loss} λ = {strength:g}: {told}; {bits} bits", flush=True)


def _fit(data: Data, loss: str, strength: float, tol: float, jobs: int) -> tuple[float, str]:
    from halfspaces import LinearClassifier

    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: Any = LinearClassifier(loss, strength=strength, tol=tol, n_jobs=jobs, verbose=-1).fit(
            data.X, data.y
        )
    spent = time.perf_counter() - start
    return spent, hashlib.sha256(made.coef_.tobytes() + made.intercept_.tobytes()).hexdigest()


if __name__ == "__main__":
    _fit_in_this_process(*sys.argv[1:])
