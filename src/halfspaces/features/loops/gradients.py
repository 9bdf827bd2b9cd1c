"""Loops of HOG, and the angle of a gradient.

They are written for the vectorizer: row by row, over neighbouring pixels.
The angle is an odd polynomial of the smaller over the larger component; its error is below 2e-8.
"""

import math

import numba
import numpy as np

from halfspaces.support.types import Array

# Abramowitz and Stegun, Handbook of mathematical functions, 1964, formula 4.4.49
ARC_TANGENT = tuple(
    np.float32(coefficient)
    for coefficient in (
        1.0,
        -0.3333314528,
        0.1999355085,
        -0.1420889944,
        0.1065626393,
        -0.0752896400,
        0.0429096138,
        -0.0161657367,
        0.0028662257,
    )
)
QUARTER_TURN = np.float32(math.pi / 2)
HALF_TURN = np.float32(math.pi)
FULL_TURN = np.float32(2 * math.pi)
# Two units in the last place: an angle on a border of bins is not rounded into the bin below.
ROUNDED_UP = np.float32(1 + 2**-22)


@numba.njit(inline="always")
def angle(dx: np.float32, dy: np.float32, signed: bool) -> np.float32:
    """The direction of (dx, dy): in [0, 2π] if signed, else modulo π."""
    zero = np.float32(0)
    one = np.float32(1)
    a = abs(dx)
    b = abs(dy)
    larger = max(a, b)
    smaller = min(a, b)
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
    angle = QUARTER_TURN - angle if b > a else angle
    left = dx < zero
    down = dy < zero
    unsigned_angle = HALF_TURN - angle if left != down else angle
    signed_angle = HALF_TURN - angle if left else angle
    signed_angle = FULL_TURN - signed_angle if down else signed_angle
    return signed_angle if signed else unsigned_angle


@numba.njit(inline="always")
def _gradients_of_row(image: Array, y: int, width: int, gx: Array, gy: Array, size: Array) -> None:
    """The gradients of row y, each of the channel where it is longest, and their squared lengths.

    They are written into gx, gy and size (W,).
    """
    above = max(y - 1, 0)
    below = min(y + 1, image.shape[1] - 1)
    edge = y == 0 or y == image.shape[1] - 1
    for channel in range(len(image)):
        row = image[channel, y]
        up = row if edge else image[channel, above]
        down = row if edge else image[channel, below]
        for x in range(1, width - 1):
            dx = row[x + 1] - row[x - 1]
            dy = down[x] - up[x]
            length = dx * dx + dy * dy
            better = channel == 0 or length > size[x]
            gx[x] = dx if better else gx[x]
            gy[x] = dy if better else gy[x]
            size[x] = length if better else size[x]
        for x in (0, width - 1):
            dy = down[x] - up[x]
            if channel == 0 or dy * dy > size[x]:
                gx[x] = np.float32(0)
                gy[x] = dy
                size[x] = dy * dy


def hard_cells(planes: Array, cell: int, signed: bool, histograms: Array) -> None:
    """histograms (n, rows, columns, bins) += the lengths of gradients.

    Each length goes to one bin of the pixel's own cell; a bin has its lower border, not its upper.
    Sums are divided by the pixels of a cell.
    """
    bins = histograms.shape[3]
    width = planes.shape[3]
    gx = np.empty(width, np.float32)
    gy = np.empty(width, np.float32)
    size = np.empty(width, np.float32)
    bin_of = np.empty(width, np.int32)
    bins_per_angle = ROUNDED_UP * np.float32(bins) / (FULL_TURN if signed else HALF_TURN)
    share = np.float32(1 / (cell * cell))
    for i in range(len(planes)):
        for y in range(histograms.shape[1] * cell):
            _gradients_of_row(planes[i], y, width, gx, gy, size)
            for x in range(width):
                k = np.int32(angle(gx[x], gy[x], signed) * bins_per_angle)
                bin_of[x] = k - bins if k >= bins else k
                size[x] = math.sqrt(size[x]) * share
            row = histograms[i, y // cell]
            for column in range(histograms.shape[2]):
                histogram = row[column]
                for x in range(column * cell, column * cell + cell):
                    histogram[bin_of[x]] += size[x]


def soft_cells(planes: Array, cell: int, signed: bool, histograms: Array) -> None:
    """As `hard_cells`, but a length is shared linearly among two bins and four cells.

    They are the two nearest bins and the four nearest cells.
    """
    rows, columns, bins = histograms.shape[1:]
    width = planes.shape[3]
    gx = np.empty(width, np.float32)
    gy = np.empty(width, np.float32)
    size = np.empty(width, np.float32)
    bin_of = np.empty(width, np.int32)
    upper_part = np.empty(width, np.float32)
    # Votes of one row of pixels, with one more cell and one more bin at each end.
    votes = np.empty((columns + 2, bins + 2), np.float32)
    bins_per_angle = np.float32(bins) / (FULL_TURN if signed else HALF_TURN)
    share = np.float32(1 / (cell * cell))
    half = np.float32(0.5)
    for i in range(len(planes)):
        for y in range(min(rows * cell + cell // 2, planes.shape[2])):
            _gradients_of_row(planes[i], y, width, gx, gy, size)
            for x in range(width):
                position = angle(gx[x], gy[x], signed) * bins_per_angle + half
                bin_of[x] = np.int32(position)
                upper_part[x] = position - np.float32(bin_of[x])
                size[x] = math.sqrt(size[x]) * share
            votes[:] = np.float32(0)
            for x in range(min(columns * cell + cell // 2, width)):
                _share_across(x, cell, size[x], bin_of[x], upper_part[x], votes)
            _share_down(y, cell, votes, histograms[i])


@numba.njit(inline="always")
def _share_across(
    x: int, cell: int, size: np.float32, lower_bin: int, upper_part: np.float32, votes: Array
) -> None:
    """votes (columns + 2, bins + 2) += one length, shared among two cells and two bins."""
    half = np.float32(0.5)
    across = (np.float32(x) + half) / np.float32(cell) + half
    left = np.int32(across)
    right = across - np.float32(left)
    upper = size * upper_part
    lower = size - upper
    votes[left, lower_bin] += lower - lower * right
    votes[left, lower_bin + 1] += upper - upper * right
    votes[left + 1, lower_bin] += lower * right
    votes[left + 1, lower_bin + 1] += upper * right


@numba.njit(inline="always")
def _share_down(y: int, cell: int, votes: Array, histograms: Array) -> None:
    """histograms (rows, columns, bins) += the votes of row y, shared among two rows of cells."""
    rows, columns, bins = histograms.shape
    half = np.float32(0.5)
    down = (np.float32(y) + half) / np.float32(cell) + half
    top = np.int32(down)
    bottom = down - np.float32(top)
    for column in range(columns):
        given = votes[column + 1]
        given[bins] += given[0]
        given[1] += given[bins + 1]
        if top >= 1:
            for k in range(bins):
                histograms[top - 1, column, k] += given[k + 1] * (np.float32(1) - bottom)
        if top < rows:
            for k in range(bins):
                histograms[top, column, k] += given[k + 1] * bottom


def normalized_blocks(
    cells: Array, block: int, clip: float, floor_squared: np.float32, blocks: Array
) -> None:
    """blocks (n, rows, columns, block, block · bins) = histograms of block × block cells.

    Each block is divided by √(its squared length + floor_squared), clipped, and divided by its
    new length.
    """
    wide = blocks.shape[4]
    largest = np.float32(clip)
    for i in range(len(blocks)):
        for row in range(blocks.shape[1]):
            for column in range(blocks.shape[2]):
                total = np.float32(0)
                for below in range(block):
                    given = cells[i, row + below].ravel()[column * (wide // block) :]
                    for k in range(wide):
                        total += given[k] * given[k]
                scale = np.float32(1) / math.sqrt(total + floor_squared)
                clipped = np.float32(0)
                for below in range(block):
                    given = cells[i, row + below].ravel()[column * (wide // block) :]
                    result = blocks[i, row, column, below]
                    for k in range(wide):
                        value = min(given[k] * scale, largest)
                        result[k] = value
                        clipped += value * value
                scale = np.float32(1) / math.sqrt(clipped + np.float32(1e-10))
                for below in range(block):
                    result = blocks[i, row, column, below]
                    for k in range(wide):
                        result[k] *= scale
