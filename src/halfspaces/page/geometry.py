"""Regions of the classes, the lines where scores are 0, and their arrows, in the plane."""

import numpy as np

from halfspaces.support.types import Array

Box = tuple[float, float, float, float]  # left, right, bottom, top
Polygon = list[list[float]]
Segment = list[float]  # x1, y1, x2, y2

ARROW = 0.12  # of the box's width


def regions(W: Array, box: Box) -> list[Polygon]:
    """Where each class has the largest score: half-planes intersected, a polygon or nothing.

    Parameters
    ----------
    W : array, shape (3, C)
        Two weights and a bias for each class.
    box : (left, right, bottom, top)

    Examples
    --------
    >>> two = regions(np.array([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0]]), (-1, 1, -1, 1))
    >>> two[0]
    [[0.0, -1.0], [1.0, -1.0], [1.0, 1.0], [0.0, 1.0]]
    """
    left, right, bottom, top = (float(side) for side in box)
    corners: Polygon = [[left, bottom], [right, bottom], [right, top], [left, top]]
    polygons: list[Polygon] = []
    if not np.all(np.isfinite(W)):
        return [[] for _ in range(W.shape[1])]
    for own in range(W.shape[1]):
        polygon = corners
        for other in range(W.shape[1]):
            if other != own and polygon:
                better = W[:, own] - W[:, other]
                if not better.any() and other < own:  # equal scores: the first class wins
                    polygon = []
                polygon = _half(polygon, better)
        polygons.append(_without_repeats(polygon))
    return polygons


def _half(polygon: Polygon, line: Array) -> Polygon:
    """The part of a convex polygon where ax + by + c ≥ 0 (Sutherland & Hodgman, 1974)."""
    a, b, c = (float(value) for value in line)
    kept: Polygon = []
    for place, end in enumerate(polygon):
        start = polygon[place - 1]
        before = a * start[0] + b * start[1] + c
        after = a * end[0] + b * end[1] + c
        if (before >= 0) != (after >= 0):
            part = before / (before - after)
            kept.append([start[k] + part * (end[k] - start[k]) for k in range(2)])
        if after >= 0:
            kept.append(end)
    return kept


def _without_repeats(polygon: Polygon) -> Polygon:
    """Without corners that lie on the one before; nothing if no area is left."""
    corners = [end for place, end in enumerate(polygon) if end != polygon[place - 1]]
    return corners if len(corners) > 2 else []


def zero_lines(W: Array, box: Box) -> tuple[list[Segment | None], list[Segment | None]]:
    """Where each class's score is 0 within the box, and an arrow to where it grows; or None.

    >>> lines, arrows = zero_lines(np.array([[1.0], [0.0], [0.0]]), (-1, 1, -1, 1))
    >>> lines[0], arrows[0]
    ([0.0, -1.0, 0.0, 1.0], [0.0, 0.0, 0.24, 0.0])
    """
    lines: list[Segment | None] = []
    arrows: list[Segment | None] = []
    for a, b, c in W.T:
        line = _segment(float(a), float(b), float(c), box)
        lines.append(line)
        if line is None:
            arrows.append(None)
            continue
        x = (line[0] + line[2]) / 2
        y = (line[1] + line[3]) / 2
        length = ARROW * (box[1] - box[0]) / float(np.hypot(a, b))
        arrows.append([x, y, x + length * float(a), y + length * float(b)])
    return lines, arrows


def _segment(a: float, b: float, c: float, box: Box) -> Segment | None:
    """The line ax + by + c = 0 within the box, from the lower left."""
    if not np.isfinite([a, b, c]).all() or (a == 0 and b == 0):
        return None
    left, right, bottom, top = (float(side) for side in box)
    ends = set[tuple[float, float]]()
    if b != 0:
        at_sides = [(x, -(a * x + c) / b) for x in (left, right)]
        ends |= {(x, y) for x, y in at_sides if bottom <= y <= top}
    if a != 0:
        at_ends = [(-(b * y + c) / a, y) for y in (bottom, top)]
        ends |= {(x, y) for x, y in at_ends if left <= x <= right}
    if len(ends) < 2:
        return None
    first, *_, last = sorted(ends)
    return [value + 0.0 for value in (*first, *last)]  # no −0.0
