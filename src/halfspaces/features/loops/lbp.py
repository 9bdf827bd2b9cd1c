"""The loop of local binary patterns, written for the vectorizer: over neighbouring pixels."""

import numpy as np

from halfspaces.support.types import Array

DIAGONAL = np.float32(np.sqrt(0.5))
# Grey levels. Interpolation between equal pixels counts as equal to them in spite of rounding.
TOLERANCE = np.float32(1e-3)


def count_patterns(
    images: Array, bins: Array, cell_height: int, cell_width: int, histograms: Array
) -> None:
    """histograms (n, rows, columns, bins) += 1 / the pixels of a cell, at the bins of patterns.

    images (n, H + 2, W + 2) have an edge of one pixel. bins (256,) are the bins of all patterns.
    """
    width = histograms.shape[2] * cell_width
    code = np.empty(width, np.int32)
    share = np.float32(1 / (cell_height * cell_width))
    # Weights of four pixels for a point between them.
    near = np.float32(1) - DIAGONAL
    corner = DIAGONAL * DIAGONAL
    side = DIAGONAL * near
    middle = near * near
    for i in range(len(images)):
        for y in range(histograms.shape[1] * cell_height):
            up = images[i, y]
            row = images[i, y + 1]
            down = images[i, y + 2]
            for x in range(width):
                centre = row[x + 1]
                above = up[x + 1]
                left = row[x]
                right = row[x + 2]
                below = down[x + 1]
                least = centre - TOLERANCE
                at_centre = middle * centre
                bits = np.int32(right >= least)
                bits |= (
                    np.int32(corner * up[x + 2] + side * (above + right) + at_centre >= least) << 1
                )
                bits |= np.int32(above >= least) << 2
                bits |= np.int32(corner * up[x] + side * (above + left) + at_centre >= least) << 3
                bits |= np.int32(left >= least) << 4
                bits |= np.int32(corner * down[x] + side * (below + left) + at_centre >= least) << 5
                bits |= np.int32(below >= least) << 6
                bits |= (
                    np.int32(corner * down[x + 2] + side * (below + right) + at_centre >= least)
                    << 7
                )
                code[x] = bits
            cells = histograms[i, y // cell_height]
            for column in range(histograms.shape[2]):
                histogram = cells[column]
                for x in range(column * cell_width, column * cell_width + cell_width):
                    histogram[bins[code[x]]] += share
