"""Loops of dense SIFT: directions of a row of pixels, what cells get of them across, then down, then each point."""

import math
from typing import Any

import numba
import numpy as np

from halfspaces.features.loops.gradients import WHOLE, angle
from halfspaces.features.loops.sums import sum_of_8s, sum_of_16s, sum_of_32s

BINS, CELLS = 8, 4  # directions; cells of a descriptor, each way
ROW = CELLS * BINS
SIZE = CELLS * ROW
LANES = 16


def describe_points(
    images: Any,
    rows: Any,
    columns: Any,
    weights: Any,
    begin: Any,
    end: Any,
    root: bool,
    floor: float,
    found: Any,
) -> None:
    """found (n, points down, points across, 128): the descriptors around points.

    weights (4, 2 reach + 1) are what each of four cells gets of a pixel, down and across alike, 0 outside of begin and
    end (4,); pixels at the image's edge, and beyond, count for nothing. floor is the length of a flat descriptor.
    """
    n, height, width = images.shape
    taps = weights.shape[1]
    reach, each = taps // 2, weights.reshape(-1)
    line = np.zeros((width + 2 * reach, BINS), np.float32)  # of one row of pixels
    across = np.zeros(
        (height + 2 * reach, len(columns), ROW), np.float32
    )  # nothing above the image and below
    size, part, place = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.int32),
    )
    pixels, sums, down = line.reshape(-1), across.reshape(-1), len(columns) * ROW
    for i in range(n):
        for y in range(1, height - 1):
            _directions(images[i], y, size, part, place, line[reach : reach + width])
            for column in range(len(columns)):
                for cell in range(CELLS):
                    first, last = begin[cell], end[cell]
                    at = ((y + reach) * len(columns) + column) * ROW + cell * BINS
                    x = (columns[column] + first) * BINS
                    sum_of_8s(sums, at, pixels, x, BINS, each, cell * taps + first, last - first)
        for row in range(len(rows)):
            for column in range(len(columns)):
                point = found[i, row, column]
                for cell in range(CELLS):
                    first, last = begin[cell], end[cell]
                    top = (rows[row] + first) * down + column * ROW
                    sum_of_32s(
                        point, cell * ROW, sums, top, down, each, cell * taps + first, last - first
                    )
                _normalize(point, root, np.float32(floor * floor))


@numba.njit(inline="always")
def _directions(image: Any, y: int, size: Any, part: Any, place: Any, line: Any) -> None:
    """line (W, 8): the length of the gradient at each pixel of row y, shared out among directions; 0 at the ends."""
    width = image.shape[1]
    per_angle = np.float32(BINS) / WHOLE
    up, here, down = image[y - 1], image[y], image[y + 1]
    for x in range(1, width - 1):
        dx, dy = here[x + 1] - here[x - 1], up[x] - down[x]
        at = angle(dx, dy, True) * per_angle
        place[x] = np.int32(at)
        part[x] = at - np.float32(place[x])
        size[x] = math.sqrt(dx * dx + dy * dy)
    line[:] = np.float32(0)
    for x in range(1, width - 1):
        upper = size[x] * part[x]
        line[x, place[x] % BINS] = size[x] - upper
        line[x, (place[x] + 1) % BINS] = upper


@numba.njit(inline="always")
def _normalize(point: Any, root: bool, floor: Any) -> None:
    """A descriptor, in place: by its length, clipped at 0.2, and by it again; or the roots of its shares."""
    zero, one, most, least = np.float32(0), np.float32(1), np.float32(0.2), np.float32(1e-10)
    total = clipped = share = zero
    for k in range(SIZE):
        total += point[k] * point[k]
    scale = one / math.sqrt(total + floor)
    for k in range(SIZE):
        value = min(point[k] * scale, most)
        point[k] = value
        clipped += value * value
        share += value
    if root:
        scale = one / (share + least)
        for k in range(SIZE):
            point[k] = math.sqrt(point[k] * scale)
    else:
        scale = one / math.sqrt(clipped + least)
        for k in range(SIZE):
            point[k] *= scale


def blur(images: Any, weights: Any, rows: Any, columns: Any, found: Any) -> None:
    """found (n, H, W) = images (n, H, W) convolved with weights, down and across.

    rows (H + taps − 1,) and columns (W + taps − 1,) say which pixels lie there, beyond the edges too.
    """
    n, height, width = images.shape
    count, reach, wide = len(weights), len(weights) // 2, -(-len(columns) // LANES) * LANES + LANES
    padded, down = np.zeros((len(rows), wide), np.float32), np.zeros((height, wide), np.float32)
    given, sums, line = padded.reshape(-1), down.reshape(-1), np.empty(wide, np.float32)
    for i in range(n):
        for y in range(len(rows)):
            here, there = images[i, rows[y]], padded[y]
            for x in range(width):
                there[x + reach] = here[x]
            for x in range(reach):
                there[x], there[x + reach + width] = (
                    here[columns[x]],
                    here[columns[x + reach + width]],
                )
        for y in range(height):
            for x in range(0, len(columns), LANES):
                sum_of_16s(sums, y * wide + x, given, y * wide + x, wide, weights, 0, count)
            for x in range(0, width, LANES):
                sum_of_16s(line, x, sums, y * wide + x, 1, weights, 0, count)
            for x in range(width):
                found[i, y, x] = line[x]
