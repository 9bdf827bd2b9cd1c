"""The Gram matrix of the features, from a sample of the rows, and its largest eigenvalue.

Products are cut into panels of a fixed size: the bits do not depend on the number of workers.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_array

from halfspaces.engines import is_sparse
from halfspaces.engines.devices.device_gram import device_gram, serves
from halfspaces.kernels.sparse_rows import stacked
from halfspaces.objective.objective import Objective
from halfspaces.scores.linear import Linear
from halfspaces.support.parallel import available_workers
from halfspaces.support.types import Array, Block, Visit
from halfspaces.system.blas import one_blas_thread
from halfspaces.system.threads import ordered_map

CHUNK_ROWS = 3072  # rows that are standardized and multiplied at a time
PANEL = 256  # columns that are multiplied, centred or mirrored at a time
MOST_BYTE_ROWS = 1 << 16  # whose products fit 32 bits
SPARSE_PANEL = 128  # columns of sparse rows that are made dense at a time

T = TypeVar("T")


def sample_rows(objective: Objective, size: int, seed: int = 0) -> Array:
    """Sorted indices of at most `size` examples of positive weight, drawn without replacement."""
    weights = objective.blocks.weights().reshape(objective.n_examples, -1)
    candidates = np.flatnonzero((weights > 0).any(axis=1))
    if len(candidates) <= size:
        return candidates
    return np.sort(np.random.default_rng(seed).choice(candidates, size, replace=False))


def centred_gram(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """Weighted Gram matrix (D, D) of the sampled features about their mean, and that mean (D,).

    In standardized units. Without a bias the Hessian is that of the features as they are: the mean
    counts as 0.
    """
    if is_sparse(objective.blocks.X):
        return _gram_of_sparse(objective, rows)
    if serves(objective):
        return device_gram(objective, rows)
    if are_bytes(objective) and len(rows) <= MOST_BYTE_ROWS:
        return _gram_of_bytes(objective, rows)
    return _gram_of_floats(objective, rows)


def panels(D: int, size: int) -> list[slice]:
    """Slices of at most `size` positions, which cover D."""
    return [slice(start, min(start + size, D)) for start in range(0, D, size)]


def are_bytes(objective: Objective) -> bool:
    """Whether products of bytes serve: for enough uint8 rows of equal weights, or of weight 0."""
    blocks = objective.blocks
    if blocks.X.dtype != np.uint8 or not blocks.are_fused():
        return False
    from halfspaces.kernels import byte_gram

    weight = blocks.weights().reshape(objective.n_examples, -1).mean(axis=1)
    return np.ptp(weight[weight > 0]) == 0 and byte_gram.available()


def _gram_of_floats(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """`centred_gram` of dense rows, a chunk at a time."""
    blocks = objective.blocks
    dtype = blocks.dtype
    D = objective.n_features
    gram = np.zeros((D, D), dtype)
    mean = np.zeros(D)
    count = 0.0
    chunk = np.empty((min(CHUNK_ROWS, len(rows)), D), dtype)
    for start in range(0, len(rows), CHUNK_ROWS):
        Z, weight = standardized(objective, rows[start : start + CHUNK_ROWS], chunk)
        mean += weight.astype(dtype) @ Z
        count += float(weight.sum())
        if blocks.weight is not None:
            Z *= np.sqrt(weight).astype(dtype)[:, None]
        _add_products(Z, gram, blocks.n_jobs)
    mean *= objective.fit_intercept / count

    def finish(panel: slice) -> None:
        below = gram[panel.start :, panel]
        below *= dtype.type(1 / count)
        below -= np.outer(mean[panel.start :], mean[panel]).astype(dtype)
        _mirror(gram, panel)

    _run(finish, panels(D, PANEL), blocks.n_jobs)
    return gram, mean


def _add_products(Z: Array, gram: Array, n_jobs: int | None) -> None:
    """Add ZᵀZ to the Gram matrix, below the diagonal and on it."""

    def add(panel: slice) -> None:
        columns = Z[:, panel]
        below = slice(panel.stop, None)
        gram[panel, panel] += columns.T @ columns  # half the work of another product
        gram[below, panel] += Z[:, below].T @ columns

    _run(add, panels(len(gram), PANEL), n_jobs)


def _gram_of_bytes(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """`centred_gram` of uint8 rows, whose products are exact."""
    from halfspaces.kernels import byte_gram

    D = objective.n_features
    n = len(rows)
    units = objective.linear.shared.standardization
    products, sums = byte_gram.byte_gram(_byte_chunks(objective, rows), D, objective.blocks.n_jobs)
    mean = sums / n
    unit = 1 / units.scale
    offset = (mean - units.mean) * unit
    left_in = np.zeros(D) if objective.fit_intercept else offset
    # The products lack 128 mean, and have mean · mean too much.
    left = np.stack([unit * (byte_gram.SIGN - mean), left_in], axis=1)
    right = np.stack([unit * mean, left_in])
    gram = products.view(np.float32) if len(products) == D else np.empty((D, D), np.float32)

    def finish(panel: slice) -> None:
        before = slice(0, min(panel.stop, D))
        centred = products[panel, before][: D - panel.start] * (unit[before] / n)
        centred *= unit[panel, None]
        centred += left[panel] @ right[:, before]
        gram[panel, before] = centred

    _run(finish, panels(D, PANEL // 4), objective.blocks.n_jobs)
    _run(lambda panel: _mirror(gram, panel), panels(D, PANEL), objective.blocks.n_jobs)
    return gram, offset - left_in


def _byte_chunks(objective: Objective, rows: Array) -> Any:
    """The uint8 rows, as many at a time as the kernel takes."""
    from halfspaces.kernels import byte_gram

    sample = objective.blocks.subset(rows)
    index: Any = sample.index
    for start in range(0, len(rows), byte_gram.CHUNK_ROWS):
        yield sample.X[index[start : start + byte_gram.CHUNK_ROWS]]


def _gram_of_sparse(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """`centred_gram` of sparse rows: a panel of columns is dense at a time, then centred."""
    dtype = objective.blocks.dtype
    D = objective.n_features
    units = objective.linear.shared.standardization

    def visit(block: Block) -> tuple[csr_array, Array]:
        return block.X, _mean_weight(block)

    parts, weights = zip(*objective.blocks.map(visit, rows), strict=True)
    Z: Any = stacked(parts)
    root = np.sqrt(np.concatenate(weights) / np.sum(np.concatenate(weights)))
    Z.data = Z.data * (np.repeat(root, np.diff(Z.indptr)) / units.scale[Z.indices]).astype(dtype)
    mean = root @ Z
    columns = Z.tocsc()
    offset = mean - units.mean / units.scale
    left_in = np.zeros(D) if objective.fit_intercept else offset
    taken = mean.astype(dtype)
    given = left_in.astype(dtype)
    gram = np.empty((D, D), dtype)

    def fill(start: int) -> None:
        panel = slice(start, start + SPARSE_PANEL)
        rest = slice(start, None)
        products = columns[:, rest].T @ columns[:, panel].toarray()
        products += np.outer(given[rest], given[panel]) - np.outer(taken[rest], taken[panel])
        gram[rest, panel] = products

    _run(fill, range(0, D, SPARSE_PANEL), objective.blocks.n_jobs)
    copy_lower_to_upper(gram)
    return gram, offset - left_in


def _run(work: Callable[[T], None], items: Sequence[T], n_jobs: int | None) -> None:
    """Call `work` for every item, on the workers."""
    with one_blas_thread():
        for _ in ordered_map(work, list(items), available_workers(n_jobs)):
            pass


def copy_lower_to_upper(square: Array) -> None:
    """Make a square matrix symmetric: the half above the diagonal from that below."""
    for start in range(0, len(square), PANEL):
        _mirror(square, slice(start, start + PANEL))


def _mirror(square: Array, panel: slice) -> None:
    """Set rows right of the diagonal from columns below it."""
    rest = slice(panel.stop, None)
    square[panel, rest] = square[rest, panel].T
    corner = square[panel, panel]
    corner[:] = np.tril(corner) + np.tril(corner, -1).T


def standardized(
    objective: Objective, rows: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Standardized features (rows, D), in `out` where it is given, and weights (rows,)."""
    linear = objective.linear.shared
    dtype = objective.blocks.dtype
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
        stop = start + len(part)
        Z[start:stop] = part
        weights[start:stop] = weight
        start = stop
    return Z, weights


def _mean_weight(block: Block) -> Array:
    """The weight of each example (B,): the members' mean where each has its own."""
    if block.weight is None:
        return np.ones(len(block.y))
    return block.weight.reshape(len(block.y), -1).mean(axis=1)


def largest_eigenvalue(
    objective: Objective, batch_size: int | None = None, *, rows: int = 2048, turns: int = 20
) -> float:
    """λ_max of [x̃, 1]ᵀ[x̃, 1]/N over a sample of the standardized rows: 1.1 times a lower bound.

    By power iteration. For random batches of B rows the expected smoothness,

        λ_max + (max ‖[x̃, 1]‖² − λ_max) (N − B)/(B (N − 1)).

    References
    ----------
    Gower et al., SGD: general analysis and improved rates, ICML 2019,
    https://arxiv.org/abs/1901.09401
    """
    blocks = objective.blocks
    linear = objective.linear.shared
    sample = sample_rows(objective, rows)
    v = np.random.default_rng(0).standard_normal((objective.n_features + 1, 1, 1))
    value = 0.0
    count = 0.0
    for _ in range(turns):
        dV, dc, count = blocks.sum(_product(linear, linear.fold(v, blocks.dtype)), sample)
        v = linear.pullback((dV, dc), 1.0, v.shape) / count
        value = float(np.linalg.norm(v))
        v /= value if value > 0 else 1
    if batch_size is not None:
        largest = float(max(map(np.max, blocks.map(_squared_norms(objective), sample))))
        largest = largest * len(sample) / count
        others = max(objective.n_examples - 1, 1)
        left_out = max(objective.n_examples - batch_size, 0) / (batch_size * others)
        value += max(largest - value, 0.0) * left_out
    return 1.1 * value


def _product(linear: Linear, folded: tuple[Array, Array]) -> Visit[tuple[Array, Array, float]]:
    """A visit that sums w_i [x̃_i, 1] s_i for the scores s_i of the folded parameters, and w_i."""

    def visit(block: Block) -> tuple[Array, Array, float]:
        scores = linear.scores(folded, block.X)
        weight = _mean_weight(block)
        weighed = scores * weight.astype(scores.dtype)[:, None]
        dc = weighed.sum(axis=0, dtype=np.float64)
        return linear.pull(block.X, weighed), dc, float(weight.sum())

    return visit


def _squared_norms(objective: Objective) -> Visit[Array]:
    """A visit that returns w_i ‖[x̃_i, 1]‖² (B,) of standardized rows; sparse ones stay sparse."""
    linear = objective.linear.shared
    factor = 1 / linear.standardization.scale
    shift = (linear.standardization.mean - linear.center) * factor

    def visit(block: Block) -> Array:
        Z = block.X * factor
        squares = (Z**2).sum(axis=1) - 2 * (Z @ shift) + shift @ shift
        return _mean_weight(block) * (squares + objective.fit_intercept)

    return visit
