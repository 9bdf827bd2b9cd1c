"""Loss, penalty, noise and optimizer of a side, and the form of their controls.

The form is made from the components themselves: a new loss, penalty, noise, optimizer, update rule
or schedule is on the page as soon as it is in its registry.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, NamedTuple, cast

from halfspaces.files.components import decode, encode
from halfspaces.losses import LOSSES, Loss, Softmax
from halfspaces.noise import NOISES, AdaptiveL2, Noise, NoNoise
from halfspaces.noise.adaptive_terms import has_term
from halfspaces.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    UPDATE_RULES,
    GradientDescent,
    Optimizer,
    RandomSearch,
    Schedule,
    UpdateRule,
)
from halfspaces.page.wording import PageError
from halfspaces.penalties import L2, PENALTIES, Penalty


class Family(NamedTuple):
    """The components among which one is chosen."""

    kind: type
    registry: Mapping[str, Any]


FAMILIES = (
    Family(Loss, LOSSES),
    Family(Penalty, PENALTIES),
    Family(Noise, NOISES),
    Family(Optimizer, OPTIMIZERS),
    Family(UpdateRule, UPDATE_RULES),
    Family(Schedule, SCHEDULES),
)
HIDDEN = {"smoothing", "window_bytes"}  # of the solver's own, or without use for points
DEFAULT_STRENGTH = 1e-3
# Where a random search of points looks: the default is for pixels.
OTHER_DEFAULTS: dict[str, Mapping[str, Any]] = {
    "random_search": {"scale": 1.0, "batch": 1},
    "gradient_descent": {"step_size": 0.1},
    "sgd": {"step_size": 0.1, "batch_size": 32, "epochs": 100},
}


class Range(NamedTuple):
    """The range of a slider."""

    low: float
    high: float
    log: bool = False


RANGES = {
    "strength": Range(1e-6, 10, log=True),
    "margin": Range(0, 5),
    "label_smoothing": Range(0, 0.9),
    "beta": Range(0, 5),
    "probability": Range(0, 0.95),
    "radius": Range(0.01, 100, log=True),
    "step_size": Range(1e-4, 100, log=True),
    "decay": Range(0, 1),
    "batch_size": Range(1, 256),
    "epochs": Range(1, 1000),
    "draws": Range(1, 10_000),
    "scale": Range(1e-4, 10, log=True),
}


@dataclass(frozen=True)
class Settings:
    """What is minimized, and how.

    >>> Settings().set(["loss"], "hinge").set(["loss", "margin"], 2.0).loss
    Hinge(margin=2.0, smoothing=0.0)
    """

    loss: Loss = field(default_factory=Softmax)
    penalty: Penalty = field(default_factory=lambda: L2(DEFAULT_STRENGTH))
    noise: Noise = field(default_factory=NoNoise)
    adaptive_l2: bool = False
    optimizer: Optimizer[Any] = field(default_factory=lambda: GradientDescent(step_size=0.1))

    def set(self, path: Sequence[str], value: Any) -> "Settings":
        """With another component or number, at a path such as ["optimizer", "step_size"].

        Raises
        ------
        PageError, ValueError
            If there is no such control, the value cannot be, or noise does not go with the rest.
        """
        if not path or path[0] not in {entry.name for entry in fields(self)}:
            raise PageError("error.no_control", path=" ".join(path))
        changed = cast("Settings", _changed(self, path, value))
        changed.check()
        return changed

    def check(self) -> None:
        """Raise PageError if loss or optimizer cannot be used with the noise."""
        if isinstance(self.noise, NoNoise):
            return
        if self.adaptive_l2 and not has_term(self.loss):
            raise PageError("error.adaptive_loss")
        if not self.adaptive_l2 and not self.optimizer.takes_noise:
            raise PageError("error.noise_optimizer")

    @property
    def training_noise(self) -> Noise | AdaptiveL2:
        """The noise, or its deterministic equivalent, as a classifier takes it."""
        adaptive = self.adaptive_l2 and not isinstance(self.noise, NoNoise)
        return AdaptiveL2(self.noise) if adaptive else self.noise

    def form(self) -> list[dict[str, Any]]:
        """The controls, as they are drawn; those of a group stand together."""
        controls = list(_controls(self, ()))
        adaptive = next(control for control in controls if control["path"] == ["adaptive_l2"])
        adaptive["group"] = "noise"
        if isinstance(self.noise, NoNoise):
            controls.remove(adaptive)
        return controls

    def to_json(self) -> dict[str, Any]:
        """For a link."""
        return {entry.name: encode(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Settings":
        """The inverse of `to_json`; raises ValueError, KeyError or TypeError if it is damaged."""
        held = {**cls().to_json(), **stored}  # links of earlier versions have no noise
        parts = {entry.name: decode(held[entry.name]) for entry in fields(cls)}
        for name, default in vars(cls()).items():
            kind = _family(default).kind if _is_choice(default) else type(default)
            if not isinstance(parts[name], kind):
                raise TypeError(f"{name} must be a {kind.__name__}, got {parts[name]!r}.")
        settings = cls(**parts)
        settings.check()
        return settings


def name_of(component: Any) -> str:
    """The name of a component in its registry, or that of its class.

    >>> name_of(Softmax()), name_of(LOSSES["ova_logistic"])
    ('softmax', 'ova_logistic')
    """
    for name, row in _family(component).registry.items():
        if _same_row(component, row):
            return name
    return type(component).__name__


def _same_row(component: Any, row: Any) -> bool:
    if isinstance(row, type):
        return type(component) is row
    if type(component) is not type(row):
        return False
    parts = [entry.name for entry in fields(row) if is_dataclass(getattr(row, entry.name))]
    return all(type(getattr(component, name)) is type(getattr(row, name)) for name in parts)


def _family(component: Any) -> Family:
    return next(family for family in FAMILIES if isinstance(component, family.kind))


def _is_choice(value: Any) -> bool:
    return any(isinstance(value, family.kind) for family in FAMILIES)


def _changed(component: Any, path: Sequence[str], value: Any) -> Any:
    name, *rest = path
    if not is_dataclass(component) or name not in _shown(component):
        raise PageError("error.no_control", path=" ".join(path))
    held = getattr(component, name)
    if rest:
        return replace(cast("Any", component), **{name: _changed(held, rest, value)})
    if _is_choice(held):
        return replace(cast("Any", component), **{name: _chosen(held, value)})
    number = _number(component, name, held, value)
    try:
        return replace(cast("Any", component), **{name: number})
    except ValueError as error:
        raise PageError("error.refused", name=name, value=number, reason=str(error)) from error


def _chosen(held: Any, name: Any) -> Any:
    """The component of this name, with the numbers of the one before where it has them, too."""
    registry = _family(held).registry
    if not isinstance(name, str) or name not in registry:
        raise PageError("error.no_choice", name=str(name), known=", ".join(registry))
    row = registry[name]
    kind = row if isinstance(row, type) else type(row)
    names = [entry.name for entry in fields(cast("Any", kind)) if entry.init]
    kept = {} if name in OTHER_DEFAULTS else {"strength": DEFAULT_STRENGTH}
    kept |= {key: getattr(held, key) for key in names if hasattr(held, key)}
    if kept.get("margin") == 0:  # of the logistic loss, which has none
        del kept["margin"]
    given = {key: kept[key] for key in names if key in kept and not is_dataclass(kept[key])}
    given |= OTHER_DEFAULTS.get(name, {})
    if isinstance(row, type):
        return row(**given)
    fixed = {"margin"} if getattr(row, "margin", None) == 0 else set[str]()
    return replace(row, **{key: given[key] for key in given.keys() - fixed})


def _number(component: Any, name: str, held: Any, value: Any) -> Any:
    kind = _kind(component, name, held)
    if kind == "flag":
        if not isinstance(value, bool):
            raise PageError("error.no_flag", name=name, value=_brief(value))
        return value
    if value is None and _optional(component, name):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PageError("error.no_number", name=name, value=_brief(value))
    if _integer(component, name) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value if _integer(component, name) else float(value)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _shown(component: Any) -> list[str]:
    """The names of the parameters that have a control."""
    return [
        entry.name
        for entry in fields(component)
        if entry.name not in HIDDEN
        and _kind(component, entry.name, getattr(component, entry.name)) is not None
    ]


def _annotation(component: Any, name: str) -> str:
    return next(str(entry.type) for entry in fields(component) if entry.name == name)


def _kind(component: Any, name: str, held: Any) -> str | None:
    """The kind of a control; None for what has none."""
    if _is_choice(held):
        return "choice"
    annotation = _annotation(component, name)
    if isinstance(held, bool):
        return "flag"
    if isinstance(held, (int, float)) or annotation.startswith("float | None"):
        return "number"
    return None


def _optional(component: Any, name: str) -> bool:
    return "None" in _annotation(component, name)


def _integer(component: Any, name: str) -> bool:
    return "int" in _annotation(component, name)


def _controls(component: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name in _shown(component):
        held = getattr(component, name)
        place = [*path, name]
        kind = _kind(component, name, held)
        if kind == "choice":
            choices = list(_family(held).registry)
            yield {"path": place, "kind": kind, "value": name_of(held), "choices": choices}
            yield from _controls(held, tuple(place))
        elif kind == "flag":
            yield {"path": place, "kind": kind, "value": held}
        else:
            low, high, log = RANGES.get(name, Range(0, 1 if held is None else max(1, 10 * held)))
            yield {
                "path": place,
                "kind": kind,
                "value": held,
                "low": low,
                "high": high,
                "log": log,
                "integer": _integer(component, name),
                "optional": _optional(component, name),
            }


def random_search(local: bool, draws: int, scale: float, seed: int) -> RandomSearch:
    """A random search, one attempt a turn, around W = 0 or around the best W so far."""
    return RandomSearch(draws=draws, scale=scale, local=local, batch=1, seed=seed)
