"""`halfspaces.minimize`: the loop with tighter dual points, which prove convergence in fewer passes."""

from functools import wraps

from halfspaces.loop import minimize as loop
from halfspaces.proofs.tighten import tighter_bounds


@wraps(loop.minimize)
def minimize(*args, **options):  # noqa: D103 (the docstring is that of the loop)
    return loop.minimize(*args, **{"tighten": tighter_bounds} | options)
