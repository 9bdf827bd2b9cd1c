"""k-means of directions."""

import numpy as np

from halfspaces.support.progress import Bar
from halfspaces.support.types import Array


def spherical_kmeans(rows: Array, start: Array, epochs: int) -> Array:
    """k-means of directions, where a row and its negative are equal.

    Each centre moves to the mean of the rows, or their negatives, that are nearest to it.
    """
    centers = start
    with Bar("Patches", epochs * len(rows), "patches learned from") as bar:
        for _ in range(epochs):
            sums = centers.copy()  # a centre counts as a row of its own, so that none is lost
            for begin in range(0, len(rows), 4096):
                block = rows[begin : begin + 4096]
                similarity = block @ centers.T
                nearest = np.argmax(np.abs(similarity), axis=1)
                signs = np.sign(np.take_along_axis(similarity, nearest[:, None], axis=1))
                np.add.at(sums, nearest, signs * block)
                bar.advance(len(block))
            centers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return centers
