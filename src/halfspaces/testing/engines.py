"""The laws of an engine: the bits of `Threads` at equal partitions, whatever is asked for."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.engines import Engine, PartitionedBlocks, Threads, blocks_of, place
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.softmax import Softmax
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request, Smoothing
from halfspaces.penalties.l2 import L2
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import BlockSizes
from halfspaces.support.types import Features
from halfspaces.testing.runs import same_bits
from halfspaces.testing.words import Law, register_in, require

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

SIZES = (17, 1, 30, 0, 12, 9, 3, 5, 13, 10)  # of the partitions: more than one node of the tree
TYPES = ("float64", "float32", "float16", "uint8", "sparse")


def _rows(dtype: str, seed: int) -> tuple[Features, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=sum(SIZES))
    X = rng.normal(100, 20, size=(len(y), 6)) + 15 * np.eye(3, 6)[y]
    if dtype == "sparse":
        return csr_array(np.where(X > 105, X, 0.0), dtype=np.float32), y
    return X.astype(dtype), y


def _pair(engine: Engine, dtype: str, seed: int) -> tuple[PartitionedBlocks, PartitionedBlocks]:
    """The same partitions on threads and on an engine, in blocks of a few rows."""
    X, y = _rows(dtype, seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2.0, (len(y), 2))
    here = place(X, Threads(n_jobs=2), SIZES)
    sizes = BlockSizes(least_rows=4, most_rows=8)
    both: list[Any] = [here, here.moved_to(engine)]
    one, other = (PartitionedBlocks(rows, y, weight, sizes=sizes) for rows in both)
    return one, other


def _same_evaluation(found: Evaluation, expected: Evaluation, what: str) -> None:
    for name in ("data", "exact_data", "lower", "data_gradient", "conjugate", "steepness"):
        same_bits(getattr(found, name), getattr(expected, name), f"{name} {what}")


@_law
def law_evaluations(engine: Engine, *, seed: int = 0) -> None:
    """Values, gradients and bounds on all rows, a part of them, and rows in any order."""
    for dtype in TYPES:
        here, there = _pair(engine, dtype, seed)
        index = np.random.default_rng(seed).permutation(here.n_examples)[:60]
        for part in (None, index):
            objectives = [
                Objective(Softmax(), L2(0.1), blocks if part is None else blocks.subset(part), 3)
                for blocks in (here, there)
            ]
            W = 0.01 * np.random.default_rng(seed).standard_normal((7, 2, 3))
            for rows in (None, slice(0, 25), np.arange(40)[::-3]):
                expected, found = (each.evaluate(Request(W, rows=rows)) for each in objectives)
                _same_evaluation(found, expected, f"of {dtype} rows")


@_law
def law_offsets(engine: Engine, *, seed: int = 0) -> None:
    """What a visit writes for each row is what later visits read."""
    here, there = _pair(engine, "float32", seed)
    W = 0.01 * np.random.default_rng(seed).standard_normal((7, 2, 3))
    pairs = []
    for blocks in (here, there):
        objective = Objective(Hinge(), L2(0.1), blocks, 3)
        first = objective.evaluate(Request(W, smoothing=Smoothing(0.5, recentre=0.1)))
        second = objective.evaluate(Request(2 * W, smoothing=first.smoothing))
        pairs.append((first, second))
    for expected, found in zip(*pairs, strict=True):
        _same_evaluation(found, expected, "about a dual point")
    same_bits(pairs[1][0].smoothing.offsets, pairs[0][0].smoothing.offsets, "the offsets")


@_law
def law_rows(engine: Engine, *, seed: int = 0) -> None:
    """Rows are those that were given, in the order that they are asked for."""
    for dtype in ("uint8", "sparse"):
        X, y = _rows(dtype, seed)
        placed = place(X, engine, SIZES)
        index = np.random.default_rng(seed).integers(len(y), size=20)
        found: Any = placed[index]
        expected: Any = X[index]
        if dtype == "sparse":
            found, expected = found.toarray(), expected.toarray()
        same_bits(found, expected, f"some {dtype} rows")
        blocks = blocks_of(placed, y)
        numbers = np.concatenate(list(blocks.map(lambda block: block.rows)))
        same_bits(numbers, np.arange(len(y)), "the numbers of the rows")


@_law
def law_fit(engine: Engine, *, seed: int = 0) -> None:
    """A fit has the W, the gap and the passes of a fit on threads."""
    from halfspaces.optimizers.choose import choose_for

    here, there = (replace(each, weight=None) for each in _pair(engine, "float32", seed))
    for loss in (Softmax(), Hinge()):
        results = []
        for blocks in (here, there):
            objective = Objective(loss, L2(0.1), blocks, 3)
            optimizer = choose_for(objective).optimizer
            results.append(minimize(objective, optimizer, tol=1e-4, max_passes=30))
        same_bits(results[1].W, results[0].W, f"W of {loss}")
        same_bits(results[1].gap, results[0].gap, f"the gap of {loss}")
        require(results[1].passes == results[0].passes, "the passes differ.")
