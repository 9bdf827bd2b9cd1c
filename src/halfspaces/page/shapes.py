"""Classic shapes of points in the plane, a class each."""

from collections.abc import Callable

import numpy as np

from halfspaces.page.board import BOX, DIGITS, MOST_CLASSES, MOST_POINTS, Points
from halfspaces.page.wording import PageError
from halfspaces.support.types import Array

Shape = Callable[[np.random.Generator, int, int], Array]  # of a class, in [-1, 1]²


def _blobs(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    angle = np.pi / 2 + 2 * np.pi * label / classes
    return 0.65 * np.array([np.cos(angle), np.sin(angle)]) + np.zeros((count, 2))


def _ring(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    radius = 1.1 * (label + 0.35) / classes
    angle = rng.uniform(0, 2 * np.pi, count)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _spiral(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    along = np.linspace(0.1, 1, count)
    angle = 4 * along + 2 * np.pi * label / classes
    return 1.1 * along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _moon(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    angle = np.pi * rng.uniform(size=count)
    upper = label % 2 == 0
    height = 1 - 2 * (label // 2) / max(1, (classes - 1) // 2 or 1)
    x = 0.65 * np.cos(angle) + (-0.25 if upper else 0.25)
    y = 0.55 * np.sin(angle) * (1 if upper else -1) + (-0.15 if upper else 0.15)
    return np.stack([x, y + (0.5 * (height - 1) if classes > 3 else 0.0)], axis=1)


def _checks(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    """Squares of a board, one class along each diagonal; of two classes: exclusive or."""
    square = rng.integers(classes, size=(count, 1))
    corner = np.concatenate([square, (square + label) % classes], axis=1)
    return 2.4 * (corner + rng.uniform(0.1, 0.9, (count, 2))) / classes - 1.2


def _stripes(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    across = 2.4 * (label + rng.uniform(0.15, 0.85, count)) / classes - 1.2
    return np.stack([across, rng.uniform(-1.1, 1.1, count)], axis=1)


def _outlier(rng: np.random.Generator, label: int, count: int, classes: int) -> Array:
    """Blobs, of which one point of the first class lies far inside another's."""
    points = _blobs(rng, label, count, classes)
    if label == 0:
        points[0] *= -1.6
    return points


SHAPES: dict[str, Callable[[np.random.Generator, int, int, int], Array]] = {
    "blobs": _blobs,
    "stripes": _stripes,
    "moons": _moon,
    "circles": _ring,
    "spirals": _spiral,
    "xor": _checks,
    "outlier": _outlier,
}


def draw(name: str, count: int, noise: float, classes: int, held_out: float, seed: int) -> Points:
    """Points of a shape.

    Parameters
    ----------
    name : str
        Of `SHAPES`.
    count : int
        Points in all, as equal as possible for all classes.
    noise : float
        Standard deviation of what is added to each coordinate.
    classes : int
    held_out : float
        Part of the points that is for validation.
    seed : int

    Raises
    ------
    PageError
        If a value is out of range.

    Examples
    --------
    >>> len(draw("spirals", 10, 0.1, 3, 0.2, seed=0))
    10
    """
    if name not in SHAPES:
        raise PageError("error.no_choice", name=name, known=", ".join(SHAPES))
    _check("count", count, classes, MOST_POINTS)
    _check("noise", noise, 0, 10)
    _check("classes", classes, 2, MOST_CLASSES)
    _check("held_out", held_out, 0, 0.9)
    _check("seed", seed, 0, 2**32 - 1)
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    X = np.empty((count, 2))
    for label in range(classes):
        own = y == label
        X[own] = SHAPES[name](rng, label, int(own.sum()), classes)
    X = np.clip(X + noise * rng.standard_normal(X.shape), BOX[0], BOX[1])
    waiting = rng.permutation(count)[: min(round(held_out * count), count - classes)]
    return Points(X.round(DIGITS), y, np.isin(np.arange(count), waiting))


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise PageError("error.range", name=name, value=value, low=low, high=high)
