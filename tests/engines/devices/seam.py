"""Arrays that count as lying on a device, on machines without one."""

import numpy as np
import pytest

from halfspaces.system import libraries


def arrays_of(library, monkeypatch=None):
    """A function that makes an array of a library: on its device if it has a second one.

    torch has none on the CPU: with `monkeypatch` its tensors count as lying elsewhere.
    """
    if library == "torch":
        torch = pytest.importorskip("torch")
        torch.set_num_threads(1)  # on a busy machine each of its operations waits for the other
        if monkeypatch is not None:
            here = libraries.is_here
            monkeypatch.setattr(
                libraries, "is_here", lambda X: here(X) and not isinstance(X, torch.Tensor)
            )
        return lambda values: torch.tensor(np.asarray(values))
    xp = pytest.importorskip("array_api_strict")
    device = None if monkeypatch is None else xp.Device("device1")
    return lambda values: xp.asarray(np.asarray(values), device=device)
