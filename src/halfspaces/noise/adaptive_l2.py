"""The deterministic equivalent of noise: the mean loss of noisy inputs, to second order."""

from dataclasses import dataclass, field

from halfspaces.noise.base import Noise
from halfspaces.noise.dropout import Dropout


@dataclass(frozen=True)
class AdaptiveL2:
    """Adds ½ tr(H(s_i) Var(s̃_i)) to the loss of each example.

    This is what the noise adds to the loss on average, to second order: H is the Hessian of the
    loss in the scores s_i, and Var(s̃_i) the covariance of the noisy scores. Like an L2 penalty it
    shrinks weights, each by the variance of its noise and the curvature of the examples that use
    it. There is no noise to draw, so L-BFGS can minimize it.

    H must not depend on the label: the loss is softmax or ova_logistic. The sum of loss and term is
    not convex in general: no lower bound on its minimum is proved.

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
    >>> AdaptiveL2(Dropout(0.2))
    AdaptiveL2(noise=Dropout(probability=0.2))
    """

    noise: Noise = field(default_factory=Dropout)

    def __post_init__(self) -> None:
        if not isinstance(self.noise, Noise):  # pyright: ignore[reportUnnecessaryIsInstance]
            needed = "Dropout(...) or GaussianNoise(...)"
            raise TypeError(f"AdaptiveL2(noise=...) must be {needed}, got {self.noise!r}.")
