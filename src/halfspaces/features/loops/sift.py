"""Loops of dense SIFT.

Three steps: directions of a row of pixels, sums over cells across, and sums over cells down.
"""

import math

import numba
import numpy as np

from halfspaces.features.loops.gradients import FULL_TURN, angle
from halfspaces.features.loops.sums import sum_of_8s, sum_of_16s, sum_of_32s
from halfspaces.support.types import Array

BINS = 8  # directions
CELLS = 4  # of a descriptor, each way
ROW = CELLS * BINS
SIZE = CELLS * ROW
LANES = 16


def describe_points(
    images: Array,
    rows: Array,
    columns: Array,
    weights: Array,
    begin: Array,
    end: Array,
    root: bool,
    floor_squared: np.float32,
    descriptors: Array,
) -> None:
    """descriptors (n, points down, points across, 128) = SIFT around points (rows, columns).

    weights (4, 2 reach + 1) are the shares of four cells in a pixel, for both axes; they are 0
    outside of begin and end (4,). Pixels at the image's edge, and beyond, add nothing.
    floor_squared is the squared length below which a descriptor counts as flat.
    """
    n, height, width = images.shape
    taps = weights.shape[1]
    reach = taps // 2
    flat_weights = weights.reshape(-1)
    directions = np.zeros((width + 2 * reach, BINS), np.float32)  # of one row of pixels
    across = np.zeros((height + 2 * reach, len(columns), ROW), np.float32)  # 0 above and below
    size = np.empty(width, np.float32)
    part = np.empty(width, np.float32)
    bin_of = np.empty(width, np.int32)
    flat_directions = directions.reshape(-1)
    flat_across = across.reshape(-1)
    down = len(columns) * ROW
    for i in range(n):
        for y in range(1, height - 1):
            _directions(images[i], y, size, part, bin_of, directions[reach : reach + width])
            for column in range(len(columns)):
                for cell in range(CELLS):
                    first = begin[cell]
                    count = end[cell] - first
                    at = ((y + reach) * len(columns) + column) * ROW + cell * BINS
                    x = (columns[column] + first) * BINS
                    weight = cell * taps + first
                    sum_of_8s(
                        flat_across, at, flat_directions, x, BINS, flat_weights, weight, count
                    )
        for row in range(len(rows)):
            for column in range(len(columns)):
                point = descriptors[i, row, column]
                for cell in range(CELLS):
                    first = begin[cell]
                    count = end[cell] - first
                    at = cell * ROW
                    top = (rows[row] + first) * down + column * ROW
                    weight = cell * taps + first
                    sum_of_32s(point, at, flat_across, top, down, flat_weights, weight, count)
                _normalize(point, root, floor_squared)


@numba.njit(inline="always")
def _directions(
    image: Array, y: int, size: Array, part: Array, bin_of: Array, directions: Array
) -> None:
    """directions (W, 8) = the lengths of the gradients of row y, each shared by the two nearest.

    They are 0 at the ends of the row.
    """
    width = image.shape[1]
    bins_per_angle = np.float32(BINS) / FULL_TURN
    above = image[y - 1]
    row = image[y]
    below = image[y + 1]
    for x in range(1, width - 1):
        dx = row[x + 1] - row[x - 1]
        dy = above[x] - below[x]
        position = angle(dx, dy, True) * bins_per_angle
        bin_of[x] = np.int32(position)
        part[x] = position - np.float32(bin_of[x])
        size[x] = math.sqrt(dx * dx + dy * dy)
    directions[:] = np.float32(0)
    for x in range(1, width - 1):
        upper = size[x] * part[x]
        directions[x, bin_of[x] % BINS] = size[x] - upper
        directions[x, (bin_of[x] + 1) % BINS] = upper


@numba.njit(inline="always")
def _normalize(point: Array, root: bool, floor_squared: np.float32) -> None:
    """Normalize a descriptor in place, clip it at 0.2 and normalize it again.

    With root it becomes the square roots of its shares.
    """
    zero = np.float32(0)
    one = np.float32(1)
    largest = np.float32(0.2)
    smallest = np.float32(1e-10)
    total = clipped = share = zero
    for k in range(SIZE):
        total += point[k] * point[k]
    scale = one / math.sqrt(total + floor_squared)
    for k in range(SIZE):
        value = min(point[k] * scale, largest)
        point[k] = value
        clipped += value * value
        share += value
    if root:
        scale = one / (share + smallest)
        for k in range(SIZE):
            point[k] = math.sqrt(point[k] * scale)
    else:
        scale = one / math.sqrt(clipped + smallest)
        for k in range(SIZE):
            point[k] *= scale


def blur(images: Array, weights: Array, rows: Array, columns: Array, blurred: Array) -> None:
    """blurred (n, H, W) = images (n, H, W) convolved with weights, along both axes.

    rows (H + taps − 1,) and columns (W + taps − 1,) are the pixels that each position stands for,
    including the positions beyond the edges.
    """
    n, height, width = images.shape
    count = len(weights)
    reach = len(weights) // 2
    wide = -(-len(columns) // LANES) * LANES + LANES
    padded = np.zeros((len(rows), wide), np.float32)
    down = np.zeros((height, wide), np.float32)
    flat_padded = padded.reshape(-1)
    flat_down = down.reshape(-1)
    line = np.empty(wide, np.float32)
    for i in range(n):
        for y in range(len(rows)):
            row = images[i, rows[y]]
            result = padded[y]
            for x in range(width):
                result[x + reach] = row[x]
            for x in range(reach):
                result[x] = row[columns[x]]
                result[x + reach + width] = row[columns[x + reach + width]]
        for y in range(height):
            for x in range(0, len(columns), LANES):
                at = y * wide + x
                sum_of_16s(flat_down, at, flat_padded, at, wide, weights, 0, count)
            for x in range(0, width, LANES):
                sum_of_16s(line, x, flat_down, y * wide + x, 1, weights, 0, count)
            for x in range(width):
                blurred[i, y, x] = line[x]
