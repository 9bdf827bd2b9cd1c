"""A loss from outside the package: softmax at a temperature."""

from dataclasses import dataclass

from halfspaces.losses import LOSSES, Loss, Softmax


@dataclass(frozen=True)
class TemperedSoftmax(Loss):
    """L = T log Σ_j exp((s_j − s_y)/T)."""

    temperature: float = 2.0
    shift_invariant = True
    probability = "softmax"

    def value_and_grad(self, scores, y):
        loss, gradient = Softmax().value_and_grad(scores / self.temperature, y)
        return self.temperature * loss, gradient

    def curvature(self, n_classes):
        return 0.5 / self.temperature

    def hessian(self, scores, label, weight):
        return Softmax().hessian(scores / self.temperature, label, weight) / self.temperature

    def conjugate(self, dual, y):
        return self.temperature * Softmax().conjugate(dual, y)


LOSSES["tempered_softmax"] = TemperedSoftmax()
