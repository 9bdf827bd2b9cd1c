"""What a page can be taken home as: Python code, a run file, a table of points."""

import csv
import io
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from halfspaces.files import run_file
from halfspaces.files.options import TABLES
from halfspaces.noise import Dropout, GaussianNoise, NoNoise
from halfspaces.page.board import Board
from halfspaces.page.settings import Settings, name_of
from halfspaces.support.types import Array

CODE = '''"""Steps of an optimizer on points in the plane."""

import numpy as np

from halfspaces import minimize
from halfspaces.callbacks import StopAfter
{with_noise}from halfspaces.losses import {losses}
{noises}from halfspaces.objective.objective import Objective
from halfspaces.optimizers import {optimizers}
from halfspaces.penalties import {penalties}
from halfspaces.rows.blocks import Blocks

X = np.array({X})
y = np.array({y})
W = np.array({W})[:, None]  # two weights and a bias for each class

objective = Objective({loss}, {penalty}, Blocks(X, y, n_jobs=1), n_classes={classes})
{noisy}optimizer = {optimizer}
{steps}
print("W =", W[:, 0].tolist())
print("data loss and accuracy:", *map(float, np.ravel(objective.assess(W))))
'''
WITH_NOISE = """\
from halfspaces.estimators.components import with_noise
"""
STEPS = """result = minimize(
    objective, optimizer, W, tol=0, max_passes=1e9, callbacks=[StopAfter({count})]
)
W = result.state.W
"""


def to_python(board: Board, number: int) -> str:
    """A program that takes the steps of a side again, from the same start to the same W."""
    from halfspaces import losses, noise, optimizers, penalties

    side = board.sides[number]
    X, y = board.points.training
    settings = side.settings
    own = settings.training_noise
    drawn = "" if isinstance(own, NoNoise) else repr(own)
    return CODE.format(
        with_noise=drawn and WITH_NOISE,
        noises=drawn and f"from halfspaces.noise import {_imported(own, noise)}\n",
        noisy=drawn and f"objective = with_noise(objective, {drawn})\n",
        losses=_imported(settings.loss, losses),
        optimizers=_imported(settings.optimizer, optimizers),
        penalties=_imported(settings.penalty, penalties),
        X=_listed(X),
        y=_listed(y),
        W=_listed(side.start[:, 0]),
        loss=repr(settings.loss),
        penalty=repr(settings.penalty),
        classes=board.n_classes,
        optimizer=repr(settings.optimizer),
        steps=STEPS.format(count=side.steps) if side.steps else "",
    )


def _listed(values: Array) -> str:
    """Numbers to all their digits, in lines of some rows."""
    text = repr(values.tolist())
    if values.ndim == 2:
        return text.replace("], [", "],\n    [").replace("[[", "[\n    [").replace("]]", "],\n]")
    return text


def _imported(component: Any, module: Any) -> str:
    """The names of the classes in a component's representation."""
    known = {type(part).__name__ for part in _parts(component)}
    return ", ".join(sorted(name for name in known if hasattr(module, name)))


def _parts(component: Any) -> Iterator[Any]:
    yield component
    for entry in fields(component):
        part = getattr(component, entry.name)
        if hasattr(part, "__dataclass_fields__"):
            yield from _parts(part)


def to_run_file(board: Board, number: int) -> str:
    """The run file that trains on the table of points with the settings of a side.

    It minimizes from W = 0 until it has converged. What a run file has no option for, such as the
    decay of an update rule, is at its default there.
    """
    settings = board.sides[number].settings
    options = _options(settings) | {"data": "points.csv", "label": "label", "standardize": False}
    known = {name for table in TABLES.values() for name in table.model_fields}
    return run_file.dumps({key: options[key] for key in options if key in known}, made={})


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name in ("loss", "penalty", "optimizer"):
        component = getattr(settings, name)
        options[name] = name_of(component)
        for part in fields(component):
            options[part.name] = _option(getattr(component, part.name))
    if isinstance(options.get("step_size"), float):
        options["step_size"] = repr(options["step_size"])
    options |= {} if settings.penalty.has_strength else {"strength": None}
    return options | _noise_options(settings)


def _noise_options(settings: Settings) -> dict[str, Any]:
    match settings.noise:
        case Dropout(probability=probability):
            options: dict[str, Any] = {"dropout": probability}
        case GaussianNoise(scale=scale):
            options = {"feature_noise": scale}
        case _:
            return {}
    return options | {"adaptive_l2": settings.adaptive_l2 or None}


def _option(value: Any) -> Any:
    return name_of(value) if hasattr(value, "__dataclass_fields__") and _named(value) else value


def _named(value: Any) -> bool:
    from halfspaces.page.settings import FAMILIES

    return any(isinstance(value, family.kind) for family in FAMILIES)


def to_csv(board: Board) -> str:
    """The points as a table with the columns x, y, label and, with validation points, split."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    points = board.points
    splits = np.where(points.held_out, "validation", "train")
    with_split = bool(points.held_out.any())
    table.writerow(["x", "y", "label", *(["split"] if with_split else [])])
    for (x, y), label, split in zip(points.X.tolist(), points.y.tolist(), splits, strict=True):
        table.writerow([x, y, f"class {label}", *([str(split)] if with_split else [])])
    return text.getvalue()
