"""The kernels against NumPy's products: equal to rounding for every type, shape and layout;
chosen by size alone.
"""

import os
import subprocess
import sys
from dataclasses import replace

import numba
import numpy as np
import pytest
from numba import types
from numba.extending import intrinsic

from halfspaces import LinearClassifier, minimize
from halfspaces.kernels import fused_rows, product_loops, register_tiles
from halfspaces.losses.softmax import Softmax
from halfspaces.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.optimizers.choose import choose_for
from halfspaces.penalties.l2 import L2
from halfspaces.preconditioners import gram_matrix
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.rows.moments import Centroids
from halfspaces.testing.tolerance import rounding

DTYPES = ("uint8", "float16", "float32", "float64")


def made(dtype, n=43, d=70, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, d)).astype(dtype)


ANY_SIZE = BlockSizes(fused_from=0)


def objective_of(X, y, **options):
    """An objective whose rows the kernels read, though they are few."""
    objective = LinearClassifier(**options).objective(X, y)
    return replace(objective, blocks=replace(objective.blocks, sizes=ANY_SIZE))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("columns", [1, 7, 12])
def test_scores_of_very_many_features_are_sums_over_tiles(dtype, columns):
    X = made(dtype, 10, product_loops.SPAN + 1)
    V = np.random.default_rng(0).standard_normal((X.shape[1], columns), np.float32)
    scores = fused_rows.FusedRows(X, np.dtype(np.float32)) @ V
    exact = X.astype(float) @ V
    close = rounding(X.shape[1], np.float32) * (X.astype(float) @ np.abs(V))
    assert np.all(np.abs(scores - exact) <= close)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
@pytest.mark.parametrize("columns", [3, 12])
def test_a_row_has_the_same_scores_wherever_it_is(dtype, columns):
    X = made(dtype, 75, 85)
    V = np.random.default_rng(0).standard_normal((85, columns), np.float32)
    whole = fused_rows.FusedRows(X, np.dtype(np.float32)) @ V
    for first in (1, 2, 3, 37, 67):
        part = fused_rows.FusedRows(np.ascontiguousarray(X[first:]), np.dtype(np.float32)) @ V
        assert np.array_equal(part, whole[first:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [1, 5, 7, 10, 12])
@pytest.mark.parametrize("rows", [3, 8, 43])
def test_products_equal_those_of_numpy(dtype, columns, rows):
    rng = np.random.default_rng(1)
    X = made(
        dtype, rows, {5: 70, 1: 9}.get(columns, 770)
    )  # more than a tile, not a multiple of anything
    number = np.float64 if dtype == "float64" else np.float32
    V, A = rng.standard_normal((X.shape[1], columns)), rng.standard_normal((rows, columns))
    fused, exact = fused_rows.FusedRows(X, np.dtype(number)), X.astype(np.float64)
    for found, left, right in (
        (fused @ V.astype(number), exact, V),
        (fused.T @ A.astype(number), exact.T, A),
    ):
        assert found.dtype == number
        close = rounding(left.shape[1] + 2, number) * (
            np.abs(left) @ np.abs(right)
        )  # 2 for the product, and V or A
        assert np.all(np.abs(found - left @ right) <= close)


def test_float16_is_widened_exactly_without_an_instruction_for_it():
    """As on x86 processors without F16C, and numba's generic target: all 65,536 of them."""
    if product_loops.UNCOMPILED:
        pytest.skip("compiled loops only")

    @intrinsic
    def widened(typingctx, half):
        return types.float32(
            half
        ), lambda context, builder, signature, args: register_tiles.widened(builder, args[0])

    @numba.njit
    def widen(halves, floats):
        for i in range(len(halves)):
            floats[i] = widened(halves[i])

    halves, found = np.arange(1 << 16, dtype=np.uint16), np.empty(1 << 16, np.float32)
    widen(halves, found)
    np.testing.assert_array_equal(found, halves.view(np.float16).astype(np.float32))
    assert np.signbit(found[0x8000])


@pytest.mark.parametrize(
    "target", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_DISABLE_JIT": "1"}], ids=str
)
def test_other_targets_of_numba_do_without_products_of_bytes(target):
    """LLVM would end the process: the target is asked, not the processor that it runs on."""
    code = "from halfspaces.kernels import byte_gram; print(byte_gram.available())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | target,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "False\n"


def test_numpy_multiplies_where_numba_may_not_compile():
    code = "from halfspaces.kernels import fused_rows; print(fused_rows.available())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "False\n"


def test_infinities_and_nan_keep_their_meaning():
    V = np.ones((70, 6), np.float32)
    V[0, 1], V[0, 2] = np.inf, np.nan
    scores = fused_rows.FusedRows(made("uint8") + np.uint8(1), np.dtype(np.float32)) @ V
    assert np.isposinf(scores[made("uint8")[:, 0] != 255, 1]).all()
    assert np.isnan(scores[:, 2]).all()
    assert np.isfinite(scores[:, [0, 3, 4, 5]]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_objective_is_the_same_with_and_without(dtype, weighted):
    rng = np.random.default_rng(2)
    X, y = made(dtype, 300), rng.integers(0, 4, 300)
    X.flags.writeable = False
    weight = rng.uniform(0, 2, 300) if weighted else None

    def told(rows, sizes):
        blocks = Blocks(X, y, weight, n_jobs=1, sizes=sizes)
        standardization = Centroids.of(blocks).moments.standardization()
        objective = Objective(Softmax(), L2(0.1), blocks, 5, standardization)
        W = np.random.default_rng(3).standard_normal((71, 1, 5)) * 0.1
        evaluation = objective.evaluate(Request(W, rows))
        return (
            evaluation.total,
            evaluation.gradient,
            standardization.scale,
            Centroids.of(blocks).means,
            objective.anchor.sums,
        )

    for rows in (None, slice(0, 300, 3), np.array([5, 5, 2, 77, 30, 1, 8, 9, 11])):
        fused = told(rows, ANY_SIZE)
        reference = told(rows, BlockSizes())
        for mine, theirs in zip(fused, reference, strict=True):
            close = rounding(sum(X.shape), np.float64 if dtype == "float64" else np.float32)
            assert np.abs(mine - theirs).max() <= close * np.abs(theirs).max()


def test_small_wide_and_foreign_data_stay_with_numpy(monkeypatch):
    X = made("uint8")
    assert fused_rows.serve(X, 10, X.size)
    assert not fused_rows.serve(X, 10, X.size + 1)
    assert not fused_rows.serve(X, 1000, 0)
    assert not fused_rows.serve(X.astype(np.int32), 10, 0)
    assert not fused_rows.serve(np.asfortranarray(X), 10, 0)
    monkeypatch.setattr(fused_rows, "available", lambda: False)
    assert not fused_rows.serve(X, 10, 0)


def test_bits_do_not_depend_on_the_number_of_workers_nor_a_memory_map(tmp_path):
    X, y = made("uint8", 2000, 300), np.arange(2000) % 3
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    objectives = [
        objective_of(data, y, n_jobs=jobs) for jobs, data in ((1, X), (2, X), (3, mapped))
    ]
    assert all(objective.blocks.are_fused() for objective in objectives)
    fits = [minimize(each, choose_for(each).optimizer).W for each in objectives]
    scores = [each.scores(fits[0]) for each in objectives]
    for fit, score in zip(fits[1:], scores[1:], strict=True):
        assert np.array_equal(fit, fits[0])
        assert np.array_equal(score, scores[0])


def test_large_offsets_and_views_are_converted():
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((200, 6)).astype(np.float32), np.arange(200) % 2
    shifted = objective_of(X + np.float32(4096), y)
    plain = objective_of((X + np.float32(4096)) - np.float32(4096), y)
    assert (shifted.blocks.are_fused(), plain.blocks.are_fused()) == (False, True)
    found, expected = (
        minimize(each, choose_for(each).optimizer, tol=1e-6).W for each in (shifted, plain)
    )
    assert np.allclose(found, expected, atol=1e-4)
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    blocks = Blocks(wide, y, sizes=ANY_SIZE)
    close = rounding(len(X), np.float32)  # of sums of 200 numbers near 1, over 200
    np.testing.assert_allclose(
        Centroids.of(replace(blocks, X=X)).means, Centroids.of(blocks).means, rtol=0, atol=close
    )


# -------------------------------------------------------------------------------- products of bytes


@pytest.fixture
def byte_gram():
    from halfspaces.kernels import byte_gram as _byte_gram

    if not _byte_gram.available():
        pytest.skip("this processor has no products of bytes")
    return _byte_gram.byte_gram


@pytest.mark.parametrize(("chunks", "d"), [([43], 70), ([2048, 2], 48), ([1], 1), ([7, 2048], 97)])
def test_products_of_bytes_are_exact(chunks, d, byte_gram):
    X = np.random.default_rng(0).choice(
        np.array([0, 1, 127, 128, 254, 255], np.uint8), (sum(chunks), d)
    )
    products, sums = byte_gram(np.split(X, np.cumsum(chunks)[:-1]), d, 2)
    whole = X.astype(np.int64)
    exact = (whole - 128).T @ whole
    assert np.array_equal(sums, whole.sum(axis=0))
    assert np.array_equal(np.tril(products[:d, :d]), np.tril(exact))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("d", [70, 96])
def test_a_gram_matrix_from_bytes_is_that_from_floats(d, fit_intercept, byte_gram):
    X, y = made("uint8", 300, d), np.arange(300) % 3
    folds = np.stack([np.arange(300) % 3 != fold for fold in range(3)], axis=1).astype(float)
    objective = objective_of(X, y, fit_intercept=fit_intercept)
    for weight in (None, 2.0 * (np.arange(300) % 5 > 0), folds):
        member = replace(objective, blocks=replace(objective.blocks, weight=weight))
        rows = gram_matrix.sample_rows(member, 200)
        assert gram_matrix.are_bytes(member)
        found = gram_matrix.centred_gram(member, rows)
        expected = gram_matrix._gram_of_floats(member, rows)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                a, b, rtol=0, atol=rounding(len(rows), np.float32)
            )  # of correlations
    uneven = replace(objective, blocks=replace(objective.blocks, weight=np.arange(300.0)))
    assert not gram_matrix.are_bytes(uneven)
