"""Update rules of gradient methods: how a gradient becomes a move of W.

A rule receives the gradient at its look-ahead point and the last move (after any prox). It returns
the next move and the step size of each coordinate, in whose metric the prox of the penalty is
taken: W ← prox(W + move, coordinate_step). Its slots are arrays shaped like W, stored in the
optimizer's state.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

Slots = tuple[Array, ...]


class UpdateRule(ABC):
    """How a gradient becomes a move.

    A new rule is one frozen dataclass with `move` (and `slots`, `look_ahead` where it needs them)
    and one row in `UPDATE_RULES`. A `loop` makes updates of large W faster.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "move" in vars(cls) and "loop" not in vars(cls):
            cls.loop = UpdateRule.loop  # that of a rule above is not the loop of this move

    def slots(self, W: Array) -> Slots:
        """The arrays that the rule needs from one step to the next."""
        return ()

    def look_ahead(self, W: Array, last_move: Array) -> Array:
        """The point at which the gradient is evaluated."""
        return W

    def default_step(self, safe_step: Array) -> Array | float:
        """The default step size; `safe_step` is 1/L of each member, L a bound on its curvature."""
        return safe_step

    def loop(self, count: int) -> tuple[Callable[..., None], tuple[float, ...]] | None:
        """The rule as a compiled loop, and the numbers that it takes after the step; None: none."""
        return None

    @abstractmethod
    def move(
        self, slots: Slots, gradient: Array, last_move: Array, step: Array, count: int
    ) -> tuple[Array, Array, Slots]:
        """The move, the step size of each coordinate (or of each member), and the new slots.

        `step` is a number, or one per member shaped (M, 1); `count` starts at 1.
        """


@dataclass(frozen=True)
class Plain(UpdateRule):
    """W ← W − step · ∇L."""

    def move(
        self, slots: Slots, gradient: Array, last_move: Array, step: Array, count: int
    ) -> tuple[Array, Array, Slots]:
        """−step · ∇L."""
        return -step * gradient, step, slots

    def loop(self, count: int) -> tuple[Callable[..., None], tuple[float, ...]]:
        """Momentum without decay."""
        return _loops().momentum, (0.0,)


@dataclass(frozen=True)
class Momentum(UpdateRule):
    """v ← ρ v − step · ∇L(W), W ← W + v (Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5).

    v is the last move after the prox, so that the optima are fixed points for all penalties.
    """

    decay: float = 0.9

    def __post_init__(self) -> None:
        check_number(f"{type(self).__name__}(decay=...)", self.decay, at_least=0, below=1)

    def move(
        self, slots: Slots, gradient: Array, last_move: Array, step: Array, count: int
    ) -> tuple[Array, Array, Slots]:
        """ρ v − step · ∇L."""
        return self.decay * last_move - step * gradient, step, slots

    def loop(self, count: int) -> tuple[Callable[..., None], tuple[float, ...]]:
        """With ρ."""
        return _loops().momentum, (self.decay,)


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v ← ρ v − step · ∇L(W + ρ v), W ← W + v (Nesterov 1983; Sutskever et al., ICML 2013)."""

    def look_ahead(self, W: Array, last_move: Array) -> Array:
        """W + ρ v."""
        ahead = self.decay * last_move
        ahead += W
        return ahead


@dataclass(frozen=True)
class Adagrad(UpdateRule):
    """h ← h + ∇L², W ← W − step · ∇L/(√h + ε) (Duchi, Hazan & Singer, JMLR 2011)."""

    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_number("Adagrad(epsilon=...)", self.epsilon, above=0)

    def default_step(self, safe_step: Array) -> Array | float:
        """1e-2: the rule scales each coordinate by itself."""
        return 1e-2

    def slots(self, W: Array) -> Slots:
        """h = 0."""
        return (np.zeros_like(W),)

    def move(
        self, slots: Slots, gradient: Array, last_move: Array, step: Array, count: int
    ) -> tuple[Array, Array, Slots]:
        """−step · ∇L/(√h + ε)."""
        squares = slots[0] + gradient**2
        coordinate_step = step / (np.sqrt(squares) + self.epsilon)
        return -coordinate_step * gradient, coordinate_step, (squares,)

    def loop(self, count: int) -> tuple[Callable[..., None], tuple[float, ...]]:
        """With h ← 1 h + 1 ∇L², and ε."""
        return _loops().by_squares, (1.0, 1.0, self.epsilon)


@dataclass(frozen=True)
class RMSProp(UpdateRule):
    """h ← ρ h + (1 − ρ) ∇L², W ← W − step · ∇L/(√h + ε) (Tieleman & Hinton 2012)."""

    decay: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_number("RMSProp(decay=...)", self.decay, at_least=0, below=1)
        check_number("RMSProp(epsilon=...)", self.epsilon, above=0)

    def default_step(self, safe_step: Array) -> Array | float:
        """1e-3: the rule scales each coordinate by itself."""
        return 1e-3

    def slots(self, W: Array) -> Slots:
        """h = 0."""
        return (np.zeros_like(W),)

    def move(
        self, slots: Slots, gradient: Array, last_move: Array, step: Array, count: int
    ) -> tuple[Array, Array, Slots]:
        """−step · ∇L/(√h + ε)."""
        squares = self.decay * slots[0] + (1 - self.decay) * gradient**2
        coordinate_step = step / (np.sqrt(squares) + self.epsilon)
        return -coordinate_step * gradient, coordinate_step, (squares,)

    def loop(self, count: int) -> tuple[Callable[..., None], tuple[float, ...]]:
        """With ρ, 1 − ρ and ε."""
        return _loops().by_squares, (self.decay, 1 - self.decay, self.epsilon)


@dataclass(frozen=True)
class Adam(UpdateRule):
    """m ← β₁ m + (1 − β₁) ∇L, h ← β₂ h + (1 − β₂) ∇L², W ← W − step · m/(√h + ε).

    Both m and h are corrected for their start at 0.

    References
    ----------
    Kingma & Ba, Adam: a method for stochastic optimization, ICLR 2015,
    https://arxiv.org/abs/1412.6980
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_number("Adam(beta1=...)", self.beta1, at_least=0, below=1)
        check_number("Adam(beta2=...)", self.beta2, at_least=0, below=1)
        check_number("Adam(epsilon=...)", self.epsilon, above=0)

    def default_step(self, safe_step: Array) -> Array | float:
        """1e-3: the rule scales each coordinate by itself."""
        return 1e-3

    def slots(self, W: Array) -> Slots:
        """m = h = 0."""
        return np.zeros_like(W), np.zeros_like(W)

    def move(
        self, slots: Slots, gradient: Array, last_move: Array, step: Array, count: int
    ) -> tuple[Array, Array, Slots]:
        """−step · m/(√h + ε)."""
        mean = self.beta1 * slots[0] + (1 - self.beta1) * gradient
        squares = self.beta2 * slots[1] + (1 - self.beta2) * gradient**2
        corrected = np.sqrt(squares / (1 - self.beta2**count)) + self.epsilon
        coordinate_step = step / corrected
        return -coordinate_step * mean / (1 - self.beta1**count), coordinate_step, (mean, squares)

    def loop(self, count: int) -> tuple[Callable[..., None], tuple[float, ...]]:
        """With β and 1 − β of both means, their corrections, and ε."""
        betas = (self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2)
        corrections = (1 / (1 - self.beta1**count), 1 / (1 - self.beta2**count))
        return _loops().adam, (*betas, *corrections, self.epsilon)


def _loops() -> ModuleType:
    """The compiled rules: their import takes as long as that of numba."""
    from halfspaces.kernels import update_loops

    return update_loops


UPDATE_RULES: dict[str, UpdateRule] = {
    "plain": Plain(),
    "momentum": Momentum(),
    "nesterov": Nesterov(),
    "adagrad": Adagrad(),
    "rmsprop": RMSProp(),
    "adam": Adam(),
}
