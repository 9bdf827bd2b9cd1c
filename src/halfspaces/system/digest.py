"""A digest of a problem, by which a stored run is recognized."""

import hashlib
from typing import Any


def problem_of(objective: Any, optimizer: Any) -> str:
    """A digest of what must be the same for a state and its bounds to hold.

    Components, sizes, labels, weights, and the class sums of the certificate, which stand for the
    features: reading all of X again would cost a pass.
    """
    digest = hashlib.blake2b()
    for array in (objective.blocks.labels(), objective.blocks.weights(), objective.anchor.sums):
        digest.update(array.tobytes())
    rest = objective.n_classes, objective.fit_intercept, objective.score_function
    digest.update(repr((optimizer, objective.loss, objective.penalty, rest)).encode())
    return digest.hexdigest()
