"""Fitted classifiers as a torch.nn.Linear."""

from typing import TYPE_CHECKING

import numpy as np

from halfspaces.files.export.parts import Classifier, parts_of
from halfspaces.support.types import Array

if TYPE_CHECKING:
    import torch

WRITTEN_BY = {"written_by": "halfspaces"}  # in the metadata of the file


def torch_state(classifier: Classifier) -> dict[str, Array]:
    """`weight` (C, D) and `bias` (C,) of a torch.nn.Linear on raw features: (1, D) and (1,) for two
    classes.

    The largest output is the label (of two classes: the second where the one output is above 0),
    and softmax of the outputs, or the logistic, gives the probabilities where there are any.
    float32, but float64 where the features have such large offsets that float32 would lose them.

    Raises
    ------
    ValueError
        As `to_sklearn`.
    """
    parts = parts_of(classifier)
    V, c = parts.logits
    dtype = np.float32 if parts.center is None else np.float64
    return {"weight": np.ascontiguousarray(V.T, dtype=dtype), "bias": c.astype(dtype)}


def to_torch(classifier: Classifier) -> "torch.nn.Linear":
    """A torch.nn.Linear with `torch_state`.

    Raises
    ------
    ImportError
        If torch is missing.
    ValueError
        As `to_sklearn`.
    """
    arrays = torch_state(classifier)
    import torch

    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    rows, columns = state["weight"].shape
    module = torch.nn.Linear(columns, rows, dtype=state["weight"].dtype)
    module.load_state_dict(state)
    return module
