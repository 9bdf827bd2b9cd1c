"""The deterministic equivalent of noise: the mean loss of noisy inputs, to second order."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.noise.adaptive_terms import Term, term_of
from halfspaces.noise.base import Noise
from halfspaces.noise.dropout import Dropout
from halfspaces.noise.inputs import Inputs
from halfspaces.scores import Linear
from halfspaces.support.types import Array, Block

Pull = Callable[[Array | None], tuple[Array, Array]]


@dataclass(frozen=True)
class AdaptiveL2:
    """Adds ½ tr(H(s_i) Var(s̃_i)) to the loss of each example.

    This is what the noise adds to the loss on average, to second order: H is the Hessian of the
    loss in the scores s_i, and Var(s̃_i) the covariance of the noisy scores. Like an L2 penalty it
    shrinks weights, each by the variance of its noise and the curvature of the examples that use
    it. There is no noise to draw, so optimizers of smooth objectives can be used.

    The sum of loss and term is not convex in general: no lower bound on its minimum is proved.

    Parameters
    ----------
    noise : Noise

    Raises
    ------
    TypeError
        If `noise` is not a Noise.

    References
    ----------
    Wager, Wang & Liang, Dropout training as adaptive regularization, NIPS 2013,
    https://arxiv.org/abs/1307.1493

    Examples
    --------
    >>> from halfspaces.losses.softmax import Softmax
    >>> from halfspaces.rows.standardization import Standardization
    >>> linear = Linear(Standardization.identity(2), np.zeros(2))
    >>> W = np.array([[[1.0, -1.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
    >>> block = Block(np.ones((1, 2)), np.zeros(1, int), None, np.arange(1))
    >>> term = AdaptiveL2(Dropout(0.5)).term(Softmax(), linear).at(W, np.dtype(float))
    >>> term(np.zeros((1, 1, 2)), block)[0].tolist()
    [[0.5]]
    """

    noise: Noise = Dropout()

    def __post_init__(self) -> None:
        if not isinstance(self.noise, Noise):  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "Dropout(...) or GaussianNoise(...)"
            raise TypeError(f"AdaptiveL2(noise=...) must be {needed}, got {self.noise!r}.")

    def term(self, loss: Loss, linear: Linear) -> "AdaptiveTerm":
        """The term of an objective with this loss and these scores.

        Raises
        ------
        ValueError
            If the Hessian of the loss depends on the label.
        """
        return AdaptiveTerm(self.noise, term_of(loss), Inputs(linear))


@dataclass(frozen=True, eq=False)
class AdaptiveTerm:
    """The term for one loss and one score function; see `AdaptiveL2`."""

    noise: Noise
    of_member: Term
    inputs: Inputs

    def at(
        self, W: Array, dtype: np.dtype
    ) -> Callable[[Array, Block], tuple[Array, Array, Pull]]:
        """The term at W (D+1, M, C): a function of scores (B, M, C) and their block.

        It returns the values (B, M), their gradient in the scores (B, M, C), and a function of the
        examples' weights, (B,), (B, M) or None. That function returns the gradient of the weighted
        sum in V and c at fixed scores, where scores are X V + c.
        """
        weights = np.moveaxis(W[:-1], 1, 0).astype(dtype, order="C")

        def term(scores: Array, block: Block) -> tuple[Array, Array, Pull]:
            variance = self.noise.variances(self.inputs.of(block.X))
            members = [
                self.of_member(scores[:, m], weights[m], variance) for m in range(len(weights))
            ]
            values = np.stack([member.values for member in members], axis=1)
            dscores = np.stack([member.dscores for member in members], axis=1)

            def pull(example_weights: Array | None) -> tuple[Array, Array]:
                weight = np.ones(1) if example_weights is None else example_weights
                weight = np.broadcast_to(weight.reshape(len(weight), -1), values.shape)
                gradients = [
                    member.dweights(weight[:, [m]].astype(dtype))
                    for m, member in enumerate(members)
                ]
                dbias = np.zeros(scores[0].size)
                dweights = np.stack(gradients, axis=1).reshape(len(W) - 1, -1)
                return self.inputs.pull(dweights, dbias, block.X), dbias

            return values, dscores, pull

        return term
