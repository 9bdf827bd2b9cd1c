"""k-means of directions."""

import numpy as np
from scipy.sparse import csr_array

from halfspaces.support.types import Array
from halfspaces.system.progress import Bar


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
                order = np.arange(len(block))
                signs = np.sign(similarity[order, nearest])
                sums += csr_array((signs, (nearest, order)), (len(centers), len(block))) @ block
                bar.advance(len(block))
            centers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return centers
