"""The Gram matrix of the features, from a sample of the rows, and its largest eigenvalue.

Bits do not depend on the number of workers.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array

from halfspaces.kernels import fused_rows
from halfspaces.objective import Objective
from halfspaces.rows.blocks import stacked
from halfspaces.scores import Linear
from halfspaces.support.parallel import (
    available_workers,
    blas_threads,
    one_blas_thread,
    ordered_map,
)
from halfspaces.support.types import Array, Block, Visit

CHUNK_ROWS = 3072
PANEL = 256
THREADS = 2  # of a product, for any number of workers: so its bits are the same
MOST_BYTE_ROWS = 1 << 16  # whose products fit 32 bits
SPARSE_PANEL = 128  # columns of sparse rows that are filled at a time


def sample_rows(objective: Objective, size: int, seed: int = 0) -> Array:
    """Sorted indices of at most `size` examples, drawn without replacement from those of positive weight."""
    weights = objective.blocks.weights().reshape(objective.n_examples, -1).sum(axis=1)
    candidates = np.flatnonzero(weights > 0)
    if len(candidates) <= size:
        return candidates
    return np.sort(np.random.default_rng(seed).choice(candidates, size, replace=False))


def centred_gram(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """Weighted Gram matrix (D, D) of the sampled features about their mean, and that mean (D,).

    In standardized units. Without a bias the Hessian is that of the features as they are: the mean
    counts as 0.
    """
    if isinstance(objective.blocks.X, csr_array):
        return _sparse_gram(objective, rows)
    if are_bytes(objective) and len(rows) <= MOST_BYTE_ROWS:
        return _gram_of_bytes(objective, rows)
    dtype, D = objective.blocks.dtype, objective.n_features
    gram, mean, count = np.zeros((D, D), dtype), np.zeros(D), 0.0
    chunk = np.empty((min(CHUNK_ROWS, len(rows)), D), dtype)
    add: Any = scipy.linalg.get_blas_funcs("syrk", dtype=dtype)
    # Rows are standardized on this thread: workers would wait for BLAS's own, which spin between
    # the products.
    alone = replace(objective, blocks=replace(objective.blocks, n_jobs=1))
    for start in range(0, len(rows), CHUNK_ROWS):
        Z, weight = standardized(alone, rows[start : start + CHUNK_ROWS], chunk)
        with one_blas_thread():
            mean += weight.astype(dtype) @ Z
        count += float(weight.sum())
        if objective.blocks.weight is not None:
            Z *= np.sqrt(weight).astype(dtype)[:, None]
        with blas_threads(THREADS):
            add(
                1.0, Z.T, beta=1.0, c=gram.T, overwrite_c=True
            )  # in place, below the diagonal and on it
    mean *= objective.fit_intercept / count

    def finish(panel: slice) -> None:
        below = gram[panel.start :, panel]
        below *= dtype.type(1 / count)
        below -= np.outer(mean[panel.start :], mean[panel]).astype(dtype)
        _mirror(gram, panel)

    for _ in ordered_map(finish, panels(D, PANEL), available_workers(objective.blocks.n_jobs)):
        pass
    return gram, mean


def panels(D: int, size: int) -> list[slice]:
    """So many positions at a time."""
    return [slice(start, min(start + size, D)) for start in range(0, D, size)]


def are_bytes(objective: Objective) -> bool:
    """Whether products of bytes serve: for enough uint8 rows that all count the same, if they count."""
    blocks = objective.blocks
    if blocks.X.dtype != np.uint8 or not fused_rows.serve(blocks.X):
        return False
    from halfspaces.kernels import byte_gram

    weight = blocks.weights().reshape(objective.n_examples, -1).mean(axis=1)
    return np.ptp(weight[weight > 0]) == 0 and byte_gram.available()


def _gram_of_bytes(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """The same from uint8 rows, whose products are exact."""
    from halfspaces.kernels import byte_gram

    blocks, units, D = (
        objective.blocks,
        objective.linear.shared.standardization,
        objective.n_features,
    )
    taken = blocks.subset(rows)
    chunks = (
        taken.X[taken.index[start : start + byte_gram.CHUNK_ROWS]]  # pyright: ignore[reportOptionalSubscript]
        for start in range(0, len(rows), byte_gram.CHUNK_ROWS)
    )
    products, sums = byte_gram.byte_gram(chunks, D, blocks.n_jobs)
    mean, unit = sums / len(rows), 1 / units.scale
    offset = (mean - units.mean) * unit
    kept = np.zeros(D) if objective.fit_intercept else offset
    # Of the products is missing 128 mean, and too much mean · mean.
    left, right = (
        np.stack([unit * (byte_gram.SIGN - mean), kept], axis=1),
        np.stack([unit * mean, kept]),
    )
    gram = products.view(np.float32) if len(products) == D else np.empty((D, D), np.float32)

    def finish(panel: slice) -> None:
        before = slice(0, min(panel.stop, D))
        centred = products[panel, before][: D - panel.start] * (unit[before] / len(rows))
        centred *= unit[panel, None]
        centred += left[panel] @ right[:, before]
        gram[panel, before] = centred

    def mirror(panel: slice) -> None:
        _mirror(gram, panel)

    for work, size in ((finish, PANEL // 4), (mirror, PANEL)):
        with one_blas_thread():
            for _ in ordered_map(work, panels(D, size), available_workers(blocks.n_jobs)):
                pass
    return gram, offset - kept


def _sparse_gram(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """The same from sparse rows: a panel of columns at a time is filled, and the means are taken off the products."""
    dtype, D, units = (
        objective.blocks.dtype,
        objective.n_features,
        objective.linear.shared.standardization,
    )

    def visit(block: Block) -> tuple[csr_array, Array]:
        return block.X, _mean_weight(block)

    parts, weights = zip(*objective.blocks.map(visit, rows), strict=True)
    Z: Any = stacked(parts)
    root = np.sqrt(np.concatenate(weights) / np.sum(np.concatenate(weights)))
    Z.data = Z.data * (np.repeat(root, np.diff(Z.indptr)) / units.scale[Z.indices]).astype(dtype)
    mean, columns = root @ Z, Z.tocsc()
    offset = mean - units.mean / units.scale
    kept = np.zeros(D) if objective.fit_intercept else offset
    taken, given, gram = mean.astype(dtype), kept.astype(dtype), np.empty((D, D), dtype)

    def fill(start: int) -> None:
        panel, rest = slice(start, start + SPARSE_PANEL), slice(start, None)
        products = columns[:, rest].T @ columns[:, panel].toarray()
        products += np.outer(given[rest], given[panel]) - np.outer(taken[rest], taken[panel])
        gram[rest, panel] = products

    for _ in ordered_map(
        fill, list(range(0, D, SPARSE_PANEL)), available_workers(objective.blocks.n_jobs)
    ):
        pass
    copy_lower_to_upper(gram)
    return gram, offset - kept


def copy_lower_to_upper(square: Array) -> None:
    """Make a matrix of which only what is below the diagonal was computed symmetric."""
    for start in range(0, len(square), PANEL):
        _mirror(square, slice(start, start + PANEL))


def _mirror(square: Array, panel: slice) -> None:
    """Rows right of the diagonal from columns below it."""
    rest = slice(panel.stop, None)
    square[panel, rest] = square[rest, panel].T
    corner = square[panel, panel]
    corner[:] = np.tril(corner) + np.tril(corner, -1).T


def standardized(
    objective: Objective, rows: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Standardized features (rows, D), in `out` where it is given, and weights (rows,)."""
    linear, dtype = objective.linear.shared, objective.blocks.dtype
    shift = (linear.standardization.mean - linear.center).astype(dtype)
    factor = (1 / linear.standardization.scale).astype(dtype)
    Z = np.empty((len(rows), len(shift)), dtype) if out is None else out[: len(rows)]
    weights = np.empty(len(rows))

    def visit(block: Block) -> tuple[Array, Array]:
        standardized = block.X - shift
        standardized *= factor
        return standardized, _mean_weight(block)

    start = 0
    for part, weight in objective.blocks.map(visit, rows):
        Z[start : start + len(part)], weights[start : start + len(part)] = part, weight
        start += len(part)
    return Z, weights


def _mean_weight(block: Block) -> Array:
    """The weight of each example (B,), the members' mean where they have weights of their own."""
    if block.weight is None:
        return np.ones(len(block.y))
    return block.weight.reshape(len(block.y), -1).mean(axis=1)


def largest_eigenvalue(
    objective: Objective, batch_size: int | None = None, *, rows: int = 2048, turns: int = 20
) -> float:
    """λ_max of [x̃, 1]ᵀ[x̃, 1]/N over a sample of the standardized rows, by power iteration: 1.1 times a lower bound.

    For random batches the expected smoothness, λ_max + (max ‖[x̃, 1]‖² − λ_max) (N − B)/(B (N − 1))
    (Gower et al., SGD: general analysis and improved rates, ICML 2019,
    https://arxiv.org/abs/1901.09401).
    """
    blocks, linear, rows_taken = (
        objective.blocks,
        objective.linear.shared,
        sample_rows(objective, rows),
    )
    v, value, count = (
        np.random.default_rng(0).standard_normal((objective.n_features + 1, 1, 1)),
        0.0,
        0.0,
    )

    for _ in range(turns):
        dV, dc, count = blocks.sum(_turn(linear, linear.fold(v, blocks.dtype)), rows_taken)
        v = linear.pullback(dV, dc, v.shape) / count
        value = float(np.linalg.norm(v))
        v /= value if value > 0 else 1
    if batch_size is not None:
        longest = (
            float(max(map(np.max, blocks.map(_lengths(objective), rows_taken))))
            * len(rows_taken)
            / count
        )
        left_out = max(objective.n_examples - batch_size, 0) / (
            batch_size * max(objective.n_examples - 1, 1)
        )
        value += max(longest - value, 0.0) * left_out
    return 1.1 * value


def _turn(linear: Linear, folded: tuple[Array, Array]) -> Visit[tuple[Array, Array, float]]:
    """A visit that adds up w_i [x̃_i, 1] s_i for the scores s_i of the folded parameters, and w_i."""

    def visit(block: Block) -> tuple[Array, Array, float]:
        scores, counted = linear.scores(folded, block.X), _mean_weight(block)
        return *linear.pull(block.X, scores * counted.astype(scores.dtype)[:, None]), float(
            counted.sum()
        )

    return visit


def _lengths(objective: Objective) -> Visit[Array]:
    """A visit that gives w_i ‖[x̃_i, 1]‖² (B,) of standardized rows, sparse ones never filled."""
    linear = objective.linear.shared
    factor = 1 / linear.standardization.scale
    shift = (linear.standardization.mean - linear.center) * factor

    def visit(block: Block) -> Array:
        Z = block.X * factor
        squares = (Z**2).sum(axis=1) - 2 * (Z @ shift) + shift @ shift
        return _mean_weight(block) * (squares + objective.fit_intercept)

    return visit
