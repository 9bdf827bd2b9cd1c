"""Torch beside NumPy on the processor, and a path of 20 strengths on a card.

The card fits made embeddings, 1,280,000 x 1,024 in float16 with 1,000 classes, and the pixels of
CIFAR-10, 20 strengths each, every one certified to 1e-3. Its roofline is the time of as many
passes at the rates measured beside them: 4 N D C operations of a product in float32, or one reading
of the rows, whichever takes longer. torch's L-BFGS fits one of the strengths in 100 iterations.
Without a card, or with --quick, the same code runs on small tensors in the memory of this machine.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.data import MissingError, read
from benchmarks.store import Store

Array = np.ndarray

STRENGTHS = np.geomspace(1, 1e-5, 20)
TOL = 1e-3
TURNS = 8
MADE = (1_280_000, 1024, 1000)
SMALL = (3000, 64, 20)
BESIDE = (60_000, 512, 100)
GOALS = {"embeddings": 60.0, "cifar": 2.0}  # seconds on a card of H100's class


def run(store: Store, *, quick: bool) -> None:
    try:
        import torch
    except ImportError:
        print("  torch is not installed: nothing to measure")
        return
    device = "cuda" if torch.cuda.is_available() and not quick else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)  # each operation would wait for the slowest thread
    _put(store, "torch beside NumPy", beside(*(SMALL if quick else BESIDE), 1 if quick else TURNS))
    rates = _rates(device)
    _put(store, "rates", {"device": _name(device), **rates})
    for name, X, y in _data(device):
        _put(store, f"{name} on {device}", path(X, y, rates))
    if device == "cpu":
        print("  no card: seconds of small tensors on the processor, by the code of the card")


def _put(store: Store, name: str, row: dict[str, Any]) -> None:
    store.put("gpu", name, row)
    shown = (f"{key} {v:.4g}" if isinstance(v, float) else f"{key} {v}" for key, v in row.items())
    print(f"  {name}: " + ", ".join(shown))


def beside(rows: int, columns: int, classes: int, turns: int) -> dict[str, float]:
    """Seconds of the same fits from arrays of NumPy and from tensors of torch, in turns."""
    import torch

    from halfspaces import LinearClassifier

    X, y = made(rows, columns, classes)
    half = X.astype(np.float16)
    given: dict[str, tuple[Any, Any]] = {
        "numpy float32": (X, y),
        "torch float32": (torch.from_numpy(X), torch.from_numpy(y)),
        "numpy float16": (half, y),
        "torch float16": (torch.from_numpy(half), torch.from_numpy(y)),
        "torch bfloat16": (torch.from_numpy(X).bfloat16(), torch.from_numpy(y)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in given}
    for turn in range(turns + 1):
        # Forwards and backwards in turn: a machine's rate changes from one fit to the next.
        for name in list(given)[:: 1 if turn % 2 else -1]:
            start = time.perf_counter()
            LinearClassifier(verbose=-1).fit(*given[name])
            if turn > 0:  # the first loads the kernels
                seconds[name].append(time.perf_counter() - start)
    ratios = {
        f"{kind} ratio": median(
            theirs / ours
            for theirs, ours in zip(seconds[f"torch {kind}"], seconds[f"numpy {kind}"], strict=True)
        )
        for kind in ("float32", "float16")
    }
    return {name: median(times) for name, times in seconds.items()} | ratios


def made(rows: int, columns: int, classes: int, seed: int = 0) -> tuple[Array, Array]:
    """Embeddings (N, D) in float32, in whose directions classes overlap, and labels (N,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    centers = rng.standard_normal((classes, columns), dtype=np.float32)
    X = rng.standard_normal((rows, columns), dtype=np.float32)
    X *= 3
    X += centers[y]
    return X, y


def _data(device: str) -> Any:
    """Names, rows on the device, and labels."""
    import torch

    if device == "cpu":
        X, y = made(*SMALL)
        yield "embeddings", torch.from_numpy(X).half(), y
        digits = read("digits", None)
        yield "digits", torch.from_numpy(np.ascontiguousarray(digits.X)), digits.y
        return
    X, y = made(*MADE)
    yield "embeddings", torch.from_numpy(X).half().to(device), y
    try:
        cifar = read("cifar", None)
        yield "cifar", torch.from_numpy(np.array(cifar.X)).to(device), cifar.y
    except MissingError as error:
        print(f"  {error}")


def path(X: Any, y: Array, rates: dict[str, float]) -> dict[str, Any]:
    """Seconds, passes and ratio to the roofline of 20 strengths, from the rows on the device."""

    from halfspaces.engines.devices.device_rows import PlacedRows
    from halfspaces.engines.devices.in_blocks import in_blocks
    from halfspaces.estimators.linear import linear_objective
    from halfspaces.losses import Softmax
    from halfspaces.penalties import L2
    from halfspaces.rows.moments import Moments
    from halfspaces.tuning.path import solve_path

    classes = int(y.max()) + 1
    start = time.perf_counter()
    blocks = in_blocks(PlacedRows(X), y)
    moments = Moments.of(blocks)
    objective = linear_objective(Softmax(), L2(1.0), blocks, classes, moments, fit_intercept=True)
    solved = solve_path(replace(objective, resident=True), STRENGTHS, tol=TOL)
    seconds = time.perf_counter() - start
    passes = float(sum(result.passes for result in solved.results))
    operations = 4.0 * X.shape[0] * X.shape[1] * classes
    roofline = passes * max(
        operations / rates["operations a second"], X.nbytes / rates["bytes a second"]
    )
    middle = len(STRENGTHS) // 2
    theirs, loss = _torch_lbfgs(X, y, classes, STRENGTHS[middle], moments)
    return {
        "shape": f"{X.shape[0]} x {X.shape[1]}, {classes} classes, {X.dtype}",
        "seconds": seconds,
        "passes": passes,
        "times the roofline": seconds / roofline,
        "certified": bool(np.all(solved.gap <= TOL * solved.loss)),
        "torch L-BFGS of one strength, seconds": theirs,
        "torch L-BFGS above our loss": loss / float(solved.loss[middle]) - 1,
    }


def _torch_lbfgs(
    X: Any, y: Array, classes: int, strength: float, moments: Any
) -> tuple[float, float]:
    """Seconds and loss of 100 iterations of torch.optim.LBFGS on standardized float32 rows."""
    import torch

    scale = np.sqrt(moments.variance)
    scale[scale == 0] = 1
    start = time.perf_counter()
    mean, unit = (
        torch.tensor(each, dtype=torch.float32, device=X.device) for each in (moments.mean, scale)
    )
    Z = (X.float() - mean) / unit
    labels = torch.tensor(y, device=X.device)
    W = torch.zeros((Z.shape[1], classes), device=X.device, requires_grad=True)
    b = torch.zeros(classes, device=X.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([W, b], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimizer.zero_grad()
        scores = torch.addmm(b, Z, W)
        value = torch.nn.functional.cross_entropy(scores, labels) + strength * (W**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    value = float(loss().detach())
    return time.perf_counter() - start, value


def _rates(device: str) -> dict[str, float]:
    """Operations a second of a square product in float32, and bytes a second of a reading."""
    import torch

    size = 8192 if device == "cuda" else 1024
    A = torch.ones((size, size), device=device)
    return {
        "operations a second": 2.0 * size**3 / _seconds(lambda: A @ A, device),
        "bytes a second": 4.0 * size**2 / _seconds(A.sum, device),
    }


def _seconds(work: Callable[[], Any], device: str) -> float:
    import torch

    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def _name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "processor"
