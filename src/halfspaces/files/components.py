"""Components in files: a loss, a penalty, ... is its class's name and its hyperparameters.

Reading makes only classes of the package and of the registries (`LOSSES`, `PENALTIES`, `NOISES`,
`NETWORKS`, `OPTIMIZERS`, `UPDATE_RULES`, `SCHEDULES`, `CALIBRATIONS`); it imports nothing.

>>> from halfspaces.losses import Hinge
>>> encode(Hinge(margin=2.0))
{'component': 'Hinge', 'margin': 2.0, 'smoothing': 0.0}
>>> decode(encode(Hinge(margin=2.0)))
Hinge(margin=2.0, smoothing=0.0)
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from halfspaces import losses, networks, noise, optimizers, penalties
from halfspaces.estimators import calibration, reliability, threshold
from halfspaces.estimators.calibration import CALIBRATIONS
from halfspaces.files.safetensors_file import ModelFileError
from halfspaces.losses import LOSSES, surrogates
from halfspaces.networks import NETWORKS
from halfspaces.noise import NOISES
from halfspaces.optimizers import OPTIMIZERS, SCHEDULES, UPDATE_RULES
from halfspaces.penalties import PENALTIES
from halfspaces.system.errors import UnknownComponentError

REGISTRIES: tuple[Mapping[str, Any], ...] = (
    LOSSES,
    PENALTIES,
    NOISES,
    NETWORKS,
    OPTIMIZERS,
    UPDATE_RULES,
    SCHEDULES,
    CALIBRATIONS,
)
NAMED: dict[str, Mapping[str, Any]] = {
    "loss": LOSSES,
    "penalty": PENALTIES,
    "noise": NOISES,
    "network": NETWORKS,
    "optimizer": OPTIMIZERS,
}
_OWN: dict[str, type] = {
    name: kind
    for module in (
        losses,
        surrogates,
        penalties,
        noise,
        networks,
        optimizers,
        calibration,
        threshold,
        reliability,
    )
    for name, kind in vars(module).items()
    if isinstance(kind, type) and is_dataclass(kind) and not name.startswith("_")
}


def known_classes() -> dict[str, type]:
    """The classes of components by name: the package's own and those in the registries."""
    registered: dict[str, type] = {}
    for registry in REGISTRIES:
        for entry in registry.values():
            registered |= {kind.__name__: kind for kind in _classes_in(entry)}
    return registered | _OWN


def check_registered(parameters: Mapping[str, Any]) -> None:
    """Raise UnknownComponentError for a component whose name is not registered."""
    for option, registry in NAMED.items():
        name = parameters.get(option)
        if isinstance(name, str) and name not in registry and name != "auto":
            raise UnknownComponentError(f"the {option} {name!r} is not registered", name)


def encode(value: Any) -> Any:
    """The JSON of a parameter or a note; raises ModelFileError for other objects."""
    if isinstance(value, np.generic):
        return encode(value.item())
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if is_dataclass(value) and type(value) is known_classes().get(type(value).__name__):
        hyperparameters = {
            field.name: encode(getattr(value, field.name)) for field in fields(value)
        }
        return {"component": type(value).__name__, **hyperparameters}
    if isinstance(value, dict):
        return {"pairs": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [encode(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    allowed = "numbers, strings, halfspaces' own components, or components in its registries"
    raise ModelFileError(f"{value!r} cannot be written into a model file; use {allowed}.")


def decode(value: Any) -> Any:
    """The inverse of `encode`; raises UnknownComponentError for components not registered."""
    if isinstance(value, dict) and "component" in value:
        name = value["component"]
        known = known_classes()
        if name not in known:
            raise UnknownComponentError(f"the component {name!r} is not registered", str(name))
        given = {key: decode(item) for key, item in value.items() if key != "component"}
        return known[name](**given)
    if isinstance(value, dict):
        return {_hashable(decode(key)): decode(item) for key, item in value["pairs"]}
    if isinstance(value, list):
        return [decode(item) for item in value]
    return value


def _classes_in(entry: Any) -> Iterator[type]:
    """The class of a row of a registry, and those of the components that it is made of."""
    if isinstance(entry, type):
        yield entry
    elif is_dataclass(entry):
        yield type(entry)
        for field in fields(entry):
            yield from _classes_in(getattr(entry, field.name))


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
