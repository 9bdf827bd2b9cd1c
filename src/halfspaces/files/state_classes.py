"""The classes that checkpoints may hold, by name: nothing else is made when one is read.

They are the dataclasses and enums of the modules below, the components that
`halfspaces.files.components` knows, and the rows that are added for the state of an optimizer from
outside:

    from halfspaces.callbacks import STATE_CLASSES
    STATE_CLASSES["MyState"] = MyState
"""

from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from types import ModuleType
from typing import Any

from halfspaces.files.components import known_classes
from halfspaces.loop import result, so_far
from halfspaces.networks import by_layer
from halfspaces.objective import request
from halfspaces.optimizers import (
    coordinate_descent,
    dual_rows,
    dual_turn,
    epoch_order,
    exact_hessian,
    gradient_descent,
    lbfgs,
    line_search,
    newton,
    proximal_gradient,
    proximal_newton,
    quasi_newton,
    random_search,
    sketch,
    smoothing,
    splitting,
)
from halfspaces.preconditioners import (
    base,
    class_hessian,
    curvature,
    factors,
    gram,
    low_rank,
    row_gram,
)
from halfspaces.rows import standardization
from halfspaces.scores import linear

MODULES = (
    result, so_far, request, linear, by_layer, standardization,
    coordinate_descent, dual_rows, dual_turn, epoch_order, exact_hessian, gradient_descent, lbfgs,
    line_search, newton, proximal_gradient, proximal_newton, quasi_newton, random_search, sketch,
    smoothing, splitting,
    base, class_hessian, curvature, factors, gram, low_rank, row_gram,
)  # fmt: skip


def _defined_in(module: ModuleType) -> Iterator[Any]:
    kinds: list[Any] = list(vars(module).values())
    for kind in kinds:
        own = isinstance(kind, type) and kind.__module__ == module.__name__
        if own and (is_dataclass(kind) or issubclass(kind, Enum)):
            yield kind


STATE_CLASSES: dict[str, type] = {
    kind.__name__: kind for module in MODULES for kind in _defined_in(module)
}


def name_of(kind: type) -> str | None:
    """The name by which a checkpoint calls a class; None for a class that it cannot hold."""
    name = kind.__name__
    return name if class_named(name) is kind else None


def class_named(name: str) -> type | None:
    """The class with this name; None where there is none."""
    return STATE_CLASSES.get(name) or known_classes().get(name)
