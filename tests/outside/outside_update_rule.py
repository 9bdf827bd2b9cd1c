"""An update rule from outside the package: steps along an averaged gradient."""

from dataclasses import dataclass

import numpy as np

from halfspaces.optimizers import UPDATE_RULES, UpdateRule


@dataclass(frozen=True)
class AveragedGradient(UpdateRule):
    """m ← ρ m + (1 − ρ) ∇L, W ← W − step · m."""

    decay: float = 0.9

    def slots(self, W):
        return (np.zeros_like(W),)

    def move(self, slots, gradient, last_move, step, count):
        mean = self.decay * slots[0] + (1 - self.decay) * gradient
        return -step * mean, step, (mean,)


UPDATE_RULES["averaged_gradient"] = AveragedGradient()
