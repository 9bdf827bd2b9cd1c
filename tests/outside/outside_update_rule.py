"""An update rule from outside the package: steps by the sign of an averaged gradient."""

from dataclasses import dataclass

import numpy as np

from halfspaces.optimizers import UPDATE_RULES, UpdateRule


@dataclass(frozen=True)
class SignMomentum(UpdateRule):
    """m ← ρ m + (1 − ρ) ∇L, W ← W − step · sign(m)."""

    decay: float = 0.9

    def default_step(self, safe_step):
        return 1e-3

    def slots(self, W):
        return (np.zeros_like(W),)

    def move(self, slots, gradient, last_move, step, count):
        mean = self.decay * slots[0] + (1 - self.decay) * gradient
        return -step * np.sign(mean), step, (mean,)


UPDATE_RULES["sign_momentum"] = SignMomentum()
