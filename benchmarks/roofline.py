"""What the machine allows: its SGEMM rate and bandwidth, the time a pass must take,
and the time that it takes.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.data import MissingError, read
from benchmarks.race import THREADS
from benchmarks.store import Store

Array = np.ndarray


def best_of(times: int, work: Callable[[], Any]) -> float:
    """The least seconds."""
    return min(_seconds(work) for _ in range(times))


def median_of(times: int, work: Callable[[], Any]) -> float:
    return statistics.median(_seconds(work) for _ in range(times))


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sgemm(size: int) -> float:
    """GFLOP/s of a square product of float32, every core."""
    A, B = (
        np.random.default_rng(seed).standard_normal((size, size), dtype=np.float32)
        for seed in (0, 1)
    )
    out = np.empty_like(A)
    np.matmul(A, B, out=out)
    return 2e-9 * size**3 / best_of(5, lambda: np.matmul(A, B, out=out))


def bandwidth(megabytes: int) -> dict[str, float]:
    """GB/s of a copy (8 bytes an element), a triad (12) and a sum of squares (4), a thread a core,
    best of seven.
    """
    from threadpoolctl import threadpool_limits

    size = megabytes * 1_000_000 // 4
    a, b, c = (np.ones(size, np.float32) for _ in range(3))
    parts = [slice(i * size // THREADS, (i + 1) * size // THREADS) for i in range(THREADS)]

    def triad(part: slice) -> None:
        block = 1 << 14  # so that the intermediate result stays in cache
        for start in range(part.start, part.stop, block):
            inside = slice(start, min(start + block, part.stop))
            np.multiply(b[inside], np.float32(3), out=c[inside])
            np.add(c[inside], a[inside], out=c[inside])

    works: dict[str, tuple[int, Callable[[slice], Any]]] = {
        "copy": (8, lambda part: np.copyto(c[part], a[part])),
        "triad": (12, triad),
        "read": (4, lambda part: np.dot(a[part], a[part])),
    }
    with ThreadPoolExecutor(THREADS) as pool, threadpool_limits(1):
        return {
            name: 1e-9 * size * bytes_ / best_of(7, lambda work=work: list(pool.map(work, parts)))
            for name, (bytes_, work) in works.items()
        }


PASSES = [  # data, loss, members
    ("cifar", "softmax", 1),
    ("cifar", "ova_squared_hinge", 1),
    ("cifar", "hinge", 1),
    ("cifar", "crammer_singer", 1),
    ("cifar", "softmax", 7),
    ("cifar", "softmax", 10),
    ("cifar", "ova_squared_hinge", 10),
    ("fashion", "softmax", 1),
    ("embeddings-100", "softmax", 1),
    ("embeddings-1000", "softmax", 1),
]


def run(store: Store, *, quick: bool) -> None:
    rate, speeds = sgemm(1024 if quick else 4096), bandwidth(50 if quick else 400)
    rows: list[dict[str, Any]] = []
    opened: tuple[str, Any] = ("", None)
    for name, loss, members in PASSES:
        try:
            if opened[0] != name:
                opened = name, read(name, 2000 if quick else None)
        except MissingError as error:
            print(f"{name} is skipped: {error}")
            continue
        rows.append(_pass(name, opened[1], loss, members, 3 if "-1000" in name or quick else 7))
    rate = max(rate, sgemm(1024 if quick else 4096))
    limits = {"sgemm": rate, "bandwidth": speeds}
    for row in rows:
        row["must"] = max(row["bytes"] / max(speeds.values()), row["flops"] / rate) * 1e-9
        row["ratio"] = row["seconds"] / row["must"]
        row["rate"] = row["flops"] / row["seconds"] * 1e-9
    store.put("roofline", "machine", limits)
    store.put("roofline", "passes", rows)
    print(
        f"SGEMM {rate:.0f} GFLOP/s; "
        + ", ".join(f"{name} {speed:.1f} GB/s" for name, speed in speeds.items())
    )
    for row in rows:
        print(
            f"  {row['data']:16s} {row['loss']:18s} {row['columns']:5d} columns: "
            f"{1e3 * row['seconds']:7.1f} ms, must {1e3 * row['must']:7.1f} ms, "
            f"ratio {row['ratio']:.2f}, {row['rate']:.0f} GFLOP/s",
            flush=True,
        )


def _pass(name: str, data: Any, loss: str, members: int, times: int) -> dict[str, Any]:
    """One evaluation, value and gradient, through the public objective."""
    from halfspaces import LinearClassifier
    from halfspaces.objective.request import Request

    objective = LinearClassifier(loss, strength=1e-2).objective(data.X, data.y)
    W = 1e-3 * np.random.default_rng(0).standard_normal(objective.zeros(members).shape)
    objective.evaluate(Request(W))  # warm-up: moments, class sums, buffers
    seconds = median_of(times, lambda: objective.evaluate(Request(W)))
    (N, D), K = data.X.shape, members * data.n_classes
    return {"data": name, "loss": loss, "shape": [N, D], "columns": K, "seconds": seconds,
            "bytes": data.X.nbytes, "flops": 4.0 * N * D * K}  # fmt: skip
