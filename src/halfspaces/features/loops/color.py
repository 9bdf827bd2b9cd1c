"""Loops of colour histograms, written for the vectorizer: row by row, over neighbouring pixels."""

import numba
import numpy as np

from halfspaces.support.types import Array


@numba.njit(inline="always")
def _hue(
    r: np.float32, g: np.float32, b: np.float32, value: np.float32, chroma: np.float32
) -> np.float32:
    """The hue of the hexagon, in [0, 6)."""
    zero = np.float32(0)
    one = np.float32(1)
    by_red = r == value
    by_green = g == value
    difference = g - b if by_red else (b - r if by_green else r - g)
    start = zero if by_red else (np.float32(2) if by_green else np.float32(4))
    hue = start + difference / (chroma if chroma > zero else one)
    hue += np.float32(6) if hue < zero else zero
    return hue


def count_hues(
    planes: Array, cell_height: int, cell_width: int, weighted: bool, histograms: Array
) -> None:
    """histograms (n, rows, columns, bins) += saturations at the bins of hues; or 1, unweighted.

    Sums are divided by the pixels of a cell.
    """
    bins = histograms.shape[3]
    width = histograms.shape[2] * cell_width
    bin_of = np.empty(width, np.int32)
    weight = np.empty(width, np.float32)
    zero = np.float32(0)
    one = np.float32(1)
    last = np.int32(bins - 1)
    bins_per_hue = np.float32(bins / 6)
    share = np.float32(1 / (cell_height * cell_width))
    for i in range(len(planes)):
        for y in range(histograms.shape[1] * cell_height):
            red = planes[i, 0, y]
            green = planes[i, 1, y]
            blue = planes[i, 2, y]
            for x in range(width):
                value = max(red[x], green[x], blue[x])
                chroma = value - min(red[x], green[x], blue[x])
                hue = _hue(red[x], green[x], blue[x], value, chroma)
                bin_of[x] = min(np.int32(hue * bins_per_hue), last)
                saturation = chroma / (value if value > zero else one)
                weight[x] = saturation * share if weighted else share
            row = histograms[i, y // cell_height]
            for x in range(width):
                row[x // cell_width, bin_of[x]] += weight[x]


def count_colors(
    planes: Array, cell_height: int, cell_width: int, bins: int, hsv: bool, histograms: Array
) -> None:
    """histograms (n, rows, columns, bins³) += 1 / the pixels of a cell, at the bins of colours."""
    width = histograms.shape[2] * cell_width
    bin_of = np.empty(width, np.int32)
    zero = np.float32(0)
    one = np.float32(1)
    last = np.int32(bins - 1)
    bins_per_level = np.float32(bins / 256)
    bins_per_hue = np.float32(bins / 6)
    share = np.float32(1 / (cell_height * cell_width))
    for i in range(len(planes)):
        for y in range(histograms.shape[1] * cell_height):
            red = planes[i, 0, y]
            green = planes[i, 1, y]
            blue = planes[i, 2, y]
            for x in range(width):
                first = red[x] * bins_per_level
                second = green[x] * bins_per_level
                third = blue[x] * bins_per_level
                if hsv:
                    value = max(red[x], green[x], blue[x])
                    chroma = value - min(red[x], green[x], blue[x])
                    first = _hue(red[x], green[x], blue[x], value, chroma) * bins_per_hue
                    second = chroma / (value if value > zero else one) * np.float32(bins)
                    third = value * bins_per_level
                outer = min(np.int32(first), last) * bins
                middle = outer + min(np.int32(second), last)
                bin_of[x] = middle * bins + min(np.int32(third), last)
            row = histograms[i, y // cell_height]
            for x in range(width):
                row[x // cell_width, bin_of[x]] += share
