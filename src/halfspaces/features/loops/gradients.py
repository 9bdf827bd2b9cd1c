"""Loops of HOG, and the angle of a gradient, written for the vectorizer: row by row, pixels side by side.

The angle is an odd polynomial of the smaller over the larger component, within 2e-8 of the arc tangent.
"""

import math
from typing import Any

import numba
import numpy as np

# Abramowitz and Stegun, Handbook of mathematical functions, 1964, formula 4.4.49
ARC_TANGENT = tuple(
    np.float32(coefficient)
    for coefficient in (
        *(1.0, -0.3333314528, 0.1999355085, -0.1420889944),
        *(0.1065626393, -0.0752896400, 0.0429096138, -0.0161657367, 0.0028662257),
    )
)
QUARTER, HALF, WHOLE = np.float32(math.pi / 2), np.float32(math.pi), np.float32(2 * math.pi)


@numba.njit(inline="always")
def angle(dx: Any, dy: Any, signed: Any) -> Any:
    """The direction of (dx, dy) in [0, 2π], or modulo π."""
    zero, one = np.float32(0), np.float32(1)
    a, b = abs(dx), abs(dy)
    larger, smaller = max(a, b), min(a, b)
    z = smaller / (larger if larger > zero else one)
    q = z * z
    p = ARC_TANGENT[8]
    p = p * q + ARC_TANGENT[7]
    p = p * q + ARC_TANGENT[6]
    p = p * q + ARC_TANGENT[5]
    p = p * q + ARC_TANGENT[4]
    p = p * q + ARC_TANGENT[3]
    p = p * q + ARC_TANGENT[2]
    p = p * q + ARC_TANGENT[1]
    angle = (p * q + one) * z
    angle = QUARTER - angle if b > a else angle
    left, down = dx < zero, dy < zero
    by_half = HALF - angle if left != down else angle
    by_whole = HALF - angle if left else angle
    by_whole = WHOLE - by_whole if down else by_whole
    return by_whole if signed else by_half


@numba.njit(inline="always")
def _strongest(image: Any, y: int, width: int, gx: Any, gy: Any, size: Any) -> None:
    """Of one row, the gradient of the channel where it is longest, and its squared length."""
    above, below = max(y - 1, 0), min(y + 1, image.shape[1] - 1)
    edge = y == 0 or y == image.shape[1] - 1
    for channel in range(len(image)):
        row = image[channel, y]
        up, down = (row, row) if edge else (image[channel, above], image[channel, below])
        for x in range(1, width - 1):
            dx, dy = row[x + 1] - row[x - 1], down[x] - up[x]
            length = dx * dx + dy * dy
            better = channel == 0 or length > size[x]
            gx[x] = dx if better else gx[x]
            gy[x] = dy if better else gy[x]
            size[x] = length if better else size[x]
        for x in (0, width - 1):
            dy = down[x] - up[x]
            if channel == 0 or dy * dy > size[x]:
                gx[x], gy[x], size[x] = np.float32(0), dy, dy * dy


def hard_cells(planes: Any, cell: int, signed: bool, found: Any) -> None:
    """found (n, rows, columns, bins) += lengths of gradients at the bins of their directions, over a cell's pixels."""
    bins, width = found.shape[3], planes.shape[3]
    gx, gy, size = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    place = np.empty(width, np.int32)
    per_angle = np.float32(bins) / (WHOLE if signed else HALF)
    share = np.float32(1 / (cell * cell))
    for i in range(len(planes)):
        for y in range(found.shape[1] * cell):
            _strongest(planes[i], y, width, gx, gy, size)
            for x in range(width):
                at = np.int32(angle(gx[x], gy[x], signed) * per_angle)
                place[x] = at - bins if at >= bins else at
                size[x] = math.sqrt(size[x]) * share
            row = found[i, y // cell]
            for column in range(found.shape[2]):
                line = row[column]
                for x in range(column * cell, column * cell + cell):
                    line[place[x]] += size[x]


def soft_cells(planes: Any, cell: int, signed: bool, found: Any) -> None:
    """As `hard_cells`, each length shared out linearly among the two nearest bins and the four nearest cells."""
    rows, columns, bins = found.shape[1:]
    width = planes.shape[3]
    gx, gy, size = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    place, part = np.empty(width, np.int32), np.empty(width, np.float32)
    line = np.empty(
        (columns + 2, bins + 2), np.float32
    )  # of one row; a bin before and after, a cell left and right
    per_angle = np.float32(bins) / (WHOLE if signed else HALF)
    share, half = np.float32(1 / (cell * cell)), np.float32(0.5)
    for i in range(len(planes)):
        for y in range(min(rows * cell + cell // 2, planes.shape[2])):
            _strongest(planes[i], y, width, gx, gy, size)
            for x in range(width):
                at = angle(gx[x], gy[x], signed) * per_angle + half
                place[x] = np.int32(at)
                part[x] = at - np.float32(place[x])
                size[x] = math.sqrt(size[x]) * share
            line[:] = np.float32(0)
            for x in range(min(columns * cell + cell // 2, width)):
                across = (np.float32(x) + half) / np.float32(cell) + half
                left = np.int32(across)
                right = across - np.float32(left)
                at, upper = place[x], size[x] * part[x]
                lower = size[x] - upper
                line[left, at] += lower - lower * right
                line[left, at + 1] += upper - upper * right
                line[left + 1, at] += lower * right
                line[left + 1, at + 1] += upper * right
            down = (np.float32(y) + half) / np.float32(cell) + half
            top = np.int32(down)
            bottom = down - np.float32(top)
            for column in range(columns):
                one = line[column + 1]
                one[bins] += one[0]
                one[1] += one[bins + 1]
                if top >= 1:
                    for o in range(bins):
                        found[i, top - 1, column, o] += one[o + 1] * (np.float32(1) - bottom)
                if top < rows:
                    for o in range(bins):
                        found[i, top, column, o] += one[o + 1] * bottom


def blocks_of_cells(cells: Any, block: int, clip: float, floor: float, found: Any) -> None:
    """found (n, rows, columns, block, block·bins): each block by its length, clipped, and by its length again."""
    wide = found.shape[4]
    most, least = np.float32(clip), np.float32(floor * floor)
    for i in range(len(found)):
        for row in range(found.shape[1]):
            for column in range(found.shape[2]):
                total = np.float32(0)
                for below in range(block):
                    given = cells[i, row + below].ravel()[column * (wide // block) :]
                    for k in range(wide):
                        total += given[k] * given[k]
                scale, clipped = np.float32(1) / math.sqrt(total + least), np.float32(0)
                for below in range(block):
                    given = cells[i, row + below].ravel()[column * (wide // block) :]
                    made = found[i, row, column, below]
                    for k in range(wide):
                        value = min(given[k] * scale, most)
                        made[k] = value
                        clipped += value * value
                scale = np.float32(1) / math.sqrt(clipped + np.float32(1e-10))
                for below in range(block):
                    made = found[i, row, column, below]
                    for k in range(wide):
                        made[k] *= scale
