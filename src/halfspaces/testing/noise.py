"""The laws of noise, of the scores that draw it, and of its deterministic equivalent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from halfspaces.gradcheck.check import check_gradient
from halfspaces.losses import LOSSES
from halfspaces.losses.base import Loss
from halfspaces.losses.softmax import Softmax
from halfspaces.noise.adaptive_score import AdaptiveScore
from halfspaces.noise.base import Noise
from halfspaces.noise.noisy import Noisy
from halfspaces.noise.random_bits import VALUES
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Request
from halfspaces.penalties.none import NoPenalty
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.rows.moments import Moments
from halfspaces.scores.base import Score
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block
from halfspaces.testing.words import Law, check_plain, register_in, require, same

LAWS: dict[str, Law] = {}
_law = register_in(LAWS)

INPUTS = (0.0, 1.0, -0.3, 2.5)
N_CLASSES = 3
TERM_LOSSES: tuple[Loss, ...] = (Softmax(), Softmax(label_smoothing=0.2), LOSSES["ova_logistic"])


@dataclass(frozen=True)
class Scores:
    """The classes of scores that the laws check."""

    noisy: Callable[[Linear, Noise, int], Score] = Noisy
    adaptive: Callable[[Linear, Noise, Loss], Score] = AdaptiveScore


def _examples(seed: int, n_rows: int = 40, n_features: int = 6) -> tuple[Array, Array, Array]:
    """Rows far from the mean 0 and the variance 1, some entries 0, with labels and weights."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.5, 2, n_features) * (1 + rng.standard_normal((n_rows, n_features)))
    X[rng.random(X.shape) < 0.2] = 0
    return X, rng.integers(N_CLASSES, size=n_rows), rng.uniform(0.5, 2, n_rows)


def _objective(blocks: Blocks, make: Callable[[Linear], Score], loss: Loss) -> Objective:
    """The objective on standardized features, without a penalty; `make` returns its scores."""
    every_row = replace(blocks, index=None, weight=None, center=None)
    standardization = Moments.of(every_row).standardization("float64")
    plain = Objective(loss, NoPenalty(), blocks, N_CLASSES, standardization)
    return replace(plain, score_function=make(plain.linear))


def _noisy(noise: Noise, scores: Scores, blocks: Blocks, loss: Loss = Softmax()) -> Objective:  # noqa: B008
    return _objective(blocks, lambda linear: scores.noisy(linear, noise, 7), loss)


def _parameters(seed: int, n_members: int = 2, n_features: int = 6) -> Array:
    shape = (n_features + 1, n_members, N_CLASSES)
    return np.random.default_rng(seed).standard_normal(shape)


def _every_outcome(noise: Noise, z: float) -> Array:
    """The noisy inputs of z for all equally likely random numbers."""
    bits = np.arange(VALUES).astype(np.uint16)
    return noise.noisy(np.full(VALUES, z), bits)


def _draws_noise(noise: Noise) -> bool:
    return bool(np.any(noise.variance(np.array(INPUTS)) > 0))


def _scores_by_row(objective: Objective, W: Array, draw: int | None, rows: Any = None) -> Array:
    """The scores (n, M·C) of rows, in their order, as a pass computes them."""
    at = objective.score.at(W, objective.blocks.dtype, draw)
    visits = objective.blocks.map(lambda block: at.forward(block).scores, rows, at.columns)
    return np.concatenate(list(visits))


# --- noise ----------------------------------------------------------------------------------------


@_law
def law_plain(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """Noise is a frozen dataclass: equal to its pickled copy, hashable."""
    check_plain(noise)


@_law
def law_mean(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The mean of all noisy inputs is the input."""
    for z in INPUTS:
        same(_every_outcome(noise, z).mean(), z, f"the mean of the noisy inputs of {z}")


@_law
def law_variance(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """`variance` is that of all noisy inputs."""
    stated = noise.variance(np.array(INPUTS))
    for z, variance in zip(INPUTS, stated, strict=True):
        found = _every_outcome(noise, z).var()
        same(found, variance, f"the variance of the noisy inputs of {z}")


@_law
def law_types(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """Results have type and shape of the inputs, which are not changed."""
    bits = np.random.default_rng(seed).integers(VALUES, size=(3, 4)).astype(np.uint16)
    for dtype in (np.float32, np.float64):
        Z = np.tile(np.array(INPUTS, dtype), (3, 1))
        before = Z.copy()
        for what, found in (("noisy", noise.noisy(Z, bits)), ("variance", noise.variance(Z))):
            fits = found.dtype == dtype and found.shape == Z.shape
            require(fits, f"{what} of {Z.shape} {Z.dtype} is {found.shape} {found.dtype}.")
        require(np.array_equal(Z, before), "the inputs are changed.")


@_law
def law_sparse(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """Sparse rows get the noise of dense ones, if inputs of 0 stay 0; else they are refused."""
    Z = _examples(seed)[0]
    rows = np.arange(len(Z))
    if not noise.keeps_zeros:
        try:
            noise.drawn(csr_array(Z), rows, 0, 0)
        except ValueError as error:
            sentence = str(error).endswith(".") and ". " not in str(error)
            require(sentence, f"sparse rows are refused, but not in one sentence: {error}")
            return
        raise AssertionError("it does not keep zeros, and takes sparse rows.")
    dense = noise.drawn(Z, rows, 3, 5)
    same(noise.drawn(csr_array(Z), rows, 3, 5).toarray(), dense, "the noise of sparse rows")
    variances = noise.variances(csr_array(Z)).toarray()
    same(variances, noise.variance(Z), "the variance of sparse rows")


@_law
def law_draws(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The same seed, draw and row give the same bits; any other gives unrelated noise."""
    if not _draws_noise(noise):
        return
    Z = np.ones((400, 50))
    rows = np.arange(400)
    drawn = noise.drawn(Z, rows, 1, 2)
    require(np.array_equal(drawn, noise.drawn(Z, rows, 1, 2)), "a second call differs.")
    others = {
        "another seed": noise.drawn(Z, rows, 2, 2),
        "another draw": noise.drawn(Z, rows, 1, 3),
        "seed and draw exchanged": noise.drawn(Z, rows, 2, 1),
        "the rows after": noise.drawn(Z, rows + 400, 1, 2),
        "the next row": np.roll(drawn, 1, axis=0),
        "the next feature": np.roll(drawn, 1, axis=1),
    }
    for what, other in others.items():
        correlation = np.corrcoef(drawn.ravel(), other.ravel())[0, 1]
        standard_errors = abs(correlation) * np.sqrt(drawn.size)
        require(standard_errors < 5, f"the noise of {what} is correlated: {correlation:.3f}.")


# --- noisy scores ---------------------------------------------------------------------------------


@_law
def law_inference(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """Without a draw the scores are the linear ones, to the bit; with a draw they differ."""
    X, y, _ = _examples(seed)
    W = _parameters(seed)
    objective = _noisy(noise, scores, Blocks(X, y))
    plain = replace(objective, score_function=None)
    expected = plain.scores(W)
    require(np.array_equal(objective.scores(W), expected), "predictions differ.")
    require(np.array_equal(objective.assess(W), plain.assess(W)), "the assessment differs.")
    if _draws_noise(noise):
        noisy = _scores_by_row(objective, W, 0)
        require(not np.allclose(noisy, expected), "a draw does not change the scores.")


@_law
def law_standardization(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The noise acts on standardized features, whether blocks center the rows or not."""
    X, y, _ = _examples(seed)
    W = _parameters(seed)
    objective = _noisy(noise, scores, Blocks(X, y))
    standardization = objective.linear.standardization
    Z = (X - standardization.mean) / standardization.scale
    expected = noise.drawn(Z, np.arange(len(X)), 7, 4) @ W[:-1].reshape(len(W) - 1, -1)
    expected = expected + W[-1].ravel()
    same(_scores_by_row(objective, W, 4), expected, "scores of noisy standardized features")
    centered = _noisy(noise, scores, Blocks(X, y, center=X.mean(axis=0)))
    same(_scores_by_row(centered, W, 4), expected, "scores of centered rows")


@_law
def law_rows(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """A row's noise is the same in any block, minibatch, order and subset."""
    X, y, _ = _examples(seed)
    W = _parameters(seed)
    sizes = BlockSizes(bytes=1, least_rows=8)
    expected = _scores_by_row(_noisy(noise, scores, Blocks(X, y)), W, 2)
    small = _noisy(noise, scores, Blocks(X, y, sizes=sizes))
    same(_scores_by_row(small, W, 2), expected, "scores by small blocks")
    order = np.random.default_rng(seed).permutation(len(X))
    same(_scores_by_row(small, W, 2, order), expected[order], "scores in another order")
    stretch = slice(7, 31, 3)
    same(_scores_by_row(small, W, 2, stretch), expected[stretch], "scores of a slice")
    subset = replace(small, blocks=small.blocks.subset(order))
    same(_scores_by_row(subset, W, 2, stretch), expected[order[stretch]], "scores of a subset")


@_law
def law_workers(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """Value and gradient have the same bits for any number of workers."""
    X, y, weight = _examples(seed, n_rows=400)
    sizes = BlockSizes(bytes=1, least_rows=8)
    request = Request(_parameters(seed), draw=3)
    one, two = (
        _noisy(noise, scores, Blocks(X, y, weight, n_jobs=n_jobs, sizes=sizes)).evaluate(request)
        for n_jobs in (1, 2)
    )
    equal = np.array_equal(one.gradient, two.gradient) and np.array_equal(one.total, two.total)
    require(equal, "value or gradient differ between one worker and two.")


@_law
def law_minibatches(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The gradients of the minibatches of a pass have the mean of the gradient of the pass."""
    X, y, _ = _examples(seed)
    objective = _noisy(noise, scores, Blocks(X, y))
    W = _parameters(seed)
    order = np.random.default_rng(seed).permutation(len(X)).reshape(4, -1)
    whole = objective.evaluate(Request(W, draw=1))
    parts = [objective.evaluate(Request(W, np.sort(rows), draw=1)) for rows in order]
    mean = np.mean([part.gradient for part in parts], axis=0)
    same(mean, whole.gradient, "the mean gradient of the minibatches")
    same(np.mean([part.data for part in parts], axis=0), whole.data, "the mean loss of these")


@_law
def law_gradient(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The gradient of a fixed draw is right for each loss, with weights, dense and sparse."""
    X, y, weight = _examples(seed, n_rows=12, n_features=3)
    W = _parameters(seed, n_features=3)
    for rows in (X, csr_array(X)) if noise.keeps_zeros else (X,):
        blocks = Blocks(rows, y, weight)
        for loss in LOSSES.values():
            _check_gradient(_noisy(noise, scores, blocks, loss), W, 5)


def _check_gradient(objective: Objective, W: Array, draw: int | None) -> None:
    def value(W: Array) -> Array:
        return objective.evaluate(Request(W, gradient=False, draw=draw)).total.sum()

    def gradient(W: Array) -> Array:
        return objective.evaluate(Request(W, draw=draw)).gradient

    report = check_gradient(value, gradient, W, samples=4)
    require(report.ok, f"with {objective.loss!r}: {report.verdict}")


# --- the adaptive L2 term -------------------------------------------------------------------------


@_law
def law_term(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The added loss of an example is ½ tr(H(s) Var(s̃)), dense and sparse."""
    X, y, _ = _examples(seed, n_rows=8)
    W = _parameters(seed)
    block = Block(X, y, None, np.arange(len(X)))
    for loss in TERM_LOSSES:
        objective = _objective(
            Blocks(X, y), lambda linear, loss=loss: scores.adaptive(linear, noise, loss), loss
        )
        standardization = objective.linear.standardization
        origins = [(block, standardization.mean)]
        if noise.keeps_zeros:
            origins.append((block._replace(X=csr_array(X)), np.zeros(X.shape[1])))
        for rows, origin in origins:
            added = objective.score.at(W, W.dtype).forward(rows).added
            assert added is not None
            expected = [
                [_half_trace(loss, noise, W[:, m], x, standardization, origin) for m in (0, 1)]
                for x in X
            ]
            same(added[0], expected, f"the added loss with {loss!r}")


def _half_trace(
    loss: Loss, noise: Noise, W: Array, x: Array, standardization: Any, origin: Array
) -> float:
    """½ tr(H(s) Var(s̃)) of one row and one member, as it is defined."""
    z = (x - standardization.mean) / standardization.scale
    hessian = loss.hessian((z @ W[:-1] + W[-1])[None], np.zeros(1, int), np.ones(1))
    variance = noise.variance((x - origin) / standardization.scale)
    return float(np.sum(hessian * ((W[:-1].T * variance) @ W[:-1])) / 2)


@_law
def law_term_gradient(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The gradient of loss and added loss is right, with weights, dense and sparse."""
    X, y, weight = _examples(seed, n_rows=12, n_features=3)
    weights = weight, np.stack([weight, 1 / weight], axis=1)
    for rows in (X, csr_array(X)) if noise.keeps_zeros else (X,):
        for loss in TERM_LOSSES:
            for own in weights:
                objective = _objective(
                    Blocks(rows, y, own),
                    lambda linear, loss=loss: scores.adaptive(linear, noise, loss),
                    loss,
                )
                _check_gradient(objective, _parameters(seed, n_features=3), None)


@_law
def law_term_is_the_mean(noise: Noise, *, scores: Scores, seed: int = 0) -> None:
    """The added loss is the mean of the noisy losses less the loss, to second order in W.

    Halving the weights of the only noisy input makes the difference at least 6 times smaller: it
    falls as their third power, or as the fourth if the noise is symmetric.
    """
    W = _parameters(seed, n_members=1, n_features=1)
    for loss in TERM_LOSSES:
        errors = np.abs([_beyond_second_order(loss, noise, scores, W, t) for t in (0.1, 0.05)])
        for error, half in pairwise(errors):
            require(
                half <= error / 6 + 1e-12,
                f"with {loss!r} the difference to the mean of the noisy losses falls only from "
                f"{error:.3g} to {half:.3g} where the weights are halved.",
            )


def _beyond_second_order(
    loss: Loss, noise: Noise, scores: Scores, W: Array, weight_scale: float
) -> float:
    """The mean of the noisy losses, less the loss and the added loss, of one example."""
    z = 0.8
    W = np.concatenate([weight_scale * W[:-1], W[-1:]])
    noisy = _every_outcome(noise, z)
    y = np.zeros(VALUES, np.int64)
    mean = loss.value(noisy[:, None] @ W[0] + W[-1], y).mean()
    blocks = Blocks(np.array([[z]]), np.zeros(1, np.int64))
    plain = Objective(loss, NoPenalty(), blocks, N_CLASSES)
    objective = replace(plain, score_function=scores.adaptive(plain.linear, noise, loss))
    return float(mean - objective.evaluate(Request(W)).data[0])
